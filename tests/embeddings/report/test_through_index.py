import numpy as np
import pytest

from supersede.embeddings.indexes.opening import open_index
from supersede.embeddings.report.through_index import through_index
from supersede.errors import IndexAccessError, ItemError
from tests.embeddings.made import world


def test_an_exact_index_loses_nothing_and_an_approximate_one_is_told(tmp_path):
    made = world(n=100, gallery=600)
    ids = [str(i) for i in range(600)]
    for address in (f"faiss:{tmp_path}/a", f"lancedb:{tmp_path}/db/a"):
        index = open_index(address, stamp="m", dimensions=12)
        index.write(ids, made.gallery_old, np.zeros(600), stamp="m")
        found = through_index(index, made.queries_old, made.gallery_old, ids, made.answers, k=5)
        assert found.change.value == 0
        assert found.agreement == 1
    index.build()
    found = through_index(
        index, made.queries_old, made.gallery_old, ids, [[a] for a in made.answers], k=5
    )
    assert found.agreement > 0.8
    assert found.served.value <= found.exact.value + 0.02
    assert "through the index" in str(found)


def test_an_index_that_changed_is_refused(tmp_path):
    made = world(n=10, gallery=50)
    ids = [str(i) for i in range(50)]
    index = open_index(f"faiss:{tmp_path}/a", stamp="m", dimensions=12)
    index.write(ids[1:], made.gallery_old[1:], np.zeros(49), stamp="m")
    with pytest.raises(IndexAccessError, match="differ in 1 items, such as '0'"):
        through_index(index, made.queries_old, made.gallery_old, ids, made.answers)
    with pytest.raises(ItemError, match="answers for 10 queries"):
        through_index(index, made.queries_old, made.gallery_old, ids, made.answers[1:])
