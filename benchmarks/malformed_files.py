"""The files of `malformed_labels`: what is wrong with each, and what a careful person would read in it."""

import gzip
import io
import itertools
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from benchmarks.malformed_exports import File, Meant, designs, ground_truth, label_studio
from supersede.evaluate import Plan, write_plan


def table(rows: list[str], header: str = "item,label", end: str = "\n") -> str:
    return end.join([header, *rows]) + end


def spelt(right: Mapping[int, Any]) -> Iterator[File]:
    """Labels in CSV whose bytes, delimiters or headers are unusual."""
    pairs = list(right.items())
    rows = [f"{i},{y}" for i, y in pairs]
    whole = table(rows)
    kind = "CSV: bytes, delimiters, headers"
    yield File(kind, "byte-order mark", whole.encode("utf-8-sig"), right)
    yield File(kind, "UTF-16 with mark", whole.encode("utf-16"), right)
    yield File(kind, "UTF-16 without mark", whole.encode("utf-16-le"), right)
    yield File(kind, "UTF-32", whole.encode("utf-32"), right)
    for name, mark in (("semicolons", ";"), ("tabs", "\t"), ("pipes", "|"), ("spaces", " ")):
        yield File(kind, name, whole.replace(",", mark).encode(), right)
    yield File(
        kind, "decimal commas", whole.replace(",", ";").replace("1\n", "1,0\n").encode(), right
    )
    yield File(kind, "carriage returns and line feeds", table(rows, end="\r\n").encode(), right)
    yield File(kind, "carriage returns", table(rows, end="\r").encode(), right)
    yield File(kind, "blank lines between", table(rows, end="\n\n").encode(), right)
    yield File(kind, "blank lines after", (whole + "\n\n\n").encode(), right)
    yield File(kind, "no line end", whole.strip().encode(), right)
    yield File(kind, "everything quoted", "".join(
        ",".join(f'"{cell}"' for cell in line.split(",")) + "\n" for line in whole.splitlines()
    ).encode(), right)  # fmt: skip
    yield File(
        kind, "single quotes", table([f"'{i}','{y}'" for i, y in right.items()]).encode(), right
    )
    yield File(kind, "spaces after commas", whole.replace(",", ", ").encode(), right)
    yield File(kind, "spaces around headers", table(rows, " item , label ").encode(), right)
    yield File(kind, "headers in capitals", table(rows, "Item,Label").encode(), right)
    yield File(kind, "no header", "\n".join(rows).encode(), right)
    yield File(kind, "header in the middle", table([*rows[:20], "item,label", *rows[20:]]).encode())
    yield File(kind, "comment above", ("# exported\n" + whole).encode(), right)
    yield File(kind, "title above", ("Labels of May\n\n" + whole).encode(), right)
    yield File(kind, "total below", (whole + f"Total,{sum(right.values())}\n").encode())
    yield File(kind, "mean below", (whole + ",0.62\n").encode())
    yield File(
        kind,
        "index before",
        table([f"{k},{r}" for k, r in enumerate(rows)], ",item,label").encode(),
        right,
    )
    yield File(
        kind,
        "two columns of labels",
        table([f"{i},{y},{1 - y}" for i, y in right.items()], "item,label,label").encode(),
    )
    yield File(
        kind,
        "two columns of ids",
        table([f"{i},{i + 1},{y}" for i, y in right.items()], "item,item,label").encode(),
    )
    yield File(kind, "headers swapped", table(rows, "label,item").encode())
    yield File(kind, "a comma too many", table([r + "," for r in rows]).encode(), right)
    yield File(
        kind,
        "a cell too many in one row",
        table([*rows[:9], rows[9] + ",1", *rows[10:]]).encode(),
        right,
    )
    yield File(
        kind,
        "a cell too few in one row",
        table([*rows[:9], rows[9].split(",")[0], *rows[10:]]).encode(),
    )
    yield File(
        kind, "an open quote", table([*rows[:9], rows[9].replace(",", ',"'), *rows[10:]]).encode()
    )
    yield File(kind, "NUL bytes", whole.replace(",1", ",1\0").encode(), right)
    yield File(kind, "cut in the last cell", whole.encode()[:-2], dict(pairs[:-1]))
    yield File(kind, "cut after half", whole.encode()[: len(whole) // 2])
    yield File(
        kind,
        "other rows of another table",
        table([f"{i + 5000},{y}" for i, y in right.items()]).encode(),
    )


def ids(right: Mapping[int, Any]) -> Iterator[File]:
    """Labels in CSV whose ids are spelt otherwise, moved or repeated."""
    kind = "CSV: ids"
    pairs = list(right.items())
    backwards = {i: y for (i, _), (_, y) in zip(pairs, reversed(pairs), strict=True)}
    spell: dict[str, Callable[[int], str]] = {
        "with .0": lambda i: f"{i}.0", "with zeros before": lambda i: f"{i:06d}",
        "with a plus": lambda i: f"+{i}", "negative": lambda i: f"-{i}",
        "in scientific notation": lambda i: f"{i:.3e}", "with spaces": lambda i: f"  {i} ",
        "with no-break spaces": lambda i: f"\u00a0{i}", "with a prefix": lambda i: f"item-{i}",
        "in hexadecimal": hex, "full-width": lambda i: "".join(chr(0xFF10 + int(d)) for d in str(i)),
        "one further": lambda i: str(i + 1), "with .5": lambda i: f"{i}.5",
        "as formulae": lambda i: f"={i}", "in quotes inside quotes": lambda i: f'"""{i}"""',
    }  # fmt: skip
    same = {"with .0", "with a plus", "with zeros before", "with spaces", "in scientific notation",
            "with no-break spaces", "in hexadecimal", "full-width", "as formulae", "in quotes inside quotes"}  # fmt: skip
    for name, how in spell.items():
        rows = [f"{how(i)},{y}" for i, y in pairs]
        yield File(kind, name, table(rows).encode(), right if name in same else None)
    yield File(
        kind, "in another order", table([f"{i},{y}" for i, y in reversed(pairs)]).encode(), right
    )
    yield File(kind, "each twice", table([f"{i},{y}" for i, y in pairs + pairs]).encode(), right)
    yield File(
        kind,
        "one twice, contradicting",
        table([f"{i},{y}" for i, y in [*pairs, (pairs[5][0], 1 - pairs[5][1])]]).encode(),
    )
    yield File(
        kind,
        "each twice, contradicting",
        table([f"{i},{y}" for i, y in [*pairs, *((i, 1 - y) for i, y in pairs)]]).encode(),
    )
    yield File(
        kind,
        "contradicting in two spellings",
        table([*(f"{i},{y}" for i, y in pairs), f"{pairs[0][0]}.0,{1 - pairs[0][1]}"]).encode(),
    )
    yield File(
        kind,
        "contradicting with zeros before",
        table([*(f"{i},{y}" for i, y in pairs), f"0{pairs[0][0]},{1 - pairs[0][1]}"]).encode(),
    )
    yield File(kind, "none", table([f",{y}" for _, y in pairs]).encode())
    yield File(
        kind,
        "some missing",
        table([f"{'' if k % 9 == 4 else i},{y}" for k, (i, y) in enumerate(pairs)]).encode(),
    )
    del backwards


def listed(made: Plan, right: Mapping[int, Any]) -> Iterator[File]:
    """The task list with labels filled in, and then sorted or edited in a spreadsheet."""
    kind = "task list, edited in a spreadsheet"
    order = {row["item"]: row["order"] for row in made.items.to_pylist()}
    head = "item,order,reserve,label,design"
    items = list(right)

    def rows(
        labels: Mapping[int, Any], place: Mapping[int, Any], design: str = made.design
    ) -> bytes:
        return table(
            [f"{i},{place[i]},False,{y},{design}" for i, y in labels.items()], head
        ).encode()

    moved = dict(zip(items, sorted(items), strict=True))
    yield File(kind, "as it was written", rows(right, order), right)
    yield File(kind, "sorted as a whole", rows(dict(sorted(right.items())), order), right)
    yield File(kind, "ids sorted, the rest not", rows(
        {moved[i]: y for i, y in right.items()}, {moved[i]: order[i] for i in items}
    ))  # fmt: skip
    yield File(kind, "ids dragged down by one row", rows(
        {b: right[a] for a, b in itertools.pairwise(items)}, {b: order[a] for a, b in itertools.pairwise(items)}
    ))  # fmt: skip
    yield File(kind, "another design", rows(right, order, "0123456789abcdef"))
    yield File(kind, "a design cut off", rows(right, order, made.design[:-3]))
    yield File(kind, "a design in capitals", rows(right, order, made.design.upper()))
    yield File(kind, "half of another plan", table(
        [f"{i},{order[i]},False,{y},{made.design if k % 2 else 'ffff000011112222'}" for k, (i, y) in enumerate(right.items())], head
    ).encode())  # fmt: skip


def words(right: Mapping[int, Any]) -> Iterator[File]:
    """Labels in other words, some or all of them."""
    kind = "labels in other words"
    pairs = list(right.items())
    for one, none in (
        ("yes", "no"), ("Yes", "No"), ("Y", "N"), ("T", "F"), ("pos", "neg"), ("positive", "negative"),
        ("✓", "✗"), ("2", "1"), ("1", "-1"), ("0.9", "0.1"), ("100%", "0%"), ("A", "B"), ("on", "off"),
        ("１", "０"), ("I", "O"), ("right", "wrong"), ("correct", "incorrect"), ("LABEL_1", "LABEL_0"),
        ("1 (sure)", "0 (sure)"), ("<b>1</b>", "<b>0</b>"), ("=1", "=0"), ("'1", "'0"), ("[1]", "[0]"),
        ('{"choices": [1]}', '{"choices": [0]}'), ("0x1", "0x0"), ("1/1", "0/1"), ("accept", "reject"),
    ):  # fmt: skip
        quoted = ['"' + text.replace('"', '""') + '"' for text in (none, one)]
        yield File(
            kind, f"{one} and {none}", table([f"{i},{quoted[y]}" for i, y in pairs]).encode()
        )
    for one, none in (
        ("1.0", "0.0"), (" 1", "0 "), ("true", "false"), ("True", "False"), ("TRUE", "FALSE"), ("1.", "0."),
        ("1e0", "0e0"), ("+1", "+0"), ("01", "00"), ("1.000000001", "0"), ("\u00a01", "\u00a00"),
    ):  # fmt: skip
        said = right if one != "1.000000001" else None
        yield File(
            kind,
            f"{one!r} and {none!r}",
            table([f"{i},{one if y else none}" for i, y in pairs]).encode(),
            said,
        )


def gaps(right: Mapping[int, Any]) -> Iterator[File]:
    """Words for *unknown*, and unfinished lists."""
    kind = "words for unknown"
    pairs = list(right.items())
    cut = len(pairs) * 2 // 3
    told = dict(pairs[:cut])
    for word in (
        "NaN", "nan", "NA", "N/A", "n/a", "null", "NULL", "None", "none", "?", "-", "--", ".", "#N/A", "#REF!",
        "\\N", "missing", "unknown", "TODO", "tbd", "unsure", "skip", "inf", "-inf", "-999", "9", "1?", "0 or 1",
        "1|0", "1;0", "maybe", " ", '""', "\u200b", "\ufeff", "…",
    ):  # fmt: skip
        rows = [f"{i},{y if k < cut else word}" for k, (i, y) in enumerate(pairs)]
        yield File(kind, repr(word), table(rows).encode(), told)


def beside(right: Mapping[int, Any]) -> Iterator[File]:
    """Columns that annotation tools write beside the label."""
    kind = "columns of annotation tools"
    pairs = list(right.items())
    for column, values in {
        "status": ["submitted", "draft"], "status ": ["submitted", "discarded"],
        "answer": ["accept", "reject"], "answer  ": ["accept", "ignore"],
        "skipped": ["", "perhaps"], "human-annotated": ["yes", "no"],
    }.items():  # fmt: skip
        rows = [f"{i},{y},{values[k % 9 == 4]}" for k, (i, y) in enumerate(pairs)]
        yield File(
            kind,
            f"{column.strip()}: {values[1]}",
            table(rows, f"item,label,{column.strip()}").encode(),
        )
    rows = [f"{i},{y},{'yes' if k % 9 == 4 else 'no'}" for k, (i, y) in enumerate(pairs)]
    meant = {i: None if k % 9 == 4 else y for k, (i, y) in enumerate(pairs)}
    yield File(kind, "skipped: yes", table(rows, "item,label,skipped").encode(), meant)


def other_formats(right: Mapping[int, Any]) -> Iterator[File]:
    """Files of another format than their names say."""
    kind = "other formats under a wrong name"
    whole = table([f"{i},{y}" for i, y in right.items()]).encode()
    arrow = pa.table({"item": list(right), "label": list(right.values())})
    sink = io.BytesIO()
    parquet.write_table(arrow, sink)
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", "<worksheet/>")
    contents = {
        "a spreadsheet": book.getvalue(), "Parquet": sink.getvalue(), "gzip": gzip.compress(whole),
        "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "a page": b"<!doctype html><table><tr><td>1</td></tr></table>",
        "JSON": json.dumps([{"item": i, "label": y} for i, y in right.items()]).encode(),
        "an error message": b'{"detail": "Authentication credentials were not provided."}',
        "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "zeros": bytes(4000), "one byte": b"1", "a mark alone": b"\xef\xbb\xbf", "nothing": b"",
    }  # fmt: skip
    for (name, data), ending in itertools.product(contents.items(), (".csv", ".parquet", ".jsonl")):
        good = {
            ("gzip", ".csv"),
            ("Parquet", ".parquet"),
            ("Parquet", ".csv"),
            ("JSON", ".csv"),
            ("JSON", ".jsonl"),
            ("JSON", ".parquet"),
            ("Parquet", ".jsonl"),
        }
        yield File(
            kind, f"{name} named {ending}", data, right if (name, ending) in good else None, ending
        )


def lines(right: Mapping[int, Any]) -> Iterator[File]:
    """JSON Lines with faults."""
    kind = "JSON Lines"
    pairs = list(right.items())
    good = [json.dumps({"item": i, "label": y}) for i, y in pairs]
    first = pairs[0]
    flip = {"item": first[0], "label": 1 - first[1]}
    for name, line in {
        "a key twice": f'{{"item": {first[0]}, "label": {first[1]}, "label": {1 - first[1]}}}',
        "cut off": good[0][:-4], "a list": "[1, 2]", "null": "null", "a text": '"1"', "nested": json.dumps({"item": {"id": first[0]}, "label": 1}),
        "label nested": json.dumps({"item": first[0], "label": {"value": 1}}), "label a list": json.dumps({"item": first[0], "label": [first[1]]}),
        "two objects": good[0] + json.dumps(flip), "single quotes": good[0].replace('"', "'"), "comment": "// x",
        "no item": '{"label": 1}', "contradiction below": good[0] + "\n" + json.dumps(flip),
        "NaN as a label": f'{{"item": {first[0]}, "label": NaN}}', "unfinished number": f'{{"item": {first[0]}, "label": 1.}}',
        "label 1e400": f'{{"item": {first[0]}, "label": 1e400}}',
    }.items():  # fmt: skip
        yield File(kind, name, "\n".join([line, *good[1:]]).encode(), None, ".jsonl")
    yield File(
        kind,
        "trailing comma",
        "\n".join([good[0][:-1] + ",}", *good[1:]]).encode(),
        right,
        ".jsonl",
    )
    texts = "\n".join(json.dumps({"item": str(i), "label": y}) for i, y in pairs)
    yield File(kind, "ids as texts", texts.encode(), right, ".jsonl")
    mixed = "\n".join(
        json.dumps({"item": i, "label": [y, str(y), float(y), bool(y)][k % 4]})
        for k, (i, y) in enumerate(pairs)
    )
    yield File(kind, "labels of four types", mixed.encode(), right, ".jsonl")
    yield File(kind, "byte-order mark", b"\xef\xbb\xbf" + "\n".join(good).encode(), right, ".jsonl")
    yield File(kind, "an array", ("[" + ",\n".join(good) + "]").encode(), right, ".jsonl")
    yield File(kind, "argilla records", "\n".join(json.dumps({
        "id": i, "fields": {"text": ""}, "responses": {"label": [{"value": y, "status": "submitted"}]}, "suggestions": {},
    }) for i, y in pairs).encode(), right, ".jsonl")  # fmt: skip
    yield File(kind, "argilla, flattened", "\n".join(json.dumps({
        "item": i, "label": [{"user_id": "u", "value": y, "status": "draft"}], "label-suggestion": 1 - y,
    }) for i, y in pairs).encode(), None, ".jsonl")  # fmt: skip
    yield File(kind, "prodigy", "\n".join(json.dumps({
        "item": i, "label": y, "answer": "reject" if k % 8 == 1 else "accept",
    }) for k, (i, y) in enumerate(pairs)).encode(), None, ".jsonl")  # fmt: skip
    yield File(
        kind,
        "doccano",
        "\n".join(json.dumps({"item": i, "label": [str(y)]}) for i, y in pairs).encode(),
        right,
        ".jsonl",
    )


def columns(right: Mapping[int, Any]) -> Iterator[File]:
    """Parquet files and objects in memory."""
    import pandas as pd
    import polars as pl

    kind = "Parquet and frames"
    names, labels = list(right), list(right.values())
    types: dict[str, tuple[Any, Meant]] = {
        "ids as decimals": (pa.array(names).cast(pa.decimal128(24, 2)), right),
        "ids as floats": (pa.array(names, pa.float64()), right), "ids as lists": (pa.array([[i] for i in names]), None),
        "ids as dates": (pa.array(names, pa.int32()).cast(pa.date32()), None), "ids as bytes": (pa.array([str(i).encode() for i in names]), right),
        "ids as a dictionary": (pa.array([str(i) for i in names]).dictionary_encode(), right),
        "ids NaN": (pa.array([float("nan")] * len(names)), None),
    }  # fmt: skip
    for name, (ids_, meant) in types.items():
        yield File(
            kind, name, _parquet(pa.table({"item": ids_, "label": labels})), meant, ".parquet"
        )
    of_labels: dict[str, tuple[Any, Meant]] = {
        "labels as floats": (pa.array(labels, pa.float64()), right), "labels as booleans": (pa.array([bool(y) for y in labels]), right),
        "labels as lists": (pa.array([[y] for y in labels]), None), "labels as structs": (pa.array([{"v": y} for y in labels]), None),
        "labels as dates": (pa.array(labels, pa.int32()).cast(pa.date32()), None), "labels as decimals": (pa.array(labels).cast(pa.decimal128(24, 1)), right),
        "labels as bytes": (pa.array([str(y).encode() for y in labels]), right), "labels null": (pa.nulls(len(labels)), None),
        "labels nearly whole": (pa.array([y - 1e-9 for y in labels]), None), "labels as durations": (pa.array(labels, pa.duration("s")), right),
        "labels as a dictionary": (pa.array([str(y) for y in labels]).dictionary_encode(), right),
    }  # fmt: skip
    for name, (said, meant) in of_labels.items():
        yield File(
            kind, name, _parquet(pa.table({"item": names, "label": said})), meant, ".parquet"
        )
    whole = _parquet(pa.table({"item": names, "label": labels}))
    for at in (4, 40, len(whole) // 2, len(whole) - 5):
        yield File(kind, f"cut after {at} of its bytes", whole[:at], None, ".parquet")
    yield File(
        kind,
        "no rows",
        _parquet(pa.table({"item": pa.array([], pa.int64()), "label": pa.array([], pa.int64())})),
        None,
        ".parquet",
    )
    frame = pd.DataFrame({"item": names, "label": labels})
    objects: dict[str, tuple[Any, Meant]] = {
        "a series by id": (frame.set_index("item")["label"], right), "ids in the index": (frame.set_index("item"), right),
        "two levels of columns": (pd.concat({"x": frame}, axis=1), None), "nullable with NA": (frame.astype("Int64"), right),
        "categories": (frame.astype({"label": "category"}), right), "a column named twice": (pd.concat([frame, 1 - frame[["label"]]], axis=1), None),
        "polars": (pl.DataFrame({"item": names, "label": labels}), right), "a lazy frame": (pl.LazyFrame({"item": names, "label": labels}), right),
        "labels by id": (dict(right), right), "columns of two lengths": ({"item": names, "label": labels[:-1]}, None),
        "one scalar": ({"item": names, "label": 1}, None), "pairs": (list(right.items()), right), "records": ([{"item": i, "label": y} for i, y in right.items()], right),
        "an array": (np.array(list(right.items())), None), "None": (None, None), "a number": (3, None), "an iterator": (iter(right.items()), None),
        "sets": ({"item": set(names), "label": set(labels)}, None), "no columns": ({}, None), "a folder": (Path(tempfile.gettempdir()), None),
        "no such file": (Path("there-is-no-such-file.csv"), None), "objects": ({"item": names, "label": [object() for _ in labels]}, None),
        "infinite": ({"item": names, "label": [float("inf")] * len(names)}, None), "complex": ({"item": names, "label": [complex(y) for y in labels]}, None),
        "bytes": ({"item": names, "label": [b"1" if y else b"0" for y in labels]}, right),
    }  # fmt: skip
    for name, (thing, meant) in objects.items():
        yield File(kind, name, thing, meant, "")


def _parquet(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(rows, sink)
    return sink.getvalue()


def files(made: Plan, right: Mapping[int, Any], folder: Path) -> Iterator[File]:
    yield from spelt(right)
    yield from ids(right)
    yield from listed(made, right)
    yield from words(right)
    yield from gaps(right)
    yield from beside(right)
    yield from other_formats(right)
    yield from lines(right)
    yield from columns(right)
    yield from label_studio(made, right)
    yield from ground_truth(made, right)
    yield from designs(write_plan(made, folder / "plan.csv")[1])
