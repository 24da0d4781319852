"""What each step of the life says on the page: read from the files that the commands wrote."""

import json
from pathlib import Path
from statistics import NormalDist
from typing import Any

from supersede.demo.shell import Told
from supersede.look.figures import Dot, Line, Mark, dot_plot, front_plot, line_plot
from supersede.look.numbers import count, points, share

__all__ = [
    "audit", "hunt", "items", "patches", "plan", "random_labels", "review", "search", "training",
    "verdict",
]  # fmt: skip

_SHOWN = 8  # rows of a picture


def search(folder: Path) -> Told:
    """What the search chose, and what stopping saved."""
    found = _read(folder, "search")
    scores = found["scores"]
    tried, allowed = len(scores), found["allowed"]
    saved = found["seconds"] / tried * (allowed - tried)
    best = [max(scores[: i + 1]) for i in range(tried)]
    figure = line_plot(
        [Line("best", best), Line("each", scores, "baseline")],
        [str(i + 1) if i in {0, tried - 1} else "" for i in range(tried)],
        title="Accuracy of each candidate in cross-validation",
        y_name="accuracy",
        zero=False,
    )
    ended = "The search stopped itself" if found["stopped"] else "The search used its budget:"
    return Told(
        f"{ended} after {tried} of {allowed} candidates",
        f"The {count(allowed - tried)} candidates that were not tried would have cost about"
        f" {count(round(saved))} more seconds of computing. The reason for the end: {found['reason']}.",
        figure,
    )


def training(folder: Path) -> Told:
    """How much agreement training keeps, on the validation year."""
    found = _read(folder, "train")
    chosen, plain = found["chosen"], found["points"][0]
    marks = [
        Mark(
            "usual training" if not p["strength"] else f"strength {p['strength']:g}",
            p["error"],
            p["nfr"],
            "quiet" if p["strength"] else "baseline",
            chosen=p == chosen,
        )
        for p in found["points"]
    ]
    figure = front_plot(
        marks,
        title="Error and negative flips on the validation year",
        description="The chosen strength is ringed.",
        x_name="error",
        y_name="negative flips",
    )
    return Told(
        f"Right answers that would be lost: {share(plain['nfr'])} with usual training,"
        f" {share(chosen['nfr'])} with training that looks back",
        "The new model is trained to stay right where the model in service is right. Its training"
        " records come from households; people in institutions are missing, as in a household panel.",
        figure,
    )


def plan(folder: Path) -> Told:
    """How many labels the decision takes."""
    found = _read(folder, "plan")
    together, whole = found["size"], found["of"]
    separate = sum(e["alone"] for e in found["expectations"])
    everybody = random_labels(found)
    rows = [
        Dot(name, labels, labels, labels, whole, tone, count(labels))
        for name, labels, tone in [
            ("this plan", together, "pass"),
            ("a sample per question, where the models differ", separate, "quiet"),
            ("a random sample of all people per question", everybody, "quiet"),
        ]
    ]
    figure = dot_plot(
        rows, title="Labels for the same margins",
        description="A label is needed only where the two models differ.", form=_labels,
    )  # fmt: skip
    return Told(
        f"{count(together)} labels instead of {count(everybody)}",
        f"No label of this year is known yet. The plan asks for {count(together)} of"
        f" {count(whole)} people, so that the loss of right answers and the change in accuracy are"
        f" known to ± {100 * found['expectations'][0]['margin']:g} points. Random samples of all people, one"
        f" for each question, would need {count(everybody)} labels for that.",
        figure,
    )


def random_labels(found: dict[str, Any]) -> int:
    """Labels of simple random samples, one per estimand, for a plan's margins.

    The items on which the models differ are the most that can flip. The plan believes that half of
    them do, and so does this count: rates r of flips need ``z² r (1 - r) / margin²`` labels, and a
    difference of accuracies ``z² d / margin²``, d the share of items that differ; both are corrected
    for the finite number of items.
    """
    z, total, whole = NormalDist().inv_cdf((1 + found["confidence"]) / 2), 0.0, found["of"]
    for estimand in found["expectations"]:
        differ = estimand["items"] / whole
        rate = differ / 2
        variance = rate * (1 - rate) if "flip" in estimand["name"] else differ
        needed = z**2 * variance / estimand["margin"] ** 2
        total += needed / (1 + (needed - 1) / whole)
    return round(total)


