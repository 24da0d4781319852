"""Files as people bring them, each with the verdict that is right, worked out by hand.

Every case writes its files into the working directory and is reviewed by the command line. The right
answer is a verdict, or a refusal whose remedy, typed as the message says, gives the verdict. In most
cases the new model is a disaster, so that a wrong reading shows as a pass.
"""

import csv
import gzip
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["CASES", "Case"]

N = 400


@dataclass(frozen=True)
class Case:
    """One input.

    Attributes:
        name: What is special about it.
        write: Writes the files.
        call: The arguments after ``review``.
        verdict: The verdict that is right; None where the input must be refused.
        says: What the refusal, or the printed review, must contain.
        remedy: Arguments that the refusal names, added to the call; they decide.
        then: The verdict with the remedy.
        without: Words of the call that the remedy replaces.
    """

    name: str
    write: Callable[[], None]
    call: Sequence[str]
    verdict: str | None = None
    says: str = ""
    remedy: Sequence[str] = ()
    then: str | None = None
    without: Sequence[str] = field(default=())


def fates(n: int = N, old: float = 0.6, new: float = 0.42) -> tuple[np.ndarray, np.ndarray]:
    """Which items each model gets right, spread evenly and independently of each other."""
    at = np.arange(n)
    return (at * 7919 % n) < old * n, (at * 104729 % n) < new * n


def jsonl(name: str, **columns: Sequence[object]) -> None:
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    lines = [json.dumps({k: plain(v) for k, v in row.items()}, ensure_ascii=False) for row in rows]
    Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value


def text(name: str, **columns: Sequence[object]) -> None:
    """A CSV file with the values exactly as they are given."""
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def words(right: np.ndarray, yes: object, no: object) -> list[object]:
    return [yes if r else no for r in right]


def answers(truth: Sequence[object], right: np.ndarray, choices: Sequence[object]) -> list[object]:
    """The label where the model is right, otherwise the next choice."""
    after = {c: choices[(i + 1) % len(choices)] for i, c in enumerate(choices)}
    return [t if r else after[t] for t, r in zip(truth, right, strict=True)]


def spread(choices: Sequence[object], n: int = N) -> list[object]:
    return [choices[(i * 31) % len(choices)] for i in range(n)]


OLD, NEW = fates()
GOOD, BETTER = fates(old=0.9, new=0.97)
FINE = GOOD | BETTER
FINE[np.flatnonzero(~GOOD)[:2]] = False  # a model that is always right could be the label itself
IDS = list(range(N))
V = ("--old", "v1", "--new", "v2")
TABLE: list[Case] = []


def case(name: str, call: Sequence[str], **rest: object) -> Callable[[Callable[[], None]], None]:
    def keep(write: Callable[[], None]) -> None:
        TABLE.append(Case(name=name, write=write, call=call, **rest))  # type: ignore[arg-type]

    return keep


# --- grades that stand beside something called like a label


@case("numeric answers beside 0/1 grades", ["g.jsonl", "--item", "doc_id", *V],
      verdict="fail", says="'target' is not used as a label")  # fmt: skip
def _() -> None:
    jsonl(
        "g.jsonl",
        doc_id=IDS,
        target=[17 * i + 3 for i in IDS],
        v1=OLD.astype(int),
        v2=NEW.astype(int),
    )


@case("one constant answer beside 0/1 grades", ["g.jsonl", "--item", "doc_id", *V],
      says="--grades", remedy=["--grades"], then="fail")  # fmt: skip
def _() -> None:
    jsonl("g.jsonl", doc_id=IDS, target=[417] * N, v1=OLD.astype(int), v2=NEW.astype(int))


@case("letters as grades beside answers A to D", ["g.jsonl", *V],
      says="--grades", remedy=["--grades"], then="fail")  # fmt: skip
def _() -> None:
    jsonl(
        "g.jsonl", id=IDS, target=spread("ABCD"), v1=words(OLD, "C", "I"), v2=words(NEW, "C", "I")
    )


@case("the same, taken for classes although most labels are never said",
      ["g.jsonl", "--label", "target", *V], verdict="undecided", says="ever predicts")  # fmt: skip
