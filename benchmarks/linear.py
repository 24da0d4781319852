"""Write docs/benchmarks/linear.md from what the other ``linear_*`` benchmarks have kept.

Run with ``python -m benchmarks.linear``; it computes nothing.
"""

import platform
from importlib.metadata import version

import numpy as np

from benchmarks.linear_rows import HERE, found, interval

SHOTS = ("1", "2", "5", "10", "25")


def verdict(reached: bool) -> str:
    return "reached" if reached else "**missed**"


def table(head, rows) -> str:
    lines = ["| " + " | ".join(r) + " |" for r in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:], ""])


def fewshot() -> str:
    results = found("fewshot")
    if not results:
        return ""

    weighted = found("weighted")[: len(results)]  # the default, kept by itself

    def of(act: str, name: str, shots: str) -> list[float]:
        source = weighted if name == "weighted" else results
        return [r[f"{act} {shots}"][name] for r in source]

    names = [
        ("LQF, regularization by leave-one-out", "relu", "lqf"),
        ("LQF, weight of the layers before the last by leave-one-out too", "relu", "weighted"),
        ("LQF, regularization on the validation images", "relu", "lqf validated"),
        ("LQF by leave-one-out, leaky ReLU .2", "leaky", "lqf"),
        ("the same, weight by leave-one-out too", "leaky", "weighted"),
        ("fine-tuning, rate on the validation images", "relu", "tuned"),
        ("the same, leaky ReLU .2", "leaky", "tuned"),
        ("fine-tuning at its worst rate", "relu", "worst rate"),
        ("linear probe", "relu", "probe"),
    ]
    if not weighted:
        names = [entry for entry in names if entry[2] != "weighted"]
    rows = []
    for words, act, name in names:
        by_seed = np.mean([of(act, name, s) for s in SHOTS], axis=0)
        if len(by_seed) < len(results):
            words += f" ({len(by_seed)} seeds)"
        rows.append((words, *(interval(of(act, name, s)) for s in SHOTS), interval(by_seed)))

    def mean(name: str, act: str = "relu") -> np.ndarray:
        return np.mean([of(act, name, s) for s in SHOTS], axis=0)

    worst = all(np.mean(of("relu", "lqf", s)) > np.mean(of("relu", "worst rate", s)) for s in SHOTS)
    facts = []
    leaky = mean("lqf", "leaky")
    for words, gap, goal in [
        ("LQF on leaky ReLU minus fine-tuning on leaky ReLU", leaky - mean("tuned", "leaky"), 0.0),
        ("LQF on leaky ReLU minus fine-tuning on ReLU", leaky - mean("tuned"), 0.0),
        ("LQF on ReLU minus fine-tuning on ReLU", mean("lqf") - mean("tuned"), 0.0),
        ("The same, regularization on the validation images", mean("lqf validated") - mean("tuned"), 0.0),
        ("LQF minus linear probe, ReLU", mean("lqf") - mean("probe"), 0.03),
    ]:  # fmt: skip
        facts.append(
            f"- {words}: {interval(gap)} points on average (target ≥ {goal * 100:g}):"
            f" {verdict(gap.mean() >= goal)}."
        )
    if weighted:
        some = len(weighted)
        gap = mean("weighted")[:some] - mean("tuned")[:some]
        facts.append(
            f"- LQF on ReLU, weight by leave-one-out, minus fine-tuning on ReLU, {some} seeds: {interval(gap)} points on"
            f" average (target ≥ 0): {verdict(gap.mean() >= 0)}; minus weight 1, the same seeds:"
            f" {interval(mean('weighted') - mean('lqf')[:some])} points, on leaky ReLU"
            f" {interval(mean('weighted', 'leaky') - leaky[:some])}."
        )
    facts.append(f"- LQF above fine-tuning's worst rate in every column: {verdict(worst)}.")
    seconds = np.mean([r["relu 25"]["lqf seconds"] for r in results])
    text = (
        "A network of 11,813 parameters, trained on 3,000 digits 0–4; fitted to a few images of 5–9; accuracy in % on"
        f" 1,000 test images, mean and 95 % interval over {len(results)} seeds. Fine-tuning: Adam, 100 steps, the best of four"
        " rates on 250 further images. Choosing LQF's regularization on the same images gives it the same help."
        f" The fit to 125 images takes {seconds:.1f} CPU seconds, Jacobians included."
    )
    return "\n".join(
        ["## Few-shot digits", "", text, "", table(("accuracy", *(f"{s} shots" for s in SHOTS), "mean"), rows), *facts, ""]
    )  # fmt: skip


