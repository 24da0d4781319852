"""From a gallery that a large network indexed to a small network on a device, in four steps."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supersede.demo.shell import Shell, Step, Told
from supersede.errors import MissingExtraError, ReportError
from supersede.look.figures import Dot, dot_plot
from supersede.look.numbers import count, points, share
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

    from supersede.demo.vision.digits import Sizes

__all__ = ["Vision", "deploy"]

TARGET = "ethos-u55-64"
SEARCHED = (
    f"supersede search --target {TARGET} --task task.py:task --space task.py:space"
    " --evaluations {evaluations} --max-latency 0.15 --store search --winner winner"
    " --json search.json --out search.html"
)
COMPARED = (
    "supersede compatibility queries-large.parquet queries-{name}.parquet gallery.parquet --label digit"
    " --cluster scan --group digit --json {name}.json --out {name}.html"
)
COMPILED = f"vela deployed/model_int8.tflite --accelerator-config {TARGET} --output-dir deployed"
REVIEWED = (
    "supersede review answers.parquet --old large --new device --label digit --item id --cluster scan"
    " --min-gain -8% --max-nfr 12% --json review.json --out review.html"
)
_SCRIPTS = ("index", "task", "train", "deploy")


@dataclass(frozen=True)
class Vision(ResultMixin, named="a network on a device"):
    """All steps, and what is deployed.

    Attributes:
        steps: The steps, in order.
        verdict: Whether the device may answer in place of the large network.
        deployed: The compiled file, relative to the demonstration's folder.
        ratio: How many times fewer multiply-adds a query takes.
    """

    steps: tuple[Step, ...]
    verdict: str
    deployed: str
    ratio: float

    def to_dict(self) -> dict[str, Any]:
        """Everything but the pictures, as JSON values."""
        return {
            "verdict": self.verdict,
            "deployed": self.deployed,
            "ratio": self.ratio,
            "steps": [step.to_dict() for step in self.steps],
        }

    def to_frame(self) -> "pa.Table":
        """One row per step."""
        return frame_of(self.to_dict()["steps"])

    def to_html(self) -> str:
        """One page: each step with its commands, its picture and a link to its own page."""
        from supersede.look.page import environment

        return environment().get_template("demo/vision.html").render(vision=self)

    def __str__(self) -> str:
        return (
            f"large → device: {self.verdict}, with {self.ratio:.0f} × fewer multiply-adds for a query;"
            f" to deploy: {self.deployed}"
        )


def deploy(
    folder: Path,
    *,
    sizes: "Sizes | None" = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Vision:
    """Find a small network for an accelerator, fit it to a gallery, and deploy it.

    Args:
        folder: The folder; made if it does not exist. A search that was interrupted there is
            continued.
        sizes: How much is computed, where that is to be less than usual.
        progress: Called with a line of text about what comes next.

    Returns:
        The steps, the verdict and the file.

    Raises:
        MissingExtraError: torch, scikit-learn or Vela is not installed.
        ReportError: The folder cannot be written to.
        SourceError: A command failed; the message has its output.
    """
    _require()
    from supersede.demo.vision.digits import Sizes

    sizes = sizes or Sizes()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for script in _SCRIPTS:
            source = files("supersede.demo.vision") / "scripts" / f"{script}.py"
            (folder / f"{script}.py").write_text(source.read_text("utf-8"), encoding="utf-8")
        sizes.write(folder)
    except OSError as error:
        msg = f"cannot write to {folder}: {error.strerror}; choose another one: --folder"
        raise ReportError(msg) from error
    run = Shell(folder, progress)
    steps = (
        run.step(
            "Search a query network",
            ["python index.py", SEARCHED.format(evaluations=sizes.evaluations)], "search", _searched,
        ),
        run.step(
            "Train it to fit the gallery",
            ["python train.py", COMPARED.format(name="alone"), COMPARED.format(name="small")],
            "small", _trained,
        ),
        run.step(
            "Write the device’s file",
            ["python deploy.py", COMPILED, COMPARED.format(name="device")], "device", _deployed,
        ),
        run.step("Review, and decide", [REVIEWED], "review", _reviewed),
    )  # fmt: skip
    made = Vision(
        steps, _read(folder, "review")["verdict"], "deployed/model_int8_vela.tflite", _ratio(folder)
    )
    made.save(folder / "index.html")
    return made


def _require() -> None:
    from importlib.util import find_spec

    for package, name in [("torch", "torch"), ("scikit-learn", "sklearn"), ("Vela", "ethosu")]:
        if find_spec(name) is None:
            raise MissingExtraError.of(
                package=package, extra="search,hardware,torch,demo", purpose="this demonstration"
            )


def _searched(folder: Path) -> Told:
    found = _read(folder, "search")
    tried = [e for e in found["evaluated"] if e["error"] is not None]
    tried.sort(key=lambda e: float(e["error"]))
    rows = [
        Dot(f"network {e['number']}", e["error"], e["error"], e["error"], 1,
            "pass" if i == 0 else "quiet", note=f"{share(e['error'])}, {1000 * e['latency']:.3f} ms")
        for i, e in enumerate(tried)
    ]  # fmt: skip
    figure = dot_plot(
        rows, title="Error of each network in the large one’s gallery, and its latency", form=share,
        description="One less the mean average precision, after a short training.",
    )  # fmt: skip
    return Told(
        f"{count(len(tried))} networks tried; the best takes {1000 * tried[0]['latency']:.3f} ms on an"
        f" {TARGET}",
        "The service keeps its gallery, which a large network has indexed; nothing is embedded again. So"
        " the search does not ask how well a small network recognises digits, but how well its queries"
        " find their digit in that gallery. Latencies are the compiler’s estimates.",
        figure,
    )


def _trained(folder: Path) -> Told:
    small, alone = _read(folder, "small"), _read(folder, "alone")
    figure = _found(
        [("large", small, "old"), ("small, trained to fit", small, "cross"),
         ("small, trained alone", alone, "cross")],
        folder,
    )  # fmt: skip
    return Told(
        f"of its queries, {share(_recall(small, 'cross')['value'])} find their digit; trained alone,"
        f" {share(_recall(alone, 'cross')['value'])} would",
        "The same network is trained twice: towards the class means of the large network’s gallery, and"
        " with directions of its own. Both recognise digits; only the first speaks the gallery’s language.",
        figure,
    )


def _deployed(folder: Path) -> Told:
    figures = json.loads((folder / "deployed/card.json").read_text("utf-8"))["figures"]
    small, device = _read(folder, "small"), _read(folder, "device")
    figure = _found(
        [("large", small, "old"), ("small", small, "cross"), ("device", device, "cross")], folder
    )
    size = (folder / "deployed/model_int8_vela.tflite").stat().st_size
    return Told(
        f"{count(size)} bytes, and {_ratio(folder):.0f} × fewer multiply-adds for a query",
        "The network is written in whole numbers of 8 bits, read back, and compiled by the vendor’s"
        f" compiler: {1000 * figures[_LATENCY]:.3f} ms,"
        f" {count(figures['activations, bytes'])} bytes of activations. The queries are embedded again with"
        " that file’s arithmetic, since rounding may cost searches.",
        figure,
    )


def _reviewed(folder: Path) -> Told:
    found = _read(folder, "review")
    findings = found["candidates"][0]["findings"]
    rows = [
        Dot(_CHECKS[f["check"]], f["estimate"], f["low"], f["high"], 1, f["verdict"],
            note=f"{f['verdict']}: {points(f['estimate'])}, limit {points(f['limit'])}")
        for f in findings
    ]  # fmt: skip
    figure = dot_plot(
        rows, title="What the device changes", form=points,
        description="Three images of one scan count as one cluster.",
    )  # fmt: skip
    return Told(
        f"large → device: {found['verdict']}",
        " ".join(f["reason"] for f in findings)
        + " The limits were set before the search: a device that answers offline may be a little worse.",
        figure,
    )


_LATENCY = "latency, seconds (the compiler's estimate)"  # as the card of an export names it
_CHECKS = {"min_gain": "accuracy", "max_nfr": "right answers lost"}


def _recall(found: dict[str, Any], test: str) -> dict[str, Any]:
    figure: dict[str, Any] = next(t for t in found["tests"] if t["name"] == test)["recall"]["1"]
    return figure


def _found(shown: list[tuple[str, dict[str, Any], str]], folder: Path) -> str:
    """Recall at 1 of several queries, in the large network's gallery."""
    rows = []
    for name, found, test in shown:
        figure = _recall(found, test)
        rows.append(
            Dot(name, figure["value"], figure["low"], figure["high"], 1,
                "baseline" if name == "large" else "quiet", share(figure["value"]))
        )  # fmt: skip
    return dot_plot(
        rows, title="Queries whose nearest gallery image is right", form=share,
        description="Digits that no network was trained on.",
    )  # fmt: skip


def _ratio(folder: Path) -> float:
    from supersede.demo.vision.digits import large_network
    from supersede.hardware import Network

    small = Network.from_json((folder / "winner/network.json").read_text("utf-8"))
    return large_network().macs / small.macs


def _read(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text("utf-8"))
    return found
