"""Every figure of a review, in each of its forms, against an independent computation.

Weights, clusters, costs, three candidates and a confidence of 80 %, so that nothing is right by accident.
What is expected is computed here from the rows with numpy and scipy.stats, straight from the formulae.
"""

import html
import json
import re
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import supersede
from supersede.review import (
    MaxChurn,
    MaxDrop,
    MaxFlipCost,
    MaxGap,
    MaxNFR,
    MaxRise,
    MaxSliceNFR,
    MinGain,
    MinMetric,
    MustNotBreak,
    NoSliceWorse,
)

LEVEL = 0.8
TAIL = (1 - LEVEL) / 2
Z = stats.norm.ppf(1 - TAIL)
GROUPS = ("sex", "site")
LIMITS = {
    "min_gain": -0.01, "max_nfr": 0.025, "max_churn": 0.5, "max_flip_cost": 0.6,
    "max_slice_nfr": 0.09, "no_slice_worse": 0.05, "max_gap": 0.12, "min recall:x@site": 0.8,
    "max_drop accuracy": 0.02, "max_rise cost": 0.2,
}  # fmt: skip


def drawn():
    rng = np.random.default_rng(11)
    n = 900
    y = rng.choice(list("xyz"), n, p=[0.5, 0.3, 0.2])

    def model(right):
        wrong = pd.Series(y).map({"x": "y", "y": "z", "z": "x"}).to_numpy()
        return np.where(rng.random(n) < right, y, wrong)

    a, fresh = model(0.84), model(0.86)
    return pd.DataFrame(
        {
            "id": np.arange(n), "y": y, "a": a, "b": np.where(rng.random(n) < 0.7, a, fresh),
            "c": model(0.8), "d": np.where(rng.random(n) < 0.8, a, model(0.9)),
            "sex": rng.choice(["f", "m"], n), "site": rng.choice(["n", "s", "w"], n),
            "w": np.round(rng.lognormal(0, 0.5, n), 3), "u": np.arange(n) // 5,
            "cost": np.round(rng.gamma(2, 3, n), 2),
        }
    )  # fmt: skip


ROWS = drawn()
W, U, COST = (ROWS[name].to_numpy(float) for name in ("w", "u", "cost"))
RIGHT = {m: (ROWS[m] == ROWS["y"]).to_numpy(float) for m in "abcd"}
EVERY = np.ones(len(ROWS), bool)


@pytest.fixture(scope="module")
def review():
    checks = [
        MinGain(-0.01), MaxNFR(0.025), MaxChurn(0.5), MaxFlipCost(0.6), MaxSliceNFR(0.09),
        NoSliceWorse(0.05), MaxGap(0.12), MustNotBreak(items=[1, 2, 3]),
        MinMetric("recall", 0.8, of="x", groups="site"), MaxDrop("accuracy", 0.02), MaxRise("cost", 0.2),
    ]  # fmt: skip
    return supersede.compare(
        ROWS, old="a", new=["b", "c", "d"], label="y", item="id", groups=GROUPS, weight="w",
        cluster="u", cost="cost", confidence=LEVEL, checks=checks,
    )  # fmt: skip


class Mean:
    """A weighted mean of x over some items, whose variance is that between clusters."""

    def __init__(self, x, inside=EVERY, w=W):
        self.n = inside.sum()
        units = U[inside].astype(int)
        self.w = np.bincount(units, w[inside])
        total = np.bincount(units, (w * x)[inside])
        here = np.bincount(units) > 0
        self.w, total = self.w[here], total[here]
        self.units = here.sum()
        self.mean = total.sum() / self.w.sum()
        self.residual = total - self.mean * self.w
        few = self.units / (self.units - 1)
        self.variance = few * (self.residual**2).sum() / self.w.sum() ** 2
        self.kish = self.w.sum() ** 2 / (self.w**2).sum()
        fourth = (self.residual**4).sum()
        self.freedom = 1.0
        if fourth > 0:
            found = (self.residual**2).sum() ** 2 / fourth
            self.freedom = float(np.clip(found, 1, self.units - 1))

    def size(self, one, level=LEVEL):
        """The effective size for intervals, given the variance of one item."""
        if not (self.variance > 0 and one > 0):
            return min(self.kish, self.n)
        found = min(one / self.variance, self.n)
        q = stats.norm.ppf(0.5 + level / 2) / stats.t.ppf(0.5 + level / 2, self.freedom)
        return max(found * q**2, min(self.kish, found))

    def share(self, level=LEVEL):
        """Clopper and Pearson's interval at the effective size."""
        n, tail = self.size(self.mean * (1 - self.mean), level), (1 - level) / 2
        hits = self.mean * n
        low = stats.beta.ppf(tail, hits, n - hits + 1) if hits > 0 else 0.0
        return low, stats.beta.ppf(1 - tail, hits + 1, n - hits) if hits < n else 1.0