def flips() -> str:
    results = found("flips")
    if not results:
        return ""
    names = [
        ("old", "old"), ("LQF, unconstrained", "plain"), ("LQF, held, strength and items by validation", "kept"),
        ("LQF, held on old-right items only, strength by validation", "kept right"),
        ("half of the unconstrained change", "half the change"),
    ]  # fmt: skip
    plain = np.array([r["plain"]["nfr"] for r in results])
    rows = []
    for words, name in names:
        errors, nfr = ([r[name][k] for r in results] for k in ("error", "nfr"))
        worse = np.array(errors) - [r["plain"]["error"] for r in results]
        rows.append((words, interval(errors, digits=2), interval(nfr, digits=2), f"{np.mean(nfr) / plain.mean():.2f}",
                     interval(worse, digits=2)))  # fmt: skip
    kept = np.mean([r["kept"]["nfr"] for r in results]) / plain.mean()
    worse = np.mean([r["kept"]["error"] - r["plain"]["error"] for r in results])
    text = (
        "Old: 11,978 parameters trained on 400 digits. Update: 100 more digits. Strength chosen on 500 further ones within"
        f" 0.1 points of the unconstrained error; judged on 2,000 test images, {len(results)} seeds. The unconstrained fit to 100 items alone loses more than it gains, so it is an easy rival; half of its change is a harder one."
    )
    return "\n".join(
        ["## Updates held near the old network where it was right", "", text, "",
         table(("update", "error %", "NFR %", "ratio", "error − unconstrained, points"), rows),
         f"- NFR ≤ 0.6 × the unconstrained at ≤ 0.1 points of error: {kept:.2f} × at {worse * 100:+.2f} points:"
         f" {verdict(kept <= 0.6 and worse <= 0.001)}.",
         f"- Largest relative duality gap: {max(r['gap'] for r in results):.1e}.", ""]
    )  # fmt: skip


def equalities() -> str:
    results = found("equalities")
    if not results:
        return ""
    goals = {
        "the network at no change": (1e-6, 1e-6), "linear": (1e-5, 1e-5),
        "leave-one-out and n refits": (1e-8, 1e-4), "forget and the refit": (1e-8, 1e-4),
    }  # fmt: skip
    wide, narrow = (results[0][f"torch.{t}"] for t in ("float64", "float32"))
    rows = [
        (name, f"{wide[name]:.1e}", f"{narrow[name]:.1e}",
         f"{goals[name][0]:g} / {goals[name][1]:g}" if name in goals else "",
         verdict(wide[name] <= goals[name][0] and narrow[name] <= goals[name][1]) if name in goals else "")
        for name in wide
    ]  # fmt: skip
    text = "Largest differences, 30 digits and 11,978 parameters; relative, except at no change."
    return "\n".join(["## How exact?", "", text, "", table(("what", "float64", "float32", "target", ""), rows)])  # fmt: skip


def costs() -> str:
    results = found("costs")
    if not results:
        return ""
    rows = []
    for kind, c in results[0].items():
        time = c["linear"] / c["plain"]
        row = [kind, f"{c['plain'] * 1e3:.0f} ms", f"{time:.2f}", verdict(time <= 3.5)]
        if "plain MB" in c:
            memory = c["linear MB"] / c["plain MB"]
            row += [f"{c['plain MB']:.0f} MB", f"{memory:.2f}", verdict(memory <= 2.5)]
        else:
            row += ["not measured", "", ""]
        rows.append(tuple(row))
    text = (
        "A training step (forward, backward, SGD) on 32 items, one thread; medians in turns, and the rise of the peak"
        " memory over three steps, each in a process of its own. Targets: 3.5 × the time, 2.5 × the memory."
    )
    head = ("network", "plain step", "× time", "", "plain peak", "× memory", "")
    return "\n".join(["## What does a step cost?", "", text, "", table(head, rows)])


