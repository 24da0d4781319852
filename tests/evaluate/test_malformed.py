"""Malformed files of labels and designs: a typed error each, no number and no traceback."""

import json
import random
import zipfile

import numpy as np
import pytest

from supersede.errors import LabelError, SourceError, SupersedeError
from supersede.evaluate import estimate, follow, load_plan, plan, precision, write_plan
from tests.evaluate.cases import ensemble

CASE = ensemble(items=400)
MADE = plan(CASE.table(), [precision("m0"), precision("m1")], margin=0.1)
IDS = [row["item"] for row in MADE.items.to_pylist() if not row["reserve"]]
TRUTH = [int(CASE.truth[i]) for i in IDS]
WORDS = (  # noqa: SIM905  # a list would be a screen long
    "yes true T positive pos 2 -1 0.5 NA N/A nan? null none ? 1,0 1;0 [1] one 1% 0x1 ¹ １ 1/2 01 "
    "2026-01-01 class_1 right 99999999999999999999 {} m0"
).split()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_plan(MADE, tmp_path_factory.mktemp("plan") / "plan.csv")[1]


def csv(rows, header="item,label") -> bytes:
    return "\n".join([header, *rows]).encode()


def with_word(word: str, every: int) -> bytes:
    """The right labels, with a word in place of some."""
    quoted = '"' + word.replace('"', '""') + '"'
    return csv(
        f"{i},{quoted if at % every == 0 else y}"
        for at, (i, y) in enumerate(zip(IDS, TRUTH, strict=True))
    )


RIGHTLY = estimate(MADE, {"item": IDS, "label": TRUTH})
RIGHT = [f"{i},{y}" for i, y in zip(IDS, TRUTH, strict=True)]
FILES = {
    "empty": b"",
    "only a header": csv([]),
    "no column of labels": csv(RIGHT, "item,answer"),
    "no column of items": csv(RIGHT, "id,label"),
    "unknown items": csv(f"x{i},1" for i in IDS),
    "no labels yet": csv(f"{i}," for i in IDS),
    "contradictions": csv([*RIGHT, f"{IDS[0]},{1 - TRUTH[0]}"]),
    "another plan's": csv((f"{row},abc" for row in RIGHT), "item,label,design"),
    "two other plans'": csv(
        (f"{row},{'ab'[k % 2]}" for k, row in enumerate(RIGHT)), "item,label,design"
    ),
    "skipped, perhaps": csv((f"{row},perhaps" for row in RIGHT), "item,label,skipped"),
    "zeros": bytes(500),
    "latin-1": "item,label\n1,ä\n".encode("latin-1"),
    **{f"{word!r} in {n}": with_word(word, n) for word in WORDS for n in (1, 7)},
}
del FILES["'true' in 1"]  # a column of booleans
MISSING = ["NA", "N/A", "null", "none"]  # what a cell without a number says in CSV
for word in MISSING:
    del FILES[f"{word!r} in 7"]


@pytest.mark.parametrize("name", FILES)
def test_malformed_labels_are_refused(name, tmp_path):
    file = tmp_path / "labels.csv"
    file.write_bytes(FILES[name])
    with pytest.raises(SupersedeError):
        estimate(MADE, str(file))


@pytest.mark.parametrize("word", MISSING)
def test_words_for_a_missing_number_are_not_labelled_yet(word, tmp_path):
    file = tmp_path / "labels.csv"
    file.write_bytes(csv([*RIGHT[:30], *(f"{i},{word}" for i in IDS[30:])]))
    found = estimate(MADE, str(file))
    assert found.missing == len(IDS) - 30
    assert found.each == estimate(MADE, {"item": IDS[:30], "label": TRUTH[:30]}).each


@pytest.mark.parametrize(
    "line",
    [
        '{"item": 1, "label"',
        '{"item": 1, "label": {"choice": 1}}',
        '{"item": 1, "label": [0, 1]}',
        '{"label": 1}',
        "[1, 2]",
        "null",
        '{"item": 1, "label": "1"} trailing',
    ],
)
def test_malformed_json_lines_are_refused(line, tmp_path):
    file = tmp_path / "labels.jsonl"
    good = [json.dumps({"item": i, "label": y}) for i, y in zip(IDS, TRUTH, strict=True)]
    file.write_text("\n".join([line.replace('"item": 1', f'"item": {IDS[0]}'), *good[1:]]))
    for judge in (estimate, follow):
        with pytest.raises(SupersedeError):
            judge(MADE, str(file))


@pytest.mark.parametrize("seed", range(24))
def test_cut_and_damaged_designs_are_refused_or_harmless(seed, written, tmp_path):
    rng = random.Random(seed)
    data = bytearray(written.read_bytes())
    if seed % 2:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    else:
        del data[rng.randrange(len(data)) :]
    file = tmp_path / "plan.csv.design"
    file.write_bytes(data)
    try:
        again = load_plan(file)
    except SourceError:
        return
    assert again.design == MADE.design  # a time stamp in the archive, say


@pytest.mark.parametrize("data", [b"", b"PK", b"\x93NUMPY", b"text", bytes(1000)])
def test_files_that_are_no_design(data, tmp_path):
    file = tmp_path / "plan.csv.design"
    file.write_bytes(data)
    with pytest.raises(SourceError, match="it is not a design, or damaged or cut off"):
        load_plan(file)


