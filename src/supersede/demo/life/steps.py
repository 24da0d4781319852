"""One life of a model: seven steps, each a command that is run as a user would type it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supersede.demo.life import told
from supersede.demo.life.people import prepare
from supersede.demo.shell import Shell, Step, spent
from supersede.errors import MissingExtraError, ReportError
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Life", "Step", "live"]

GROUPS = "--group sex --group race --group age_band"
# three looks at most, so that all verdicts of one review together hold at 95 %
CONFIDENCE = "--confidence 98.4%"
PLAN = (
    f"supersede plan today.parquet --item id {{asked}} {CONFIDENCE}"
    " --tasks {name}.csv --json {name}.json --out {name}.html"
)
QUESTION = (
    "--model {old} --model {new} --estimand negative_flip_rate --estimand accuracy_difference"
    " --margin {margin}"
)
REVIEW = (
    f"supersede review today.parquet --old {{old}} --new {{new}} --label employed {GROUPS} {CONFIDENCE}"
    " {limits} --labels {plan}.csv --json {name}.json --out {name}.html"
)
AUDIT = (
    f"supersede audit last-year.parquet --model congruent --old deployed --label employed {GROUPS}"
    " --cross sex,race,age_band --json audit.json --out audit.html"
)
HUNT = (
    "supersede hunt last-year.parquet --model congruent --label employed --feature AGEP"
    " --feature SCHL --feature MAR --feature RELP --feature DIS --feature sex --feature race"
    f" {GROUPS} --protect 'sex == \"female\"' --protect 'race == \"Black\"' --specialists 20"
    " --cost-sensitive 4 --alternating 3 --folder hunt --out hunt.html --credit hunt.json"
)
ROUNDS = 3
_SCRIPTS = ("search", "train", "label", "patch")
_UNDECIDED = 3


@dataclass(frozen=True)
class _Question:
    """May a model replace another, by these limits?"""

    old: str
    new: str
    margin: str
    limits: str
    prefix: str = ""

    @property
    def result(self) -> str:
        """The review's file, without its ending."""
        return f"{self.prefix}review"

    def plan(self, number: int) -> str:
        """The file of the plan of a round, without its ending."""
        return f"{self.prefix}plan" + (f"-{number}" if number > 1 else "")

    @property
    def commands(self) -> list[str]:
        """Plan the first labels, and get them."""
        asked = QUESTION.format(old=self.old, new=self.new, margin=self.margin)
        return _answered(PLAN.format(asked=asked, name=self.plan(1)), self.plan(1))

    def more(self, number: int) -> list[str]:
        """Plan the labels that an undecided review lacks, and get them."""
        before = self.plan(number - 1)
        asked = f"--for-review {self.result}.json --after {before}.csv --after-labels labels.csv"
        return _answered(PLAN.format(asked=asked, name=self.plan(number)), self.plan(number))

    def review(self, number: int) -> str:
        """Review with the labels of a round."""
        return REVIEW.format(
            old=self.old, new=self.new, limits=self.limits, plan=self.plan(number), name=self.result
        )


def _answered(plan: str, name: str) -> list[str]:
    return [plan, f"python label.py {name}.csv"]


# a few hundred labels say little about a small group: these are audited, and hold up no verdict
LARGE = "--min-items 5000"
FIRST = _Question(
    "deployed", "congruent", "0.4%",
    f"--min-gain -1% --max-nfr 2.5% --max-slice-nfr 5% --max-slice-drop 5% {LARGE}",
)  # fmt: skip
PATCHED = _Question(
    "congruent", "patched", "0.1%", f"--min-gain 0% --max-nfr 0.5% --max-slice-drop 5% {LARGE}",
    "patch-",
)  # fmt: skip


@dataclass(frozen=True)
class Life(ResultMixin, named="a life"):
    """All steps, and how they ended.

    Attributes:
        steps: The steps, in order.
        verdict: The first review's verdict: ``"pass"``, ``"fail"`` or ``"undecided"``.
        patched: The verdict of the patched model's review; ``"none"`` without a patch.
        labels: Labels that were revealed in total.
        items: Items that could have been labelled.
    """

    steps: tuple[Step, ...]
    verdict: str
    patched: str
    labels: int
    items: int

    @property
    def seconds(self) -> float:
        """CPU time of all steps, in seconds."""
        return sum(step.seconds for step in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the pictures, as JSON values."""
        return {
            "verdict": self.verdict,
            "patched": self.patched,
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

        return environment().get_template("demo/life.html").render(life=self)

    def __str__(self) -> str:
        return (
            f"deployed → congruent: {self.verdict}; congruent → patched: {self.patched};"
            f" {self.labels:,} of {self.items:,} items were labelled"
        )


def live(folder: Path, *, every: int = 1, progress: Callable[[str], None] = lambda _: None) -> Life:
    """Live one life in a folder; what every command reads and writes stays there.

    Args:
        folder: The folder; made if it does not exist.
        every: Keep one person in this many, for a quick look; 1 keeps everybody.
        progress: Called with a line of text about what comes next.

    Returns:
        The steps and the verdicts.

    Raises:
        MissingExtraError: scikit-learn is not installed.
        ReportError: The folder cannot be written to.
        SourceError: A command failed; the message has its output.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError.of(
            package="scikit-learn", extra="demo", purpose="the demonstration"
        ) from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "labels.csv").unlink(missing_ok=True)  # a new life starts without labels
        for log in (folder / "hunt").glob("**/*"):  # and without an earlier hunt to resume
            if log.is_file():
                log.unlink()
        for script in _SCRIPTS:
            source = files("supersede.demo.life") / "scripts" / f"{script}.py"
            (folder / f"{script}.py").write_text(source.read_text("utf-8"), encoding="utf-8")
        prepare(folder, every=every)
    except OSError as error:
        msg = f"cannot write to {folder}: {error.strerror}; choose another one: --folder"
        raise ReportError(msg) from error
    run = Shell(folder, progress)
    steps = [
        run.step("Search, and stop", ["python search.py"], "search", told.search),
        run.step("Train to agree", ["python train.py"], "train", told.training),
        run.step("Plan the labels", FIRST.commands, "plan", told.plan),
        run.step("Audit by group", [AUDIT], "audit", told.audit),
        _reviewed(run, "Review, and decide", FIRST, asked=True),
        run.step("Attack, and patch", [HUNT, "python patch.py"], "hunt", told.hunt),
    ]
    if told.patches(folder):
        steps.append(_reviewed(run, "Review the patch", PATCHED))
    labels = len((folder / "labels.csv").read_text("utf-8").splitlines()) - 1
    patched = told.verdict(folder, PATCHED.result) if told.patches(folder) else "none"
    first = told.verdict(folder, FIRST.result)
    made = Life(tuple(steps), first, patched, labels, told.items(folder))
    made.save(folder / "index.html")
    return made


def _reviewed(run: Shell, name: str, of: _Question, *, asked: bool = False) -> Step:
    """Review, and as long as that is undecided, ask for the labels that it lacks."""
    before = spent()
    commands: list[str] = []

    def again(more: Sequence[str]) -> int:
        commands.extend(more)
        return [run.run(command) for command in more][-1]

    code = again([*([] if asked else of.commands), of.review(1)])
    used = 1
    while code == _UNDECIDED and used < ROUNDS:
        used += 1
        code = again([*of.more(used), of.review(used)])
    found = told.review(run.folder, of.result, of.plan(used))
    return Step(
        name, tuple(commands), found.headline, found.text, f"{of.result}.html", spent() - before,
        found.figure,
    )  # fmt: skip