def backbones() -> str:
    made = []
    for name, words in (
        ("images", "EfficientNet-Lite0, digits 5–9 at 96 × 96; the last two blocks and a new head"),
        (
            "texts",
            "MiniLM-L6, five sections of Debian descriptions, 32 tokens; the last layer and a new head",
        ),
    ):
        fits = found(f"lqf_{name}")
        results = found(name)[: len(fits)]  # the same seeds
        if not results:
            continue
        rows = [
            (what, *(interval([r[s][key] for r in of]) for s in ("5", "10", "25")))
            for what, key, of in [("LQF, rank 8, weight of the layers before the last by leave-one-out", "lqf", fits),
                                  ("LQF, rank 8, weight 1", "plain", fits),
                                  ("linear probe", "probe", results),
                                  ("fine-tuning, rate on 100 further items", "tuned", results),
                                  ("fine-tuning at its worst rate", "worst rate", results)]
        ]  # fmt: skip
        gaps = [
            interval(
                np.mean([[f[s]["lqf"] - r[s][rival] for s in ("5", "10", "25")] for f, r in zip(fits, results, strict=True)], axis=1)
            )
            for rival in ("probe", "tuned")
        ]  # fmt: skip
        share, plain = (
            np.mean([f[s][key] for f in fits for s in ("5", "10", "25")])
            for key in ("share", "plain share")
        )
        made += [f"{words}; accuracy in % on 400 test items, {len(results)} seed{'s' * (len(results) > 1)}.", "",
                 table(("accuracy", "5 shots", "10 shots", "25 shots"), rows),
                 f"LQF minus the linear probe, on average over the shots: {gaps[0]} points; minus fine-tuning: {gaps[1]}.",
                 f"The layers before the last make up {share:.0%} of the kernel's diagonal (at weight 1: {plain:.0%}).", ""]  # fmt: skip
    return "\n".join(["## Real backbones", "", *made]) if made else ""


def ablation() -> str:
    results = found("ablation")
    if not results:
        return ""
    rows = [(name, interval([r[name] for r in results])) for name in results[0]]
    text = (
        "Ten shots of the few-shot digits, always on the expansion; plain stochastic gradients take the best of three rates on the"
        f" 250 validation images, 60 steps; K-FAC and the exact solution have no rate. {len(results)} seeds."
    )
    return "\n".join(["## The paper's ingredients, one by one", "", text, "", table(("expansion of, loss, solver", "accuracy %"), rows)])  # fmt: skip


def notes() -> str:
    lines = [
        "## What to know of these figures", "",
        "- Few shots: seeds 0 to 3 were looked at before the others. After the first, the rate 1e-4 was dropped from the",
        "  grid of fine-tuning to save time, which cannot help fine-tuning. Starting from the linear probe instead of a random",
        "  head, other sizes of that head, and rules that prefer a default regularization were tried on seeds 100 to 107 and",
        "  images that no figure uses; none was better by more than .3 points, so nothing was changed. Leaky ReLU is one of",
        "  the article's three ingredients.",
        "- Real backbones: LQF changes two blocks or one layer at rank 8 and the head in full, fine-tuning all weights of",
        "  them. Until the head was fitted in full it saw 8 random directions of its features, and LQF lost to the linear",
        "  probe by up to 13 points (36.7 % against 49.9 %, MiniLM, 5 shots). The kernel of the layers before the head was",
        "  not the cause: it makes up 4 to 7 % of the diagonal. The shares to choose from, and the rule (least squared",
        "  error), were chosen on seeds 100 to 105, which no figure uses; preferring the probe within one standard error",
        "  was tried there and cost 2.7 points on digits. The lines say of how many seeds the fits were run.",
        "- Two bounds in the tests were set after what was measured, before they were first committed: the certificate's",
        "  distance in float64 (1e-7; 1.05e-8 was measured) and the gradient that SGD reaches (0.1; 0.054 was measured).",
        "- Few shots, updates, ingredients and the rivals on backbones were computed with torch 2.11.0 on one core per seed",
        "  of an Intel Xeon; the rest, and rows with a weight by leave-one-out, with the versions above. Tables of updates",
        "  and ingredients have weight 1.",
        "- The weights of the backbones were rounded to half precision before they were used.",
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    made = ", ".join(f"{p} {version(p)}" for p in ("torch", "numpy"))
    parts = [fewshot(), flips(), equalities(), costs(), ablation(), backbones(), notes()]
    head = (
        "# Linear-quadratic fine-tuning\n\nWritten by `python -m benchmarks.linear` from what `benchmarks.linear_fewshot`,"
        " `linear_flips`, `linear_costs`, `linear_ablation` and `linear_backbones` keep by seed; each resumes where it was cut"
        f" off. Python {platform.python_version()}, {made}.\n"
    )
    text = "\n".join([head, *(part for part in parts if part)]).rstrip() + "\n"
    (HERE / "docs" / "benchmarks" / "linear.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