def altered(written, change):
    """The arrays of a design after a change."""
    with zipfile.ZipFile(written) as archive, np.load(written) as arrays:
        assert archive.testzip() is None
        found = {name: arrays[name].copy() for name in arrays.files}
    header = json.loads(found["header"].tobytes())
    change(header, found)
    found["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    return found


CHANGES = {
    "fewer labels": lambda h, a: h["takes"][0].__setitem__(0, 2),
    "larger stratum": lambda h, a: h["takes"][0].__setitem__(1, 10**6),
    "counts": lambda h, a: a["count"].__imul__(2),
    "belief": lambda h, a: a["belief"].__setitem__((0, 0), 0.123),
    "inclusion": lambda h, a: a["item_inclusion"].__setitem__(0, 0.5),
    "pattern": lambda h, a: a["item_pattern"].__setitem__(0, a["item_pattern"][0] + 1),
    "reserve": lambda h, a: a["item_reserve"].__setitem__(0, True),
    "order": lambda h, a: a["item_order"].__setitem__(0, 999),
    "codes": lambda h, a: a["codes"].__setitem__((0, 0), 1 - a["codes"][0, 0]),
    "stratum": lambda h, a: a["stratum"].__setitem__(slice(None), 0),
    "rows": lambda h, a: a["sample0"].__setitem__(slice(None), a["sample0"][::-1].copy()),
    "states": lambda h, a: h["states"].reverse(),
    "classes": lambda h, a: h["classes"].append("yes"),
    "confidence": lambda h, a: h.update(confidence=0.5),
    "method": lambda h, a: h.update(method="coordinated"),
    "estimand": lambda h, a: h["estimands"][0].update(name="precision(best)"),
    "items": lambda h, a: h["ids"].reverse(),
    "calibration": lambda h, a: h.update(calibration=[9.0, 0.0]),
    "no design": lambda h, a: h.pop("design"),
    "no method": lambda h, a: h.pop("method"),
    "no samples": lambda h, a: a.pop("sample0"),
    "wrong types": lambda h, a: h.update(takes="many"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_altered_designs_are_refused(name, written, tmp_path):
    file = tmp_path / "plan.csv.design"
    with file.open("wb") as out:
        np.savez_compressed(out, **altered(written, CHANGES[name]))
    with pytest.raises(SourceError, match=r"altered after it was written|not a design, or damaged"):
        load_plan(file)


def test_a_task_list_whose_ids_were_sorted_alone_is_refused(tmp_path):
    order = dict(zip(MADE.items["item"].to_pylist(), MADE.items["order"].to_pylist(), strict=True))
    rows = [[i, order[i], y, MADE.design] for i, y in zip(IDS, TRUTH, strict=True)]
    for at, i in enumerate(sorted(IDS)):
        rows[at][0] = i
    file = tmp_path / "labels.csv"
    file.write_bytes(csv((",".join(map(str, r)) for r in rows), "item,order,label,design"))
    with pytest.raises(LabelError, match="do not stand where the task list had them"):
        estimate(MADE, str(file))
    whole = [[i, order[i], y, MADE.design] for i, y in zip(IDS, TRUTH, strict=True)]
    file.write_bytes(csv((",".join(map(str, r)) for r in sorted(whole)), "item,order,label,design"))
    assert estimate(MADE, str(file)).each == RIGHTLY.each


@pytest.mark.parametrize(
    ("column", "word"),
    [("status", "Draft"), ("status", "discarded"), ("answer", "reject"), ("human-annotated", "no")],
)
def test_labels_that_a_tool_marks_as_none_are_refused(column, word):
    marks = [word if at % 7 == 2 else "submitted" for at in range(len(IDS))]
    with pytest.raises(LabelError, match=f"{column!r} says of some labels"):
        estimate(MADE, {"item": IDS, "label": TRUTH, column: marks})
    del marks
    good = ["submitted"] * len(IDS)
    assert estimate(MADE, {"item": IDS, "label": TRUTH, column: good}).each == RIGHTLY.each


def test_a_mapping_of_ids_to_labels():
    pairs = dict(zip(IDS, TRUTH, strict=True))
    assert estimate(MADE, pairs).each == RIGHTLY.each
    assert estimate(MADE, {**pairs, IDS[-1]: None}).missing == 1


def test_one_value_in_place_of_a_column_is_refused():
    with pytest.raises(SourceError, match="column 'label' is 1; give a list"):
        estimate(MADE, {"item": IDS, "label": 1})


def test_a_file_whose_lines_end_in_carriage_returns(tmp_path):
    file = tmp_path / "labels.csv"
    file.write_bytes(csv(RIGHT).replace(b"\n", b"\r"))
    assert estimate(MADE, str(file)).each == RIGHTLY.each


@pytest.mark.parametrize("name", ["count", "stratum", "item_pattern", "sample0"])
def test_numbers_as_texts_are_no_design(name, written, tmp_path):
    file = tmp_path / "plan.csv.design"
    with file.open("wb") as out:
        np.savez_compressed(
            out, **altered(written, lambda _, a: a.update({name: a[name].astype(str)}))
        )
    with pytest.raises(SourceError, match="not a design, or damaged"):
        load_plan(file)
