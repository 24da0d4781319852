import json
from datetime import date, timedelta

import numpy as np
import pytest

from supersede.bounty import (
    Alpha,
    Bounty,
    Certified,
    DecisionList,
    FileLog,
    Findings,
    Naive,
    Sample,
    audit_round,
    credit,
    digest,
    load_list,
    save_list,
)
from supersede.bounty.artefacts import (
    Compare,
    Constant,
    Expression,
    Feature,
    In,
    Or,
    Tree,
    parse,
    read_model,
)
from supersede.bounty.sample import same_rows
from supersede.errors import (
    AnswerError,
    ArgumentError,
    ArtefactError,
    BudgetSpentError,
    ExpressionError,
    LogError,
    MissingColumnError,
    ModelFormError,
    ReportError,
    StaleVersionError,
    SubmissionError,
    SupersedeError,
)
from tests.bounty.cases import ONE, ZERO, Grumpy, people

START = DecisionList(ZERO)


def busy(folder=None, *, submissions=60, policy=None, seed=0):
    """A bounty with many submissions, over two slices."""
    slices = people(3000, seed=1).slices(2, seed=0)
    watch = {"women": parse("sex == 'f'")}
    bounty = Bounty(
        START, slices, policy=policy or Naive(), capacity=40, watch=watch, folder=folder
    )
    rng = np.random.default_rng(seed)
    for number in range(submissions):
        group = parse(
            f"age >= {rng.integers(20, 80)} and site == '{rng.choice(['north', 'south'])}'"
        )
        answer = Constant((int(rng.integers(2)),))
        if number >= len(bounty.receipts) and bounty.left:
            try:
                bounty.submit(f"team {number % 3}", group, answer)
            except SubmissionError:  # a duplicate
                continue
    return bounty


def test_receipts_tell_one_bit_and_no_figure_of_the_holdout():
    bounty = Bounty(START, [people()])
    receipt = bounty.submit("ada", "age >= 60", ONE)
    assert str(receipt) == "submission 1 of ada: accepted on holdout"
    assert receipt.left == 99
    told = {type(value) for value in receipt.to_dict().values()}
    assert float not in told
    assert "0." not in "".join(
        json.dumps(e["repairs"]) for e in bounty.log.since(0) if "repairs" in e
    )


def test_a_bounty_goes_on_where_it_stopped(tmp_path):
    whole = busy(tmp_path / "a")
    busy(tmp_path / "b", submissions=33)
    parts = busy(tmp_path / "b")
    assert parts.digest == whole.digest
    assert parts.checker.transcript == whole.checker.transcript
    assert parts.checker.track.errors().tolist() == whole.checker.track.errors().tolist()
    assert parts.spent == whole.spent == ("holdout 1",)
    assert [r.accepted for r in parts.receipts] == [r.accepted for r in whole.receipts]
    # replayed without a look at the rows: the log alone leads to the model
    assert len(Bounty(START, people(3000, seed=1).slices(2, seed=0), policy=Naive(), capacity=40,
                      watch={"women": parse("sex == 'f'")}, folder=tmp_path / "a").model) == len(
        whole.model)  # fmt: skip


def test_judged_again_from_the_log_the_list_is_the_same(tmp_path):
    first = busy(tmp_path / "a")
    again = Bounty(START, people(3000, seed=1).slices(2, seed=0), policy=Naive(), capacity=40,
                   watch={"women": parse("sex == 'f'")})  # fmt: skip
    for entry in first.log.since(0):
        if entry["event"] == "judged":
            again.submit(entry["team"], entry["group"], Constant(tuple(entry["answer"]["values"])))
    assert again.digest == first.digest


def test_any_altered_byte_is_detected(tmp_path):
    Bounty(START, [people(300)], folder=tmp_path).submit("ada", "age >= 60", ONE)
    log = tmp_path / "log.jsonl"
    whole = log.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.choice(len(whole), 60, replace=False):
        changed = bytearray(whole)
        changed[place] ^= 1
        log.write_bytes(bytes(changed))
        if bytes(changed).endswith(b"\n"):
            with pytest.raises(LogError, match=r"line \d"):
                FileLog(log)
    log.write_bytes(b"".join(whole.splitlines(keepends=True)[1:]))
    with pytest.raises(LogError, match="line 1"):
        FileLog(log)


