"""``supersede search``: which network suits a target?"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from supersede.cli.common import Quiet, outputs
from supersede.errors import SearchError, SupersedeError

if TYPE_CHECKING:
    from supersede.search.architecture import Candidate, Score, Space, Task
    from supersede.search.architecture.candidates import Objective

__all__ = ["search"]


def search(
    *,
    target: str,
    task: str = "digits",
    space: str | None = None,
    strategy: Literal["evolution", "nsga2", "reinforce", "random", "combined"] = "evolution",
    evaluations: int = 50,
    max_latency: float | None = None,
    max_weights: str | None = None,
    max_sram: str | None = None,
    most_accurate: bool = False,
    curate: bool = True,
    stop: bool = True,
    prior: Path | None = None,
    seed: int = 0,
    store: str | None = None,
    memory: str | None = None,
    system: str | None = None,
    vela_config: Path | None = None,
    cache: Path | None = None,
    out: Path | None = None,
    json: Path | None = None,
    winner: Path | None = None,
    quiet: Quiet = False,
) -> int:
    """Search a space of networks for those that no other one beats on a target.

    The flags may stand in a file: supersede search --config search.toml. With --store, the same command
    continues a search that was interrupted, at any moment.

    Exit codes: 0 done, 1 no network was found (none is within the limits, or all trainings failed), 2 a
    usage or data error.

    Example: supersede search --target ethos-u85-512 --task digits --evaluations 30 --store runs/digits

    Args:
        target: ethos-u55-32 to ethos-u85-2048; a declared accelerator (chip.toml).
        task: digits (classification), detection or segmentation (composed scenes), or a task of your own:
            file.py:name.
        space: A space of your own: file.py:name; by default one that suits the task.
        strategy: How candidates are chosen. combined measures a hundred networks, screens two thousand by
            estimates, and learns from each that is trained; the others train what they propose.
        evaluations: Trainings at most.
        max_latency: Most milliseconds.
        max_weights: Most memory for weights, likewise.
        max_sram: Most memory for activations, such as 256KB.
        most_accurate: Minimise the error alone, within the limits, instead of error and latency.
        curate: Remove channels off the target's granule and dominated choices first.
        stop: End when further search is not worth it, rather than after all evaluations.
        prior: The --json of a search on another task, over the same choices: its front is tried first, and
            dropped if it does not help.
        seed: Seed of all random choices.
        store: A folder, or postgresql://… for several workers.
        memory: Memory mode of an Ethos-U.
        system: System configuration of an Ethos-U.
        vela_config: A vela.ini of your own, for clocks and bandwidths that do not exist yet.
        cache: File of kept measurements; in the user's folder for caches if left out.
        out: Write the page here, as HTML in one file.
        json: Write the result here, as JSON.
        winner: Folder for the most accurate network of the front: it is trained once more and written as
            torch weights, ONNX and int8 TensorFlow Lite, with a card of its figures and a picture.
        quiet: Do not show progress.
    """
    from supersede.cli.for_targets import byte_count, cache_file, open_target
    from supersede.cli.progress import Progress
    from supersede.look.page import check_output
    from supersede.search.architecture import Limits, Stop, TargetCosts, read_front
    from supersede.search.architecture import search as find
    from supersede.search.architecture.candidates import whole_number
    from supersede.search.architecture.store import open_store

    written = outputs(out=out, json=json)
    whole_number("--evaluations", evaluations, least=1)
    whole_number("--seed", seed, least=0)
    limits = Limits(
        None if max_latency is None else max_latency / 1000,
        byte_count(max_weights, "--max-weights"),
        byte_count(max_sram, "--max-sram"),
    )
    opened, kept = open_target(target, memory, system, vela_config, 8), cache_file(cache)
    chosen_task, chosen_space = _task(task), _space(space, task)
    if winner is not None:
        check_output(winner / "network.html", "the winner", [".html"])
    if prior is not None:
        read_front(prior, chosen_space)
    goals: tuple[Objective, ...] = ("error",) if most_accurate else ("error", "latency")
    with open_store(store, len(goals)):  # a place that cannot be used is refused before the work
        pass
    with Progress(quiet=quiet) as say:
        if curate:
            curated = chosen_space.curate(opened, seed=seed, cache=kept, progress=say)
            print(curated)
            chosen_space = curated.space
        found = find(
            chosen_space, _Foreign(chosen_task, task) if ":" in task else chosen_task,
            TargetCosts(opened, kept), objectives=goals, limits=limits,
            strategy=_strategy(strategy, chosen_space, opened, limits, seed, kept, say),
            evaluations=evaluations, prior=read_front(prior, chosen_space) if prior else (),
            stop=Stop() if stop else None, seed=seed, store=store, progress=say,
        )  # fmt: skip
        print(found)
        written.write(found)
        if winner is not None and found.best is not None:
            from supersede.search.architecture.after.winner import write_winner

            say("training the winner once more, and writing it")
            files = write_winner(found, chosen_task, winner, opened, seed=seed)
            print(f"{winner}: {', '.join(files)}")
    return 0 if found.front else 1


def _strategy(
    name: str, space: "Space", target: Any, limits: Any, seed: int, cache: Path, say: Any
) -> Any:
    from supersede.search.architecture import (
        EXPERT,
        NSGA2,
        Combined,
        Evolution,
        RandomSearch,
        Reinforce,
        screened,
    )

    match name:
        case "nsga2":
            return NSGA2()
        case "reinforce":
            return Reinforce()
        case "random":
            return RandomSearch()
        case "combined":
            pool = screened(space, target, limits=limits, seed=seed, cache=cache, progress=say)
            return Combined(pool)
        case _:
            return Evolution(population=20, entrants=5, mutations=EXPERT)


@dataclass(frozen=True)
class _Foreign:
    """A task of the user's: its own errors end the search, with the line that raised them."""

    task: "Task"
    name: str

    def evaluate(self, candidate: "Candidate", seed: int) -> "Score":
        try:
            return self.task.evaluate(candidate, seed)
        except (SupersedeError, FloatingPointError):
            raise
        except Exception as error:
            raise _raised(self.name, error) from error

    def fingerprint(self) -> str:
        return self.task.fingerprint()


