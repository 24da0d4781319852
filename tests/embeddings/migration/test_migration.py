import numpy as np
import pytest

from supersede.embeddings.indexes.opening import open_index
from supersede.embeddings.migration.curve import backfill_curve
from supersede.embeddings.migration.journal import Journal
from supersede.embeddings.migration.migration import Migration
from supersede.embeddings.migration.order import (
    area_under_curve,
    far_from_class_first,
    isolated_first,
)
from supersede.embeddings.migration.plan import plan_migration
from supersede.embeddings.migration.serving import calibrate
from supersede.embeddings.vectors import unit
from supersede.errors import (
    ArgumentError,
    ItemError,
    MigrationError,
    SpendCapError,
    StampError,
    TooFewLabelsError,
    VectorError,
)
from supersede.look.numbers import count
from tests.embeddings.made import world


class Table:
    """A model that looks its vectors up, and the store of what it embeds."""

    def __init__(self, stamp, vectors):
        self.stamp, self.dimensions, self.vectors = stamp, vectors.shape[1], vectors
        self.calls = 0

    def embed(self, contents):
        self.calls += len(contents)
        return np.stack([self.vectors[int(c)] for c in contents])

    def fetch(self, ids):
        return list(ids)


@pytest.fixture
def setting(tmp_path):
    made = world(n=300, gallery=500, d_old=10, d_new=16, held_noise=0.5)
    old = open_index(f"faiss:{tmp_path}/old", stamp="old", dimensions=10)
    names = [str(i) for i in range(500)]
    old.write(names, made.gallery_old, np.zeros(500), stamp="old")
    new = open_index(f"faiss:{tmp_path}/new", stamp="new", dimensions=16)
    before, after = Table("old", made.gallery_old), Table("new", made.gallery_new)

    def begin(**how):
        plan = plan_migration(tmp_path / "move", old, new, after, after, **how)
        return plan, Migration(tmp_path / "move", old, new, after, after, old_embedder=before)

    return made, begin, after


def _recall(found, answers, rows):
    return np.mean([str(a) in ids for a, ids in zip(answers[rows], found.ids, strict=True)])


def test_the_price_stands_before_anything_is_spent(setting):
    _, begin, after = setting
    plan, migration = begin(price_per_embedding=0.5, cap=1000)
    assert plan.price == 250
    assert plan.sampled == after.calls == 64
    assert migration.new.contents().rows == 0
    assert "500 items to embed" in str(plan)


def test_the_cap_stops_and_a_new_cap_goes_on(setting):
    _, begin, after = setting
    _, migration = begin(price_per_embedding=1.0, cap=200)
    with pytest.raises(SpendCapError, match="--cap"):
        migration.run(batch=50)
    assert migration.status().done == 100
    assert migration.status().spent == after.calls == 164
    migration.allow(1000)
    assert migration.run().phase == "complete"
    assert migration.status().spent == 564


def test_served_recall_never_falls_and_cutover_and_rollback_serve_what_they_say(setting):
    made, begin, _ = setting
    _, migration = begin()
    fit, test = slice(0, 150), slice(150, 300)
    migration.calibrate(
        calibrate(
            made.queries_old[fit], made.queries_new[fit], made.gallery_new[made.answers[fit]],
            made.answers[fit], made.gallery_old,
        )
    )  # fmt: skip
    served = []
    for _ in range(6):
        found = migration.search(made.queries_old[test], made.queries_new[test], 5)
        served.append(_recall(found, made.answers, test))
        migration.run(limit=100)
    assert min(served) >= served[0] - 0.01
    assert served[-1] > served[0] + 0.1
    with pytest.raises(VectorError, match="old model"):
        migration.search(None, made.queries_new[test])
    assert migration.cutover().phase == "cut over"
    after = migration.search(None, made.queries_new[test], 5)
    assert after.ids == migration.new.search(made.queries_new[test], 5).ids
    assert migration.rollback().phase == "rolled back"
    assert (
        migration.search(made.queries_old[test], k=5).ids
        == migration.old.search(made.queries_old[test], 5).ids
    )
    with pytest.raises(MigrationError, match="rolled back"):
        migration.run()


def test_live_writes_reach_both_and_are_not_overwritten(setting):
    made, begin, _ = setting
    _, migration = begin()
    migration.run(limit=50)
    open_item = migration.journal.following(1)[0]
    other = "7" if open_item != "7" else "8"
    migration.items.fetch = lambda ids: [other if i == open_item else i for i in ids]
    migration.put([open_item], [other])
    migration.delete(["3"])
    migration.run()
    assert "3" not in migration.new.ids()
    stored = migration.new.read([open_item])
    np.testing.assert_allclose(stored.vectors[0], unit(made.gallery_new[int(other)]), atol=1e-6)
    assert migration.check() == []


def test_a_write_that_a_crash_cut_off_is_repeated(setting):
    made, begin, _ = setting
    _, migration = begin()
    versions = migration.journal.intend(["5"], "write")
    migration.old.write(["5"], made.gallery_old[5:6], versions, stamp="old")
    assert migration.status().intents == 1
    assert migration.recover() == 1
    assert migration.new.read(["5"]).versions.tolist() == versions
    assert migration.status().intents == 0


