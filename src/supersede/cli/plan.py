"""`supersede plan`: which items to label."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from supersede.cli.common import Quiet, Share, Strings, outputs
from supersede.cli.progress import Progress
from supersede.cli.run_flags import RunFlags
from supersede.cli.run_sizes import size_run
from supersede.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from supersede.evaluate import Estimand, Estimates
    from supersede.table import Table

__all__ = ["plan"]


def plan(
    table: str | None = None,
    *newer: str,
    model: Strings = None,
    parent: str | None = None,
    estimand: Strings = None,
    group: Strings = None,
    for_review: Path | None = None,
    positive: str = "1",
    opinion: Strings = None,
    classes: Strings = None,
    margin: Share = 0.05,
    confidence: Share = 0.95,
    method: Literal["allocated", "coordinated", "parent_child", "independent"] = "allocated",
    mix: Literal["reshuffle", "resample"] = "reshuffle",
    budget: int | None = None,
    after: Path | None = None,
    after_labels: Path | None = None,
    item: str | None = None,
    seed: int = 0,
    tasks: Path = Path("plan.csv"),
    votes: bool = False,
    detect: str | None = None,
    run_items: int | None = None,
    discordant: str | None = None,
    power: Strings = None,
    max_nfr: str | None = None,
    label: str | None = None,
    cluster: str | None = None,
    weight: str | None = None,
    out: Path | None = None,
    json: Path | None = None,
    quiet: Quiet = False,
    reading: RunFlags = RunFlags(),  # noqa: B008  # frozen
) -> None:
    """Choose the items whose labels serve all estimands at once.

    Args:
        table: A table in CSV, JSONL or Parquet: a file, or a glob in quotes. Or, without --model,
            the old model's answers, in a file of their own.
        newer: The new model's answers, or those of several.
        model: Column of a model's answers; repeat it for several.
        parent: The ensemble that the models belong to; it is estimated too.
        estimand: precision, recall, f1, accuracy, and for the first two models (old and new):
            negative_flip_rate, positive_flip_rate, accuracy_difference, precision_difference; and
            win_rate, how often the label is --positive, for which no model is needed.
        group: Column whose values are groups; repeat it for several. Every estimand is then also
            estimated for each of them.
        for_review: The JSON result of an undecided review; models and estimands are then those of
            its undecided checks, with margins that decide them.
        positive: The class that counts as positive.
        opinion: Column with an opinion about every label, such as a language model's: a class, or the
            probability of class 1; repeat it for several. It saves labels as far as it is right,
            which the labels show, and is never taken for a label.
        classes: A class that labels may have although no model predicts it; repeat it for several.
        margin: Requested half-width of the intervals, such as 5% or 0.05.
        confidence: Two-sided confidence of every interval, such as 95% or 0.95.
        method: How items are chosen.
        mix: For parent_child, how its parts are mixed.
        budget: Number of labels that can be afforded; margins are then as narrow as it permits.
        after: An earlier plan whose labels count for this one.
        after_labels: The labels of the earlier plan, from which this one learns.
        item: Column of item ids.
        seed: Seed of all random choices: the key of the permanent random numbers. Keep it to reuse
            labels.
        tasks: File for the items to label (.csv, .jsonl or .parquet); the design is stored next to it.
        votes: Show the models' answers to annotators.
        detect: Instead of items to label, say how many items show a regression of this size, such as
            2pp. How often the models disagree is counted in the table, an earlier pair of runs with
            labels (--model OLD --model NEW), or assumed (--discordant).
        run_items: Instead of items to label, report how small a regression this many items show.
        discordant: With --detect or --run-items and without a table: the share of items on which
            exactly one of the two models is right, such as 10%.
        power: With --detect or --run-items: the chance with which it is shown; repeatable.
            [default: 80% and 90%]
        max_nfr: At most this share of items flips from right to wrong. With --detect or --run-items:
            the regression exceeds this limit; without it, accuracy falls.
        label: Column of labels. With --detect or --run-items.
        cluster: Column of clusters of items that are not independent.
        weight: Column of item weights.
        out: Write the page here, as HTML in one file.
        json: Write the result here, as JSON.
        quiet: Do not show progress.
        reading: How runs are read and joined.
    """
    written = outputs(out=out, json=json)
    if detect is not None or run_items is not None:
        if estimand or for_review or budget is not None or after or after_labels or parent:
            msg = "--detect and --run-items size a run; leave out what chooses items to label"
            raise ArgumentError(msg)
        runs = None
        if newer and table is not None:
            runs = reading.join(
                [table, *newer], item=item, label=label, groups=group or (), weight=weight,
                cluster=cluster,
            )  # fmt: skip
            item = label = cluster = weight = None  # the joined table has them
        sizes = size_run(
            runs or table, models=model or list(runs.models if runs else ()), detect=detect,
            items=run_items, discordant=discordant, power=power, max_nfr=max_nfr, group=group,
            label=label, item=item, cluster=cluster, weight=weight, confidence=confidence,
        )  # fmt: skip
        written.write(sizes)
        print(sizes)
        return
    if table is None:
        msg = "name a table of predictions; or size a run: --detect 2pp --discordant 10%"
        raise ArgumentError(msg)
    if discordant or power or max_nfr or label:
        msg = "--discordant, --power, --max-nfr and --label go with --detect"
        raise ArgumentError(msg)
    import supersede
    from supersede.evaluate import Plan, estimate, load_plan, open_questions, write_plan
    from supersede.evaluate import plan as make
    from supersede.evaluate.estimands import models_of
    from supersede.look.page import check_output

    check_output(tasks, "the items to label (--tasks)", (".csv", ".jsonl", ".parquet"))
    models = _models(model or [], parent)
    asked: tuple[Estimand, ...] = ()
    if for_review is not None:
        asked = open_questions(for_review)
        models = models_of(asked)
    elif not models and not newer and estimand != ["win_rate"]:
        msg = (
            "name the models: --model COLUMN for each, or --for-review RESULT.json; or give a file of"
            " answers for each model, the old one first"
        )
        raise ArgumentError(msg)
    with Progress(quiet=quiet) as progress:
        progress("reading the table")
        if newer:
            rows = _of_runs(
                reading, [table, *newer], models, item=item, groups=group or (), weight=weight,
                cluster=cluster,
            )  # fmt: skip
            models = list(rows.models)
        else:
            rows = supersede.read(
                table, item=item, models=models or opinion, groups=group or (), labelled=False,
                keep=opinion or (), weight=weight, cluster=cluster,
            )  # fmt: skip
        if not asked:
            wanted = estimand or ["precision"]
            asked = tuple(_estimands(rows, models, wanted, group or [], positive))
        earlier = None if after is None else load_plan(after)
        learnt: Plan | Estimates | None = earlier
        if earlier is not None and after_labels is not None:
            learnt = estimate(earlier, str(after_labels))
        made = make(
            rows,
            asked if for_review is None else (),
            for_review=for_review,
            margin=margin,
            confidence=confidence,
            method=method,
            parent=parent,
            mix=mix,
            budget=budget,
            judge=opinion or (),
            after=learnt,
            classes=None if classes is None else [_class(text) for text in classes],
            seed=seed,
            progress=progress,
        )
        progress(f"writing {tasks}")
        files = write_plan(made, tasks, votes=votes)
        written.write(made)
    print(f"{made}\nwritten: {', '.join(map(str, files))}")


def _of_runs(reading: RunFlags, files: list[str], models: list[str], **uses: Any) -> "Table":
    """The answers of several runs, as a table of models whose labels are still to come.

    Raises:
        ArgumentError: Models are named too, or the runs are graded already.
    """
    if models:
        msg = "each file is a model's run, so leave out --model, --parent and --for-review"
        raise ArgumentError(msg)
    table = reading.join(files, label=None, labelled=False, **uses)
    if table.joined is not None and table.joined.metric is not None:
        msg = (
            f"these runs are graded already (by {table.joined.metric!r}), so that there is nothing to"
            " label: supersede review compares them; name the answers if they are still to be"
            " labelled: --answer COLUMN"
        )
        raise ArgumentError(msg)
    return table


def _class(text: str) -> int | str:
    return int(text) if text.lstrip("-").isdigit() else text


def _models(models: list[str], parent: str | None) -> list[str]:
    return list(dict.fromkeys([*([parent] if parent else []), *models]))


def _estimands(
    rows: "Table", models: list[str], wanted: list[str], groups: list[str], positive: str
) -> "list[Estimand]":
    """Estimands by name: of each model, or of the first two, overall and by group.

    Raises:
        ArgumentError: A name is unknown, or there are not two models to compare.
    """
    from supersede import evaluate

    target = _class(positive)
    of_class = {"precision": evaluate.precision, "recall": evaluate.recall, "f1": evaluate.f1}
    of_pair: dict[str, Callable[[str, str], Estimand]] = {
        "negative_flip_rate": evaluate.negative_flips,
        "positive_flip_rate": evaluate.positive_flips,
        "accuracy_difference": lambda a, b: evaluate.accuracy(b) - evaluate.accuracy(a),
        "precision_difference": lambda a, b: (
            evaluate.precision(b, positive=target) - evaluate.precision(a, positive=target)
        ),
    }
    found: list[Estimand] = []
    for name in wanted:
        if name in of_class:
            found += [of_class[name](model, positive=target) for model in models]
        elif name == "win_rate":
            found.append(evaluate.win_rate(target))
        elif name == "accuracy":
            found += [evaluate.accuracy(model) for model in models]
        elif name in of_pair and len(models) > 1:
            found.append(of_pair[name](models[0], models[1]))
        else:
            known = ", ".join(["accuracy", *of_class, *of_pair, "win_rate"])
            msg = f"estimand {name!r} is unknown or needs two models; expected one of {known}"
            raise ArgumentError(msg)
    split = [e for g in groups for f in found for e in evaluate.for_each_group(f, rows, g)]
    return [*found, *split]
