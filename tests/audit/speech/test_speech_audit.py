"""Word error rates by group and condition: planted rates, planted interactions, and bad transcripts."""

import json
from datetime import date

import jsonschema
import numpy as np
import pytest

from supersede.audit import Attribute, card_schema, service_card
from supersede.audit.speech import ENGLISH, VERBATIM, audit_speech
from supersede.errors import (
    ArgumentError,
    EmptyTableError,
    InferredAttributeError,
    MissingColumnError,
    MissingPredictionError,
)

WORDS = np.array(
    ["check", "the", "pump", "in", "room", "two", "give", "ten", "drops", "of", "iron", "now"]
)


def spoken(n=800, *, speakers=40, hurt=0.3, seed=0):
    """Half of the speakers are understood worse in the street."""
    rng = np.random.default_rng(seed)
    who = np.arange(n) % speakers
    accent = np.where(who < speakers // 2, "north", "south")
    noise = np.where(np.arange(n) // speakers % 2 == 0, "quiet", "street")
    said = [" ".join(rng.choice(WORDS, 8)) for _ in range(n)]

    def heard(text, rate):
        return " ".join(w if rng.random() > rate else "no" for w in text.split())

    rates = 0.05 + 0.1 * (noise == "street") + hurt * ((noise == "street") & (accent == "south"))
    return {
        "text": said,
        "asr": [heard(t, r) for t, r in zip(said, rates, strict=True)],
        "older": [heard(t, 0.2) for t in said],
        "accent": accent.tolist(), "noise": noise.tolist(), "who": [f"s{w}" for w in who],
    }  # fmt: skip


AXES = {"reference": "text", "groups": "accent", "conditions": "noise", "speaker": "who"}


def test_rates_interactions_and_changes():
    found = audit_speech(spoken(), "asr", old="older", **AXES)
    assert found.overall.words == 6400
    assert found.overall.low < found.overall.wer < found.overall.high
    hit = found.cell("accent = south", "noise = street")
    assert hit.wer == pytest.approx(0.45, abs=0.04)
    assert hit.substitutions == round(hit.wer * hit.words)
    (worst,) = [i for i in found.interactions if i.stands_out and i.condition == "noise = street"]
    assert worst.group == "accent = south"
    assert worst.joint_low < worst.low < worst.ratio < worst.high < worst.joint_high
    assert found.overall.old_wer == pytest.approx(0.2, abs=0.02)
    assert found.audit.overall.change_low < found.overall.wer - found.overall.old_wer
    assert "noise = street hurts accent = south" in str(found)
    page = found.to_html()
    assert "Does a condition hurt some more than others?" in page
    assert "plain/1" in page
    with pytest.raises(ArgumentError, match="no cell"):
        found.cell("accent = west")


def test_no_interaction_is_found_where_none_is_planted():
    found = audit_speech(spoken(hurt=0.0), "asr", **AXES)
    assert not any(i.stands_out for i in found.interactions)
    assert "No condition hurts one group more" in str(found)


def test_the_result_does_not_depend_on_the_order_of_the_rows():
    data = spoken(n=200)
    order = np.random.default_rng(1).permutation(200)
    mixed = {k: [v[i] for i in order] for k, v in data.items()}
    one, other = (audit_speech(d, "asr", **AXES) for d in (data, mixed))
    assert repr(one.cells) == repr(other.cells)
    assert repr(one.interactions) == repr(other.interactions)


def test_a_baseline_is_what_others_are_compared_with():
    found = audit_speech(spoken(), "asr", baseline={"accent": "north", "noise": "quiet"}, **AXES)
    assert [i.group for i in found.interactions] == ["accent = south"]
    with pytest.raises(ArgumentError, match="does not occur"):
        audit_speech(spoken(), "asr", baseline={"noise": "loud"}, **AXES)
    with pytest.raises(ArgumentError, match="neither a group nor a condition"):
        audit_speech(spoken(), "asr", baseline={"site": "north"}, **AXES)


def test_synthetic_utterances_are_apart():
    data = spoken(n=400) | {"made": [i % 4 == 0 for i in range(400)]}
    found = audit_speech(data, "asr", synthetic="made", **AXES)
    assert found.overall.utterances == 300
    assert found.synthetic.overall.utterances == 100
    assert "SYNTHETIC" in str(found)
    assert "SYNTHETIC utterances" in found.to_html()
    whole = audit_speech(data | {"made": ["yes"] * 400}, "asr", synthetic="made", **AXES)
    assert whole.made_up
    assert str(whole).startswith("SYNTHETIC")
    assert set(whole.to_frame()["synthetic"].to_pylist()) == {True}
    with pytest.raises(ArgumentError, match="true or false"):
        audit_speech(data | {"made": ["perhaps"] * 400}, "asr", synthetic="made", **AXES)


def test_small_cells_have_no_interval_and_are_not_compared():
    data = {
        "text": ["one two", "one two", "three", "four five"], "asr": ["one two", "one too", "three", ""],
        "accent": ["a", "a", "b", None], "noise": ["q", "s", "q", "q"], "who": ["1", "1", "2", "3"],
    }  # fmt: skip
    found = audit_speech(data, "asr", **AXES)
    one = found.cell("accent = a")
    assert one.wer == 0.25
    assert np.isnan(one.low)
    assert not one.enough
    assert found.cell("accent = unknown").wer == 1.0
    assert np.isnan(found.cell("accent = b", "noise = s").wer)
    assert all(i.reason for i in found.interactions)
    assert not any(i.stands_out for i in found.interactions)
    assert "too few to judge" in found.to_html()


def test_a_rate_of_zero_is_no_certainty():
    data = {
        "text": ["one two"] * 60,
        "asr": ["one two"] * 60,
        "who": [str(i % 20) for i in range(60)],
    }
    found = audit_speech(data, "asr", reference="text", speaker="who")
    assert found.overall.wer == 0
    assert np.isnan(found.overall.high)


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"asr": None}, MissingPredictionError, "--missing wrong"),
        ({"text": None}, MissingPredictionError, "is not null"),
        ({"text": "…"}, ArgumentError, "every reference"),
        ({"asr": "проверить насос"}, ArgumentError, "cyrillic"),
        ({"who": None}, ArgumentError, "without a speaker"),
    ],
)
def test_bad_transcripts_are_refused(change, kind, words):
    data = spoken(n=40) | {k: [v] * 40 for k, v in change.items()}
    with pytest.raises(kind, match=words):
        audit_speech(data, "asr", **AXES)


