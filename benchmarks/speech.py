"""Word error rates: counts against another alignment, their cost, and coverage of interactions."""

import os

import numpy as np
from tests.audit.speech.alignment import attainable
from tests.audit.speech.test_edits import pairs
from tests.coverage.test_speech_intervals import interaction

from benchmarks.measure import DOCS, cpu
from supersede.audit.speech import count_edits

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
        np.mean([f.low <= 1 <= f.high for f in same]), np.mean([f.low > 1 for f in more]),
        attainable_power(utterances), np.median([f.detectable for f in more]),
    )  # fmt: skip


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


def main():
    agreed = agreement()
    seconds, rate = cost()
    sizes = {utterances: coverage(utterances) for utterances in (6, 12, 20)}
    lines = [
        "# Word error rates",
        "",
        "Printed by `python -m benchmarks.speech`. CPU seconds of all threads, user and system.",
        "",
        "| what | measured | target |",
        "|---|---|---|",
        f"| counts that are among the best divisions of an independent alignment, ties and empty sides included | {agreed:,} of {PAIRS:,} | all of 100,000 |",
        f"| pooled WER of {MANY:,} pairs of 3 to 8 words (WER {rate:.3f}) | {seconds:.1f} CPU-s | ≤ 20 for 1,000,000 |",
        *(
            row
            for utterances, (covered, found, best, ratio) in sizes.items()
            for row in (
                f"| interaction, 20 speakers per group, {utterances} utterances per condition: the interval covers, {RUNS:,} simulations | {covered:.3f} | ≥ .93 |",
                f"| … a planted interaction of 1.5 is found, {RUNS // 4:,} simulations (at most {best:.2f} for any unbiased estimate; found in 80 %: a ratio of {ratio:.2f}) | {found:.3f} | ≥ .80 |",
            )
        ),
        "",
        "Speakers in the simulation differ in their own rate (gamma, shape 4, mean .08) and in how noise",
        "affects them (lognormal, σ .2); utterances have 4 to 15 words. The target names no number of",
        "utterances. With six per condition and speaker, the binomial variance of the errors alone allows",
        "no unbiased estimate that finds a ratio of 1.5 in 80 %; an interval from the linearised variance",
        "and Student's t finds it as often as the bootstrap does (.618 against .612 in 400 simulations).",
    ]
    (DOCS / "speech.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
