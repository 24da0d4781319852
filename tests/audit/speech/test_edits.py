"""Edit counts against an alignment of our own, which shares no code with jiwer's."""

import os

import numpy as np
import pytest
from tests.audit.speech.alignment import attainable

from supersede.audit.speech import ENGLISH, PLAIN, VERBATIM, count_edits, find_normaliser
from supersede.audit.speech.edits import recognised_words
from supersede.errors import ArgumentError


def pairs(n, *, unlike=0.5, seed=0):
    """Short pairs over few words, so that ties abound; some sides are empty."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 7, (n, 2))
    words = np.array(["a", "b", "c", "de"])
    for said, heard in lengths:
        one = list(rng.choice(words, said))
        other = list(rng.choice(words, heard)) if rng.random() < unlike else list(one)
        for at in range(len(other)):
            if rng.random() < 0.2:
                other[at] = str(rng.choice(words))
        yield " ".join(one), " ".join(other)


def test_counts_agree_with_an_independent_alignment():
    n = int(os.environ.get("SUPERSEDE_WORD_PAIRS", "4000"))
    said, heard = zip(*pairs(n), strict=True)
    found = count_edits(said, heard)
    for i, (one, other) in enumerate(zip(said, heard, strict=True)):
        edits = (found.substitutions[i], found.deletions[i], found.insertions[i])
        assert edits in attainable(one.split(), other.split()), (one, other)
        assert found.hits[i] + edits[0] + edits[1] == len(one.split())
    jiwer = pytest.importorskip("jiwer")
    full = [(s, h) for s, h in zip(said, heard, strict=True) if s]
    pooled = jiwer.process_words([s for s, _ in full], [h for _, h in full])
    again = count_edits([s for s, _ in full], [h for _, h in full])
    assert again.error_rate == pooled.wer
    assert again.match_error_rate == pooled.mer
    assert int(again.hits.sum()) == pooled.hits


def test_characters_agree_too():
    said, heard = zip(*pairs(500, seed=1), strict=True)
    found = count_edits(said, heard, "character")
    for i, (one, other) in enumerate(zip(said, heard, strict=True)):
        edits = (found.substitutions[i], found.deletions[i], found.insertions[i])
        assert edits in attainable(list(one), list(other))


def test_rates_are_pooled_and_not_means_of_utterances():
    found = count_edits(["a b c d e f g h i j", "a"], ["a b c d e f g h i j", "b"])
    assert found.error_rate == pytest.approx(1 / 11)


def test_an_empty_reference_adds_insertions_and_no_words():
    found = count_edits(["", "a b"], ["x y", ""])
    assert found.insertions.tolist() == [2, 0]
    assert found.deletions.tolist() == [0, 2]
    assert found.error_rate == 2.0
    assert np.isnan(count_edits([""], ["x"]).error_rate)
    assert count_edits([""], ["x"]).match_error_rate == 1.0


def test_words_that_were_recognised():
    assert recognised_words("a b c", "a c") == [True, False, True]
    assert recognised_words("a b", "a x b") == [True, False]
    assert recognised_words("a b", "a b x y") == [True, False]
    assert recognised_words("", "a") == [False]
    assert recognised_words("", "") == [True]
    assert recognised_words("a b", "") == [False, False]


@pytest.mark.parametrize(
    ("normaliser", "text", "expected"),
    [
        (PLAIN, "\u00c9t\u00e9, E\u0301te\u0301!", "été été"),
        (PLAIN, "हिन्दी में", "हिन्दी में"),  # vowel signs are marks, and stay
        (PLAIN, "rock 'n' roll isn’t", "rock n roll isn't"),
        (PLAIN, "Straße ﬁn", "strasse fin"),
        (PLAIN, "…?!", ""),
        (VERBATIM, " A  b.", "A b."),
        (ENGLISH, "0 13 20 99 100 110 1,000,001 3.14", "zero thirteen twenty ninety nine one hundred one hundred ten one million one three point one four"),
        (ENGLISH, "room 007", "room zero zero seven"),
        (ENGLISH, "b12 and a 1", "b12 and a one"),
        (PLAIN, "می\u200cخواهم co\u00adop", "میخواهم coop"),
    ],
)  # fmt: skip
def test_normalisers(normaliser, text, expected):
    assert normaliser(text) == expected
    assert normaliser(normaliser(text)) == normaliser(text)


def test_an_unknown_normaliser_is_refused():
    with pytest.raises(ArgumentError, match="there are verbatim/1"):
        find_normaliser("whisper")
    with pytest.raises(ArgumentError, match="one each"):
        count_edits(["a"], [])
