"""``supersede lastmile``: what is different at a customer's site, and which repair helps?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from supersede.cli.common import Quiet, Share, Strings, outputs
from supersede.cli.progress import Progress
from supersede.errors import ArgumentError

if TYPE_CHECKING:
    from supersede.lastmile.audio import AudioRepair
    from supersede.lastmile.tables import RowsRepair

__all__ = ["lastmile"]


def lastmile(
    site: str,
    *,
    audio: str | None = None,
    reference: str | None = None,
    words: Path | None = None,
    grammar: Path | None = None,
    clean: str | None = None,
    against: str | None = None,
    onnx: Path | None = None,
    reads: Strings = None,
    answers: int = 2,
    label: str | None = None,
    group: str | None = None,
    keep: Strings = None,
    normaliser: str = "plain",
    all_synthetic: Annotated[bool, Parameter(negative="")] = False,
    repaired: Path | None = None,
    confidence: Share = 0.95,
    seed: int = 0,
    out: Path | None = None,
    json: Path | None = None,
    quiet: Quiet = False,
) -> int:
    """Find what is different at a customer's site, repair it, and show before and after.

    For speech, SITE is a table with a column of audio files (--audio) and one of what was said
    (--reference), empty where unknown; pocketsphinx recognises. For rows, SITE is a table, and
    --against the rows that the model was accepted on.

    Exit codes: 0 nothing is different, or the repair helps; 1 something is different and nothing
    that was tried helps; 2 a usage or data error; 3 something is different, and it is not known
    whether the repair helps.

    Example: supersede lastmile clips.csv --audio path --reference text --words words.txt
    --out site.html

    Example: supersede lastmile site.parquet --against accepted.parquet --repaired mended.parquet

    Args:
        site: CSV, JSONL or Parquet: clips, or rows.
        audio: The column of audio files; paths are relative to the table's folder.
        reference: The column of what was said.
        words: A file with the closed vocabulary; by default the open language model.
        grammar: A file with a grammar in JSGF, instead of words.
        clean: A table like SITE of clips without the condition, to see whether the repair does harm.
        against: Rows that the model was accepted on, for tables.
        onnx: The model as an ONNX file; with --label its errors are measured.
        reads: A column that the model reads, in the order of its input; repeat it for each.
        answers: Number of classes that the model answers with, as codes from 0.
        label: Column of labels; here: codes from 0, empty where unknown.
        group: Column whose values are groups.
        keep: A column that is left as it is, whatever is found; repeat it for several.
        normaliser: Rules for both sides: verbatim, plain or english.
        all_synthetic: Voices, sounds or rows were made up; everything is marked.
        repaired: Write the repaired rows (Parquet), or clips (a folder).
        confidence: Two-sided confidence of every interval, such as 95% or 0.95.
        seed: Seed of all random choices. Here: of the split into choosing and measuring.
        out: Write the page here, as HTML in one file.
        json: Write the result here, as JSON.
        quiet: Do not show progress.
    """
    if (audio is None) == (against is None):
        msg = "name the column of audio files (--audio), or the rows that the model was accepted on (--against)"
        raise ArgumentError(msg)
    written = outputs(out=out, json=json)
    shared = {"confidence": confidence, "seed": seed, "synthetic": all_synthetic}
    result: AudioRepair | RowsRepair
    if audio is not None:
        _refuse({"--onnx": onnx, "--label": label, "--keep": keep}, "--audio")
        with Progress(quiet=quiet) as progress:
            progress("recognising, and looking for what is different")
            result = _clips(site, audio, reference, words, grammar, clean, group, normaliser, repaired, shared)  # fmt: skip
        different = bool(result.site.conditions)
    else:
        _refuse({"--reference": reference, "--words": words, "--grammar": grammar, "--clean": clean}, "--against")  # fmt: skip
        with Progress(quiet=quiet) as progress:
            progress("comparing rows, and looking for what is different")
            result = _rows(site, str(against), onnx, reads or [], answers, label, group, keep or [], repaired, shared)  # fmt: skip
        different = bool(result.suspects)
    print(result)
    written.write(result)
    if not different or result.helps:
        return 0
    if audio is None:
        return 3 if result.undone else 1  # type: ignore[union-attr]
    return 3 if result.repair is not None else 1  # type: ignore[union-attr]


def _refuse(flags: Mapping[str, object], beside: str) -> None:
    for flag, value in flags.items():
        if value:
            msg = f"{flag} does not go with {beside}; leave it out"
            raise ArgumentError(msg)


def _clips(
    site: str, audio: str, reference: str | None, words: Path | None, grammar: Path | None,
    clean: str | None, group: str | None, normaliser: str, repaired: Path | None,
    shared: dict[str, Any],
) -> "AudioRepair":  # fmt: skip
    from supersede.audit.speech import find_normaliser
    from supersede.integrations.pocketsphinx import PocketSphinx
    from supersede.lastmile.audio import read_clip, repair_clips, write_clip

    if reference is None:
        msg = "--reference names the column of what was said; at least six clips need a text"
        raise ArgumentError(msg)
    data = _columns(site, [audio, reference, *([group] if group else [])])
    lost = next((i for i, path in enumerate(data[audio]) if path is None), None)
    if lost is not None:
        msg = f"row {lost} has no file in column {audio!r}; leave such rows out"
        raise ArgumentError(msg)
    written = None if repaired is None else _apart(data[audio], repaired)
    clips = [read_clip(Path(site).parent / str(path)) for path in data[audio]]
    said = [
        None if text is None or not str(text).strip() else str(text) for text in data[reference]
    ]
    homes = None if group is None else data[group]
    quiet: list[Any] = []
    quiet_homes = None
    if clean is not None:
        other = _columns(clean, [audio, reference, *([group] if group else [])])
        quiet = [(read_clip(Path(clean).parent / str(p)), str(t)) for p, t in zip(other[audio], other[reference], strict=True)]  # fmt: skip
        quiet_homes = None if group is None else other[group]
    recogniser = PocketSphinx(
        words=None if words is None else _text(words).split(),
        grammar=None if grammar is None else _text(grammar),
    )
    made = repair_clips(
        clips, said, recogniser, groups=homes, clean=quiet, clean_groups=quiet_homes,
        normaliser=find_normaliser(normaliser), **shared,
    )  # fmt: skip
    if written is not None and made.repair is None:
        print(f"nothing is written to {repaired}: no repair was chosen")
    elif written is not None and made.repair is not None:
        for clip, path in zip(clips, written, strict=True):
            write_clip(made.repair.apply(clip), path)
    return made


def _rows(
    site: str, against: str, model: Path | None, reads: list[str], answers: int, label: str | None,
    group: str | None, keep: list[str], repaired: Path | None, shared: dict[str, Any],
) -> "RowsRepair":  # fmt: skip
    import numpy as np

    from supersede.bounty import DecisionList
    from supersede.bounty.artefacts import Codes, OnnxModel
    from supersede.lastmile.tables import repair_rows

    if (model is None) != (label is None):
        msg = "--onnx and --label go together: errors need both"
        raise ArgumentError(msg)
    if repaired is not None and repaired.suffix != ".parquet":
        msg = f"--repaired {repaired}: repaired rows are written as .parquet"
        raise ArgumentError(msg)
    rows, known = _columns(site), _columns(against)
    truth = None
    if label is not None:
        if label not in rows:
            _columns(site, [label])
        truth = np.array([_code(v, label, answers) for v in rows[label]], object)
    homes = None if group is None else _columns(site, [group])[group]
    predict: Any = None
    if model is not None:
        listed = DecisionList(OnnxModel(_bytes(model), tuple(reads)), answers=Codes(answers))
        predict = listed.predict
    left_out = {label} if label else set()
    made = repair_rows(
        {c: v for c, v in known.items() if c not in left_out},
        {c: v for c, v in rows.items() if c not in left_out},
        predict=predict, labels=truth, groups=homes, keep=keep, **shared,
    )  # fmt: skip
    if repaired is not None:
        _write_rows(made, rows, left_out, repaired)
    return made


def _write_rows(
    made: "RowsRepair", rows: Mapping[str, Any], left_out: set[str], path: Path
) -> None:
    """Write the repaired rows with all other columns as they were, and read them back."""
    import pyarrow as pa
    from pyarrow import parquet

    data: dict[str, Any] = {c: pa.array(v) for c, v in rows.items()}
    for suspect in made.undone:
        column = made.columns[suspect.column]
        values = column.texts() if column.kind == "text" else column.numbers()
        mask = column.missing
        data[suspect.column] = pa.array(values, mask=mask)
    frame = pa.table(data)
    parquet.write_table(frame, path)
    if not parquet.read_table(path).equals(frame):
        msg = f"{path}: what was read back is not what was written; is the disk full?"
        raise ArgumentError(msg)


def _columns(source: str, names: list[str] | None = None) -> dict[str, list[Any]]:
    from supersede.errors import MissingColumnError
    from supersede.table.source import collect, open_source

    opened = open_source(source)
    for name in names or ():
        if name not in opened.columns:
            raise MissingColumnError.of(name, opened.columns, "the last mile")
    wanted = list(names or opened.columns)
    found: dict[str, list[Any]] = collect(opened.rows(wanted).select(*wanted)).to_pydict()
    return found


def _code(value: object, column: str, answers: int) -> int | None:
    """A label as the code that the model answers with; None where it is unknown."""
    if value is None or value != value:  # NaN
        return None
    if isinstance(value, bool | int | float) and value == int(value) and 0 <= value < answers:
        return int(value)
    msg = f"column {column!r} holds {value!r}; labels must be codes from 0 to {answers - 1}, as the model answers (--answers says how many)"
    raise ArgumentError(msg)


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        msg = f"{path} is not text in UTF-8 ({error.reason} at byte {error.start})"
        raise ArgumentError(msg) from error


def _apart(paths: Sequence[object], folder: Path) -> list[Path]:
    """Where repaired clips are written: below the folder as they lay below the table's."""
    found = [folder / Path(str(path)).with_suffix(".wav") for path in paths]
    bad = next((p for p, raw in zip(found, paths, strict=True) if Path(str(raw)).is_absolute() or ".." in Path(str(raw)).parts), None)  # fmt: skip
    if bad is not None:
        msg = f"--repaired {folder}: {bad} would lie outside; paths must be relative to the table's folder and lie below it"
        raise ArgumentError(msg)
    twice = next((p for i, p in enumerate(found) if p in found[:i]), None)
    if twice is not None:
        msg = (
            f"--repaired {folder}: two clips would be written to {twice}; give them different names"
        )
        raise ArgumentError(msg)
    return found


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror}"
        raise ArgumentError(msg) from error