@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_log_whose_end_is_missing_is_refused(tmp_path, left):
    bounty = Bounty(START, [people()], folder=tmp_path)
    receipts = [bounty.submit("ada", f"age >= {age}", ONE) for age in (80, 70)]
    path, mark = tmp_path / "log.jsonl", tmp_path / "log.jsonl.mark"
    whole = path.read_bytes()
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:left]) + b'{"event":')
    with pytest.raises(LogError, match=f"{left} entries, but 3 were recorded.*delete .*mark"):
        Bounty(START, [people()], folder=tmp_path)
    path.write_bytes(whole)  # the first remedy
    assert Bounty(START, [people()], folder=tmp_path).receipts == receipts
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:left]))
    mark.unlink()  # the second one
    again = Bounty(START, [people()], folder=tmp_path)
    assert again.receipts == receipts[: max(left - 1, 0)]
    assert receipts[-1].entry not in [entry["hash"] for entry in FileLog(path)]


def test_a_log_without_its_mark_opens_with_a_warning_and_gets_one(tmp_path, caplog):
    log = FileLog(tmp_path / "log")
    log.append({"event": 1})
    (tmp_path / "log.mark").unlink()
    again = FileLog(tmp_path / "log")
    assert "would go unnoticed" in caplog.text
    again.append({"event": 2})
    assert (tmp_path / "log.mark").exists()


def test_a_crash_between_log_and_mark_loses_nothing(tmp_path):
    log = FileLog(tmp_path / "log")
    log.append({"event": 1})
    before = (tmp_path / "log.mark").read_bytes()
    log.append({"event": 2})
    (tmp_path / "log.mark").write_bytes(before)
    assert len(FileLog(tmp_path / "log")) == 2


@pytest.mark.parametrize(
    "mark",
    [b"", b"{}", b"[1]", b"null", b'{"entries":0,"head":""}', b'{"entries":true,"head":""}',
     b'{"entries":-1,"head":""}', b'{"entries":1.0,"head":""}', b"\xff\xfe", b'{"entries":1,"head":"0"}'],
)  # fmt: skip
def test_a_mark_that_says_nothing_is_an_error(tmp_path, mark):
    FileLog(tmp_path / "log").append({"event": 1})
    (tmp_path / "log.mark").write_bytes(mark)
    with pytest.raises(LogError, match=r"delete .*log\.mark|delete it"):
        FileLog(tmp_path / "log")


def test_a_line_cut_off_by_a_crash_was_never_acknowledged(tmp_path):
    log = FileLog(tmp_path / "log")
    log.append({"event": 1})
    with (tmp_path / "log").open("ab") as file:
        file.write(b'{"event":2,"prev')
    again = FileLog(tmp_path / "log")
    assert len(again) == 1
    again.append({"event": 3})
    assert [entry["event"] for entry in FileLog(tmp_path / "log")] == [1, 3]


def test_two_writers_do_not_overwrite_each_other(tmp_path):
    first, second = FileLog(tmp_path / "log"), FileLog(tmp_path / "log")
    first.append({"event": 1})
    second.append({"event": 2})
    first.append({"event": 3})
    assert [entry["event"] for entry in FileLog(tmp_path / "log")] == [1, 2, 3]


def test_what_cannot_be_recorded_has_not_happened(tmp_path, monkeypatch):
    bounty = Bounty(START, [people()], folder=tmp_path)

    def full(*_):
        msg = "no space left"
        raise ReportError(msg)

    monkeypatch.setattr(FileLog, "_write", full)
    with pytest.raises(ReportError):
        bounty.submit("ada", "age >= 60", ONE)
    monkeypatch.undo()
    assert (len(bounty.model), bounty.left) == (0, 100)
    assert bounty.submit("ada", "age >= 60", ONE).accepted