def _raised(name: str, error: Exception) -> SearchError:
    import traceback

    frame = traceback.extract_tb(error.__traceback__)[-1]
    return SearchError(
        f"{name} raised {type(error).__name__}: {error} ({frame.filename}, line {frame.lineno}). What"
        " was finished before is kept in --store: fix it, and run the same command again"
    )


def _task(name: str) -> "Task":
    from supersede.errors import ArgumentError
    from supersede.search.architecture.tasks.digits import Digits
    from supersede.search.architecture.tasks.scenes import Detection, Segmentation

    match name:
        case "digits":
            return Digits()
        case "detection":
            return Detection()
        case "segmentation":
            return Segmentation()
    task: Task = _own(name, "--task", "digits, detection, segmentation")
    for method in ("evaluate(candidate, seed)", "fingerprint()"):
        if not callable(getattr(task, method.partition("(")[0], None)):
            msg = f"--task {name} has no method {method}; see the protocol Task, or use Reward"
            raise ArgumentError(msg)
    return task


def _space(name: str | None, task: str) -> "Space":
    from supersede.errors import ArgumentError
    from supersede.search.architecture import Space
    from supersede.search.architecture.tasks.spaces import space_for

    if name is None:
        if ":" in task:
            msg = f"--task {task} is your own, so give its space, too: --space file.py:name"
            raise ArgumentError(msg)
        return space_for(task)
    space = _own(name, "--space", "none built in")
    if not isinstance(space, Space):
        msg = (
            f"--space {name} is a {type(space).__name__}, expected a Space, as block_space gives it"
        )
        raise ArgumentError(msg)
    return space


def _own(name: str, flag: str, known: str) -> Any:
    """An object of a file of the user's: file.py:name."""
    import runpy

    from supersede.errors import ArgumentError

    path, _, attribute = name.rpartition(":")
    if not path.endswith(".py") or not Path(path).is_file():
        msg = f"{flag} {name!r}: expected {known}, or file.py:name of a file that exists"
        raise ArgumentError(msg)
    try:
        values = runpy.run_path(path)
    except SupersedeError:
        raise
    except Exception as error:
        raise _raised(name, error) from error
    if attribute not in values:
        msg = f"{flag}: {path} defines no {attribute!r}"
        raise ArgumentError(msg)
    return values[attribute]