def _() -> None:
    jsonl(
        "g.jsonl",
        id=IDS,
        target=spread("ABCD"),
        v1=words(GOOD, "C", "I"),
        v2=words(BETTER, "C", "I"),
    )


@case("words of a test tool beside free text", ["g.jsonl", *V], verdict="fail", says="grades")
def _() -> None:
    label = [f"The answer is {i}." for i in IDS]
    jsonl(
        "g.jsonl",
        id=IDS,
        label=label,
        v1=words(OLD, "passed", "failed"),
        v2=words(NEW, "passed", "failed"),
    )


@case("booleans beside free text", ["g.jsonl", *V], verdict="fail", says="grades")
def _() -> None:
    jsonl("g.jsonl", id=IDS, target=[f"answer {i}" for i in IDS], v1=OLD, v2=NEW)


@case("0/1 grades beside the answers to yes/no questions", ["g.csv", *V],
      says="--grades", remedy=["--grades"], then="fail")  # fmt: skip
def _() -> None:
    label = [(i * 37 % N) % 2 for i in IDS]
    text("g.csv", id=IDS, label=label, v1=OLD.astype(int), v2=NEW.astype(int))


@case("0/1 grades beside the codes 2 and 4", ["g.csv", *V],
      says="--same", remedy=["--grades"], then="fail")  # fmt: skip
def _() -> None:
    text("g.csv", id=IDS, y=spread([2, 4]), v1=OLD.astype(int), v2=NEW.astype(int))


@case("grades and no label", ["g.jsonl", *V], verdict="fail")
def _() -> None:
    jsonl(
        "g.jsonl",
        id=IDS,
        v1=words(OLD, "correct", "incorrect"),
        v2=words(NEW, "correct", "incorrect"),
    )


@case("grades of SWE-bench", ["g.csv", *V], verdict="fail")
def _() -> None:
    text(
        "g.csv",
        id=IDS,
        v1=words(OLD, "resolved", "unresolved"),
        v2=words(NEW, "resolved", "unresolved"),
    )


@case("grades that get better", ["g.jsonl", *V], verdict="pass")
def _() -> None:
    jsonl("g.jsonl", id=IDS, v1=words(GOOD, "PASS", "FAIL"), v2=words(FINE, "PASS", "FAIL"))


@case("partly right", ["g.jsonl", *V], says="--judge --threshold 1",
      remedy=["--judge", "--threshold", "1"], then="fail")  # fmt: skip
def _() -> None:
    half = [w if i % 10 else "P" for i, w in enumerate(words(OLD, "C", "I"))]
    jsonl("g.jsonl", id=IDS, v1=half, v2=words(NEW, "C", "I"))


@case("grades as 1.0 and 0.0", ["g.csv", *V], verdict="fail")
def _() -> None:
    text("g.csv", id=IDS, v1=words(OLD, "1.0", "0.0"), v2=words(NEW, "1.0", "0.0"))


@case("two real classes called yes and no", ["g.csv", *V], verdict="fail", says="classes")
def _() -> None:
    label = spread(["yes", "no"])
    text(
        "g.csv",
        id=IDS,
        label=label,
        v1=answers(label, OLD, ["yes", "no"]),
        v2=answers(label, NEW, ["yes", "no"]),
    )


@case(
    "a verdict word that is a class",
    ["g.csv", *V],
    says="--grades",
    remedy=["--same", "1=accept", "--same", "0=reject", "--label", "y"],
    then="fail",
)
def _() -> None:
    label = spread([1, 0])
    said = {1: "accept", 0: "reject"}
    v1, v2 = (answers(label, right, [1, 0]) for right in (OLD, NEW))
    text("g.csv", id=IDS, y=label, v1=[said[a] for a in v1], v2=[said[a] for a in v2])


@case("columns in which 1 is an error", ["g.csv", "--old", "v1_error", "--new", "v2_error"],
      says="--loss 0", remedy=["--loss", "0"], then="fail")  # fmt: skip