def test_a_rotation_that_cannot_be_recorded_is_done_before_the_next_submission(
    tmp_path, monkeypatch, caplog
):
    bounty = Bounty(START, people().slices(2, seed=0), capacity=1, folder=tmp_path)
    append = FileLog.append

    def full(log, entry, files=None):
        if entry["event"] == "rotated":
            msg = "no space left"
            raise ReportError(msg)
        return append(log, entry, files)

    monkeypatch.setattr(FileLog, "append", full)
    assert bounty.submit("ada", "age >= 60", ONE).accepted
    assert "next slice could not be taken" in caplog.text
    assert bounty.checker.sample.name == "holdout 1"
    with pytest.raises(ReportError):
        bounty.submit("bob", "age < 30", ONE)
    monkeypatch.undo()
    assert bounty.left == 1
    bounty.submit("bob", "age < 30", ONE)
    assert [e["event"] for e in bounty.log.since(0)] == ["opened", "judged", "rotated", "judged"]
    again = Bounty(START, people().slices(2, seed=0), capacity=1, folder=tmp_path)
    assert again.digest == bounty.digest


def test_a_patch_that_fails_on_later_rows_does_not_stop_the_bounty(monkeypatch):
    # no form can be written that fails so, except ONNX
    monkeypatch.setattr(
        "supersede.bounty.submission.read_back", lambda group, answer: (group, answer)
    )
    monkeypatch.setattr("supersede.bounty.standing.from_record", lambda *_: Grumpy())
    # nobody in the first slice is beyond 100
    slices = [people(name="first"), people(seed=1, name="second")]
    old = np.where(slices[1].columns["age"].values > 85, 120, slices[1].columns["age"].values)
    slices[1] = Sample("second", {**slices[1].columns, "age": old}, slices[1].labels)
    bounty = Bounty(START, slices, capacity=1)
    assert bounty.submit("eve", "age >= 60", Grumpy()).accepted
    assert bounty.checker.sample.name == "second"
    rows = {"age": [80, 120], "sex": ["f", "f"], "site": ["south", "south"]}
    assert bounty.model.predict(rows).tolist() == [1, 0]
    assert bounty.close(people(name="fresh", seed=2)).overall.verdict == "better"


def test_a_log_of_another_bounty_is_refused(tmp_path):
    Bounty(START, [people(300)], folder=tmp_path)
    with pytest.raises(LogError, match="other slices"):
        Bounty(START, [people(301)], folder=tmp_path)
    with pytest.raises(LogError, match="other policy"):
        Bounty(START, [people(300)], policy=Alpha(), folder=tmp_path)


def test_refusals_cost_nothing():
    public = people(1000, seed=9, name="public rows")
    bounty = Bounty(START, [people()], public=public)
    refused = [
        (SubmissionError, lambda: bounty.submit("ada", "age < 30 and age > 40", ONE)),
        (SubmissionError, lambda: bounty.submit("ada", "age < 30 and sex == 'm'", ONE)),
        (SubmissionError, lambda: bounty.submit(" ", "age >= 60", ONE)),
        (SubmissionError, lambda: bounty.submit("a" * 101, "age >= 60", ONE)),
        (SubmissionError, lambda: bounty.submit("\ud800", "age >= 60", ONE)),
        (SubmissionError, lambda: bounty.submit("ada", "age >= 60", ONE, note="\ud800")),
        (SubmissionError, lambda: bounty.submit("ada", "age >= 60", ONE, note="x" * 2001)),
        (ExpressionError, lambda: bounty.submit("ada", "__import__('os')", ONE)),
        (ExpressionError, lambda: bounty.submit("ada", "(" * 10**5 + "age > 1" + ")" * 10**5, ONE)),
        (MissingColumnError, lambda: bounty.submit("ada", "income > 3", ONE)),
        (AnswerError, lambda: bounty.submit("ada", "age >= 60", Constant((7,)))),
        (StaleVersionError, lambda: bounty.submit("ada", "age >= 60", ONE, base="0" * 64)),
    ]
    for error, attempt in refused:
        with pytest.raises(error):
            attempt()
    assert bounty.left == 100
    assert bounty.submit("ada", "age >= 60", ONE, base=bounty.digest).accepted


def test_a_duplicate_is_refused_until_the_model_has_changed():
    bounty = Bounty(START, [people()])
    bounty.submit("ada", "age < 30", ONE)
    with pytest.raises(SubmissionError, match="already judged against this model"):
        bounty.submit("bob", "age < 30", ONE)
    bounty.submit("ada", "age >= 60", ONE)
    bounty.submit("bob", "age < 30", ONE)


