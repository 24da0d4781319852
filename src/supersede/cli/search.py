"""``supersede search``: which network suits a target?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from supersede.cli.common import Quiet, outputs

if TYPE_CHECKING:
    from supersede.search.architecture import Space, Task

__all__ = ["search"]


def search(
    *,
    target: str,
    task: str = "digits",
    space: str | None = None,
    strategy: Literal["evolution", "nsga2", "reinforce", "random"] = "evolution",
    evaluations: int = 50,
    max_latency: float | None = None,
    max_weights: str | None = None,
    max_sram: str | None = None,
    most_accurate: bool = False,
    curate: bool = True,
    stop: bool = True,
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

    Exit codes: 0 done, 1 no network is within the limits, 2 a usage or data error.

    Example: supersede search --target ethos-u85-512 --task digits --evaluations 30 --store runs/digits

    Args:
        target: ethos-u55-32 to ethos-u85-2048; a declared accelerator (chip.toml).
        task: digits (classification), detection or segmentation (composed scenes), or a task of your own:
            file.py:name.
        space: A space of your own: file.py:name; by default one that suits the task.
        strategy: How candidates are chosen.
        evaluations: Trainings at most.
        max_latency: Most milliseconds.
        max_weights: Most memory for weights, likewise.
        max_sram: Most memory for activations, such as 256KB.
        most_accurate: Minimise the error alone, within the limits, instead of error and latency.
        curate: Remove channels off the target's granule and dominated choices first.
        stop: End when further search is not worth it, rather than after all evaluations.
        seed: Seed of all random choices.
        store: A folder, or postgresql://… for several workers.
        memory: Memory mode of an Ethos-U.
        system: System configuration of an Ethos-U.
        vela_config: A vela.ini of your own, for clocks and bandwidths that do not exist yet.
        cache: File of kept measurements; in the user's folder for caches if left out.
        out: Write the page here, as HTML in one file.
        json: Write the result here, as JSON.
        winner: Folder for the most accurate network of the front: its description and its picture.
        quiet: Do not show progress.
    """
    from supersede.cli.for_targets import byte_count, cache_file, open_target
    from supersede.cli.progress import Progress
    from supersede.search.architecture import Limits, Stop, TargetCosts
    from supersede.search.architecture import search as find

    written = outputs(out=out, json=json)
    limits = Limits(
        None if max_latency is None else max_latency / 1000,
        byte_count(max_weights, "--max-weights"),
        byte_count(max_sram, "--max-sram"),
    )
    opened = open_target(target, memory, system, vela_config, 8)
    chosen_task, chosen_space = _task(task), _space(space, task)
    with Progress(quiet=quiet) as say:
        if curate:
            curated = chosen_space.curate(opened, seed=seed, progress=say)
            print(curated)
            chosen_space = curated.space
        found = find(
            chosen_space, chosen_task, TargetCosts(opened, cache_file(cache)),
            objectives=("error",) if most_accurate else ("error", "latency"),
            limits=limits, strategy=_strategy(strategy), evaluations=evaluations,
            stop=Stop() if stop else None, seed=seed, store=store, progress=say,
        )  # fmt: skip
    print(found)
    written.write(found)
    if winner is not None and found.front:
        _write_winner(found, winner, opened)
    return 0 if found.front else 1


def _strategy(name: str) -> Any:
    from supersede.search.architecture import EXPERT, NSGA2, Evolution, RandomSearch, Reinforce

    match name:
        case "nsga2":
            return NSGA2()
        case "reinforce":
            return Reinforce()
        case "random":
            return RandomSearch()
        case _:
            return Evolution(population=20, entrants=5, mutations=EXPERT)


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
    if not callable(getattr(task, "evaluate", None)):
        msg = f"--task {name} has no method evaluate(candidate, seed); see the protocol Task"
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
    values = runpy.run_path(path)
    if attribute not in values:
        msg = f"{flag}: {path} defines no {attribute!r}"
        raise ArgumentError(msg)
    return values[attribute]


def _write_winner(found: Any, folder: Path, target: Any) -> None:
    from supersede.look.page import figure_page, write_whole
    from supersede.search.architecture.picture import drawn_network

    best = min(found.front, key=lambda e: e.error)
    network = found.candidate(best).network
    write_whole(folder / "network.json", network.to_json())
    cost = target.measure(network)
    page = figure_page("The most accurate network", f"{best}.", drawn_network(network, cost))
    write_whole(folder / "network.html", page)
    print(f"{folder}: network.json, network.html")
