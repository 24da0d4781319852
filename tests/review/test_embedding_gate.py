from types import SimpleNamespace

import pytest
from tests.embeddings.made import world

import supersede
from supersede.embeddings import compatibility, fit_procrustes
from supersede.errors import ArgumentError
from supersede.review.embedding_gate import MaxLostSearches


@pytest.mark.parametrize(("limit", "verdict"), [(0.9, "pass"), (0.01, "fail")])
def test_lost_searches_decide_a_review(frame, limit, verdict):
    made = world()
    found = compatibility(
        made.queries_old, made.queries_new, made.gallery_old, made.gallery_new, pairs=made.answers
    )
    checks = [MaxLostSearches(found, limit)]
    reviewed = supersede.compare(frame(), old="a", new="b", label="y", item="id", checks=checks)
    assert reviewed.verdict == verdict
    assert "no longer would" in reviewed.to_html()


def test_few_searches_are_undecided_and_say_how_many_more():
    made = world(n=30)
    bridge = fit_procrustes(made.gallery_new, made.gallery_old)
    found = compatibility(
        made.queries_old, made.queries_new, made.gallery_old, pairs=made.answers, bridge=bridge
    )
    judged = MaxLostSearches(found, max(0.02, found.searches.lost.value + 0.01)).judge(
        SimpleNamespace(confidence=0.95)
    )
    assert judged.verdict == "undecided"
    assert judged.more_labels > 0
    with pytest.raises(ArgumentError, match="no 're-index' test"):
        MaxLostSearches(found, 0.1, "re-index")
    with pytest.raises(ArgumentError, match="limit=0"):
        MaxLostSearches(found, 0)