def _() -> None:
    text("g.csv", id=IDS, v1_error=1 - OLD.astype(int), v2_error=1 - NEW.astype(int))


@case("booleans called failed", ["g.jsonl", "--old", "oldFailed", "--new", "newFailed"],
      says="--loss 0", remedy=["--loss", "0"], then="fail")  # fmt: skip
def _() -> None:
    jsonl("g.jsonl", id=IDS, oldFailed=~OLD, newFailed=~NEW)


@case("a label of -1 that means none", ["g.csv", *V, "--max-nfr", "10%"], verdict="undecided",
      says="does it mean", remedy=["--where", "y <> -1"], then="fail")  # fmt: skip
def _() -> None:
    label = spread([0, 1, 2])
    wrong = np.arange(N) % 20 == 3
    known = [x if i % 4 == 3 else -1 for i, x in enumerate(label)]
    text(
        "g.csv",
        id=IDS,
        y=known,
        v1=label,
        v2=[(x + 1) % 3 if w else x for x, w in zip(label, wrong, strict=True)],
    )


# --- scores of every range


def scored(low: float, high: float, middle: float) -> Callable[[], None]:
    """Scores whose class changes at the middle; the new model is right on 42 %."""

    def write() -> None:
        label = np.array(spread([0, 1]))
        columns = {}
        for name, right in (("v1", GOOD), ("v2", NEW)):
            said = np.where(right, label, 1 - label)
            part = (np.arange(N) * 13 % 97) / 97 * 0.98 + 0.01
            columns[name] = np.where(
                said == 1, middle + part * (high - middle), low + part * (middle - low)
            ).round(6)
        text("s.csv", id=IDS, y=label, **columns)

    return write


for what, span, middle in [
    ("scores from 9 to 16", (8.9, 15.9), "12.4"), ("percentages", (0, 100), "50"),
    ("margins around 0", (-3.2, 4.1), "0"), ("log probabilities", (-9, 0), "-0.7"),
    ("similarities above 0.5", (0.6, 0.95), "0.8"), ("rare events, all below 0.5", (0, 0.31), "0.1"),
]:  # fmt: skip
    case(what, ["s.csv", *V], says="--threshold", remedy=["--threshold", middle], then="fail")(
        scored(*span, float(middle))
    )
case("probabilities", ["s.csv", *V], verdict="fail", says="scores, class 1 from 0.5")(
    scored(0, 1, 0.5)
)


@case(
    "probabilities of the other class",
    ["s.csv", *V],
    verdict="undecided",
    says="less often than chance",
)
def _() -> None:
    label = np.array(spread([0, 1]))
    p = np.where(GOOD, label, 1 - label) * 0.8 + 0.1
    q = np.where(NEW & GOOD, label, 1 - label) * 0.8 + 0.1
    text("s.csv", id=IDS, y=label, v1=(1 - p).round(3), v2=(1 - q).round(3))


@case(
    "only the old model's codes are turned round",
    ["s.csv", *V],
    verdict="undecided",
    says="less often than chance",
)
def _() -> None:
    label = np.array(spread([0, 1]))
    text(
        "s.csv",
        id=IDS,
        y=label,
        v1=np.where(GOOD, 1 - label, label),
        v2=np.where(BETTER, label, 1 - label),
    )


# --- no answer is not no label


def answered(name: str, gap: object) -> Callable[[], None]:
    """Right on 6 points more where it answers; with the gaps, on 7 points fewer."""

    def write() -> None:
        silent = np.arange(N) * 7 % N < 0.15 * N
        new = np.where(silent, False, OLD | (np.arange(N) * 11 % N < 0.12 * N))
        columns = {"id": IDS, "v1": OLD.astype(int).tolist()}
        grades = [gap if s else int(r) for s, r in zip(silent, new, strict=True)]
        (jsonl if name.endswith("jsonl") else text)(name, **columns, v2=grades)

    return write


case("no answer on 15 % of graded items", ["m.jsonl", *V], says="--missing wrong",
     remedy=["--missing", "wrong"], then="fail")(answered("m.jsonl", None))  # fmt: skip
