"""The same pairs of runs, given to supersede and to three peers, as their users would.

The peers live in an environment of their own; ``SUPERSEDE_PEERS_RUNS`` names its folder of programs
(made with ``pip install evalsig evalci toolkit-eval-harness zstandard``). Without it, our column alone
is measured. Files: those that the tools themselves wrote (``tools/make_run_fixtures``), and larger ones
in the same formats, with a known fault.
"""

import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import write

FILES = Path(__file__).parents[1] / "tests" / "table" / "runs" / "files"
PEERS = os.environ.get("SUPERSEDE_PEERS_RUNS")
N = 400

WRITTEN = {
    "Inspect, `.eval`": ("inspect", "inspect_{}.eval", []),
    "Inspect, 3 epochs, `.json`": ("inspect", "inspect_{}_epochs.json", []),
    "lm-eval, two metrics": ("lm-eval", "samples_sums_choice_{}.jsonl", ["acc"]),
    "lm-eval, two filters": ("lm-eval", "samples_sums_text_{}.jsonl", ["exact_match,strict-match"]),
    "promptfoo": ("promptfoo", "promptfoo_{}.json", []),
    "DeepEval, two metrics": ("deepeval", "deepeval_{}.json", []),
    "OpenAI evals": ("openai-evals", "openai_evals_{}.jsonl", []),
    "MLflow": ("mlflow", "mlflow_{}.json", []),
    "JUnit XML": ("junit", "junit_{}.xml", []),
    "pytest's JSON report": ("pytest", "pytest_{}.json", []),
}


