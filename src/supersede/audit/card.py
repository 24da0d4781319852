"""The service card: a released model's purpose, its errors by group, and what users must test.

A card is one JSON document with a published schema (`card_schema`); pages and metadata are
generated from it alone, so they contain nothing else. There is no card without an audit.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supersede.audit.result import Audit
from supersede.errors import ArgumentError
from supersede.look.json_values import json_values
from supersede.look.page import environment
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa
    from markupsafe import Markup

    from supersede.audit.speech.result import SpeechAudit

__all__ = ["ServiceCard", "card_schema", "load_card", "service_card"]

_ROW = (
    "split", "group", "items", "n", "known", "inferred", "value", "low", "high", "joint_low",
    "joint_high", "gap", "gap_low", "gap_high", "stands_out",
)  # fmt: skip
_DEFINITIONS = {
    "error rate": "Items that the model gets wrong, over all items.",
    "squared error": "Mean squared difference of score and label (the Brier score for scores).",
    "absolute error": "Mean absolute difference of score and label.",
    "log loss": "Mean of minus the natural logarithm of the probability given to the observed"
    " outcome.",
    "word error rate": "Substituted, deleted and inserted words, summed, over words spoken, summed.",
    "accuracy": "Items that the model gets right, over all items.",
    "precision": "Of the items that the model calls positive, the share that are positive.",
    "recall": "Of the items that are positive, the share that the model calls positive.",
    "false positive rate": "Of the items that are negative, the share that the model calls positive.",
    "false negative rate": "Of the items that are positive, the share that the model calls negative.",
    "selection rate": "Items that the model calls positive, over all items.",
}


@dataclass(frozen=True)
class ServiceCard(ResultMixin, named="a card"):
    """A dated card of one released model.

    Attributes:
        data: The card as plain data, following its schema.
    """

    data: Mapping[str, Any] = field(repr=False)

    def __str__(self) -> str:
        model, evaluations = self.data["model"], self.data["evaluations"]
        measured = ", ".join(dict.fromkeys(e["metric"] for e in evaluations))
        return f"service card of {model['name']} {model['version']}: {measured}"

    def to_dict(self) -> dict[str, Any]:
        """The card as plain data, which `load_card` reads back from its JSON."""
        return dict(self.data)

    def to_frame(self) -> "pa.Table":
        """One row per evaluation and group, all items first."""
        return frame_of(
            {"metric": e["metric"], "synthetic": e["synthetic"], "date": e["date"], **row}
            for e in self.data["evaluations"]
            for row in (e["overall"], *e["groups"])
        )

    def to_html(self) -> str:
        """The card as one self-contained page."""
        return environment().get_template("audit/card.html").render(self._context())

    def to_markdown(self) -> str:
        """The card as Markdown."""
        return environment().get_template("audit/card.md").render(self._context())

    def to_huggingface(self, *, task: str, dataset: str) -> str:
        """The card as a model card for the Hugging Face hub: metadata, then the card as Markdown.

        The metadata has the value over all items, and that of each group that is large enough; a
        group's ``args`` name it, and hold its items and its interval.

        Args:
            task: The hub's name of the task, such as ``tabular-classification``.
            dataset: The name of the data that the model was evaluated on.
        """
        return f"---\n{_front_matter(self.data, task, dataset)}---\n\n{self.to_markdown()}"

    def _context(self) -> dict[str, Any]:
        from supersede.look import numbers

        units = {metric["name"]: metric["unit"] for metric in self.data["metrics"]}
        shares, amounts = (numbers.share, numbers.points), (numbers.amount, numbers.amount)
        forms = {name: shares if unit == "share" else amounts for name, unit in units.items()}
        return {"card": self.data, "forms": forms, "plots": [_plot(e, forms) for e in self.data["evaluations"]]}  # fmt: skip


def service_card(
    audits: "Sequence[Audit | SpeechAudit]",
    *,
    name: str,
    version: str,
    released: date,
    intended_use: str,
    limits: Sequence[str],
    customer_must_test: Sequence[str],
    not_intended: Sequence[str] = (),
    definitions: Mapping[str, str] | None = None,
    replaces: str | None = None,
    created: date | None = None,
) -> ServiceCard:
    """Make the card of a released model from its audits.

    Args:
        audits: One or several audits of the model, of speech too; synthetic items get an evaluation
            of their own.
        name: The model's name.
        version: The released version.
        released: When it was released.
        intended_use: What it is for, in a sentence or two.
        limits: Known limitations, and what is not known.
        customer_must_test: What users of the model must test on their own data.
        not_intended: Uses for which it is not meant.
        definitions: Definitions of losses that are not built in.
        replaces: The model or version that it replaces.
        created: The card's date; today by default.

    Returns:
        The card.

    Raises:
        ArgumentError: There is no audit, a text is missing, or a loss has no definition.

    Example:
        >>> from datetime import date
        >>> from supersede.audit import audit_losses
        >>> audit = audit_losses([0, 1, 1, 0], {"sex": ["f", "m", "m", "f"]}, name="error rate")
        >>> card = service_card(
        ...     [audit], name="triage", version="2", released=date(2026, 1, 2),
        ...     intended_use="Sorts letters.", limits=["English only."],
        ...     customer_must_test=["Your own letters."], created=date(2026, 1, 3),
        ... )
        >>> card.to_markdown().splitlines()[0]
        '# triage 2: service card'
    """
    if not audits:
        msg = (
            "no card without an audit: audit the released model first (audit_groups), then pass it"
        )
        raise ArgumentError(msg)
    texts = {"name": name, "version": version, "intended_use": intended_use}
    lists = {"limits": limits, "customer_must_test": customer_must_test}
    missing = [key for key, value in {**texts, **lists}.items() if not value]
    if missing:
        msg = (
            f"a card needs a text for {', '.join(missing)}; every model has some, so write them"
            " down"
        )
        raise ArgumentError(msg)
    known = {**_DEFINITIONS, **(definitions or {})}
    evaluations = [pair for audit in audits for pair in _evaluations(audit)]
    undefined = [audit.loss for audit, _ in evaluations if audit.loss not in known]
    if undefined:
        msg = f"the card needs a definition of {undefined[0]!r}: definitions={{{undefined[0]!r}: '…'}}"
        raise ArgumentError(msg)
    metrics = {a.loss: (a.unit, a.worse) for a, _ in evaluations}
    return ServiceCard(
        {
            "card_version": 1,
            "created": (created or date.today()).isoformat(),
            "model": {
                "name": name,
                "version": version,
                "released": released.isoformat(),
                "replaces": replaces,
            },
            "intended_use": intended_use,
            "not_intended": list(not_intended),
            "metrics": [
                {"name": loss, "definition": known[loss], "unit": unit, "worse": worse}
                for loss, (unit, worse) in metrics.items()
            ],
            "evaluations": [_evaluation(a, synthetic=made_up) for a, made_up in evaluations],
            "limits": list(limits),
            "customer_must_test": list(customer_must_test),
            "made_with": _made_with(),
        }
    )


def card_schema() -> dict[str, Any]:
    """The JSON schema of cards (draft 2020-12).

    Example:
        >>> card_schema()["title"]
        'Service card of a released model'
    """
    text = files("supersede.audit").joinpath("card.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def load_card(path: str | Path) -> ServiceCard:
    """Read a card back from its JSON.

    Raises:
        ArgumentError: It cannot be read, or is not a card of this version.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"cannot read the card {path}: {error}; write one with ServiceCard.save('….json')"
        raise ArgumentError(msg) from error
    if not isinstance(data, dict) or data.get("card_version") != 1:
        msg = f"{path} is not a service card of version 1"
        raise ArgumentError(msg)
    return ServiceCard(data)