case("no answer, in CSV", ["m.csv", *V], says="--missing wrong",
     remedy=["--missing", "wrong"], then="fail")(answered("m.csv", ""))  # fmt: skip


@case(
    "no answer, in a word",
    ["m.jsonl", *V],
    says="--missing wrong",
    remedy=["--missing", "wrong"],
    then="fail",
)
def _() -> None:
    silent = np.arange(N) * 7 % N < 0.15 * N
    new = ["error" if s else "passed" if r else "failed" for s, r in zip(silent, GOOD, strict=True)]
    jsonl("m.jsonl", id=IDS, v1=words(GOOD, "passed", "failed"), v2=new)


@case(
    "blank answers",
    ["m.jsonl", *V],
    says="--missing wrong",
    remedy=["--missing", "wrong"],
    then="fail",
)
def _() -> None:
    label = spread("abc")
    new = ["  " if i % 6 == 0 else x for i, x in enumerate(label)]
    jsonl("m.jsonl", id=IDS, label=label, v1=answers(label, GOOD, "abc"), v2=new)


@case("graded by neither: nobody says how the rest was chosen", ["m.jsonl", *V],
      verdict="undecided", says="no grade under any model")  # fmt: skip
def _() -> None:
    keep = np.arange(N) % 4 == 0
    jsonl("m.jsonl", id=IDS, v1=[int(g) if k else None for g, k in zip(GOOD, keep, strict=True)],
          v2=[int(g) if k else None for g, k in zip(GOOD, keep, strict=True)])  # fmt: skip


# --- words that are spelt differently, or not the label's


@case(
    "upper case in the label",
    ["w.csv", *V],
    says="--same folded",
    remedy=["--same", "folded"],
    then="fail",
)
def _() -> None:
    label = spread(["Cat", "Dog", "Owl"])
    v1, v2 = ([a.lower() for a in answers(label, r, ["Cat", "Dog", "Owl"])] for r in (OLD, NEW))
    text("w.csv", id=IDS, label=label, v1=v1, v2=v2)


@case(
    "a trailing space",
    ["w.csv", *V],
    says="--same folded",
    remedy=["--same", "folded"],
    then="fail",
)
def _() -> None:
    label = spread(["cat", "dog", "owl"])
    v1, v2 = (answers(label, r, ["cat", "dog", "owl"]) for r in (OLD, NEW))
    text("w.csv", id=IDS, label=label, v1=[f"{a} " for a in v1], v2=v2)


@case("encodings with other names", ["w.jsonl", *V], verdict="undecided", says="ever predicts")
def _() -> None:
    names = [f"utf-{i}" for i in range(27)] + ["ascii", "big5", "koi8"]
    said = {n: n if i >= 27 else f"UTF_{i}_SIG" for i, n in enumerate(names)}
    label = spread(names)
    v1, v2 = ([said[a] for a in answers(label, r, names)] for r in (GOOD, BETTER))
    jsonl("w.jsonl", id=IDS, label=label, v1=v1, v2=v2)


@case("most labels are nobody's word", ["w.jsonl", "--label", "label", *V],
      verdict="undecided", says="neither")  # fmt: skip
def _() -> None:
    names = [f"type {i}" for i in range(30)]
    said = {n: n if i >= 27 else f"kind-{i}x" for i, n in enumerate(names)}
    label = spread(names)
    v1, v2 = ([said[a] for a in answers(label, r, names)] for r in (GOOD, GOOD))
    jsonl("w.jsonl", id=IDS, label=label, v1=v1, v2=v2)


@case("codes in another order", ["w.csv", *V], verdict="undecided", says="less often than chance")
def _() -> None:
    label = spread(range(10))
    v1, v2 = ([(a + 3) % 10 for a in answers(label, r, range(10))] for r in (GOOD, FINE))
    text("w.csv", id=IDS, y=label, v1=v1, v2=v2)


@case("a label that stands for two answers", ["w.csv", *V], verdict="undecided", says="--same")
def _() -> None:
    merged("w.csv", GOOD, FINE)


