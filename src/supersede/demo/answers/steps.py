"""From two logs to a decision in four steps: a must-not-break list, a judge, a label plan, a review."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supersede.demo.shell import Shell, Step, Told
from supersede.errors import ReportError
from supersede.look.figures import Dot, dot_plot
from supersede.look.numbers import count, share
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Answers", "decide_answers"]

LIMITS = "--group language --min-gain -1% --max-nfr 5% --max-slice-nfr 6%"
LISTED = (
    "supersede review suite-old.jsonl suite-new.jsonl --must-not-break must-not-break.txt"
    " --json suite.json --out suite.html"
)
JUDGED = f"supersede review old.jsonl new.jsonl --metric judge {LIMITS} --json judged.json --out judged.html"
PLANNED = (
    "supersede plan messages.parquet --item id --model old --model new --opinion judge --group language"
    " --estimand negative_flip_rate --estimand accuracy_difference --margin 2% --tasks plan.csv"
    " --json plan.json --out plan.html"
)
REVIEWED = (
    f"supersede review messages.parquet --item id --old old --new new {LIMITS} --labels plan.csv"
    " --json review.json --out review.html"
)


@dataclass(frozen=True)
class Answers(ResultMixin, named="a decision on answers"):
    """All steps, and the decision.

    Attributes:
        steps: The steps, in order.
        listed: The verdict on the must-not-break list.
        judged: The verdict if the judge were right on every message.
        verdict: The verdict of the review with people's labels.
        labels: Labels that the plan asked for.
        items: Messages in the logs.
    """

    steps: tuple[Step, ...]
    listed: str
    judged: str
    verdict: str
    labels: int
    items: int

    def to_dict(self) -> dict[str, Any]:
        """Everything but the pictures, as JSON values."""
        return {
            "listed": self.listed,
            "judged": self.judged,
            "verdict": self.verdict,
            "labels": self.labels,
            "items": self.items,
            "steps": [step.to_dict() for step in self.steps],
        }

    def to_frame(self) -> "pa.Table":
        """One row per step."""
        return frame_of(self.to_dict()["steps"])

    def to_html(self) -> str:
        """One page: each step with its commands, its picture and a link to its own page."""
        from supersede.look.page import environment

        return environment().get_template("demo/answers.html").render(answers=self)

    def __str__(self) -> str:
        return (
            f"old → new: {self.verdict}, with {count(self.labels)} labels for {count(self.items)}"
            f" messages; the judge alone: {self.judged}; the list: {self.listed}"
        )


def decide_answers(folder: Path, *, progress: Callable[[str], None] = lambda _: None) -> Answers:
    """Decide about two versions of an application in a folder, by commands that a user could type.

    Args:
        folder: The folder; made if it does not exist.
        progress: Called with a line of text about what comes next.

    Returns:
        The steps and the verdicts.

    Raises:
        ReportError: The folder cannot be written to.
        SourceError: A command failed; the message has its output.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _unpack(folder)
    except OSError as error:
        msg = f"cannot write to {folder}: {error.strerror}; choose another one: --folder"
        raise ReportError(msg) from error
    run = Shell(folder, progress)
    steps = (
        run.step("Check the list", [LISTED], "suite", _told_of_the_list),
        run.step("Ask the judge", [JUDGED], "judged", _told_of_the_judge),
        run.step("Plan the labels", ["python join.py", PLANNED], "plan", _told_of_the_plan),
        run.step("Label, and decide", ["python label.py plan.csv", REVIEWED], "review", _told_of_the_review),
    )  # fmt: skip
    plan = _read(folder, "plan")
    made = Answers(
        steps, listed=_read(folder, "suite")["verdict"], judged=_read(folder, "judged")["verdict"],
        verdict=_read(folder, "review")["verdict"], labels=plan["size"], items=plan["of"],
    )  # fmt: skip
    made.save(folder / "index.html")
    return made


def _unpack(folder: Path) -> None:
    here = files("supersede.demo.answers")
    for script in ("join", "label"):
        source = (here / "scripts" / f"{script}.py").read_text("utf-8")
        (folder / f"{script}.py").write_text(source, encoding="utf-8")
    for log in (here / "logs").iterdir():
        whole = log.read_bytes()
        text = gzip.decompress(whole) if log.name.endswith(".gz") else whole
        (folder / log.name.removesuffix(".gz")).write_bytes(text)


def _told_of_the_list(folder: Path) -> Told:
    found = _read(folder, "suite")
    (finding,) = found["candidates"][0]["findings"]
    return Told(
        f"{found['verdict']}: {finding['reason']}",
        "People have graded both versions on a small suite. Messages about smoke and heat must reach the"
        " safety team, so those that the old version sorts rightly are on a list; one that breaks fails.",
        "",
    )


def _told_of_the_judge(folder: Path) -> Told:
    found = _read(folder, "judged")
    return Told(
        f"{found['verdict']}, if the judge is right on every message",
        "Another model has an opinion about every message, and the logs hold whether it agrees with each"
        " version. Nobody has checked the judge yet. Judges of the same family make the same mistakes.",
        _slices(found, "Right answers lost by language, as the judge sees them"),
    )


def _told_of_the_plan(folder: Path) -> Told:
    found = _read(folder, "plan")
    alone = sum(e["alone"] for e in found["expectations"])
    return Told(
        f"{count(found['size'])} labels for {count(found['of'])} messages",
        "A message on which both versions agree cannot flip. Among the others, the plan takes those that"
        " say most about flips and accuracy in each language, and the judge's opinion saves some. Separate"
        f" samples for each question would need {count(alone)} labels.",
        "",
    )


def _told_of_the_review(folder: Path) -> Told:
    found = _read(folder, "review")
    reasons = " ".join(f["reason"] for f in found["candidates"][0]["findings"])
    return Told(
        f"{found['verdict']}, by people's labels",
        reasons,
        _slices(found, "Right answers lost by language, by people's labels"),
    )


def _slices(found: dict[str, Any], title: str) -> str:
    """The slices of the check by language."""
    finding = next(f for f in found["candidates"][0]["findings"] if f["check"] == "max_slice_nfr")
    rows = [
        Dot(s["slice"], s["estimate"], s["low"], s["high"], s["n"], s["verdict"] or "quiet")
        for s in finding["slices"]
    ]
    return dot_plot(
        rows, title=title, description=finding["reason"], limit=finding["limit"], form=share,
    )  # fmt: skip


def _read(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text("utf-8"))
    return found