def _evaluations(audit: "Audit | SpeechAudit") -> list[tuple[Audit, bool]]:
    """The audits that stand behind one, and whether each is of synthetic items."""
    if isinstance(audit, Audit):
        found = [(audit, False)]
        return [*found, (audit.synthetic, True)] if audit.synthetic else found
    found = [(audit.audit, audit.made_up)]
    return [*found, (audit.synthetic.audit, True)] if audit.synthetic else found


def _evaluation(audit: Audit, *, synthetic: bool) -> dict[str, Any]:
    def row(found: Any) -> dict[str, Any]:
        kept = {key: json_values(getattr(found, key)) for key in _ROW}
        return {**kept, "too_few": found.n < audit.min_items}

    return {
        "metric": audit.loss,
        "data": audit.reading,
        "fingerprint": audit.fingerprint,
        "date": audit.created.date().isoformat(),
        "confidence": audit.confidence,
        "min_items": audit.min_items,
        "synthetic": synthetic,
        "conditions": list(audit.conditions),
        "overall": row(audit.overall),
        "groups": [row(found) for found in audit.rows],
        "notes": list(audit.notes),
    }


def _plot(evaluation: dict[str, Any], forms: Mapping[str, Any]) -> "Markup | None":
    """The groups that can be compared, with joint intervals, the largest gap first."""
    from supersede.audit.report import short
    from supersede.look.figures import Dot, dot_plot

    rows = [r for r in evaluation["groups"] if not r["too_few"] and r["joint_high"] is not None]
    rows.sort(key=lambda r: -abs(r["gap"] or 0.0))
    if not rows:
        return None
    dots = [
        Dot(short(r["group"]), r["value"], r["joint_low"], r["joint_high"], r["n"],
            "fail" if r["stands_out"] else "quiet")
        for r in rows[:20]
    ]  # fmt: skip
    metric = evaluation["metric"]
    return dot_plot(
        dots,
        title=f"{metric} by group",
        description="Groups and conditions with intervals that hold for all of them at once.",
        limit=evaluation["overall"]["value"],
        limit_word="all items",
        form=forms[metric][0],
    )