def test_a_bounty_ends():
    bounty = Bounty(START, [people()], capacity=1)
    bounty.submit("ada", "age >= 60", ONE)
    with pytest.raises(BudgetSpentError):
        bounty.submit("ada", "age >= 70", ONE)
    with pytest.raises(SubmissionError, match="on unused rows"):
        bounty.close(people())
    audit = bounty.close(people(3000, seed=7, name="fresh rows"))
    assert audit.overall.verdict == "better"
    assert audit.overall.high < 0
    assert [(p.team, p.verdict) for p in audit.patches] == [("ada", "better")]
    assert str(audit).startswith("on fresh rows, the error rate went from")


def test_rows_that_were_asked_are_known_again_when_cut_otherwise():
    rng = np.random.default_rng(0)
    columns = {"x": rng.normal(size=900), "sex": rng.choice(["f", None], 900)}
    whole = Sample("whole", columns, rng.integers(0, 2, 900))
    first, second, third = whole.slices(3, seed=0)
    for slices, public in (
        ([first, second], whole),
        ([first, first.take(np.arange(299), "twin")], third),
    ):
        with pytest.raises(ArgumentError, match="most rows"):
            Bounty(START, slices, public=public)
    bounty = Bounty(START, [first, second])
    mixed = whole.take(np.random.default_rng(1).permutation(900), "shuffled")
    for asked in (whole, mixed, second.take(np.arange(200), "a part")):
        with pytest.raises(SubmissionError, match="most rows"):
            bounty.close(asked)
    bounty.close(third)


@pytest.mark.parametrize("n", [100, 500, 3000, 20_000])
def test_rows_of_coarse_columns_may_come_again(n):
    assert not same_rows(people(n, seed=1), people(n, seed=2))


def test_an_audit_of_a_patch_that_fits_noise():
    sample = people(400, seed=3)
    lucky = DecisionList(ZERO).patched(parse("age < 20"), ONE, team="eve")
    audit = audit_round(lucky, sample)
    assert len(audit.without_gain) == 1
    assert audit.groups[0].change > 0


def test_credit_adds_up_and_names_groups_and_teams(tmp_path):
    bounty = busy()
    fresh = people(2000, seed=8, name="fresh rows")
    made = credit(bounty.model, fresh, watch={"women": parse("sex == 'f'")})
    first, last = (
        float((m.predict(fresh.columns) != fresh.labels).mean()) for m in (START, bounty.model)
    )
    assert sum(made.by_team().values()) == pytest.approx(first - last)
    women = fresh.columns["sex"].texts() == "f"
    gained = sum(own["women"] for own in made.by_team_and_group().values())
    wrong = [m.predict(fresh.columns)[women] != fresh.labels[women] for m in (START, bounty.model)]
    assert gained == pytest.approx(wrong[0].mean() - wrong[1].mean())
    lines = made.save(tmp_path / "credit.csv").read_text().splitlines()
    assert lines[0] == "version,team,patch,repairs,group,gain,sample,loss"
    assert len(lines) == 1 + sum(1 + len(patch.gains) for patch in made.patches)
    assert json.loads(made.save(tmp_path / "credit.json").read_text())["teams"]


def test_credit_holds_no_formula_for_spreadsheets(tmp_path):
    model = DecisionList(ZERO).patched(parse("age >= 60"), ONE, team="=HYPERLINK(1)")
    saved = credit(model, people(100)).save(tmp_path / "credit.csv").read_text()
    assert "'=HYPERLINK(1)" in saved


def test_findings_are_triaged_and_disclosed(tmp_path):
    register = Findings(tmp_path / "findings.jsonl")
    slice_ = register.report("slice", "The young", "see below", team="ada", group="age<25")
    hole = register.report("security", "Tokens in URLs", "GET /?token=", team="bob")
    assert slice_.group == "age < 25"
    register.triage(hole.number, "confirmed")
    register.triage(hole.number, "fixed", "in 1.2")
    with pytest.raises(ArgumentError, match="can become confirmed"):
        register.triage(hole.number, "open")
    today = date.today()
    register.disclose(hole.number, today + timedelta(days=30))
    assert register.public(today) == []
    register.disclose(hole.number, today)
    with pytest.raises(ArgumentError, match="has been public since"):
        register.disclose(hole.number, today + timedelta(days=30))
    again = Findings(tmp_path / "findings.jsonl")
    assert list(again) == list(register)
    assert [f.title for f in again.in_state(["open"])] == ["The young"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "rumour"},
        {"title": " "},
        {"details": "x" * 30_000},
        {"kind": "slice"},
        {"group": "age < 3"},
        {"details": "half a character: \ud800"},
    ],
)
def test_findings_that_say_too_little_are_refused(wrong):
    good = {"kind": "privacy", "title": "t", "details": "d", "team": "ada"}
    with pytest.raises(ArgumentError):
        Findings().report(**{**good, **wrong})