def flips(new, inside=EVERY):
    return _flips(new, inside.tobytes())


@cache
def _flips(new, inside):
    inside = np.frombuffer(inside, bool)
    lost, gained = RIGHT["a"] * (1 - RIGHT[new]), (1 - RIGHT["a"]) * RIGHT[new]
    return Mean(lost, inside), Mean(gained, inside), Mean(RIGHT[new] - RIGHT["a"], inside)


def gain_interval(new, inside=EVERY):
    """Bonett and Price's, at the effective size of the gain."""
    lost, gained, gain = flips(new, inside)
    n = gain.size(lost.mean + gained.mean - (gained.mean - lost.mean) ** 2)
    down, up = (lost.mean * n + 1) / (n + 2), (gained.mean * n + 1) / (n + 2)
    half = Z * np.sqrt((up + down - (up - down) ** 2) / (n + 2))
    return up - down - half, up - down + half


def overall(new):
    lost, gained, gain = flips(new)
    old, after = Mean(RIGHT["a"]), Mean(RIGHT[new])
    one = lost.mean + gained.mean - gain.mean**2
    n = min(one / gain.variance, gain.n)
    low, total = min(lost.mean, gained.mean) * n, (lost.mean + gained.mean) * n
    mid = stats.beta.cdf(0.5, total - low, low + 1) + stats.beta.cdf(0.5, total - low + 1, low)
    tail = stats.t.cdf(stats.norm.ppf(min(mid, 1) / 2), gain.freedom)
    return {
        "n": len(ROWS), "accuracy_old": old.mean, "accuracy_new": after.mean, "gain": gain.mean,
        "gain_low": gain_interval(new)[0], "gain_high": gain_interval(new)[1], "nfr": lost.mean,
        "nfr_low": lost.share()[0], "nfr_high": lost.share()[1], "pfr": gained.mean,
        "relative_nfr": lost.mean / (old.mean * (1 - after.mean)),
        "nfi": lost.mean / (1 - after.mean), "btc": 1 - lost.mean / old.mean,
        "bec": 1 - gained.mean / (1 - old.mean), "mcnemar_p": min(2 * tail, 1),
    }  # fmt: skip


def slices():
    """Each slice's name and items: classes, then groups."""
    yield from ((f"true class = {c}", (ROWS["y"] == c).to_numpy()) for c in "xyz")
    for group in GROUPS:
        for value in sorted(ROWS[group].unique()):
            yield f"{group} = {value}", (ROWS[group] == value).to_numpy()


@cache
def findings(new):
    """Estimate, low and high of every check on all items, and of each slice of the others."""
    lost, _, gain = flips(new)
    churn = Mean((ROWS["a"] != ROWS[new]).to_numpy(float))
    top = COST.max()
    cost = Mean(RIGHT["a"] * (1 - RIGHT[new]) * COST / top)
    whole = {
        "min_gain": (gain.mean, *gain_interval(new)),
        "max_nfr": (lost.mean, *lost.share()),
        "max_churn": (churn.mean, *churn.share()),
        "max_flip_cost": tuple(top * v for v in (cost.mean, *cost.share())),
    }
    split = {
        "max_slice_nfr": {
            k: (flips(new, s)[0].mean, *flips(new, s)[0].share()) for k, s in slices()
        },
        "no_slice_worse": {k: (flips(new, s)[2].mean, *gain_interval(new, s)) for k, s in slices()},
    }
    split["max_gap"] = {}
    for group in GROUPS:
        values = sorted(ROWS[group].unique())
        each = {v: Mean(RIGHT[new], (ROWS[group] == v).to_numpy()) for v in values}
        ends = {v: m.share(1 - (1 - LEVEL) / len(values)) for v, m in each.items()}
        best, worst = (pick(values, key=lambda v: each[v].mean) for pick in (max, min))
        low = max(max(e[0] for e in ends.values()) - min(e[1] for e in ends.values()), 0)
        high = max(e[1] for e in ends.values()) - min(e[0] for e in ends.values())
        name = f"{group} = {best} and {group} = {worst}"
        split["max_gap"][name] = (each[best].mean - each[worst].mean, low, high)
    recalls = {}
    for site in "nsw":
        inside = ((ROWS["site"] == site) & (ROWS["y"] == "x")).to_numpy()
        m = Mean(RIGHT[new], inside)
        q = stats.t.ppf(1 - TAIL, min(m.kish - 1, m.freedom))
        n = m.mean * (1 - m.mean) / m.variance + q**2
        centre = (m.mean * (n - q**2) + q**2 / 2) / n
        half = q * np.sqrt(centre * (1 - centre) / n)
        recalls[f"site = {site}"] = (m.mean, centre - half, centre + half)
    split["min recall:x@site"] = recalls
    q = stats.t.ppf(1 - TAIL, gain.kish - 1)
    shrunk = gain.kish / (gain.kish + 2)
    half = q * np.sqrt(gain.variance * shrunk**2 + 2 / (gain.kish + 2) ** 2)
    whole["max_drop accuracy"] = (gain.mean, gain.mean * shrunk - half, gain.mean * shrunk + half)
    rise = Mean((RIGHT["a"] - RIGHT[new]) * COST)
    q = stats.t.ppf(1 - TAIL, rise.freedom)
    most, least = (rise.residual.max() / rise.w.sum(), -rise.residual.min() / rise.w.sum())
    assert max(most, least) ** 2 < rise.variance / 2  # or there would be no interval
    whole["max_rise cost"] = (
        rise.mean, rise.mean - q * np.sqrt(rise.variance + least**2),
        rise.mean + q * np.sqrt(rise.variance + most**2),
    )  # fmt: skip
    return whole, split