def audit(folder: Path) -> Told:
    """The groups with the highest error."""
    found = _read(folder, "audit")
    known = [row for row in found["rows"] if row["known"] and row["n"] >= 100]
    worst = sorted(known, key=lambda row: -row["value"])[:_SHOWN]
    standing = [row for row in found["rows"] if row["stands_out"] and row["gap"] > 0]
    figure = dot_plot(
        [
            Dot(r["group"].replace("age_band", "age"), r["value"], r["low"], r["high"], r["n"],
                "fail" if r["stands_out"] else "quiet")
            for r in worst
        ],
        title="Error of the new model by group", description="The eight highest, of groups of 100.",
        limit=found["overall"]["value"], limit_word="everybody",
    )  # fmt: skip
    return Told(
        f"{count(len(standing))} of {count(len(found['rows']))} groups have a higher error than"
        " everybody",
        "Last year's labels are known, so each group and each combination of sex, race and age has"
        " an interval; those that stand out do so after correction for the number of groups.",
        figure,
    )  # fmt: skip


def review(folder: Path, result: str, plan: str) -> Told:
    """The verdict, and its checks."""
    found = _read(folder, result)
    candidate = found["candidates"][0]
    labels = _read(folder, plan)["size"]
    rows = [
        Dot(_CHECKS[f["check"]], *_against(f), labels, f["verdict"],
            note=f"{f['verdict']}: {_amount(f, 'estimate')}, limit {_amount(f, 'limit')}")
        for f in candidate["findings"]
        if f["check"] in _CHECKS and f["estimate"] is not None
    ]  # fmt: skip
    figure = dot_plot(
        rows, title="Distance to each limit", limit=0.0, limit_word="limit", form=points,
        description="An interval right of the line keeps its limit.",
    )  # fmt: skip
    reasons = " ".join(f["reason"] for f in candidate["findings"])
    return Told(
        f"{found['old']} → {candidate['name']}: {found['verdict']}, with {count(labels)} labels",
        f"{reasons} A review is allowed three looks, each at 98.4 %: together they hold at 95 %."
        " Groups of fewer than 5,000 people are audited, and hold up no verdict unless they fail.",
        figure,
    )


def hunt(folder: Path) -> Told:
    """What hunters found, and what it is worth."""
    found = _read(folder, "hunt")
    accepted = found["patches"]
    if not accepted:
        return Told(
            "No submission beat the model",
            "Each was judged on records that no hunter has seen.",
            "",
        )
    gain = sum(p["gain"] for p in accepted)
    gains = {"everybody": gain, "the patched groups": sum(p["group_gain"] for p in accepted)}
    for group in _PROTECTED:
        gains[group] = sum(p["gains"].get(group, 0.0) for p in accepted)
    rows = [
        Dot(name, value, value, value, 1, "pass" if value >= 0 else "fail", note=points(value))
        for name, value in gains.items()
    ]
    figure = dot_plot(
        rows, title="Accuracy gained on fresh records", form=points,
        description="Everybody, the groups that are patched, and the groups that are protected.",
    )  # fmt: skip
    return Told(
        f"{count(len(accepted))} accepted, worth {points(gain)} accuracy on fresh records",
        "Hunters knew nothing of how the model was trained. The first accepted group is"
        f" {accepted[0]['group']}: RELP 16 is people in institutions, whom the training records lack.",
        figure,
    )


def patches(folder: Path) -> int:
    """How many submissions were accepted."""
    return len(_read(folder, "hunt")["patches"])


def verdict(folder: Path, result: str) -> str:
    """The verdict of a review's result."""
    return str(_read(folder, result)["verdict"])


def items(folder: Path) -> int:
    """The number of items that could have been labelled."""
    return int(_read(folder, "plan")["of"])


_PROTECTED = ('sex == "female"', 'race == "Black"')
_CHECKS = {
    "min_gain": "accuracy",
    "max_nfr": "right answers lost",
}


def _against(finding: dict[str, Any]) -> tuple[float, float, float]:
    """Estimate and interval as distances to the limit; positive keeps it."""
    sign = -1 if "nfr" in finding["check"] else 1
    near, low, high = (
        sign * (finding[end] - finding["limit"]) for end in ("estimate", "low", "high")
    )
    return near, min(low, high), max(low, high)


def _amount(finding: dict[str, Any], name: str) -> str:
    value = finding[name]
    return points(value) if finding["unit"] == "points" else share(value)


def _labels(value: float, *_: float, **__: object) -> str:
    return count(value)


def _read(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text("utf-8"))
    return found