def test_certified_by_default():
    assert Bounty(START, [people(300)]).checker.policy == Certified()
    assert "probability 95%" in Certified().promise
    assert Sample("s", {"x": [1]}, [1]).fingerprint != Sample("s", {"x": [2]}, [1]).fingerprint


def test_a_leaf_that_no_row_reaches_is_looked_at_too():
    bounty = Bounty(DecisionList(ZERO), [people()])
    later = Tree(
        (Feature("age"),), [0, -1, -1], [100, 0, 0], [1, -1, -1], [2, -1, -1], [True] * 3, [[0], [1], [7]]
    )  # fmt: skip
    with pytest.raises(AnswerError, match=r"a tree .* has the answer 7"):
        bounty.submit("eve", "age >= 60", later)
    assert bounty.left == 100


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, np.uint8])
def test_scalars_of_numpy_are_numbers_and_can_be_read_again(kind, tmp_path):
    group = Expression(Or((Compare("age", ">=", kind(60)), In("age", (kind(3), kind(5))))))
    assert str(group) == "age >= 60 or age in [3, 5]"
    bounty = Bounty(START, [people()], folder=tmp_path / "bounty")
    assert bounty.submit("ada", group, Constant((kind(1),))).accepted
    again = Bounty(START, [people()], folder=tmp_path / "bounty")
    assert again.digest == bounty.digest
    assert digest(load_list(save_list(bounty.model, tmp_path / "saved"))) == bounty.digest


@pytest.mark.parametrize("value", [np.str_("f"), np.bool_(True)])
def test_texts_and_booleans_of_numpy_are_literals(value):
    assert parse(str(Expression(Compare("sex", "==", value)))).root.value == value.item()


class Forged:
    """A group whose text means something else than its mask."""

    columns = ("age",)

    def __init__(self, text):
        self.text = text

    def __str__(self):
        return self.text

    def mask(self, columns):
        return np.asarray(columns["age"].values) >= 60


def test_what_is_judged_is_what_is_written(tmp_path):
    bounty = Bounty(START, [people()], folder=tmp_path)
    with pytest.raises(ExpressionError):
        bounty.submit("ada", Forged("age >= np.float64(60)"), ONE)
    with pytest.raises(ArgumentError, match="another one"):
        bounty.submit("ada", Forged("age>=60"), ONE)
    with pytest.raises(ArtefactError):
        bounty.submit("ada", "age >= 60", Grumpy())
    with pytest.raises(ArtefactError):
        save_list(START.patched(parse("age >= 60"), Grumpy()), tmp_path / "saved")
    assert not (tmp_path / "saved").exists()
    # its mask is everyone over 60, but it is written, and so judged, as everyone under 20
    assert not bounty.submit("ada", Forged("age < 20"), ONE).accepted
    assert len(Bounty(START, [people()], folder=tmp_path).receipts) == 1


def test_a_log_keeps_what_it_would_read(tmp_path):
    log = FileLog(tmp_path / "log.jsonl")
    log.append({"event": "x", "pairs": (("a", 1),), "by number": {2: 3}})
    assert list(log) == list(FileLog(tmp_path / "log.jsonl"))
    with pytest.raises(ArgumentError, match="not texts"):
        log.append({"event": "x", "by number": {2: "a", 10: "b"}})
    assert len(FileLog(tmp_path / "log.jsonl")) == 1