def _front_matter(data: Mapping[str, Any], task: str, dataset: str) -> str:
    """Metadata as YAML in which every scalar is JSON, so no text can break the structure."""
    quoted = json.dumps
    real = [
        e for e in data["evaluations"] if not e["synthetic"] and e["overall"]["value"] is not None
    ]
    lines = [
        f"model_name: {quoted(data['model']['name'])}",
        f"pipeline_tag: {quoted(task)}",
        "model-index:",
        f"- name: {quoted(data['model']['name'])}",
        "  results:",
        "  - task:",
        f"      type: {quoted(task)}",
        "    dataset:",
        f"      name: {quoted(dataset)}",
        f"      type: {quoted(dataset)}",
        "    metrics:",
    ]
    for evaluation in real:
        groups = [
            row for row in evaluation["groups"] if not row["too_few"] and row["value"] is not None
        ]
        lines += _metric(evaluation["metric"], evaluation["overall"])
        lines += [
            line for row in groups for line in _metric(evaluation["metric"], row, row["group"])
        ]
    return "\n".join(lines) + "\n"


def _metric(metric: str, row: Mapping[str, Any], group: str = "") -> list[str]:
    """One value of the metadata; of a group, its arguments say which, and how sure the value is."""
    given = {"n": row["n"], "interval": [row["joint_low"], row["joint_high"]]}
    lines = [
        f"    - type: {json.dumps(metric.replace(' ', '_'))}",
        f"      name: {json.dumps(f'{metric}, {group}' if group else metric)}",
        f"      value: {json.dumps(row['value'])}",
    ]
    if group:
        lines.append(f"      args: {json.dumps({'group': group, **given})}")
    return lines


def _made_with() -> str:
    from importlib.metadata import version

    return f"supersede {version('supersede')}"
