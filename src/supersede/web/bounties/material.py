"""From a round's table and plan to what is judged with: public rows, slices, first model, loss."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from supersede.bounty import (
    Betting,
    Bounty,
    Certified,
    DecisionList,
    Logged,
    Policy,
    RowLoss,
    Sample,
    ZeroOne,
)
from supersede.bounty.artefacts import Codes, columns_of, parse, read_model
from supersede.bounty.hunters import Ground
from supersede.bounty.table_rows import coded
from supersede.errors import InputError, MissingColumnError, MissingPredictionError
from supersede.web.bounties.log import RoundLog
from supersede.web.bounties.tables import read_kept
from supersede.web.database import Round
from supersede.web.site import Site

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Material", "Plan", "material_of", "open_bounty", "public_csv", "schema_of"]

CURRENT = "current_answer"  # the column of the public rows with the base model's classes
_CATEGORIES = 40  # of a column that the form for submissions offers one by one


@dataclass(frozen=True)
class Plan:
    """How a round uses its table.

    Attributes:
        label: The column of labels.
        model: The column of the model's classes; empty if a model was uploaded.
        model_columns: The columns that an uploaded ONNX model reads, in order.
        features: The columns that groups and models are allowed to read.
        watch: Groups that must not get worse, as expressions.
        public: Share of the rows that hunters see.
        fresh: Share of the rows kept for the audit; the rest judges.
        slices: Slices of the holdout.
        seed: Seed of the slices.
        policy: ``certified`` or ``betting``.
        delta: Probability that an accepted patch does harm.
    """

    label: str
    model: str
    model_columns: tuple[str, ...]
    features: tuple[str, ...]
    watch: tuple[str, ...]
    public: float
    fresh: float
    slices: int
    seed: int
    policy: str
    delta: float

    @classmethod
    def of(cls, plan: Mapping[str, Any]) -> "Plan":
        """From the record in the database."""
        values = {name: plan[name] for name in cls.__annotations__}
        for name in ("model_columns", "features", "watch"):
            values[name] = tuple(values[name])
        return cls(**values)


@dataclass(frozen=True)
class Material:
    """What a round is judged with.

    Attributes:
        public: The public rows.
        slices: The slices of the holdout.
        fresh: The rows for the audit.
        first: The first model.
        classes: The classes, in the order of their codes.
        loss: The loss of a row.
        policy: The rule by which submissions are accepted.
        watch: Groups that must not get worse.
        features: The columns that submissions are allowed to read.
    """

    public: Sample
    slices: tuple[Sample, ...]
    fresh: Sample
    first: DecisionList
    classes: tuple[Any, ...]
    loss: RowLoss
    policy: Policy
    watch: Mapping[str, Any]
    features: tuple[str, ...]

    def ground(self, model: DecisionList) -> Ground:
        """The public rows, for training."""
        return Ground.of(self.public, model, self.loss, self.features)


def material_of(site: Site, round_: Round) -> Material:
    """Read a round's table.

    Raises:
        InputError: The plan does not fit the table.
        MissingColumnError: A column is missing.
        NotFoundError: The table is gone from the data folder.
    """
    plan = Plan.of(round_.plan)
    table = read_kept(site.files, round_.table_hash)
    read = [plan.label, *([plan.model] if plan.model else []), *plan.features]
    for name in read:
        if name not in table.column_names:
            raise MissingColumnError.of(name, table.column_names, "this round")
    if plan.label in plan.features or plan.model in plan.features:
        msg = "the label and the model's answers cannot be features"
        raise InputError.of(msg, "features")
    whole, classes = _sample(table, plan)
    answers = Codes(len(classes))
    if plan.model:
        first = DecisionList(Logged(plan.model), answers=answers)
    else:
        content = site.files.read(round_.model_hash or "")
        first = DecisionList(read_model(content, columns=plan.model_columns), answers=answers)
    public, holdout, fresh = _cut(whole, plan)
    policy: Policy = Betting(plan.delta) if plan.policy == "betting" else Certified(plan.delta)
    return Material(
        public, tuple(holdout.slices(plan.slices, seed=plan.seed)), fresh, first, classes,
        ZeroOne(), policy, {text: parse(text) for text in plan.watch}, plan.features,
    )  # fmt: skip


def _sample(table: "pa.Table", plan: Plan) -> tuple[Sample, tuple[object, ...]]:
    """All labelled rows, with classes as codes."""
    try:
        whole = coded(table, plan.label, plan.model or None, plan.features, "all rows")
    except MissingPredictionError as error:
        raise InputError.of(str(error), "model") from error
    classes = whole.classes or ()
    if not 2 <= len(classes) <= 100:
        msg = f"label and model have {len(classes)} different values; expected 2 to 100 classes"
        raise InputError.of(msg, "label")
    return whole, classes


def _cut(whole: Sample, plan: Plan) -> tuple[Sample, Sample, Sample]:
    """Public, holdout and fresh rows; no seed makes rows judge that were public or audited."""
    order = np.random.default_rng(0).permutation(len(whole))
    ends = [round(share * len(whole)) for share in (plan.public, 1 - plan.fresh)]
    public, holdout, fresh = np.split(order, ends)
    if min(len(public), len(holdout), len(fresh)) < 100 * plan.slices:
        msg = (
            f"{len(whole)} labelled rows are too few: each of the public rows, the slices of the"
            " holdout and the fresh rows needs 100"
        )
        raise InputError.of(msg, "slices")
    return (
        whole.take(np.sort(public), "public rows"),
        whole.take(np.sort(holdout), "holdout"),
        whole.take(np.sort(fresh), "fresh rows"),
    )


def open_bounty(site: Site, round_: Round, material: Material) -> tuple[Bounty, RoundLog]:
    """The bounty of a round, where its log stands."""
    log = RoundLog(site, round_.id)
    bounty = Bounty(
        material.first, material.slices, loss=material.loss, policy=material.policy,
        capacity=round_.capacity, watch=material.watch, public=material.public, log=log,
        per_team=round_.per_team,
    )  # fmt: skip
    return bounty, log


def schema_of(material: Material) -> dict[str, Any]:
    """What hunters need to know of the columns, from the public rows alone."""
    columns = []
    for name, column in columns_of(material.public.columns, material.features).items():
        told: dict[str, Any] = {"name": name, "kind": column.kind}
        missing = 0 if column.missing is None else int(column.missing.sum())
        told["missing"] = missing
        if column.kind == "text":
            codes = column.values[column.values >= 0]
            counts = np.bincount(codes, minlength=len(column.categories))
            order = np.argsort(-counts, kind="stable")[:_CATEGORIES]
            told["values"] = [column.categories[i] for i in order if counts[i]]
            told["more"] = int((counts > 0).sum()) - len(told["values"])
        elif column.kind == "number":
            known = column.numbers()[~np.isnan(column.numbers())]
            told |= {"least": float(known.min()), "most": float(known.max())}
            distinct = np.unique(known)
            if len(distinct) <= 12:
                told["values"] = [_plain(value) for value in distinct]
        columns.append(told)
    return {
        "columns": columns,
        "classes": [str(value) for value in material.classes],
        "rows": len(material.public),
        "base": material.first.base.to_dict().get("form"),
    }


def _plain(value: float) -> int | float:
    return int(value) if float(value).is_integer() else float(value)


def public_csv(material: Material, label: str) -> bytes:
    """The public rows with labels and the first model's answers, as codes of classes."""
    import pyarrow as pa
    import pyarrow.csv

    sample = material.public
    found: dict[str, Any] = {}
    for name, column in columns_of(sample.columns, material.features).items():
        if column.kind == "text":
            found[name] = pa.array([text or None for text in column.texts()], pa.string())
        else:
            found[name] = pa.array(column.values, mask=column.missing)
    found[label] = sample.labels
    found[CURRENT] = material.first.predict(sample.columns)
    held = io.BytesIO()
    pyarrow.csv.write_csv(pa.table(found), held)
    return held.getvalue()