@pytest.mark.parametrize(
    "name",
    ["ada\n", "ada\nsubmission 2 of bob: accepted", "a\u200bda", "ada\u202e", "ada\u2066", "a\u00adda",
     "ada\u3164", "ada\ufe0f", "a\u2028b", "ada ", " ada", "ada  lovelace", "ada\u00a0l", "ada\x00",
     "ada\u2800", "ade\u0301", "\ufeffada"],
)  # fmt: skip
def test_names_that_forge_receipts_or_twins_are_refused(name):
    bounty = Bounty(START, [people(300)])
    with pytest.raises(SubmissionError, match=r"invisible character|write the team's name"):
        bounty.submit(name, "age >= 60", ONE)
    assert bounty.left == 100


@pytest.mark.parametrize("name", ["ada", "Équipe 1", "東京", "команда", "O'Neil & co."])
def test_names_in_any_script_are_accepted(name):
    assert Bounty(START, [people(300)]).submit(name, "age >= 60", ONE).team == name


def test_a_nul_in_a_path_is_refused_with_a_type(tmp_path):
    with pytest.raises(ModelFormError, match="null"):
        read_model("a\0b.onnx")
    with pytest.raises(ReportError, match="null"):
        Bounty(START, [people(300)], folder=f"{tmp_path}/a\0b")


def test_a_team_cannot_take_part_under_a_name_that_looks_like_anothers():
    bounty = Bounty(DecisionList(ZERO), [people()], policy=Naive())
    bounty.submit("Ada", "age >= 60", ONE)
    for twin in (
        "ADA",
        "\N{CYRILLIC CAPITAL LETTER A}da",
        "\N{FULLWIDTH LATIN CAPITAL LETTER A}da",
    ):
        with pytest.raises(SubmissionError, match="could be taken for 'Ada'"):
            bounty.submit(twin, "age >= 61", ONE)
    assert bounty.submit("Ada", "age >= 61", ONE).number == 2
    for name in (5, None, b"Ada"):
        with pytest.raises(SubmissionError, match="must be texts"):
            bounty.submit(name, "age >= 62", ONE)


@pytest.mark.parametrize("folder", ["a\x00b", "x" * 5000], ids=["NUL", "long"])
def test_folders_that_cannot_exist_are_refused(folder, tmp_path):
    with pytest.raises(ReportError):
        Bounty(DecisionList(ZERO), [people()], policy=Naive(), folder=tmp_path / folder)
    with pytest.raises(ReportError):
        save_list(DecisionList(ZERO), tmp_path / folder)
    with pytest.raises(ArgumentError, match="whole number"):
        Bounty(DecisionList(ZERO), [people()], policy=Naive(), capacity=1.5)


WRONG = {
    "one sample": lambda: Bounty(START, people(300)),
    "no samples": lambda: Bounty(START, None),
    "a model that is no list": lambda: Bounty(ONE, [people(300)]),
    "capacity in words": lambda: Bounty(START, [people(300)], capacity="many"),
    "half a submission": lambda: Bounty(START, [people(300)], capacity=1.5),
    "half a submission per team": lambda: Bounty(START, [people(300)], per_team=1.5),
    "watch without names": lambda: Bounty(START, [people(300)], watch=["age >= 60"]),
    "watch with numbers": lambda: Bounty(START, [people(300)], watch={1: "age >= 60"}),
    "watch of nothing": lambda: Bounty(START, [people(300)], watch={"old": None}),
    "a group that is a mask": lambda: Bounty(START, [people(300)]).submit("ada", np.ones(300, bool), ONE),
    "an answer that is a number": lambda: Bounty(START, [people(300)]).submit("ada", "age >= 60", 1),
    "an answer that is a class": lambda: Bounty(START, [people(300)]).submit("ada", "age >= 60", Constant),
    "a base that is a number": lambda: Bounty(START, [people(300)]).submit("ada", "age >= 60", ONE, base=5),
    "a column called 5": lambda: Sample("rows", {5: [1, 2]}, [0, 1]),
    "a column that cannot be stored": lambda: Sample("rows", {"\ud800": [1, 2]}, [0, 1]),
    "a confidence in percent": lambda: Bounty(START, [people(300)]).close(people(300, seed=1), confidence=95),
}  # fmt: skip


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_arguments_of_another_kind_are_refused_with_a_type(call):
    with pytest.raises(SupersedeError):
        call()


def test_a_tree_is_a_group():
    receipt = Bounty(START, [people()]).submit("ada", Compare("age", ">=", np.float64(60)), ONE)
    assert receipt.accepted