def run(command: list[str]) -> tuple[int, str, float]:
    """Exit code, output and CPU seconds of a program."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    env = os.environ | {"OMP_NUM_THREADS": "1", "EVALSIG_TELEMETRY": "0", "DO_NOT_TRACK": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return done.returncode, done.stdout + done.stderr, spent


def ours(old: Path, new: Path, metric: list[str], *more: str) -> tuple[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "r.json"
        flags = [f"--metric={name}" for name in metric]
        code = "import sys; from supersede.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", code, "review", str(old), str(new), *flags, *more]
        _, said, spent = run([*command, "--quiet", "--json", str(result)])
        if not result.exists():
            return f"refused: {_first(said, 'error: ')}", spent
        data = json.loads(result.read_text())
    overall = data["candidates"][0]["overall"]
    gain = next(f for f in data["candidates"][0]["findings"] if f["check"] == "min_gain")
    nfr, pfr = overall["nfr"], overall["pfr"]
    return (
        f"{data['verdict']}; n {data['table']['labelled']}, Δ {_points(gain['estimate'])}"
        f" [{_points(gain['low'])}, {_points(gain['high'])}], NFR {nfr:.1%}, PFR {pfr:.1%}"
    ), spent


def evalsig(old: Path, new: Path, format: str, metric: list[str]) -> tuple[str, float]:
    flags = [f"--metric={name}" for name in metric]
    command = [f"{PEERS}/evalsig", "compare", "--baseline", str(old), "--candidate", str(new)]
    status, said, spent = run([*command, *flags])
    if status == 2 or "delta:" not in said:
        return f"refused: {_first(said, 'error: ')}", spent
    found = dict(re.findall(r"^([\w ()%-]+):\s+(.*)$", said, re.M))
    return (
        f"Δ {found['delta']} {found['CI (95%)']}, p {found['p-value']}, n {found['n_pairs']}",
        spent,
    )


def evalci(old: Path, new: Path, format: str, metric: list[str]) -> tuple[str, float]:
    flags = [f"--metric-key={name}" for name in metric]
    status, said, spent = run([f"{PEERS}/evalci", "compare", str(old), str(new), *flags])
    if status or "Δ" not in said:
        return f"refused: {_first(said, 'Error: ')}", spent
    return said.strip().splitlines()[-1], spent


def toolkit(old: Path, new: Path, format: str, metric: list[str]) -> tuple[str, float]:
    if format not in {"inspect", "promptfoo", "deepeval"}:
        return "no reader", 0.0
    total = 0.0
    with tempfile.TemporaryDirectory() as folder:
        reports = []
        for name, path in (("old", old), ("new", new)):
            report = f"{folder}/{name}.json"
            _, said, spent = run(
                [f"{PEERS}/toolkit-eval", "import", format, str(path), "--out", report]
            )
            total += spent
            if not Path(report).exists():
                return f"refused: {_first(said, 'results: ')}", total
            reports.append(report)
        _status, said, spent = run(
            [
                f"{PEERS}/toolkit-eval",
                "compare",
                "--baseline",
                reports[0],
                "--candidate",
                reports[1],
            ]
        )
    total += spent
    try:
        found, _ = json.JSONDecoder().raw_decode(said[said.index("{\n") :])
    except ValueError:
        return f"refused: {_first(said, 'results: ')}", total
    verdict = "pass" if found.get("passed") else "fail"
    flips = (
        f"{len(found.get('new_failures', []))} new failures, {len(found.get('fixes', []))} fixes"
    )
    change = f"mean score down {found['score_regression_pct']:.1f} % (at most {found['regression_pct_upper']:.1f} %)"
    return f"{verdict}; n {found['paired_cases']}, {flips}, {change}", total


def _first(said: str, after: str) -> str:
    lines = [line for line in said.strip().splitlines() if line.strip()]
    line = next((line for line in reversed(lines) if after in line), lines[-1] if lines else "")
    line = re.sub(r"/\S+/", "", line.split(after)[-1])
    return line.replace("|", "\\|")[:150]


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"


def lm_eval(path: Path, right: dict[int, bool], *, question: str = "q", cut: bool = False) -> Path:
    """A file as the harness writes it, with these documents."""
    rows = [
        json.dumps(
            {
                "doc_id": i, "doc": {"question": f"{question}{i}"}, "target": "x",
                "arguments": {}, "resps": [["y"]], "filtered_resps": ["y"], "filter": "none",
                "metrics": ["acc"], "doc_hash": f"{question}{i}", "prompt_hash": f"{i}",
                "target_hash": "x", "acc": float(good),
            }
        )
        for i, good in right.items()
    ]  # fmt: skip
    text = "\n".join(rows) + "\n"
    path.write_text(text[: int(len(text) * 0.8)] if cut else text)
    return path


def faults(folder: Path) -> dict[str, tuple[Path, Path, list[str]]]:
    chance = random.Random(1)
    old = {i: chance.random() < 0.7 for i in range(N)}
    crashed = {i for i in range(N) if chance.random() < 0.15}
    new = {i: old[i] or chance.random() < 0.2 for i in range(N) if i not in crashed}
    worse = {i: old[i] and chance.random() < 0.9 for i in range(N)}
    first = lm_eval(folder / "samples_t_old.jsonl", old)
    return {
        "the new run crashed on 15 % of the items; better on the rest": (
            first, lm_eval(folder / "samples_t_crash.jsonl", new), []),
        "the same, missing answers counted as wrong": (
            first, lm_eval(folder / "samples_t_crash2.jsonl", new), ["--missing", "wrong"]),
        "the same ids, but other questions": (
            first, lm_eval(folder / "samples_t_other.jsonl", worse | {}, question="other"), []),
        "the same file twice": (first, first, []),
        "the new log is cut off after 80 %": (
            first, lm_eval(folder / "samples_t_cut.jsonl", old, cut=True), []),
        "7 points worse": (first, lm_eval(folder / "samples_t_worse.jsonl", worse), []),
    }  # fmt: skip


def main() -> None:
    peers = {"evalsig": evalsig, "evalci": evalci, "toolkit-eval": toolkit} if PEERS else {}
    rows = [["pair of runs", "supersede", *peers]]
    cost: dict[str, list[float]] = {name: [] for name in ("supersede", *peers)}

    def add(title, old, new, format, metric, *more):
        said = [ours(old, new, metric, *more)]
        said += [peer(old, new, format, metric) for peer in peers.values()]
        for name, (text, spent) in zip(cost, said, strict=True):
            if spent and not text.startswith("refused"):
                cost[name].append(spent)
        rows.append([title, *(text for text, _ in said)])
        print(*rows[-1], sep=" | ", flush=True)

    for title, (format, pattern, metric) in WRITTEN.items():
        more = ["--missing", "wrong"] if format in {"junit", "pytest"} else []
        add(
            title,
            FILES / pattern.format("old"),
            FILES / pattern.format("new"),
            format,
            metric,
            *more,
        )
    with tempfile.TemporaryDirectory() as folder:
        for title, (old, new, more) in faults(Path(folder)).items():
            add(f"{N} documents: {title}", old, new, "lm-eval", ["acc"] if PEERS else [], *more)
    middle = [f"{sorted(c)[len(c) // 2]:.1f}" if c else "" for c in cost.values()]
    rows.append(["**median CPU-s of a command**", *middle])
    write("runs", "Two runs, read as they are", "python -m benchmarks.runs", rows, NOTES)


NOTES = """The first ten pairs were written by the tools themselves (20 questions, of which the old
version gets 6 wrong and the new one 5; the dummy model of lm-eval guesses), and no command was given more
than the files, the metric where there are several, and for tests `--missing wrong`. The others have a
fault that is known.

What is compared: evalsig 0.1.2 (`compare`), evalci 0.1.0 (`compare`) and toolkit-eval-harness 1.0.0
(`import`, then `compare`). What each of them answers beyond this table: evalsig has sequential tests, power
and multiplicity; evalci has power and tables of many models; toolkit-eval signs its reports.

What the table shows: of these four, only supersede reads all ten formats. evalsig and evalci drop the
items that only one run has without a word, so a model that crashes on 15 % of the items looks better.
evalsig accepts one file as both runs, and on two filters gives an interval without width where half of
the answers flip. evalsig and evalci count no flips. toolkit-eval does, but gates on the mean score: on
DeepEval that is the mean over metrics, on promptfoo the weighted score with partial credit.
"""

if __name__ == "__main__":
    main()