@case("the same, said", ["w.csv", *V, "--same", "c-or-cpp=c,cpp"], verdict="fail")
def _() -> None:
    merged("w.csv", GOOD, NEW)


@case("the same, said in a file", ["w.csv", *V, "--same", "same.json"], verdict="pass")
def _() -> None:
    merged("w.csv", GOOD, FINE)
    Path("same.json").write_text('{"c-or-cpp": ["c", "cpp"]}')


def merged(name: str, old: np.ndarray, new: np.ndarray) -> None:
    label = ["c-or-cpp" if i % 5 < 3 else "python" for i in range(N)]

    def said(right: np.ndarray) -> list[str]:
        good = [("c" if i % 2 else "cpp") if x == "c-or-cpp" else x for i, x in enumerate(label)]
        return [g if r else "rust" for g, r in zip(good, right, strict=True)]

    text(name, id=IDS, label=label, v1=said(old), v2=said(new))


@case("numbers in words", ["w.jsonl", *V], says="--same '0=0'",
      remedy=[x for d in range(10) for x in ("--same", f"{d}={d}")], then="fail")  # fmt: skip
def _() -> None:
    label = spread(range(10))
    v1, v2 = ([str(a) for a in answers(label, r, range(10))] for r in (OLD, NEW))
    jsonl("w.jsonl", id=IDS, label=label, v1=v1, v2=v2)


@case("names against codes", ["w.csv", *V], says="--same",
      remedy=["--same", "1=spam", "--same", "0=ham"], then="fail")  # fmt: skip
def _() -> None:
    label = spread([0, 1])
    v1, v2 = (words(np.array(answers(label, r, [0, 1])) == 1, "spam", "ham") for r in (OLD, NEW))
    text("w.csv", id=IDS, y=label, v1=v1, v2=v2)


# --- values that a parser would merge


def respelt(label: Sequence[str], other: dict[str, str]) -> Callable[[], None]:
    """The new model gives the other spelling, which is another class."""

    def write() -> None:
        truth = spread(label)
        text("t.csv", id=IDS, label=truth, v1=truth, v2=[other.get(a, a) for a in truth])

    return write


for what, label, other in [
    ("1e3 and 1000", ["1000", "5", "7"], {"1000": "1e3"}),
    ("1.0 and 1", ["1", "2", "1.0"], {"1.0": "1"}),
    ("dates", ["2024-01-01", "2024-02-01"], {"2024-01-01": "2024-1-1"}),
    ("times", ["01:00", "02:30"], {"01:00": "1:00"}),
    ("integers beyond 64 bits", ["92233720368547758070", "92233720368547758071"],
     {"92233720368547758070": "92233720368547758071"}),
    ("leading zeros", ["007", "7", "12"], {"007": "7"}),
]:  # fmt: skip
    case(what, ["t.csv", *V, "--label", "label"], verdict="fail")(respelt(label, other))


@case("ids with leading zeros are different items", ["t.csv", *V], verdict="pass")
def _() -> None:
    label = spread("abc")
    ids = [f"{i // 2:0{3 + i % 2}d}" for i in range(N)]
    text(
        "t.csv",
        id=ids,
        label=label,
        v1=answers(label, GOOD, "abc"),
        v2=answers(label, FINE, "abc"),
    )


@case("whole numbers that pandas wrote as 1.0", ["t.csv", *V, "--labels", "random"], verdict="fail")
def _() -> None:
    label = spread([0, 1, 2])
    with_gaps = ["" if i % 9 == 0 else f"{x}.0" for i, x in enumerate(label)]
    text(
        "t.csv",
        id=IDS,
        y=with_gaps,
        v1=answers(label, GOOD, [0, 1, 2]),
        v2=answers(label, NEW, [0, 1, 2]),
    )


@case("NA for a missing number", ["t.csv", *V, "--labels", "random"], verdict="fail")
def _() -> None:
    label = spread([0, 1, 2])
    text("t.csv", id=IDS, y=["NA" if i % 9 == 0 else x for i, x in enumerate(label)],
         v1=answers(label, GOOD, [0, 1, 2]), v2=answers(label, NEW, [0, 1, 2]))  # fmt: skip