def test_what_cannot_be_embedded_is_named_and_stops_the_cutover(setting):
    made, begin, after = setting
    made.gallery_new[9] = np.nan
    after.fetch = lambda ids: [" " if i == "4" else i for i in ids]
    _, migration = begin()
    done = migration.run()
    assert set(done.failed) == {"4", "9"}
    assert done.failed["4"] == "its content is empty"
    with pytest.raises(MigrationError, match="2 items could not be embedded"):
        migration.cutover()
    made.gallery_new[9] = 1.0
    after.fetch = list
    assert migration.journal.retry_failed() == 2
    migration.run()
    assert migration.cutover().phase == "cut over"


def test_an_index_that_changed_behind_our_back_stops_the_cutover(setting):
    made, begin, _ = setting
    _, migration = begin()
    migration.run()
    migration.old.write(["new one"], made.gallery_old[:1], [99], stamp="old")
    with pytest.raises(
        MigrationError, match="1 items are in the old index only, such as 'new one'"
    ):
        migration.cutover()


def test_what_changed_past_the_migration_is_found_and_embedded_again(setting):
    made, begin, after = setting
    _, migration = begin()
    migration.run()
    old, new = migration.old, migration.new
    old.write(["7"], made.gallery_old[8:9], [0], stamp="old")  # the version says nothing
    old.write(["8"], made.gallery_old[9:10], [99], stamp="old")
    old.remove(["9"], [0])
    against = "; ".join(migration.check())
    assert "2 items changed in the old index after they were embedded, such as '7'" in against
    assert "1 items are in the new index only, such as '9'" in against
    migration.items.fetch = lambda ids: [{"7": "8", "8": "9"}.get(i, i) for i in ids]
    after.calls = 0
    assert migration.run().phase == "complete"
    assert after.calls == 2
    assert migration.check() == []
    np.testing.assert_allclose(
        new.read(["7", "8"]).vectors, unit(made.gallery_new[8:10]), atol=1e-6
    )
    assert migration.cutover().phase == "cut over"


def test_live_writes_do_not_look_like_changes_past_the_migration(setting):
    _, begin, after = setting
    _, migration = begin()
    migration.run()
    migration.put(["7", "a new one"], ["8", "9"])
    migration.delete(["3"])
    migration.put(["3"], ["4"])
    after.calls = 0
    migration.run()
    assert after.calls == 0
    assert migration.check() == []


def test_every_failure_is_counted(setting):
    _, begin, after = setting
    _, migration = begin()
    migration.journal.reopen([f"extra {i}" for i in range(1500)])
    migration.old.write(
        [f"extra {i}" for i in range(1500)], np.ones((1500, 10)), np.zeros(1500), stamp="old"
    )
    after.fetch = lambda ids: ["" if i.startswith("extra") else i for i in ids]
    found = migration.run()
    assert (found.done, found.failures, len(found.failed)) == (500, 1500, 1000)
    assert "500 of 2,000 items done" in str(found)
    assert f"{count(1450)} more are not shown" in found.to_html()
    assert len(migration.check()) == 1  # what failed is not also called missing


def test_two_processes_may_pay_at_a_time(setting, tmp_path):
    _, begin, _ = setting
    _, migration = begin(price_per_embedding=0.1)
    other = Journal(tmp_path / "move" / "migration.db")
    for journal in (migration.journal, other) * 5:
        journal.pay(1, 0.1)
    assert migration.status().embeddings == 74
    assert migration.status().spent == pytest.approx(7.4)
    other.end()


def test_half_a_plan_and_other_files_are_no_migration(setting, tmp_path):
    (tmp_path / "cut").mkdir()
    Journal(tmp_path / "cut" / "migration.db", create=True).end()
    with pytest.raises(MigrationError, match="cut off before it was whole"):
        Journal(tmp_path / "cut" / "migration.db")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "migration.db").write_bytes(b"no database" * 100)
    with pytest.raises(MigrationError, match="is not the journal"):
        Journal(tmp_path / "other" / "migration.db")


def test_bad_plans_are_refused(setting, tmp_path):
    made, begin, after = setting
    with pytest.raises(ArgumentError, match="cap=-1"):
        begin(cap=-1)
    with pytest.raises(ArgumentError, match="not both"):
        begin(price_per_embedding=1, price_per_token=1)
    with pytest.raises(MigrationError, match="must name each of them once"):
        begin(order=["1", "1"])
    with pytest.raises(SpendCapError, match="sample"):
        begin(price_per_embedding=1, cap=10)
    _, migration = begin()
    with pytest.raises(MigrationError, match="exists already"):
        begin()
    other = Table("third", made.gallery_new)
    with pytest.raises(StampError, match="planned for 'new'"):
        Migration(tmp_path / "move", migration.old, migration.new, other, other)
    with pytest.raises(StampError, match="both indexes"):
        plan_migration(tmp_path / "b", migration.new, migration.new, after, after)
    with pytest.raises(MigrationError, match="plan one first"):
        Migration(tmp_path / "none", migration.old, migration.new, after, after)


