"""Rows that have judged a model once judge it never again."""

import numpy as np
import pytest

from supersede.bounty import Bounty, DecisionList, Naive, Passport, Sample, load_list, save_list
from supersede.cli.hunt import _cut
from supersede.errors import ArgumentError, LogError
from tests.bounty.cases import ONE, ZERO, people

START = DecisionList(ZERO)


def fine(n=1500, *, seed=0, name="holdout"):
    """Rows of a continuous column, which hardly ever recur."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return Sample(name, {"x": x, "age": rng.integers(18, 90, n)}, (x > 0).astype(int))


def played(slices, **options):
    bounty = Bounty(START, slices, policy=Naive(), **options)
    bounty.submit("ada", "x > 0", ONE)
    return bounty


def test_a_spent_holdout_does_not_open_again_with_a_full_budget(tmp_path):
    bounty = played([fine()])
    back = load_list(save_list(bounty.model, tmp_path))
    for model in (bounty.model, back):
        with pytest.raises(ArgumentError, match="already judged this model"):
            Bounty(model, [fine()], capacity=1000)
    assert Bounty(back, [fine(seed=1, name="new rows")]).left == 100


def test_rows_that_are_left_over_can_be_used():
    whole = fine(3000)
    first, second = whole.slices(2, seed=0)
    model = played([first]).model
    with pytest.raises(ArgumentError):
        Bounty(model, [whole])
    rest = whole.take(model.spent.unspent(whole), "rest")
    assert len(rest) == len(second)
    assert Bounty(model, [rest]).left == 100


def test_a_slice_that_judged_nothing_and_rows_of_chance_are_not_spent():
    slices = fine(3000).slices(2, seed=0)
    model = played(slices).model
    assert Bounty(model, [slices[1]]).left == 100
    coarse = Bounty(START, [people(3000)])
    coarse.submit("ada", "age >= 60", ONE)
    for seed in range(1, 20):
        assert not coarse.model.spent.knows(people(3000, seed=seed))
    assert coarse.model.spent.knows(people(3000))


def coarse(n=4000, *, seed=0):
    """Counts and texts only, as in a census: no column gives a row away, all together do."""
    rng = np.random.default_rng(seed)
    columns = {
        "age": rng.integers(18, 90, n), "hours": rng.integers(1, 80, n), "job": rng.choice([f"j{i}" for i in range(40)], n),
        "state": rng.choice([f"s{i}" for i in range(50)], n), "size": rng.integers(0, 12, n),
    }  # fmt: skip
    return Sample("holdout", columns, rng.integers(0, 2, n))


def without(sample, name):
    return Sample("again", {c: v for c, v in sample.columns.items() if c != name}, sample.labels)


DISGUISES = {
    "shuffled": lambda s: s.take(np.random.default_rng(1).permutation(len(s))),
    "renamed": lambda s: Sample("again", {c.upper(): v for c, v in s.columns.items()}, s.labels),
    "twice": lambda s: s.take(np.repeat(np.arange(len(s)), 2)),
    "some more often": lambda s: s.take(np.random.default_rng(2).integers(0, len(s), 4 * len(s))),
    "a column less": lambda s: without(s, "job"),
    "a column more": lambda s: Sample("again", {**s.columns, "batch": np.ones(len(s))}, s.labels),
    "a number for each row": lambda s: Sample("again", {"row": np.arange(len(s)), **s.columns}, s.labels),
    "one more, one less": lambda s: Sample("again", {**without(s, "hours").columns, "row": np.arange(len(s))}, s.labels),
    "classes renamed": lambda s: Sample("again", s.columns, np.where(s.labels == 1, "yes", "no")),
    "a part, a column less": lambda s: without(s.take(np.arange(len(s) // 4)), "state"),
    "twice, a column less": lambda s: without(s.take(np.repeat(np.arange(len(s)), 2)), "size"),
}  # fmt: skip


@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
@pytest.mark.parametrize("n", [1500, 12_000])
def test_coarse_rows_are_known_in_disguise(disguise, n):
    holdout = coarse(n)
    spent = Passport().with_sample(holdout)
    again = disguise(holdout)
    assert spent.knows(again)
    assert not spent.knows(disguise(coarse(n, seed=1)))
    rest = spent.unspent(again)
    assert not rest.any() or not spent.knows(again.take(rest))
    assert Passport.from_dict(spent.to_dict()) == spent


def test_new_rows_of_few_values_are_not_taken_for_spent_ones():
    """Several samples are spent, and hardly a row is unlike all others."""
    spent = Passport()
    for seed in range(5):
        spent = spent.with_sample(people(3000, seed=seed))
    assert not any(spent.knows(people(3000, seed=seed)) for seed in range(10, 30))
    assert not any(spent.knows(without(coarse(2000, seed=s), "state")) for s in range(3))


def table(rng, n):
    """Rows as tables have them: a measurement, counts, texts with missing values, a flag."""
    x = rng.normal(size=n).round(int(rng.integers(4, 12)))
    columns = {
        "x": x,
        "age": rng.integers(18, 90, n),
        "code": rng.integers(0, 50, n).astype(str),
        "site": rng.choice(np.array(["north", "south", "east", None], dtype=object), n),
        "member": rng.random(n) < 0.5,
    }
    return Sample("table", columns, ((x > 0) ^ (rng.random(n) < 0.1)).astype(int))


def disguised(rng, sample, new):
    """The rows once more, as somebody would bring them who does not know, or does."""
    rows = rng.permutation(len(sample))[: rng.integers(20, len(sample) + 1)]
    part = sample.take(rows)
    columns = {name: _values(column) for name, column in part.columns.items()}
    labels = part.labels
    if rng.random() < 0.4:  # among new rows
        columns = {
            name: np.concatenate([values, _values(new.columns[name])])
            for name, values in columns.items()
        }
        labels = np.concatenate([labels, new.labels])
    if rng.random() < 0.4:  # other types of the same values
        columns["age"] = columns["age"].astype(float)
        columns["code"] = columns["code"].astype(int)
        columns["member"] = columns["member"].astype(int)
        labels = labels.astype(rng.choice(["bool", "float64", "int8"]))
    if rng.random() < 0.4:  # left out, or added
        del columns[str(rng.choice(["age", "code", "site", "member"]))]
        columns["weekday"] = rng.integers(0, 7, len(labels))
    names = list(columns)
    if rng.random() < 0.5:
        rng.shuffle(names)
    renamed = rng.random() < 0.5  # the list's groups read x
    return Sample(
        "again",
        {name.upper() if renamed and name != "x" else name: columns[name] for name in names},
        labels,
        rng.random(len(labels)) if rng.random() < 0.2 else None,
    )


def _values(column):
    return column.texts() if column.kind == "text" else column.values


def test_of_200_random_ways_of_using_rows_again_none_passes(tmp_path):
    passed, false_alarms = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        whole = table(rng, 600)
        public, holdout, fresh = (whole.take(part) for part in np.array_split(np.arange(600), 3))
        folder = tmp_path / str(seed) if seed % 4 == 0 else None
        bounty = played(holdout.slices(2, seed=seed) if seed % 5 == 0 else [holdout],
                        public=public, folder=folder)  # fmt: skip
        spent = [public, bounty.checker.sample, fresh][seed % 3]
        if spent is fresh:
            bounty.close(fresh)
        model = bounty.model
        if folder is not None:  # opened again from its log, and saved
            again = played_again(bounty, public, folder)
            model = load_list(save_list(again.model, folder / "saved"))
        new = table(rng, int(rng.integers(50, 400)))
        try:
            Bounty(model, [disguised(rng, spent, new)], policy=Naive(), capacity=10)
            passed.append(seed)
        except ArgumentError as error:
            assert "draw new ones" in str(error)  # noqa: PT017
        if model.spent.knows(new):
            false_alarms.append(seed)
    assert (passed, false_alarms) == ([], [])


def played_again(bounty, public, folder):
    return Bounty(START, bounty.checker.slices, policy=Naive(), public=public, folder=folder)


def test_a_passport_cannot_be_cut_from_a_saved_list(tmp_path):
    save_list(played([fine()]).model, tmp_path)
    path = tmp_path / "list.json"
    text = path.read_text()
    start = text.index('"spent":')
    path.write_text(text[:start] + '"spent":{"measured":"","rows":"","samples":[]}}')
    with pytest.raises(LogError, match="altered"):
        load_list(tmp_path)
    assert Passport.from_dict(Passport().to_dict()) == Passport()


def test_no_seed_of_a_hunt_cuts_fresh_rows_into_the_holdout():
    whole = fine(300)
    cuts = [_cut(whole) for _ in range(2)]
    assert all(a.fingerprint == b.fingerprint for a, b in zip(*cuts, strict=True))
