"""Loaders of corpora, on small folders of the same shape."""

import pytest

from supersede.audit.speech import audit_speech, common_voice, fair_speech, l2_arctic
from supersede.errors import EmptyTableError, MissingColumnError, SourceError


def test_common_voice(tmp_path):
    (tmp_path / "test.tsv").write_text(
        "client_id\tpath\tsentence\tage\tgender\taccents\n"
        'a1\tx.mp3\tHe said "stop.\tthirties\tfemale\tScottish English\n'
        "b2\ty.mp3\tTwo\t\t\t\n"
    )
    found = common_voice(tmp_path)
    assert found["text"].to_pylist() == ['He said "stop.', "Two"]
    assert found["accent"].to_pylist() == ["Scottish English", None]
    assert found["path"][0].as_py().endswith("clips/x.mp3")
    heard = found.append_column("asr", [["he said stop", "too"]])
    audit = audit_speech(heard, "asr", reference="text", groups="accent", speaker="speaker")
    assert audit.cell("accent = unknown").wer == 1
    (tmp_path / "dev.tsv").write_text("client_id\tpath\n")
    with pytest.raises(MissingColumnError, match="sentence"):
        common_voice(tmp_path, "dev")
    with pytest.raises(SourceError, match="no such file"):
        common_voice(tmp_path, "train")


def test_l2_arctic(tmp_path):
    for who in ("ABA", "XYZ"):
        for folder, name, text in (("wav", "arctic_a0001.wav", ""), ("transcript", "arctic_a0001.txt", "Author of the danger trail\n")):  # fmt: skip
            path = tmp_path / who / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    found = l2_arctic(tmp_path)
    assert found["accent"].to_pylist() == ["Arabic", None]
    assert found["gender"].to_pylist() == ["male", None]
    (tmp_path / "XYZ" / "transcript" / "arctic_a0001.txt").unlink()
    with pytest.raises(SourceError, match="no transcript"):
        l2_arctic(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(EmptyTableError):
        l2_arctic(tmp_path / "empty")
    with pytest.raises(SourceError, match="no such folder"):
        l2_arctic(tmp_path / "nowhere")


def test_fair_speech(tmp_path):
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "h1.wav").write_text("")
    lines = "hash_name\ttranscription\tage\tgender\tfirst_language\tethnicity\n"
    (tmp_path / "metadata.tsv").write_text(
        lines + "h1\tcall mum\t18 - 22\tmale\tSpanish\tHispanic\n"
    )
    found = fair_speech(tmp_path)
    assert found["accent"].to_pylist() == ["Spanish"]
    assert found["speaker"].to_pylist() == [None]
    (tmp_path / "metadata.tsv").write_text(lines + "h2\tcall mum\t\t\t\t\n")
    with pytest.raises(SourceError, match=r"h2\.wav"):
        fair_speech(tmp_path)
