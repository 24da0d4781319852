"""Word error rates: counts against another alignment, their cost, and coverage of interactions.

    python -m benchmarks.speech [counts] [interactions 6 12 20]

Without arguments all of it runs. Results are kept in out/speech.json, from which the page is written.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
from tests.audit.speech.alignment import attainable
from tests.audit.speech.test_edits import pairs
from tests.coverage.test_speech_intervals import interaction

from benchmarks.measure import DOCS, cpu
from supersede.audit.speech import count_edits

STATE = Path("out/speech.json")
PAIRS = int(os.environ.get("SUPERSEDE_WORD_PAIRS", "100000"))
MANY = int(os.environ.get("SUPERSEDE_MANY_PAIRS", "1000000"))
RUNS = int(os.environ.get("SUPERSEDE_SIMULATIONS", "2000"))


def agreement():
    said, heard = zip(*pairs(PAIRS, seed=3), strict=True)
    found = count_edits(said, heard)
    edits = zip(
        found.substitutions.tolist(),
        found.deletions.tolist(),
        found.insertions.tolist(),
        strict=True,
    )
    return sum(
        e in attainable(s.split(), h.split()) for e, s, h in zip(edits, said, heard, strict=True)
    )


def cost():
    rng = np.random.default_rng(0)
    words = np.array([f"w{i}" for i in range(500)])
    drawn = rng.integers(0, 500, (MANY, 8))
    lengths = rng.integers(3, 9, MANY)
    wrong = rng.random((MANY, 8)) < 0.15
    heard = np.where(wrong, rng.integers(0, 500, (MANY, 8)), drawn)
    one, other = (
        [" ".join(words[row[:n]]) for row, n in zip(side, lengths, strict=True)]
        for side in (drawn, heard)
    )
    started = cpu()
    rate = count_edits(one, other).error_rate
    return cpu() - started, rate


def coverage(utterances):
    rng = np.random.default_rng(1)
    same = [interaction(rng, ratio=1.0, utterances=utterances) for _ in range(RUNS)]
    more = [interaction(rng, ratio=1.5, utterances=utterances) for _ in range(RUNS // 4)]
    return (
        float(np.mean([f.low <= 1 <= f.high for f in same])),
        float(np.mean([f.low > 1 for f in more])),
        float(np.median([f.detectable for f in more])),
    )


def attainable_power(utterances, ratio=1.5, speakers=20):
    """Power of the best unbiased estimate: its variance is at least what the model of `drawn` gives.

    Errors of a cell are at best binomial, with a variance of the logarithm of (1 - rate) / errors;
    what noise does to a speaker (lognormal, σ .2) adds .04 per speaker and group.
    """
    from scipy.special import ndtr

    words = speakers * utterances * 9.5
    rates = np.array([0.08, 0.16, 0.08, 0.16 * ratio])
    variance = ((1 - rates) / (rates * words)).sum() + 2 * 0.04 / speakers
    return float(ndtr(np.log(ratio) / np.sqrt(variance) - 1.96))


def kept() -> dict:
    return json.loads(STATE.read_text()) if STATE.exists() else {}


def keep(name: str, found: dict) -> None:
    STATE.parent.mkdir(parents=True, exist_ok=True)
    STATE.write_text(json.dumps(kept() | {name: found}, indent=1))


def counts() -> None:
    seconds, rate = cost()
    keep("cost", {"pairs": MANY, "seconds": seconds, "rate": float(rate)})
    keep("agreement", {"pairs": PAIRS, "agreed": int(agreement())})


def interactions(sizes) -> None:
    for utterances in sizes:
        covered, found, ratio = coverage(utterances)
        keep(f"interaction {utterances}", {"covered": covered, "found": found, "ratio": ratio, "runs": RUNS})  # fmt: skip


def page() -> None:
    found = kept()
    lines = [
        "# Word error rates",
        "",
        "Printed by `python -m benchmarks.speech`. CPU seconds of all threads, user and system.",
        "",
        "| what | measured | target |",
        "|---|---|---|",
    ]
    if one := found.get("agreement"):
        lines.append(
            f"| counts that are among the best divisions of an independent alignment, ties and empty sides included | {one['agreed']:,} of {one['pairs']:,} | all of 100,000 |"
        )
    if one := found.get("cost"):
        lines.append(
            f"| pooled WER of {one['pairs']:,} pairs of 3 to 8 words (WER {one['rate']:.3f}) | {one['seconds']:.1f} CPU-s | ≤ 20 for 1,000,000 |"
        )
    for name, one in found.items():
        if not name.startswith("interaction"):
            continue
        utterances = int(name.split()[1])
        ratio = f"; found in 80 %: a ratio of {one['ratio']:.2f}" if one.get("ratio") else ""
        lines += [
            f"| interaction, 20 speakers per group, {utterances} utterances per condition: the interval covers, {one['runs']:,} simulations | {one['covered']:.3f} | ≥ .93 |",
            f"| … a planted interaction of 1.5 is found, {one.get('planted', one['runs'] // 4):,} simulations (at most {attainable_power(utterances):.2f} for any unbiased estimate{ratio}) | {one['found']:.3f} | ≥ .80 |",
        ]
    lines += [
        "",
        "Speakers in the simulation differ in their own rate (gamma, shape 4, mean .08) and in how noise",
        "affects them (lognormal, σ .2); utterances have 4 to 15 words. The target names no number of",
        "utterances: it is met from 15 per condition and speaker on. With six, the binomial variance of",
        "the errors alone allows no unbiased estimate that finds a ratio of 1.5 in 80 %, and an interval",
        "from the linearised variance and Student's t does not find it more often than the bootstrap.",
    ]
    (DOCS / "speech.md").write_text("\n".join(lines) + "\n")


def main(arguments: list[str]) -> None:
    if not arguments or "counts" in arguments:
        counts()
    if not arguments or "interactions" in arguments:
        interactions([int(a) for a in arguments if a.isdigit()] or (6, 12, 20))
    page()


if __name__ == "__main__":
    main(sys.argv[1:])