def test_a_model_that_breaks_its_promise_is_refused(setting):
    _, begin, after = setting
    _, migration = begin()
    after.embed = lambda contents: np.ones((len(contents), 3))
    with pytest.raises(VectorError, match="returned shape"):
        migration.run()

    def down(_):
        raise TimeoutError("no answer")

    after.embed = down
    with pytest.raises(
        MigrationError, match="'new' failed on 256 contents: TimeoutError: no answer"
    ):
        migration.run()
    with pytest.raises(ArgumentError, match="batch=0"):
        migration.run(batch=0)
    with pytest.raises(ArgumentError, match="cap=nan"):
        migration.allow(float("nan"))


def test_orders():
    rng = np.random.default_rng(0)
    spread, crowd = rng.normal(size=(50, 8)), 0.05 * rng.normal(size=(20, 8)) + 1
    order = isolated_first(np.vstack([spread, crowd]))
    assert set(order[-20:].tolist()) == set(range(50, 70))
    assert far_from_class_first(np.vstack([crowd, spread[:1]]), ["a"] * 21)[0] == 20
    assert area_under_curve([0, 1], [0, 1]) == 0.5


def test_the_curve_of_a_backfill(tmp_path):
    made = world(n=300, gallery=500, d_old=10, d_new=16, held_noise=0.5)
    fit, test = slice(0, 150), slice(150, 300)
    learnt = calibrate(
        made.queries_old[fit], made.queries_new[fit], made.gallery_new[made.answers[fit]],
        made.answers[fit], made.gallery_old,
    )  # fmt: skip
    orders = {"isolated first": isolated_first(made.gallery_old), "as stored": np.arange(500)}
    arrays = made.queries_old[test], made.queries_new[test], made.gallery_old, made.gallery_new
    found = backfill_curve(*arrays, made.answers[test], learnt, orders, k=5, shares=(0, 0.5, 1))
    assert found.lowest >= -0.01
    for curve in found.served.values():
        assert curve[0] == found.old
        assert curve[-1] > found.old + 0.1
    assert "<svg" in found.save(tmp_path / "curve.html").read_text()
    with pytest.raises(ArgumentError, match="must name each of the 500"):
        backfill_curve(*arrays, made.answers[test], learnt, {"half": np.arange(250)})
    with pytest.raises(ArgumentError, match="increase from 0 to 1"):
        backfill_curve(*arrays, made.answers[test], learnt, orders, shares=(0, 0.5))


def test_too_few_pairs_to_calibrate():
    made = world(n=50)
    with pytest.raises(TooFewLabelsError, match="at least 100"):
        calibrate(
            made.queries_old,
            made.queries_new,
            made.gallery_new[made.answers],
            made.answers,
            made.gallery_old,
        )


def test_a_write_that_is_refused_leaves_no_intent(setting):
    _, begin, _ = setting
    _, migration = begin()
    for ids, contents in ((["1", "1"], ["2", "3"]), (["1"], ["2", "3"]), ("1", ["2"])):
        with pytest.raises(ItemError):
            migration.put(ids, contents)
    with pytest.raises(ItemError):
        migration.delete(["1", "1"])
    assert migration.journal.intents() == []
    migration.put([], [])
    migration.close()


def test_two_runs_at_once_are_refused(setting):
    _, begin, _ = setting
    _, migration = begin()
    said = []

    def again(_):
        with pytest.raises(MigrationError, match="being run already"):
            migration.run()
        said.append(True)

    migration.run(batch=300, limit=300, progress=again)
    assert said
    migration.run()
    migration.close()


@pytest.mark.parametrize("how", [{"batch": 1.5}, {"batch": float("nan")}, {"limit": 2.0}])
def test_a_batch_is_a_whole_number(setting, how):
    _, begin, _ = setting
    _, migration = begin()
    with pytest.raises(ArgumentError, match="whole number"):
        migration.run(**how)
    migration.close()


def test_the_cap_holds_for_two_who_pay_at_once(setting):
    _, begin, _ = setting
    _, migration = begin(price_per_embedding=1.0, cap=100.0)
    migration.journal.pay(36, 36.0, capped=True)
    with pytest.raises(SpendCapError, match="100 of the cap of 100"):
        migration.journal.pay(1, 1.0, capped=True)
    migration.journal.pay(1, 1.0)  # a live write is not held up
    assert migration.status().spent == 101
    migration.close()


def test_planning_twice_embeds_nothing(setting):
    _, begin, after = setting
    _, migration = begin()
    calls = after.calls
    with pytest.raises(MigrationError, match="exists already"):
        begin()
    assert after.calls == calls
    migration.close()


def test_a_rollback_names_what_was_written_past_it(setting):
    made, begin, _ = setting
    _, migration = begin()
    migration.run()
    migration.cutover()
    migration.new.write(["past"], made.gallery_new[:1], [10**6], stamp="new")
    migration.new.remove(["3"], [10**6])
    told = migration.rollback()
    assert "1 written to the new index only, such as 'past'" in str(told)
    assert "1 deleted from the new index only" in told.to_html()
    migration.close()
