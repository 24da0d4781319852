"""What strangers may send: each attack of the tests' list, how it ends, how soon, and what it costs.

And what honest submissions cost: reading and asking groups, models as data, ONNX in the child.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from tests.bounty.artefacts.attacks import ATTACKS, GOOD, Attack

from benchmarks.measure import seconds, write
from supersede.bounty.artefacts import (
    Codes,
    Numbers,
    OnnxModel,
    columns_of,
    design,
    features_of,
    from_sklearn,
    isolation,
    parse,
)
from supersede.errors import ArtefactError

ROWS = list[tuple[str, ...]]
WALL, MEMORY = 25, 50  # seconds and MB that an attack may take


def peak() -> float:
    """Largest memory of this process in MB since `forget`."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def forget() -> float:
    """Forget the largest memory so far; what is in use now, in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def tried(attack: Attack) -> tuple[str, str, float, float]:
    """How an attack ended: its error, what it says, seconds by the clock, growth of memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        before, start = forget(), time.monotonic()
        try:
            attack.run(Path(folder))
            error, says = "**none**", ""
        except ArtefactError as refused:
            error, says = type(refused).__name__, str(refused).splitlines()[0]
        except Exception as other:
            error, says = f"**{type(other).__name__}**", str(other)
        spent, grown = time.monotonic() - start, peak() - before
        if (Path(folder) / "canary").exists():
            error = "**code was run**"
    return error, says, spent, grown


def attacks() -> ROWS:
    """One row for all, and one an attack."""
    found = {attack.name: tried(attack) for attack in ATTACKS}
    typed = sum(found[attack.name][0] == attack.error.__name__ for attack in ATTACKS)
    slowest = max(found.values(), key=lambda row: row[2])[2]
    largest = max(found.values(), key=lambda row: row[3])[3]
    held = isolation()
    summary = [
        (f"{len(ATTACKS)} attacks that end in the error they should", f"{typed}", f"{len(ATTACKS)}", said(typed == len(ATTACKS))),
        ("the slowest, by the clock", f"{slowest:.1f} s", f"≤ {WALL} s", said(slowest <= WALL)),
        ("the largest growth of the server's memory", f"{largest:.0f} MB", f"≤ {MEMORY} MB", said(largest <= MEMORY)),
        ("measures that hold on this machine", ", ".join(held.held), "", ""),
        ("measures that it does not offer", ", ".join(held.missing) or "none", "", ""),
    ]  # fmt: skip
    plain = str.maketrans({"|": "/", "<": "‹", ">": "›", "`": "'", "*": "·"})
    each = [
        (f"attack: {name}", f"{error}: {says.translate(plain)[:90]}", f"{spent:.2f} s", f"{max(grown, 0):.0f} MB")
        for name, (error, says, spent, grown) in found.items()
    ]  # fmt: skip
    return [*summary, ("**attack**", "**how it ended**", "**wall**", "**memory**"), *each]


def said(reached: bool) -> str:
    return "reached" if reached else "**missed**"


def honest() -> ROWS:
    """What it costs to read and run what honest hunters send."""
    rng = np.random.default_rng(0)
    n = 1_000_000
    columns = {
        "age": rng.integers(17, 90, n), "hours": rng.normal(40, 10, n),
        "sex": rng.choice(np.array(["f", "m", None], dtype=object), n),
        "job": rng.choice([f"job {i}" for i in range(50)], n),
    }  # fmt: skip
    text = "18 <= age < 30 and sex == 'f' and (hours > 40 or job in ['job 1', 'job 2', 'job 3'])"
    group = parse(text)
    ready = columns_of(columns)
    few = {name: column.take(slice(20_000)) for name, column in ready.items()}
    features = features_of(few)
    x, y = design(features, few), rng.integers(0, 2, 20_000)
    tree = from_sklearn(DecisionTreeClassifier(max_depth=8).fit(x, y), features)
    linear = from_sklearn(LogisticRegression(max_iter=20).fit(x / 50, y), features)
    tenth = {name: column.take(slice(100_000)) for name, column in ready.items()}
    numbers = {"a": ready["hours"].take(slice(100_000)), "b": ready["age"].take(slice(100_000))}
    model = OnnxModel(GOOD, ("a", "b"))
    start = time.monotonic()
    model.predict(numbers, Numbers(-1e3, 1e3))
    child = time.monotonic() - start
    return [
        ("a group of five tests is read", f"{1e6 * seconds(lambda: [parse(text) for _ in range(1000)]) / 1000:.0f} µs", "", ""),
        ("10⁶ rows × 4 columns made ready, two of them texts", f"{seconds(lambda: columns_of(columns), 3):.2f} s", "", ""),
        ("its mask on 10⁶ rows that are ready", f"{1000 * seconds(lambda: group.mask(ready)):.0f} ms", "", ""),
        (f"a tree of {len(tree.feature)} nodes and {len(features)} features on 10⁵ rows", f"{1000 * seconds(lambda: tree.predict(tenth, Codes(2)), 3):.0f} ms", "", ""),
        ("a linear model of the same features on 10⁵ rows", f"{1000 * seconds(lambda: linear.predict(tenth, Codes(2)), 3):.0f} ms", "", ""),
        ("an ONNX model on 10⁵ rows in a child, all its runs, by the clock", f"{child:.1f} s", "", ""),
    ]  # fmt: skip


def main() -> None:
    rows: ROWS = [("what", "measured", "target", ""), *honest(), *attacks()]
    write(
        "bounty_artefacts", "Artefacts from strangers", "python -m benchmarks.bounty_artefacts", rows,
        "Seconds of attacks are by the clock, on a machine that other work shares; memory is the growth of"
        " the largest resident size of the process that reads and asks, its own making of the attack"
        " included. That a locked child opens nothing is held by a test under strace.",
    )  # fmt: skip


if __name__ == "__main__":
    main()
