"""Old against new recogniser in a review, by word and by utterance."""

import pytest
from tests.audit.speech.test_speech_audit import spoken

import supersede
from supersede.audit.speech import utterance_table, word_table
from supersede.cli import main
from supersede.errors import ArgumentError

COLUMNS = {
    "reference": "text",
    "hypotheses": ["older", "asr"],
    "keep": ["accent"],
    "speaker": "who",
}


def test_words_and_utterances_are_reviewed():
    data = spoken(n=400, hurt=0.6)
    words = supersede.compare(
        word_table(data, **COLUMNS), old="older", new="asr", groups=["accent"]
    )
    assert words.table.size == 400 * 8
    assert words.verdict == "fail"  # the south loses
    whole = supersede.compare(utterance_table(data, **COLUMNS), old="older", new="asr")
    assert whole.table.size == 400


def test_a_recogniser_that_babbles_does_not_pass():
    data = spoken(n=400)
    data["asr"] = [f"{text} and so on" for text in data["older"]]
    for table in (word_table(data, **COLUMNS), utterance_table(data, **COLUMNS)):
        assert supersede.compare(table, old="older", new="asr").verdict == "fail"


def test_silence_that_is_filled_with_words_is_wrong():
    data = spoken(n=40)
    data["text"] = ["" if i % 2 else text for i, text in enumerate(data["text"])]
    table = word_table(data, **COLUMNS)
    assert table.size == 20 * 8 + 20


def test_a_name_that_the_table_needs_is_refused():
    with pytest.raises(ArgumentError, match="rename"):
        word_table(spoken(n=40) | {"word": ["x"] * 40}, **COLUMNS | {"keep": ["word"]})


def test_the_command_reviews_transcripts(tmp_path, capsys):
    import pyarrow as pa
    from pyarrow.parquet import write_table

    path = tmp_path / "calls.parquet"
    write_table(pa.table(spoken(n=400, hurt=0.6)), path)
    common = ["review", str(path), "--reference", "text", "--old", "older", "--new", "asr"]
    assert main([*common, "--group", "accent", "--cluster", "who"]) == 1
    assert "3200 items" in capsys.readouterr().out.replace("\u202f", "")
    assert main([*common, "--level", "utterance"]) in {0, 1, 3}
    assert main([*common, "--label", "y"]) == 2
    assert "--label does not go" in capsys.readouterr().err
