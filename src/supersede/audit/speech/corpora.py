"""Corpora of accented speech as they come: one row per clip, with what speakers declared.

The corpora themselves are not shipped. Loaders read the layout that each is distributed in; what a
speaker did not declare is null, which an audit shows as a group of its own.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from supersede.errors import EmptyTableError, MissingColumnError, SourceError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["common_voice", "fair_speech", "l2_arctic"]

_COLUMNS = ("path", "text", "speaker", "accent", "gender", "age")
_FIRST_LANGUAGES = {
    "Arabic": ("ABA", "SKA", "YBAA", "ZHAA"),
    "Mandarin": ("BWC", "LXC", "NCC", "TXHC"),
    "Hindi": ("ASI", "RRBI", "SVBI", "TNI"),
    "Korean": ("HJK", "HKK", "YDCK", "YKWK"),
    "Spanish": ("EBVS", "ERMS", "MBMPS", "NJS"),
    "Vietnamese": ("HQTV", "PNV", "THV", "TLV"),
}
_WOMEN = {
    "SKA", "ZHAA", "LXC", "NCC", "SVBI", "TNI", "HJK", "YDCK", "MBMPS", "NJS", "PNV", "THV",
}  # fmt: skip


def common_voice(folder: str | Path, split: str = "test") -> "pa.Table":
    """Mozilla Common Voice: ``<split>.tsv`` beside ``clips/``.

    Args:
        folder: The folder of one language.
        split: The split, such as ``test`` or ``validated``.

    Returns:
        Columns ``path``, ``text``, ``speaker``, ``accent``, ``gender`` and ``age``. Several accents
        of one speaker stay one label, as declared.

    Raises:
        MissingColumnError: The file lacks a column.
        SourceError: A file is missing.
    """
    home = Path(folder)
    rows = list(_rows(home / f"{split}.tsv", ("client_id", "path", "sentence")))
    return _table(
        {
            "path": str(home / "clips" / row["path"]),
            "text": row["sentence"],
            "speaker": row["client_id"],
            "accent": row.get("accents") or row.get("accent"),
            "gender": row.get("gender"),
            "age": row.get("age"),
        }
        for row in rows
    )


def l2_arctic(folder: str | Path) -> "pa.Table":
    """L2-ARCTIC: one folder per speaker with ``wav/`` and ``transcript/``.

    Args:
        folder: The folder that holds the speakers' folders.

    Returns:
        As `common_voice`; the accent is the speaker's first language, null for speakers who are not
        in the published list.

    Raises:
        SourceError: There is no such folder, or a clip has no transcript.
    """
    home = Path(folder)
    if not home.is_dir():
        msg = f"{home}: no such folder; expected the folder with one folder per speaker"
        raise SourceError(msg)
    language = {s: name for name, speakers in _FIRST_LANGUAGES.items() for s in speakers}

    def records() -> Iterator[dict[str, str | None]]:
        for clip in sorted(home.glob("*/wav/*.wav")):
            who = clip.parents[1].name
            text = clip.parents[1] / "transcript" / f"{clip.stem}.txt"
            if not text.is_file():
                msg = f"{clip} has no transcript {text}"
                raise SourceError(msg)
            known = who in language
            yield {
                "path": str(clip),
                "text": text.read_text(encoding="utf-8").strip(),
                "speaker": who,
                "accent": language.get(who),
                "gender": ("female" if who in _WOMEN else "male") if known else None,
                "age": None,
            }

    return _table(records())


def fair_speech(folder: str | Path) -> "pa.Table":
    """Fair-Speech: a ``metadata.tsv`` with what speakers declared, and audio named by its hash.

    Args:
        folder: The folder with ``metadata.tsv`` and the audio, in it or in a folder below.

    Returns:
        As `common_voice`, with ``ethnicity`` and ``first_language`` too; the accent is the first
        language. The corpus may name no speakers: the speaker is then null, and an audit takes
        clips as independent only if you say so by leaving the column of speakers out.

    Raises:
        MissingColumnError: The file lacks a column.
        SourceError: A file is missing.
    """
    home = Path(folder)
    rows = list(_rows(home / "metadata.tsv", ("hash_name", "transcription")))
    clips = {path.stem: str(path) for path in sorted(home.rglob("*.wav"))}
    lost = [row["hash_name"] for row in rows if row["hash_name"] not in clips]
    if lost:
        msg = f"{home}: {len(lost)} clips of metadata.tsv are missing, the first is {lost[0]}.wav"
        raise SourceError(msg)
    return _table(
        {
            "path": clips[row["hash_name"]],
            "text": row["transcription"],
            "speaker": row.get("speaker_id"),
            "accent": row.get("first_language"),
            "gender": row.get("gender"),
            "age": row.get("age"),
            "ethnicity": row.get("ethnicity"),
            "first_language": row.get("first_language"),
        }
        for row in rows
    )


def _rows(path: Path, needed: Sequence[str]) -> Iterator[dict[str, str]]:
    if not path.is_file():
        msg = f"{path}: no such file; expected the corpus as it is distributed"
        raise SourceError(msg)
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        for column in needed:
            if column not in (reader.fieldnames or ()):
                raise MissingColumnError.of(
                    column, reader.fieldnames or (), f"the clips of {path.name}"
                )
        yield from reader


def _table(records: Iterator[dict[str, str | None]]) -> "pa.Table":
    import pyarrow as pa

    rows = [{name: value or None for name, value in record.items()} for record in records]
    if not rows:
        msg = "the corpus has no clip"
        raise EmptyTableError(msg)
    names = dict.fromkeys([*_COLUMNS, *rows[0]])
    return pa.table(
        {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names}
    )