@pytest.mark.parametrize("new", ["b", "c", "d"])
def test_json(review, new):
    data = json.loads(review.to_json())
    found = next(c for c in data["candidates"] if c["name"] == new)
    assert found["overall"] == pytest.approx(overall(new), rel=1e-9)
    whole, split = findings(new)
    assert found["changed"] == pytest.approx(whole["max_churn"][0])
    by_check = {f["check"]: f for f in found["findings"]}
    assert by_check.keys() == {*whole, *split, "must_not_break"}
    for check, numbers in whole.items():
        f = by_check[check]
        assert (f["estimate"], f["low"], f["high"]) == pytest.approx(numbers, rel=1e-9), check
        limit = -LIMITS[check] if check.startswith("max_drop") else LIMITS[check]
        low, high = (numbers[1], numbers[2]) if "min" not in check else (-numbers[2], -numbers[1])
        bound = -limit if "min" in check else limit
        if check.startswith("max_drop"):
            low, high, bound = -numbers[2], -numbers[1], LIMITS[check]
        verdict = "pass" if high <= bound else "fail" if low > bound else "undecided"
        assert (f["limit"], f["verdict"]) == (pytest.approx(limit), verdict), check
    sizes = {name: int(inside.sum()) for name, inside in slices()}
    for check, each in split.items():
        f = by_check[check]
        assert f["slice_count"] == len(f["slices"]) == len(each)
        for s in f["slices"]:
            assert (s["estimate"], s["low"], s["high"]) == pytest.approx(
                each[s["slice"]], rel=1e-9
            ), (check, s["slice"])
            if check in {"max_slice_nfr", "no_slice_worse"}:
                assert s["n"] == sizes[s["slice"]]
        first = f["slices"][0]
        assert [f[k] for k in ("estimate", "low", "high")] == [
            first[k] for k in ("estimate", "low", "high")
        ]
    broken = RIGHT["a"][1:4] * (1 - RIGHT[new][1:4])
    assert by_check["must_not_break"]["estimate"] == broken.sum()


def test_adjusted_p_values(review):
    """Holm's, among the slices whose p value is at most about one half."""
    for candidate in review.candidates:
        finding = next(f for f in candidate.findings if f.check == "max_slice_nfr")
        raw, reach = {}, {}
        limit = LIMITS["max_slice_nfr"]
        for name, inside in slices():
            m = flips(candidate.name, inside)[0]
            n = min(m.mean * (1 - m.mean) / m.variance, m.n)

            def tail(hits, n, m=m, limit=limit):
                p = stats.beta.cdf(limit, hits, n - hits + 1)
                return stats.t.cdf(stats.norm.ppf(p), m.freedom)

            kish = min(m.kish, n)
            raw[name] = min(
                tail(m.mean * n, n), stats.beta.cdf(limit, m.mean * kish, kish - m.mean * kish + 1)
            )
            hits = next(h for h in range(1, 200) if stats.beta.cdf(limit, h, n - h + 1) <= 0.5)
            reach[name] = tail(hits, n)
        seen = sorted((p / reach[k], k) for k, p in raw.items() if p <= reach[k])
        running, want = 0.0, dict.fromkeys(raw, 1.0)
        for rank, (p, name) in enumerate(seen):
            running = max(running, min((len(seen) - rank) * p, 1.0))
            want[name] = running
        assert {s.slice: s.p_adjusted for s in finding.slices} == pytest.approx(want, rel=1e-6)