@case("NA as a word: Namibia", ["t.csv", *V], verdict="fail")
def _() -> None:
    label = spread(["NA", "DE", "FR"])
    text("t.csv", id=IDS, label=label, v1=label, v2=answers(label, NEW, ["NA", "DE", "FR"]))


# --- judges, runs, losses, tolerances


@case("a judge's scores without a word", ["j.csv", *V], says="--judge",
      remedy=["--judge", "--threshold", "0.5"], then="fail")  # fmt: skip
def _() -> None:
    text("j.csv", id=IDS, v1=np.where(OLD, 0.8, 0.3), v2=np.where(NEW, 0.8, 0.3))


@case("a judge's scores, compared", ["j.csv", *V, "--judge"], verdict="fail", says="wins on")
def _() -> None:
    text("j.csv", id=IDS, v1=np.where(OLD, 0.8, 0.3), v2=np.where(NEW, 0.8, 0.3))


@case("equal scores of a judge are no flips", ["j.csv", *V, "--judge"], verdict="pass")
def _() -> None:
    text("j.csv", id=IDS, v1=[0.7] * N, v2=[0.7] * N)


@case("many small wins and a few large losses", ["j.csv", *V, "--judge"], verdict="fail")
def _() -> None:
    new = np.where(np.arange(N) % 5 == 0, 1.0, 7.2)
    text("j.csv", id=IDS, v1=[7.0] * N, v2=new)


@case("flips of a judge's scores", ["j.csv", *V, "--judge", "--max-nfr", "2%"], says="--threshold",
      remedy=["--threshold", "0.5"], then="fail")  # fmt: skip
def _() -> None:
    text("j.csv", id=IDS, v1=np.where(OLD, 0.8, 0.3), v2=np.where(NEW, 0.8, 0.3))


@case("a row that sums up the others", ["j.csv", *V], says="--where",
      remedy=["--where", "id <> 'mean'"], then="fail")  # fmt: skip
def _() -> None:
    text(
        "j.csv",
        id=[*IDS, "mean"],
        v1=[*OLD.astype(int), OLD.mean()],
        v2=[*NEW.astype(int), NEW.mean()],
    )


@case("half a per cent, or a half?", ["j.csv", *V, "--max-nfr", "0.5"], says="0.5%",
      remedy=["--max-nfr", "0.5%"], then="fail", without=["--max-nfr", "0.5"])  # fmt: skip
def _() -> None:
    text("j.csv", id=IDS, v1=OLD.astype(int), v2=NEW.astype(int))


for column in ("n", "both", "negative", "positive", "w", "true class", "__old", "old", "agree"):

    def _slices(column: str = column) -> None:
        label = spread("ab")
        sex = ["f" if i % 2 else "m" for i in IDS]
        text("j.csv", id=IDS, y=label, v1=label, v2=answers(label, NEW, "ab"), **{column: sex})

    # the label's classes are slices of "true class", too
    written = "true class (column)" if column == "true class" else column
    case(f"a group called {column}", ["j.csv", *V, "--group", column], verdict="fail",
         says=f"{written} = f")(_slices)  # fmt: skip


@case("runs of ten", ["j.csv", *V], says="--runs", remedy=["--runs", "10"], then="fail")
def _() -> None:
    text("j.csv", id=IDS, v1=np.where(OLD, 9, 3), v2=np.where(NEW, 9, 3))


@case("runs by a column", ["j.csv", *V, "--runs", "k"], verdict="fail")
def _() -> None:
    text("j.csv", id=IDS, k=[10] * N, v1=np.where(OLD, 9, 3), v2=np.where(NEW, 9, 3))


@case(
    "predictions of a price",
    ["j.csv", *V],
    says="--within",
    remedy=["--within", "2.5"],
    then="fail",
)
def _() -> None:
    price = np.arange(N) * 1.7 + 10.3
    text(
        "j.csv",
        id=IDS,
        y=price.round(2),
        v1=(price + np.where(GOOD, 1, 9.1)).round(2),
        v2=(price + np.where(NEW, 1, 9.1)).round(2),
    )