def test_missing_hypotheses_count_as_the_user_says():
    data = spoken(n=40)
    data["asr"][3] = None
    assert audit_speech(data, "asr", missing="wrong", **AXES).overall.deletions >= 8
    assert audit_speech(data, "asr", missing="drop", **AXES).overall.utterances == 39


def test_other_mistakes_are_refused():
    data = spoken(n=40)
    with pytest.raises(MissingColumnError, match="did you mean 'asr'"):
        audit_speech(data, "asr1", **AXES)
    with pytest.raises(ArgumentError, match="must be different"):
        audit_speech(data, "text", **AXES)
    with pytest.raises(InferredAttributeError):
        audit_speech(data, "asr", reference="text", groups=[Attribute("accent", inferred=True)])
    with pytest.raises(ArgumentError, match="confidence"):
        audit_speech(data, "asr", reference="text", confidence=1.0)
    with pytest.raises(EmptyTableError):
        audit_speech(data, "asr", reference="text", where="noise = 'sea'")
    data = spoken(n=80)
    data["accent"][0] = "south"
    with pytest.raises(ArgumentError, match="two groups"):
        audit_speech(data, "asr", **AXES)


def test_one_label_for_two_accents_and_a_foreign_utterance_are_noted():
    data = spoken(n=80)
    data["accent"] = [f"{a} and east" for a in data["accent"]]
    data["asr"][0] = "насос"
    notes = " ".join(audit_speech(data, "asr", **AXES).notes)
    assert "several groups under one label" in notes
    assert "another script" in notes


def test_the_normaliser_decides_and_is_named():
    data = {"text": ["Give 10 drops."], "asr": ["give ten drops"]}
    assert audit_speech(data, "asr", reference="text", normaliser=ENGLISH).overall.wer == 0
    strict = audit_speech(data, "asr", reference="text", normaliser=VERBATIM)
    assert strict.overall.wer == 1
    assert strict.normaliser == "verbatim/1"


def test_numbers_in_text_files_keep_their_digits(tmp_path):
    path = tmp_path / "codes.csv"
    path.write_text("text,asr\n007,007\n010,10\n")
    assert audit_speech(str(path), "asr", reference="text").overall.wer == 0.5


def test_the_service_card_has_groups_conditions_and_their_combinations():
    rows = spoken()
    rows["made_up"] = (np.arange(800) % 80 % 4 == 3).tolist()
    found = audit_speech(rows, "asr", synthetic="made_up", **AXES)
    card = service_card(
        [found], name="dictation", version="2", released=date(2026, 1, 2),
        intended_use="Writes down orders.", limits=["English only."],
        customer_must_test=["The wards with most noise."], created=date(2026, 1, 3),
    )  # fmt: skip
    jsonschema.validate(json.loads(card.to_json()), card_schema())
    real, made_up = card.data["evaluations"]
    assert (real["synthetic"], made_up["synthetic"]) == (False, True)
    assert real["conditions"] == ["noise"]
    assert real["data"] == "600 utterances: hypotheses 'asr', speakers 'who', both sides as plain/1"
    worst = next(r for r in real["groups"] if r["group"] == "accent = south × noise = street")
    cell = found.cell("accent = south", "noise = street")
    assert worst["value"] == pytest.approx(cell.wer)
    assert worst["stands_out"]
    for text in (card.to_html(), card.to_markdown()):
        assert "noise = street" in text
        assert "SYNTHETIC" in text
        assert "__" not in text.replace("__main", "")