def test_worst_flips_are_the_costliest_lost_items(review):
    for candidate in review.candidates:
        lost = ROWS[(RIGHT["a"] == 1) & (RIGHT[candidate.name] == 0)]
        first = lost.sort_values(["cost", "id"], ascending=[False, True]).head(50)
        want = first[["id", "y", "a", candidate.name, "cost", "sex", "site"]]
        columns = ["item", "label", "old", "new", "cost", "sex", "site"]
        assert [list(row) for row in want.itertuples(index=False)] == [
            [row[c] for c in columns] for row in candidate.worst
        ]


def test_labels_still_needed_and_next_steps(review):
    """The number asked for decides about four times in five, simulated here; steps name the largest."""
    rng = np.random.default_rng(5)
    for candidate in review.candidates:
        known = {f.check: f.more_labels for f in candidate.findings if f.verdict == "undecided"}
        more = known.get("max_nfr")
        if more is not None:
            m = flips(candidate.name)[0]
            n = min(m.mean * (1 - m.mean) / m.variance, m.n)
            fresh = round(more * n / m.n)
            rates = (m.mean * n + rng.binomial(fresh, m.mean, 4000)) / (n + fresh)
            times = 1 + more / m.n
            q = Z / stats.t.ppf(1 - TAIL, m.freedom * times)
            size = max(n * q**2, min(m.kish, n)) * times
            low = stats.beta.ppf(TAIL, rates * size, size - rates * size + 1)
            high = stats.beta.ppf(1 - TAIL, rates * size + 1, size - rates * size)
            decided = np.mean((high <= LIMITS["max_nfr"]) | (low > LIMITS["max_nfr"]))
            assert 0.76 < decided < 0.86
        largest = max((v for v in known.values() if v is not None), default=None)
        step = next((s for s in candidate.next_steps if s.startswith("Label ")), None)
        assert (largest is None) == (step is None)
        if step:
            assert numbers_in(step)[0] == largest
    asked = [f.more_labels for c in review.candidates for f in c.findings if f.check == "max_nfr"]
    assert any(asked)


def plain(text):
    """With a plain minus, and thin spaces neither between thousands nor before units."""
    text = re.sub(r"(?<=\d)\u202f(?=\d)", "", text)
    return text.replace("\u202f", " ").replace("\u2212", "-")


def numbers_in(text):
    text = plain(text)
    return [float(t) for t in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w])", text)]


def unexplained(text, values):
    """Numbers of a text that no expected value rounds to, as it is or in per cent."""
    text = plain(text)
    known = np.array(list(values), float)
    known = np.abs(np.concatenate([known, 100 * known]))
    left = []
    for token in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?:e-\d+)?(?!\w)", text):
        digits = len(token.partition("e")[0].partition(".")[2])
        power = float("1e" + token.partition("e")[2]) if "e" in token else 1.0
        step = 0.5 * 10.0**-digits * power
        if not (np.abs(known - float(token)) <= step * 1.0001 + 1e-12).any():
            left.append(token)
    return left


def about(check, f, new):
    """Everything that a finding's figures may be."""
    whole, split = findings(new)
    values = [LEVEL, LIMITS.get(check, 0), *whole.get(check, ())]
    for name, numbers in split.get(check, {}).items():
        values += [*numbers, *(s.n for s in f.slices if s.slice == name)]
    verdicts = [s.verdict for s in f.slices]
    return [*values, len(verdicts), *(verdicts.count(v) for v in set(verdicts)), len(ROWS)]


def test_sentences_speak_of_their_own_check_only(review):
    for candidate in review.candidates:
        for f in candidate.findings:
            if f.check != "must_not_break":
                values = about(f.check, f, candidate.name)
                if f.check == "max_drop accuracy":
                    values += [Mean(RIGHT[m]).mean for m in ("a", candidate.name)]
                if f.check == "max_rise cost":
                    values += [Mean((1 - RIGHT[m]) * COST).mean for m in ("a", candidate.name)]
                assert unexplained(f.reason, values) == [], f.reason


