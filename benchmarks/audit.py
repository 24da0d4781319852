"""Audits: cost beside fairlearn, coverage of every interval, plans of few labels, real tables, a card.

Data for development lies in ../shared/data or the folder in SUPERSEDE_BENCH_DATA; without it the real
tables other than the demonstration's are left out, and the table says so.
"""

import json
import os
import tempfile
from datetime import date
from pathlib import Path

import fairlearn.metrics as fairlearn
import jsonschema
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sklearn.metrics as sklearn
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import cross_val_predict

import supersede
from benchmarks.measure import cpu, seconds, write
from supersede.audit import (
    Condition,
    Group,
    Rate,
    ZeroOne,
    audit_groups,
    audit_losses,
    card_schema,
    coverage,
    find_slices,
    group_estimands,
    service_card,
)
from supersede.audit.report import headline
from supersede.demo.employment import employment
from supersede.evaluate import estimate, plan
from supersede.metrics.agresti_coull import agresti_coull
from supersede.metrics.clopper_pearson import clopper_pearson
from supersede.metrics.intervals import z
from supersede.metrics.ratio_intervals import change, gap, interval, joint_interval
from supersede.metrics.ratio_sums import sum_ratios
from supersede.metrics.ratios import Part

DATA = Path(os.environ.get("SUPERSEDE_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
TRIALS = int(os.environ.get("SUPERSEDE_SIMULATIONS", "10000"))
SEEDS = min(200, TRIALS)
LABELS = 600
PEOPLE = 1000  # a group must have so many in the population for 600 labels to speak of its gap
ROWS = list[tuple[str, ...]]


def verdict(reached: bool) -> str:
    return "reached" if reached else "**missed**"


def beside_fairlearn() -> ROWS:
    """1e5 rows in 100 groups; both are given the same arrays."""
    rng = np.random.default_rng(0)
    n = 100_000
    y, m, g = (rng.integers(0, k, n) for k in (2, 2, 100))
    found = {}

    def ours() -> None:
        found["ours"] = audit_losses(y != m, {"g": g})

    def theirs() -> None:
        frame = fairlearn.MetricFrame(
            metrics=sklearn.zero_one_loss, y_true=y, y_pred=m, sensitive_features=g
        )
        found["theirs"] = frame.for_each_group, frame.overall

    def read() -> None:
        table = supersede.read({"y": y, "m": m, "g": g}, models=["m"])
        audit_groups(table, "m", groups=["g"])

    us, them, read_too = seconds(ours, 15), seconds(theirs, 3), seconds(read, 15)
    for_each_group, overall = found["theirs"]
    rows = found["ours"].rows
    worst = max(
        *(abs(row.value - for_each_group[row.values[0]]) for row in rows),
        *(abs(row.gap - (for_each_group[row.values[0]] - overall)) for row in rows),
    )
    return [
        ("`audit_losses`, 10⁵ rows × 100 groups, one loss, all intervals", f"{us * 1000:.1f} ms", "", ""),
        ("fairlearn's `MetricFrame` of the same arrays, without intervals", f"{them:.2f} s", "", ""),
        ("fairlearn / supersede", f"{them / us:.0f} ×", "≥ 50 ×", verdict(them / us >= 50)),
        ("largest difference of any value or gap", f"{worst:.0e}", "≤ 1e-12", verdict(worst <= 1e-12)),
        ("`supersede.read` and `audit_groups` of the same", f"{read_too * 1000:.0f} ms ({them / read_too:.0f} ×)", "", ""),
    ]  # fmt: skip


def overlapping() -> ROWS:
    """1e6 rows, 1000 groups of one to three conditions on eight columns, some of them continuous."""
    rng = np.random.default_rng(0)
    n = 1_000_000
    data = {"y": rng.integers(0, 2, n), "m": rng.integers(0, 2, n)}
    data |= {f"c{i}": rng.integers(0, k, n) for i, k in enumerate((2, 5, 9, 20, 50, 4))}
    data |= {"age": rng.integers(0, 95, n), "x": rng.random(n)}
    groups = []
    for number in range(1000):
        where = []
        for column in rng.choice(
            [c for c in data if c not in "ym"], rng.integers(1, 4), replace=False
        ):
            value = data[column][rng.integers(0, n)].item()
            order = ">=" if rng.random() < 0.5 else "<"
            if column == "x":
                where.append(Condition("x", order, round(value, 1)))
            elif column == "age":
                where.append(Condition("age", order, value // 5 * 5))
            else:
                where.append(Condition(str(column), "==", value))
        groups.append(Group(f"group {number}", tuple(where)))
    table = supersede.read(data, models=["m"])
    found = {}

    def work() -> None:
        found["audit"] = audit_groups(table, "m", groups=groups)

    spent = seconds(work, 3)
    size = np.mean([row.n for row in found["audit"].rows])
    return [
        (f"10⁶ rows × 1000 overlapping groups ({size:,.0f} items each on average), all intervals",
         f"{spent:.1f} s", "≤ 5 s", verdict(spent <= 5)),
    ]  # fmt: skip


def exact_coverage() -> ROWS:
    """Summed over all outcomes: n = 20…2000 and true shares .05….95, a thousandth apart."""
    sizes = [*range(20, 61), *range(65, 200, 15), 200, 300, 500, 800, 1000, 1500, 2000]
    shares = np.arange(0.05, 0.9501, 0.001)
    one, joint = [], []
    for n in sizes:
        hits = np.arange(n + 1)
        chance = stats.binom.pmf(hits[:, None], n, shares[None])
        for ends, kept in (
            (agresti_coull(hits / n, np.full(n + 1, n), z(0.95)), one),
            (clopper_pearson(hits / n, np.full(n + 1, n), 0.995), joint),
        ):
            low, high = (end[:, None] for end in ends)
            kept.append((chance * ((low <= shares) & (shares <= high))).sum(axis=0))
    mean, worst = np.mean(one), np.min(one)
    least = np.min(joint)
    return [
        (f"intervals of one group, shares, exact: mean coverage over {len(sizes)} sizes × {len(shares)} true shares",
         f"{mean:.4f}", "≥ .945", verdict(mean >= 0.945)),
        ("… the worst of all", f"{worst:.4f}", "≥ .92", verdict(worst >= 0.92)),
        ("joint intervals of 10 groups: the worst coverage of one at its share of .995, exact",
         f"{least:.4f}", "≥ .995", verdict(least >= 0.995)),
    ]  # fmt: skip


def counted(draw, sizes, trials, *, weight=None, cluster=None):
    """Counts of many audits at once: one row a trial and group, and one a trial for the whole."""
    groups = np.tile(np.repeat(np.arange(len(sizes)), sizes), trials)
    keys = {"trial": pa.array(np.repeat(np.arange(trials), sum(sizes))), "g": pa.array(groups)}
    lost = draw(groups)
    binary = weight is None and set(np.unique(lost)) <= {0.0, 1.0}
    clusters = None if cluster is None else pa.array(cluster)
    (found,) = sum_ratios(
        [Part(lost, binary=binary)], keys, [("trial", "g")], weight=weight, cluster=clusters
    )
    return found.take(np.lexsort((keys_of(found, "g"), keys_of(found, "trial"))))


def keys_of(found, name):
    return found.keys[name].to_numpy()


def held_together(truth, n, unit, draw, trials) -> float:
    """How often the joint intervals of all groups hold at once."""
    k = len(truth)
    found = counted(draw, [n] * k, trials)
    held = [
        joint_interval(found.take(np.arange(start, start + k)), 0, unit, 0.95)
        for start in range(0, len(found), k)
    ]
    return float(np.mean([np.all((low <= truth) & (truth <= high)) for low, high in held]))


def joint_coverage() -> ROWS:
    """Simultaneous over ten groups."""
    rng = np.random.default_rng(0)
    trials = TRIALS // 5
    least = 1.0
    for n in (20, 100, 500):
        for rates in ((0.05,), (0.5,), (0.05, 0.2, 0.8, 0.95)):
            truth = np.resize(rates, 10)
            least = min(least, held_together(
                truth, n, "share", lambda g, t=truth: (rng.random(len(g)) < t[g]).astype(float), trials
            ))  # fmt: skip
    skewed = held_together(
        np.ones(10), 50, "amount", lambda g: rng.exponential(size=len(g)), trials
    )
    return [
        (f"joint intervals of 10 groups hold at once, shares, n 20 to 500, {trials} trials × 9 settings, the least",
         f"{least:.3f}", "≥ .95", verdict(least >= 0.95)),
        ("… the same for exponential amounts, n 50", f"{skewed:.3f}", "", ""),
    ]  # fmt: skip


def other_coverage() -> ROWS:
    """Losses that are no plain shares, weights, clusters, gaps and changes; nominal .95."""
    rng = np.random.default_rng(1)
    trials = TRIALS
    rows: ROWS = []

    def share_of(rate):
        return lambda g: (rng.random(len(g)) < rate).astype(float)

    kinds = {
        "graded in [0, 1] (beta .5, 2)": (lambda g: rng.beta(0.5, 2, len(g)), 0.2, "share"),
        "share of 5 runs": (lambda g: rng.binomial(5, rng.beta(0.5, 2, len(g))) / 5, 0.2, "share"),
        "word errors (Poisson .5 an item)": (lambda g: rng.poisson(0.5, len(g)) * 1.0, 0.5, "amount"),
        "amounts, gamma of shape 2": (lambda g: rng.gamma(2, size=len(g)), 2.0, "amount"),
        "amounts, exponential": (lambda g: rng.exponential(size=len(g)), 1.0, "amount"),
        "amounts, lognormal (σ 1)": (lambda g: rng.lognormal(size=len(g)), np.exp(0.5), "amount"),
    }  # fmt: skip

    def told(name, covered):
        rows.append((f"coverage: {name}", ", ".join(f"{c:.3f}" for c in covered), "", ""))

    def holds(found, truth, unit) -> float:
        low, high = interval(found, 0, unit, 0.95)
        return float(np.mean((low <= truth) & (truth <= high)))

    for name, (draw, truth, unit) in kinds.items():
        told(f"{name}, n 20 / 50 / 200", [holds(counted(draw, [n], trials), truth, unit) for n in (20, 50, 200)])  # fmt: skip
    told("shares with lognormal weights (σ .7), n 20 / 50 / 200", [
        holds(counted(share_of(0.2), [n], trials, weight=rng.lognormal(0, 0.7, n * trials)), 0.2, "share")
        for n in (20, 50, 200)
    ])  # fmt: skip
    clustered = []
    for n in (80, 200):
        cluster = np.arange(n * trials) // 4
        rate = rng.beta(1, 4, len(cluster) // 4)[cluster]
        draw = share_of(rate)
        clustered.append(holds(counted(draw, [n], trials, cluster=cluster), 0.2, "share"))
    told("shares in clusters of 4, 20 / 50 clusters", clustered)
    truth, sizes = np.array([0.1, 0.3, 0.1]), [40, 60, 200]
    found = counted(lambda g: share_of(truth[g])(g), sizes, trials)
    covered = []
    overall = np.average(truth, weights=sizes)
    for start in range(0, len(found), 3):
        part = found.take(np.arange(start, start + 3))
        _, low, high = gap(part, whole_of(part), 0, "share", 0.95)
        covered.append((low <= truth - overall) & (truth - overall <= high))
    told("gaps to all items, groups of 40 / 60 / 200", np.mean(covered, axis=0))
    changes = []
    for n in (20, 60, 300):
        fate = rng.choice(4, size=n * trials, p=[0.75, 0.05, 0.1, 0.1])
        old, new = np.isin(fate, [2, 3]) * 1.0, np.isin(fate, [1, 3]) * 1.0
        keys = {"trial": pa.array(np.repeat(np.arange(trials), n))}
        (both,) = sum_ratios([Part(old, binary=True), Part(new, binary=True)], keys, [("trial",)])
        _, low, high = change(both, 0, 1, "share", 0.95)
        changes.append(np.mean((low <= -0.05) & (high >= -0.05)))
    told("paired changes of shares, n 20 / 60 / 300", changes)
    changes = []
    for n in (20, 60, 300):
        shared = rng.exponential(size=n * trials)
        old, new = (
            shared + rng.exponential(size=n * trials),
            shared + rng.exponential(size=n * trials),
        )
        keys = {"trial": pa.array(np.repeat(np.arange(trials), n))}
        (both,) = sum_ratios([Part(old), Part(new)], keys, [("trial",)])
        _, low, high = change(both, 0, 1, "amount", 0.95)
        changes.append(np.mean((low <= 0) & (high >= 0)))
    told("paired changes of amounts, n 20 / 60 / 300", changes)
    return rows


def whole_of(part):
    """All groups of one trial as one."""
    total = part.take(np.array([0]))
    for i in range(1, len(part)):
        total = total + part.take(np.array([i]))
    return total


def few_labels() -> ROWS:
    """One plan of 600 labels for the gaps of all groups, against 600 random labels."""
    people = employment()
    race = pd.Series(people["race"].to_pylist())
    common = race.map(race.value_counts()) >= PEOPLE
    people = people.set_column(
        people.column_names.index("race"), "race",
        pa.array(race.where(common), pa.string(), from_pandas=True),
    )  # fmt: skip
    truth = people["employed"].to_numpy()
    people = people.select(["id", "sex", "race", "new_prediction", "new_probability", "employed"])
    models = {"new": supersede.table.Classes("new_prediction", score="new_probability")}
    groups = ["sex", "race"]
    full = audit_groups(
        supersede.read(people, item="id", label="employed", models=models), "new", groups=groups
    )
    gaps = {row.group: row.gap for row in full.rows if row.known}
    bare = supersede.read(
        people.drop_columns(["employed"]), item="id", models=models, labelled=False
    )
    asked = group_estimands(bare, "new", groups)
    names = {
        f"accuracy(new) | {group.replace(' = ', '=')} - accuracy(new)": group for group in gaps
    }
    ids = people["id"].to_pylist()
    label_of = dict(zip(ids, truth.tolist(), strict=True))
    inside, widths, sizes, at_random, random_inside = [], [], [], [], []
    rng = np.random.default_rng(0)
    wrong = (people["new_prediction"].to_numpy() != truth).astype(float)
    columns = {name: people[name].to_pylist() for name in groups}
    for seed in range(SEEDS):
        chosen = plan(bare, asked, budget=LABELS, seed=seed)
        asked_for = chosen.items.filter(pc.invert(chosen.items["reserve"]))
        items = asked_for["item"].to_pylist()
        sizes.append(len(items))
        found = estimate(chosen, {"item": items, "label": [label_of[i] for i in items]})
        for name, group in names.items():
            one = found[name]
            # a gap of accuracies is minus the gap of error rates
            inside.append(one.low <= -gaps[group] <= one.high)
            widths.append(one.half_width)
        picked = rng.choice(len(ids), LABELS, replace=False)
        seen = {name: [values[i] for i in picked] for name, values in columns.items()}
        for row in audit_losses(wrong[picked], seen).rows:
            if row.known:
                at_random.append((row.gap_high - row.gap_low) / 2)
                random_inside.append(row.gap_low <= gaps[row.group] <= row.gap_high)
    narrower = 1 - np.mean(widths) / np.mean(at_random)
    share = np.mean(inside)
    return [
        (f"ACS, {len(gaps)} gaps by sex and race (groups of {PEOPLE} people or more): true gaps inside the intervals of a plan of {max(sizes)} labels, {SEEDS} seeds",
         f"{share:.1%}", "≥ 93 %", verdict(share >= 0.93)),
        ("… its mean half-width against that of 600 random labels",
         f"{100 * np.mean(widths):.1f} pp, {100 * np.mean(at_random):.1f} pp: {narrower:.0%} narrower", "≥ 30 %", verdict(narrower >= 0.30)),
        ("… true gaps inside the intervals of the random labels", f"{np.mean(random_inside):.1%}", "", ""),
    ]  # fmt: skip


def demo_card() -> ROWS:
    """The card of the demonstration's model, held against its schema."""
    table = supersede.read(
        employment(), item="id", label="employed",
        models={"deployed": "deployed_prediction", "new": "new_prediction"},
    )  # fmt: skip
    start = cpu()
    audits = [
        audit_groups(table, "new", old="deployed", loss=loss, groups=["sex", "race"], cross=[("sex", "race")])
        for loss in (ZeroOne(), Rate("false_negative_rate"))
    ]  # fmt: skip
    card = service_card(
        audits, name="employment", version="new", released=date(2018, 12, 31), replaces="deployed",
        intended_use="Says whether a person in a census record is employed, to plan surveys.",
        not_intended=["Decisions about a person."],
        limits=["Massachusetts, 2018; nothing is known of other places or years."],
        customer_must_test=["Its error rate on labelled records of your own, by group."],
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        page = card.save(Path(folder) / "card.html").read_text()
    spent = cpu() - start
    jsonschema.validate(json.loads(card.to_json()), card_schema(), format_checker=jsonschema.FormatChecker())  # fmt: skip
    found = headline(audits[0])
    whole = page.count("<svg") == 2 and "must you test yourself" in page
    slices = find_slices(table, "new", ["sex", "race", "age"])
    covered = coverage(table, ["sex", "race"])
    return [
        ("card of the demonstration's model: valid against its schema, and renders", f"{spent:.2f} s", "valid", verdict(whole)),
        (f"ACS employment, {table.size:,} items: {found}", "", "", ""),
        ("… slices of sex, race and age that hold on fresh rows", f"{len(slices.confirmed)} of {len(slices.groups)}", "", ""),
        (f"… pairs of sex and race with 30 items or more: {covered.covered} of {len(covered.cells)}", "", "", ""),
    ]  # fmt: skip


def real(name: str, path: str, label: str, positive: str, groups: list[str], least: int) -> ROWS:
    """A boosted model's predictions out of fold, audited by group."""
    file = DATA / path
    if not file.exists():
        return [(f"{name}: no data at {path}", "left out", "", "")]
    rows = pd.read_parquet(file)
    features = rows.drop(
        columns=[label, "split", *(["weight"] if "weight" in rows else [])], errors="ignore"
    )
    coded = features.apply(lambda c: c if c.dtype.kind in "if" else c.astype("category").cat.codes)
    y = rows[label].astype(str).str.contains(positive, regex=False).astype(int)
    model = HistGradientBoostingClassifier(random_state=0, max_iter=60)
    m = cross_val_predict(model, coded.to_numpy(float), y, cv=2)
    table = supersede.read(
        pa.table({"y": y, "m": m, **{g: pa.array(rows[g], from_pandas=True) for g in groups}}), models=["m"]
    )  # fmt: skip
    found = {}
    spent = seconds(
        lambda: found.update(
            audit=audit_groups(table, "m", loss=Rate("false_negative_rate"), groups=groups,
                               cross=[tuple(groups[:2])], min_items=least)
        ), 3,
    )  # fmt: skip
    audit = found["audit"]
    (first, *_) = audit.spreads
    return [
        (f"{name}, {len(rows):,} items × {len(audit.rows)} groups: {headline(audit)}", f"{spent:.2f} s", "", ""),
        (f"… false negative rate between {first.worst} and {first.best}",
         f"{100 * first.value:.1f} pp [{100 * first.low:.1f}, {100 * first.high:.1f}]", "", ""),
    ]  # fmt: skip


def main() -> None:
    rows: ROWS = [("what", "measured", "target", "")]
    for part in (beside_fairlearn, overlapping, exact_coverage, joint_coverage, other_coverage, few_labels, demo_card):  # fmt: skip
        print(part.__name__, flush=True)
        rows += part()
    rows += real("Adult", "adult/adult.parquet", "income", ">50K", ["sex", "race"], 30)
    rows += real(
        "KDD census", "census_kdd/census_kdd.parquet", "income", "50000+", ["sex", "race"], 30
    )
    write(
        "audit", "Audits by group", "python -m benchmarks.audit", rows,
        "Coverage is of intervals at a nominal .95. Exact coverage sums over all outcomes of a binomial;"
        " the others are simulated with fixed seeds. fairlearn is given the same arrays. The plan of few"
        " labels asks for every group's accuracy and its gap to all people; groups with fewer than"
        f" {PEOPLE} people count as unknown there, since {LABELS} labels cannot speak of them.",
    )  # fmt: skip


if __name__ == "__main__":
    main()
