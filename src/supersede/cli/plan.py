"""`supersede plan`: which items to label."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from supersede.cli.progress import Progress
from supersede.cli.run_flags import RunFlags
from supersede.cli.run_sizes import size_run
from supersede.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from supersede.evaluate import Estimand
    from supersede.table import Table

__all__ = ["plan"]


def plan(
    table: str | None = None,
    *newer: str,
    model: Annotated[list[str] | None, Parameter(negative=())] = None,
    parent: str | None = None,
    estimand: Annotated[list[str] | None, Parameter(negative=())] = None,
    group: Annotated[list[str] | None, Parameter(negative=())] = None,
    for_review: Path | None = None,
    positive: str = "1",
    judge: Annotated[list[str] | None, Parameter(negative=())] = None,
    classes: Annotated[list[str] | None, Parameter(negative=())] = None,
    margin: str = "5%",
    confidence: str = "95%",
    method: Literal["allocated", "coordinated", "parent_child", "independent"] = "allocated",
    mix: Literal["reshuffle", "resample"] = "reshuffle",
    budget: int | None = None,
    after: Path | None = None,
    labels: Path | None = None,
    item: str | None = None,
    seed: int = 0,
    out: Path = Path("plan.csv"),
    picture: Path | None = None,
    votes: bool = False,
    detect: str | None = None,
    items: int | None = None,
    disagreement: str | None = None,
    power: Annotated[list[str] | None, Parameter(negative=())] = None,
    max_nfr: str | None = None,
    label: str | None = None,
    cluster: str | None = None,
    weight: str | None = None,
    json: Path | None = None,
    reading: RunFlags = RunFlags(),  # noqa: B008  # frozen
) -> None:
    """Choose the items whose labels serve all estimands at once.

    Args:
        table: A CSV, JSONL or Parquet file of predictions, one column per model. Without --model,
            the old model's answers, in a separate file.
        newer: The new model's answers, or those of several.
        model: A column of predictions; give one --model for each.
        parent: The ensemble that the models belong to; it is estimated too.
        estimand: precision, recall, f1, accuracy, and for the first two models (old and new):
            negative_flip_rate, positive_flip_rate, accuracy_difference, precision_difference; and
            win_rate, how often the label is --positive, for which no model is needed.
        group: A column; every estimand is then also estimated for each of its values.
        for_review: The JSON result of an undecided review; models and estimands are then those of
            its undecided checks, with margins that decide them.
        positive: The class that counts as positive.
        judge: A column with an opinion about every label, such as a language model's: a class, or the
            probability of class 1; repeatable. It saves labels as far as it is right, which the
            labels show, and is never taken for a label.
        classes: A class that labels may have, if the models do not predict them all; name all of
            them, one --classes each.
        margin: Requested half-width of the intervals, such as 5% or 0.05.
        confidence: Confidence of the intervals, such as 95% or 0.95.
        method: How items are chosen.
        mix: For parent_child, how its parts are mixed.
        budget: Number of labels that can be afforded; margins are then as narrow as it permits.
        after: An earlier plan whose labels count for this one.
        labels: The labels of the earlier plan, from which this one learns.
        item: The column of item ids.
        seed: Key of the permanent random numbers; keep it to reuse labels.
        out: File for the items to label; the design is stored next to it.
        picture: File for a picture of the plan, as HTML.
        votes: Show the models' answers to annotators.
        detect: Instead of items to label, say how many items show a regression of this size, such as
            2pp. How often the models disagree is counted in the table, an earlier pair of runs with
            labels (--model OLD --model NEW), or assumed (--disagreement).
        items: Say how small a regression so many items show.
        disagreement: With --detect or --items and without a table: the share of items on which
            exactly one of the two models is right, such as 10%.
        power: With --detect or --items: the chance with which it is shown; repeatable. [default: 80%
            and 90%]
        max_nfr: With --detect or --items: it is a limit of negative flips that is exceeded by so
            much, instead of accuracy that falls.
        label: With --detect or --items: the column of labels.
        cluster: With --detect or --items: the column of clusters.
        weight: With --detect or --items: the column of item weights.
        json: With --detect or --items: where the sizes go, as JSON.
        reading: How runs are read and joined.
    """
    if detect is not None or items is not None:
        if estimand or for_review or budget is not None or after or labels or parent:
            msg = "--detect and --items size a run; leave out what chooses items to label"
            raise ArgumentError(msg)
        runs = None
        if newer and table is not None:
            runs = reading.join(
                [table, *newer], item=item, label=label, groups=group or (), weight=weight,
                cluster=cluster,
            )  # fmt: skip
            item = label = cluster = weight = None  # the joined table has them
        size_run(
            runs or table, models=model or list(runs.models if runs else ()), detect=detect, items=items, disagreement=disagreement,
            power=power, max_nfr=max_nfr, group=group, label=label, item=item, cluster=cluster,
            weight=weight, confidence=share(confidence), picture=picture, json=json,
        )  # fmt: skip
        return
    if table is None:
        msg = "name a table of predictions; or size a run: --detect 2pp --disagreement 10%"
        raise ArgumentError(msg)
    if disagreement or power or max_nfr or label or cluster or weight or json:
        msg = "--disagreement, --power, --max-nfr, --label, --cluster, --weight and --json go with --detect"
        raise ArgumentError(msg)
    import supersede
    from supersede.evaluate import estimate, open_questions, read_plan, write_plan
    from supersede.evaluate import plan as make
    from supersede.evaluate.estimands import models_of
    from supersede.evaluate.pictures import plan_picture
    from supersede.look import write_whole

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
    with Progress() as progress:
        progress("reading the table")
        if newer:
            rows = _of_runs(reading, [table, *newer], models, item=item, groups=group or ())
            models = list(rows.models)
        else:
            rows = supersede.read(
                table, item=item, models=models or judge, groups=group or (), labelled=False,
                keep=judge or (),
            )  # fmt: skip
        if not asked:
            wanted = estimand or ["precision"]
            asked = tuple(_estimands(rows, models, wanted, group or [], positive))
        earlier = None if after is None else read_plan(after)
        learnt = earlier if earlier is None or labels is None else estimate(earlier, str(labels))
        made = make(
            rows,
            asked,
            margin=share(margin),
            confidence=share(confidence),
            method=method,
            parent=parent,
            mix=mix,
            budget=budget,
            judge=judge or (),
            after=learnt,
            classes=None if classes is None else [_class(text) for text in classes],
            seed=seed,
            progress=progress,
        )
        progress(f"writing {out}")
        written = write_plan(made, out, votes=votes)
        if picture is not None:
            write_whole(picture, plan_picture(made))
    sys.stdout.write(f"{made!r}\nwritten: {', '.join(map(str, written))}\n")


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


def share(text: str) -> float:
    """A share written as 5% or 0.05.

    Raises:
        ArgumentError: It is not a number.

    Example:
        >>> share("5%"), share("0.95")
        (0.05, 0.95)
    """
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        msg = f"{text!r} is not a share; write 5% or 0.05"
        raise ArgumentError(msg) from None


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