def everything(review):
    chosen = review.candidate
    values = [len(ROWS), LEVEL, CHANCE, 3, len(chosen.findings), len(chosen.worst), 50, 1.0, 0.0]
    values += [sum(f.verdict == v for f in chosen.findings) for v in ("pass", "fail", "undecided")]
    for f in chosen.findings:
        values += about(f.check, f, chosen.name)
        values += [s.p_adjusted for s in f.slices if s.p_adjusted == s.p_adjusted]  # tested above
        values += [v for v in (f.more_labels, f.more_labels_random) if v is not None]
    for candidate in review.candidates:
        values += overall(candidate.name).values()
        values += [Mean((ROWS["a"] != ROWS[candidate.name]).to_numpy(float)).mean]
    matrix = [RIGHT["a"] * RIGHT["b"], (1 - RIGHT["a"]) * (1 - RIGHT["b"])]
    values += [Mean(x).mean for x in matrix]
    for model in ("a", chosen.name):
        values += [Mean((1 - RIGHT[model]) * COST).mean]
        for _, inside in slices():
            values += [Mean(RIGHT[model], inside).mean]
        for c in "xyz":
            inside = {"recall": ROWS["y"] == c, "precision": ROWS[model] == c}
            for part in inside.values():
                m = Mean(RIGHT[model], part.to_numpy())
                values += [m.mean, part.sum(), *wilson_of(m)]
    return values


CHANCE = 0.8


def wilson_of(m):
    """Wilson's interval at the size that the clusters leave."""
    n = m.mean * (1 - m.mean) / (m.variance * (m.units - 1) / m.units)
    centre, half = m.mean + Z**2 / 2 / n, Z * np.sqrt(m.mean * (1 - m.mean) / n + Z**2 / 4 / n**2)
    return (centre - half) / (1 + Z**2 / n), (centre + half) / (1 + Z**2 / n)


def visible(page):
    """What a reader sees, without the ticks of axes, ids of rows and how it was made."""
    page = re.sub(r"<style.*?</style>|<script.*?</script>", " ", page, flags=re.DOTALL)
    page = re.sub(r'<text class="tick.*?</text>', " ", page, flags=re.DOTALL)
    page = re.sub(
        r"<details open><summary>Show them.*?</details>|<details><summary>Show them.*?</details>",
        " ",
        page,
        flags=re.DOTALL,
    )
    page = page.split("<h2>How this was computed</h2>")[0]
    page = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", " ", page)
    return html.unescape(re.sub(r"<[^>]+>", " \n ", page))


def test_page_comment_and_text(review):
    values = everything(review)
    assert unexplained(visible(review.to_html()), values) == []
    comment = review.to_markdown().split("fingerprint")[0]
    assert unexplained(comment, values) == []
    assert unexplained(str(review), values) == []
    for f in review.candidate.findings:
        assert f.reason in html.unescape(review.to_html())
        assert f.reason in comment
    assert "80\u202f%" in comment
    assert "80\u202f% confidence" in review.to_html()


def test_tables_of_the_page(review):
    """Figures stand in the right row and column."""
    page = html.unescape(review.to_html())
    table = page.split("The candidates side by side")[1].split("</table>")[0]
    rows = {
        r[0]: r[1:]
        for r in (re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in table.split("<tr>"))
        if r
    }
    for place, new in enumerate("bcd"):
        numbers = overall(new)
        for name, keys in {
            "Accuracy": ["accuracy_new"], "Gain": ["gain", "gain_low", "gain_high"],
            "Negative flips": ["nfr", "nfr_low", "nfr_high"],
        }.items():  # fmt: skip
            shown = numbers_in(rows[name][place])
            digits = [0.051 if name == "Accuracy" else 0.51] * len(keys)
            for value, key, off in zip(shown, keys, digits, strict=True):
                assert abs(value - 100 * numbers[key]) <= off, (name, new)
    classes = page.split("Recall and precision by class")[1].split("</table>")[0]
    for row in re.findall(r"<tr><td>([xyz])</td>(.*?)</tr>", classes, flags=re.DOTALL):
        name, cells = row[0], re.findall(r"<td>(.*?)</td>", row[1])
        truth = (ROWS["y"] == name).to_numpy()
        assert numbers_in(cells[0]) == [truth.sum()]
        for at, (model, part) in enumerate([("a", truth), ("b", truth), ("a", None), ("b", None)]):
            inside = (ROWS[model] == name).to_numpy() if part is None else part
            m = Mean(RIGHT[model], inside)
            want = [m.mean, *(wilson_of(m) if at % 2 else ())]
            assert numbers_in(cells[at + 1]) == pytest.approx([100 * v for v in want], abs=0.51)