@case("losses", ["j.csv", *V, "--loss", "0"], verdict="fail")
def _() -> None:
    text("j.csv", id=IDS, v1=np.where(GOOD, 0, 3), v2=np.where(NEW, 0, 3))


@case("sets of labels", ["j.jsonl", *V], verdict="fail", says="sets of labels")
def _() -> None:
    label = [["a", "b"] if i % 2 else ["c"] for i in IDS]
    jsonl("j.jsonl", id=IDS, label=label, v1=[x[::-1] for x in label],
          v2=[x if r else ["d"] for x, r in zip(label, NEW, strict=True)])  # fmt: skip


@case("sets of labels, by overlap", ["j.jsonl", *V, "--overlap", "0.5"], verdict="pass")
def _() -> None:
    label = [["a", "b"] for _ in IDS]
    jsonl(
        "j.jsonl",
        id=IDS,
        label=label,
        v1=[["a"] if r else ["x"] for r in GOOD],
        v2=[["b", "a", "a"]] * N,
    )


@case("a list against a word", ["j.jsonl", *V], says="sets of labels are compared with sets")
def _() -> None:
    jsonl("j.jsonl", id=IDS, label=["a"] * N, v1=[["a"]] * N, v2=[["b"]] * N)


# --- tables that are not what they seem


@case("records in a column", ["r.jsonl", "--old", "v1", "--new", "v2"], says="v1.answer")
def _() -> None:
    label = spread("ab")
    jsonl(
        "r.jsonl", id=IDS, label=label, v1=[{"answer": a} for a in label], v2=[{"answer": "a"}] * N
    )


@case(
    "a key of the records", ["r.jsonl", "--old", "v1.answer", "--new", "v2.answer"], verdict="fail"
)
def _() -> None:
    label = spread("ab")
    jsonl("r.jsonl", id=IDS, label=label, v1=[{"answer": a} for a in label],
          v2=[{"answer": a, "cost": 3} for a in answers(label, NEW, "ab")])  # fmt: skip


@case("a column twice", ["r.csv", *V], says="2 columns called 'v2'")
def _() -> None:
    Path("r.csv").write_text("id,y,v1,v2,v2\n" + "".join(f"{i},1,1,0,1\n" for i in IDS))


@case(
    "columns that differ in case, both used",
    ["r.csv", "--old", "v", "--new", "V"],
    says="rename one",
)
def _() -> None:
    text("r.csv", id=IDS, y=spread("ab"), v=spread("ab"), V=["a"] * N)


@case("columns that differ in case, one of them used", ["r.csv", *V], verdict="fail")
def _() -> None:
    label = spread("ab")
    text("r.csv", id=IDS, y=label, V1=["zzz"] * N, v1=label, v2=answers(label, NEW, "ab"), V2=label)


