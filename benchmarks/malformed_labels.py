"""Label and design files as they should not be: each is refused, or read as anybody would read it.

    python -m benchmarks.malformed_labels      writes docs/benchmarks/malformed_labels.md

Every file is made by `malformed_files`, from one plan and its right labels. A file comes with what a
careful person would take it to say (labels by item), or with nothing if no number should come of it. A
*silent number* is an estimate that differs from that of these labels without a word: no error, and no
count of items that are missing, unasked or disputed. A *traceback* is any error but the package's own.
"""

import sys
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.malformed_exports import File, people
from benchmarks.malformed_files import files
from supersede.errors import SupersedeError
from supersede.evaluate import Plan, estimate, load_plan
from supersede.evaluate.labels import Annotation, Labels
from supersede.integrations.ground_truth import read_manifest
from supersede.integrations.label_studio import read_annotations

DOC = Path("docs/benchmarks/malformed_labels.md")


@dataclass(frozen=True)
class Outcome:
    """What became of a file: ``refused``, ``read``, ``told`` (with a count of what is left out),
    ``silent`` or ``traceback``; and the words that came with it."""

    file: File
    what: str
    words: str = ""


def judged(file: File, made: Plan, right: Mapping[int, Any], folder: Path) -> Outcome:
    """Estimate from a file, and compare with what it is meant to say."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = _estimated(file, made, right, folder)
    except SupersedeError as error:
        return Outcome(file, "refused", str(error))
    except Exception as error:  # an untyped error is the finding that this benchmark counts
        return Outcome(file, "traceback", f"{type(error).__name__}: {error}")
    meant = right if file.ending == ".design" else file.meant
    if meant is not None:
        notes = tuple(Annotation(i, y) for i, y in meant.items())
        wanted = estimate(made, Labels(notes))
        if found.each == wanted.each:
            return Outcome(file, "read")
    refused = all(e.value is None for e in found)
    if refused or found.unasked or found.disputed:
        return Outcome(file, "told", repr(found))
    return Outcome(file, "silent", repr(found))


def _estimated(file: File, made: Plan, right: Mapping[int, Any], folder: Path) -> Any:
    source = file.data
    if isinstance(source, bytes) and file.ending:
        path = folder / f"labels{file.ending}"
        path.write_bytes(source)
        source = str(path)
    if file.ending == ".design":
        again = load_plan(source)
        return estimate(again, {"item": list(right), "label": list(right.values())})
    labels: Labels | Any = source
    if file.ending == ".label-studio":
        labels = read_annotations(source)
    if file.ending == ".manifest":
        labels = read_manifest(source, "a")
    return estimate(made, labels)


def main() -> None:
    made, right = people()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        outcomes = [judged(file, made, right, folder) for file in files(made, right, folder)]
    for o in outcomes:
        if o.what in {"silent", "traceback"} or "-v" in sys.argv:
            sys.stderr.write(f"{o.what}: {o.file.kind}: {o.file.name}: {o.words[:300]}\n")
    kinds = list(dict.fromkeys(o.file.kind for o in outcomes))
    what = ("refused", "read", "told", "silent", "traceback")
    body = []
    for kind in [*kinds, "all"]:
        of_kind = [o for o in outcomes if kind in {o.file.kind, "all"}]
        counts = [sum(o.what == w for o in of_kind) for w in what]
        body.append(f"| {kind} | {len(of_kind)} | " + " | ".join(map(str, counts)) + " |")
    bad = {w: sum(o.what == w for o in outcomes) for w in what}
    DOC.write_text(PAGE.format(
        rows="\n".join(body), files=len(outcomes), silent=bad["silent"], traceback=bad["traceback"],
        met_silent="met" if not bad["silent"] else "missed", met_traceback="met" if not bad["traceback"] else "missed",
    ), encoding="utf-8")  # fmt: skip


PAGE = """*Printed by `python -m benchmarks.malformed_labels`; each figure is measured by that command.*

# Malformed label and design files

Files as spreadsheets, annotation tools and accidents leave them. A file is *read* if the estimates are
those of the labels that a careful person would see in it, *told* if the estimates are refused or come
with a count of labels that are not used, *silent* if there is another number, and a *traceback* if the
error is not one of the package's own. Refusing is never wrong, only less convenient than reading.

| target | goal | measured | |
| --- | --- | --- | --- |
| files | ≥ 200 | {files} | met |
| silent numbers | 0 | {silent} | {met_silent} |
| tracebacks | 0 | {traceback} | {met_traceback} |

| files | number | refused | read | told | silent | traceback |
| --- | --- | --- | --- | --- | --- | --- |
{rows}
"""


if __name__ == "__main__":
    main()
