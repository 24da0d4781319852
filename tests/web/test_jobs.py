import threading

import pytest
from sqlalchemy import select, text

from supersede.errors import InputError
from supersede.web.database import Job, OtherVersionError
from supersede.web.jobs.handler import Handler
from supersede.web.jobs.queue import ATTEMPTS, LostJobError, ahead, claim, enqueue, finish
from supersede.web.jobs.worker import work, work_once
from supersede.web.ledger import append, entries


def queued(site, *about, kind="test"):
    with site.database.write() as db:
        return [enqueue(db, kind, one, {"n": i}, site.now()).id for i, one in enumerate(about)]


def claimed(site, worker="w"):
    with site.database.write() as db:
        return claim(db, worker, site.now(), 10)


def recorded(site, held, at):
    append(at, "test", {"event": "did", "job": held.id}, site.now())
    finish(at, held, site.now())


def doing(run=None, give_up=None):
    def default(site, held, report):
        with site.database.write() as db:
            recorded(site, held, db)

    return {"test": Handler(run or default, give_up or (lambda *_: None))}


def did(site):
    with site.database.read() as db:
        return len(list(entries(db, "test")))


def test_jobs_about_one_thing_run_in_order_and_alone(either_site):
    first, second, third = queued(either_site, "a", "a", "b")
    one, other = claimed(either_site), claimed(either_site)
    assert (one.id, other.id) == (first, third)
    assert claimed(either_site) is None
    with either_site.database.read() as db:
        assert ahead(db, second) == 1
    with either_site.database.write() as db:
        finish(db, one, either_site.now())
    assert claimed(either_site).id == second


def test_a_job_of_a_worker_that_died_runs_again_and_takes_effect_once(either_site, clock):
    queued(either_site, "a")
    dead = claimed(either_site, "dead")
    assert claimed(either_site) is None
    clock.add(seconds=11)
    alive = claimed(either_site, "alive")
    assert (alive.id, alive.attempt) == (dead.id, 2)
    with either_site.database.write() as db:
        recorded(either_site, alive, db)
    with pytest.raises(LostJobError), either_site.database.write() as db:
        recorded(either_site, dead, db)  # it was only slow
    assert did(either_site) == 1


def test_a_clock_that_goes_back_makes_nothing_happen_twice(either_site, clock):
    queued(either_site, "a")
    one = claimed(either_site, "one")
    clock.add(seconds=11)
    two = claimed(either_site, "two")
    clock.add(hours=-5)
    assert claimed(either_site, "three") is None
    for held, refused in ((one, True), (two, False)):
        try:
            with either_site.database.write() as db:
                recorded(either_site, held, db)
        except LostJobError:
            assert refused
    assert did(either_site) == 1


def test_many_workers_at_once_do_every_job_once(either_site):
    queued(either_site, *(str(n % 7) for n in range(40)))
    threads = [
        threading.Thread(
            target=lambda n=n: [work_once(either_site, doing(), f"w{n}") for _ in range(40)]
        )
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while work_once(either_site, doing(), "last"):
        pass
    assert did(either_site) == 40
    with either_site.database.read() as db:
        states = db.execute(select(Job.state, Job.attempt)).all()
    assert set(states) == {("done", 1)}


def test_a_job_that_fails_is_given_up_with_its_reason(site):
    queued(site, "a", "b")
    problems = []

    def run(site, held, report):
        if held.about == "a":
            msg = "columns do not fit"
            raise InputError(msg)
        raise ZeroDivisionError

    for _ in range(2):
        assert work_once(site, doing(run, lambda _, db, held, why: problems.append(why)), "w")
    assert problems == ["columns do not fit", "an error of the server: ZeroDivisionError"]
    with site.database.read() as db:
        assert [job.state for job in db.execute(select(Job)).scalars()] == ["failed", "failed"]


def test_a_job_that_kills_every_worker_is_given_up(site, clock):
    queued(site, "a")
    for _ in range(ATTEMPTS):
        assert claimed(site, "dead")
        clock.add(seconds=11)
    problems = []
    assert work_once(site, doing(give_up=lambda _, db, held, why: problems.append(why)), "w")
    assert problems == [f"its worker died {ATTEMPTS} times"]
    assert did(site) == 0


def test_progress_is_kept(site):
    queued(site, "a")

    def run(site, held, report):
        report("halfway")
        with site.database.read() as db:
            assert db.get_one(Job, held.id).progress == "halfway"
        with site.database.write() as db:
            recorded(site, held, db)

    assert work_once(site, doing(run), "w")
    assert did(site) == 1


def _migrated_by_another_version(site):
    with site.database.write() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))


def test_a_worker_of_another_version_takes_no_job(either_site):
    queued(either_site, "a")
    _migrated_by_another_version(either_site)
    with pytest.raises(OtherVersionError, match="another version of supersede has migrated it"):
        work(either_site, {}, lambda: False)
    with either_site.database.read() as db:
        assert [tuple(row) for row in db.execute(select(Job.state, Job.attempt))] == [("queued", 0)]


def test_a_job_that_another_version_overtakes_leaves_no_effect(site):
    queued(site, "a")

    def run(site, held, report):
        _migrated_by_another_version(site)
        with site.database.write() as db:
            recorded(site, held, db)

    with pytest.raises(OtherVersionError):
        work_once(site, doing(run), "w")
    with site.database.read() as db:
        assert db.execute(select(Job.state)).scalars().all() == ["running"]
    assert did(site) == 0
