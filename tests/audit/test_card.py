"""The service card: valid against its schema, whole in every form, and safe."""

import json
from datetime import date

import jsonschema
import numpy as np
import pytest
from huggingface_hub import ModelCard

from supersede import errors
from supersede.audit import audit_losses, card_schema, load_card, service_card

NASTY = '<script>alert("x")</script>: "quoted" | # not: yaml'
WORDS = {
    "name": "triage", "version": "2", "released": date(2026, 1, 2), "intended_use": "Sorts letters.",
    "limits": ["English only."], "customer_must_test": ["Your own letters."],
    "created": date(2026, 1, 3),
}  # fmt: skip


def audit(n=600, name="error rate", **options):
    rng = np.random.default_rng(0)
    group = rng.choice(np.array(["a", "b", NASTY, None], object), n)
    lost = (rng.random(n) < 0.2).astype(float)
    lost[group == "b"] = np.nan
    return audit_losses(lost, {"g": group}, name=name, **options)


def validate(card):
    jsonschema.validate(
        json.loads(card.to_json()), card_schema(), format_checker=jsonschema.FormatChecker()
    )


def test_schema_is_one_and_refuses_what_is_no_card():
    jsonschema.Draft202012Validator.check_schema(card_schema())
    data = service_card([audit()], **WORDS).to_dict()
    for change in ({"evaluations": []}, {"created": "soon"}, {"card_version": 2}, {"more": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(
                {**data, **change}, card_schema(), format_checker=jsonschema.FormatChecker()
            )


def test_card_is_valid_and_renders_in_every_form(tmp_path):
    audits = [audit(), audit(name="burden", unit="amount")]
    card = service_card(
        audits, **{**WORDS, "name": NASTY}, not_intended=[NASTY], replaces="1",
        definitions={"burden": "Minutes lost."},
    )  # fmt: skip
    validate(card)
    page = card.to_html()
    assert "<script" not in page
    assert "What must you test yourself?" in page
    assert "Minutes lost." in page
    assert "no graded item" in page
    assert card.to_markdown().count("by group") == 2
    assert "<script" not in card.to_markdown()
    back = load_card(card.save(tmp_path / "card.json"))
    assert back == card
    assert back.to_html() == page
    with pytest.raises(errors.ArgumentError, match="must end in"):
        card.save(tmp_path / "card.txt")
    (tmp_path / "card.json").write_text("[]")
    with pytest.raises(errors.ArgumentError, match="not a service card"):
        load_card(tmp_path / "card.json")


def test_the_hub_reads_its_metadata():
    card = service_card([audit()], **{**WORDS, "name": NASTY})
    read = ModelCard(card.to_huggingface(task="tabular-classification", dataset="yes: no"))
    result, *groups = read.data.eval_results
    assert read.data.model_name == NASTY
    rows = [row for row in audit().rows if row.n >= 30]
    assert [found.metric_args["group"] for found in groups] == [row.group for row in rows]
    assert [found.metric_value for found in groups] == [row.value for row in rows]
    assert groups[0].metric_args["interval"] == [rows[0].joint_low, rows[0].joint_high]
    assert result.dataset_name == "yes: no"
    assert result.metric_name == "error rate"
    assert result.metric_value == pytest.approx(audit().overall.value)


def test_inferred_and_synthetic_are_marked():
    inferred = audit(inferred=["g"], allow_inferred=True)
    card = service_card([inferred], **WORDS)
    assert all(row["inferred"] for row in card.data["evaluations"][0]["groups"])
    assert "g (inferred)" in card.to_html()
    assert "were guessed" in card.to_html()
    from dataclasses import replace

    made_up = service_card([replace(audit(), synthetic=audit(n=50))], **WORDS)
    validate(made_up)
    assert [e["synthetic"] for e in made_up.data["evaluations"]] == [False, True]
    assert "SYNTHETIC" in made_up.to_html()
    assert "SYNTHETIC" in made_up.to_markdown()


def test_no_card_without_an_audit_or_words():
    with pytest.raises(errors.ArgumentError, match="without an audit"):
        service_card([], **WORDS)
    with pytest.raises(errors.ArgumentError, match="limits"):
        service_card([audit()], **{**WORDS, "limits": []})
    with pytest.raises(errors.ArgumentError, match="definition of 'burden'"):
        service_card([audit(name="burden")], **WORDS)