@case(
    "rows that repeat an id",
    ["r.csv", *V],
    says="--cluster id",
    remedy=["--cluster", "id"],
    then="fail",
)
def _() -> None:
    label = spread("ab")
    text("r.csv", id=[i // 2 for i in IDS], y=label, v1=label, v2=answers(label, NEW, "ab"))


for what, weights, said in [
    ("infinite weights", ["1"] * (N - 1) + ["inf"], "infinite"),
    ("weights that are all 0", ["0"] * N, "weights"),
    ("a missing weight", ["1"] * (N - 1) + ["nan"], "missing or negative"),
]:

    def _write(weights: list[str] = weights) -> None:
        label = spread("ab")
        text("r.csv", id=IDS, y=label, w=weights, v1=answers(label, GOOD, "ab"), v2=label)

    case(what, ["r.csv", *V, "--weight", "w"], says=said)(_write)


@case("a CSV file of 0 bytes", ["r.csv", *V], says="is empty")
def _() -> None:
    Path("r.csv").write_bytes(b"")


@case(
    "a row with too few fields",
    ["r.csv", *V],
    says="line 3 of r.csv has 2 fields where the header has 4",
)
def _() -> None:
    Path("r.csv").write_text("id,y,v1,v2\n1,1,1,1\n2,1\n3,0,0,0\n")


@case("UTF-16", ["r.csv", *V], says="iconv -f UTF-16")
def _() -> None:
    Path("r.csv").write_text("id,y,v1,v2\n1,1,1,1\n", encoding="utf-16")


@case("Latin-1", ["r.csv", *V], says="iconv -f LATIN1")
def _() -> None:
    Path("r.csv").write_text("id,y,v1,v2\n1,größe,größe,größe\n", encoding="latin-1")


# --- the same rows in other files


def graded_text(right: np.ndarray = NEW) -> pd.DataFrame:
    label = spread("abc")
    return pd.DataFrame(
        {
            "id": IDS,
            "y": label,
            "v1": answers(label, GOOD, "abc"),
            "v2": answers(label, right, "abc"),
        }
    )


@case("a semicolon and a byte order mark", ["f.csv", *V], verdict="fail")
def _() -> None:
    Path("f.csv").write_bytes(
        b"\xef\xbb\xbf" + graded_text().to_csv(index=False, sep=";", lineterminator="\r\n").encode()
    )


@case("tabs", ["f.tsv", *V], verdict="fail")
def _() -> None:
    graded_text().to_csv("f.tsv", index=False, sep="\t")


@case("quotes, commas and line breaks", ["f.csv", *V], verdict="fail")
def _() -> None:
    rows = graded_text()
    for column in ("y", "v1", "v2"):
        rows[column] = rows[column].map({"a": 'say "a", b', "b": "two\nlines", "c": "c"})
    rows.to_csv("f.csv", index=False)


@case("gzip", ["f.jsonl.gz", *V], verdict="fail")
def _() -> None:
    with gzip.open("f.jsonl.gz", "wt") as file:
        graded_text().to_json(file, orient="records", lines=True)


@case("an array of records", ["f.json", *V], verdict="fail")
def _() -> None:
    graded_text().to_json("f.json", orient="records")


@case("NaN in JSON", ["f.jsonl", *V, "--labels", "random"], verdict="fail")
def _() -> None:
    label = [float("nan") if i % 9 == 0 else i % 3 for i in IDS]
    Path("f.jsonl").write_text(
        "\n".join(json.dumps({"id": i, "y": x, "v1": i % 3, "v2": 1}) for i, x in enumerate(label))
    )


@case("categories and small integers", ["f.parquet", *V], verdict="fail")
def _() -> None:
    rows = graded_text().astype({"y": "category", "v1": "category"})
    pq.write_table(pa.Table.from_pandas(rows), "f.parquet")


@case("booleans against 0 and 1", ["f.parquet", *V], verdict="fail")
def _() -> None:
    label = spread([True, False])
    pd.DataFrame({"id": IDS, "y": label, "v1": answers(label, GOOD, [True, False]),
                  "v2": np.array(answers(label, NEW, [True, False])).astype("int8")}).to_parquet("f.parquet")  # fmt: skip


@case("timestamps as classes", ["f.parquet", *V], verdict="fail")
def _() -> None:
    days = list(pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-01"]))
    label = spread(days)
    pd.DataFrame(
        {"id": IDS, "y": label, "v1": answers(label, GOOD, days), "v2": answers(label, NEW, days)}
    ).to_parquet("f.parquet")


@case("a Parquet file with the name of a CSV file", ["f.csv", *V], verdict="fail")
def _() -> None:
    graded_text().to_parquet("f.csv")


@case("an Excel file", ["f.xlsx", *V], says="export the table as CSV")
def _() -> None:
    with zipfile.ZipFile("f.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")


@case("a header and no row", ["f.csv", *V], says="no rows")
def _() -> None:
    Path("f.csv").write_text("id,y,v1,v2\n")


@case("a mixture of texts and numbers", ["f.jsonl", *V], says="mixes")
def _() -> None:
    jsonl("f.jsonl", id=IDS, label=[i if i % 2 else str(i) for i in IDS], v1=IDS, v2=IDS)


CASES = tuple(TABLE)
