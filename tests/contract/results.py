"""One small example of each result, for the contract that all of them keep."""

from contextlib import contextmanager
from functools import cache

import numpy as np
from tests.bounty.cases import ONE, ZERO, people
from tests.embeddings.made import world
from tests.evaluate.cases import ensemble

import supersede
from supersede.bounty import Findings, audit_round, credit
from supersede.bounty.artefacts import parse

SCRIPT = "</script><b>&"  # a name that a page must escape


@contextmanager
def named(name):
    """Examples in which models and groups have another name."""
    global SCRIPT
    before, SCRIPT = SCRIPT, name
    _forget()
    try:
        yield
    finally:
        SCRIPT = before
        _forget()


def _forget():
    for made in (table, planned, patched, fitted, history, vectors, net, chip):
        made.cache_clear()


@cache
def table():
    """Predictions of two models, with groups."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 400)
    said = [np.where(rng.random(400) < rate, 1 - truth, truth) for rate in (0.2, 0.1)]
    return supersede.read(
        {
            "id": np.arange(400), "y": truth, SCRIPT: said[0], "new": said[1],
            "sex": np.where(rng.random(400) < 0.5, SCRIPT, "m"),
            "age": rng.integers(0, 3, 400), "score": rng.normal(size=400),
        },
        models=[SCRIPT, "new"], item="id", label="y",
    )  # fmt: skip


@cache
def planned():
    """A plan, and its labels."""
    from supersede.evaluate import plan, precision, recall

    case = ensemble(models=2, items=400)
    made = plan(case.table(), [precision("m0"), recall("m1")], margin=0.1, method="coordinated")
    return made, case.label(made)


@cache
def patched():
    """A model with one patch, and fresh rows."""
    from supersede.bounty import DecisionList

    return DecisionList(ZERO).patched(parse("age >= 60"), ONE, team=SCRIPT), people(300)


@cache
def fitted():
    """A linear fit."""
    from tests.train.linear.cases import cnn, digits

    from supersede.train.linear import LQF

    return LQF(cnn()).fit(*digits(30))


@cache
def history():
    """A search that could have stopped."""
    from supersede.search.stopping import Float, History, ParameterSpace, Trial

    trials = [Trial({"x": i / 30}, (i / 30 - 0.3) ** 2, standard_error=0.01) for i in range(30)]
    return History(ParameterSpace({"x": Float(0, 1)}), trials)


@cache
def vectors():
    return world(n=200, gallery=400)


def _review():
    return supersede.compare(table(), old=SCRIPT, new="new", groups=["sex"])


def _audit():
    from supersede.audit import audit_groups

    return audit_groups(table(), "new", groups=["sex", "age"], old=SCRIPT)


def _card():
    from datetime import date

    from supersede.audit import service_card

    return service_card(
        [_audit()], name=SCRIPT, version="2", released=date(2026, 1, 2), intended_use="Sorts.",
        limits=["None known."], customer_must_test=["All."],
    )  # fmt: skip


def _coverage():
    from supersede.audit import coverage

    return coverage(table(), ["sex", "age"], min_items=80)


def _slices():
    from supersede.audit import find_slices

    return find_slices(table(), "new", ["sex", "age"], min_share=0.05)


def _grid():
    from supersede.audit import ZeroOne, grid

    return grid(table(), ["new", SCRIPT], [ZeroOne()], groups="sex")


def _estimates():
    from supersede.evaluate import estimate

    return estimate(*planned())


def _following():
    from supersede.evaluate import follow

    return follow(*planned())


def _run_sizes():
    from supersede.evaluate import detectable

    return detectable(table(), old=SCRIPT, new="new", regression=0.02)


def _shared():
    from supersede.evaluate import shared_labels

    return shared_labels(planned()[0])


def _decision():
    from supersede.search.stopping import decide

    return decide(history())


def _replay():
    from supersede.search.stopping import replay

    return replay(history(), every=10)


def _front():
    from supersede.train.flips.front import choose, measure

    rng = np.random.default_rng(0)
    y, old = rng.integers(0, 2, 200), rng.integers(0, 2, 200)
    points = [measure(y, rng.integers(0, 2, 200), old == y, treatment=t, strength=s)
              for t, s in (("none", 0.0), ("weights", 1.0))]  # fmt: skip
    return choose(points, tolerance=0.1, items=200)


def _chain():
    from supersede.train.flips.chains import Chain, Version

    rows = [(1, 0, 0.2, ()), (2, 0, 0.1, (0.05,)), (2, 1, 0.12, (0.02,)), (2, None, 0.1, (0.01,))]
    return Chain(tuple(Version(*row) for row in rows), items=100, members=3)


def _keeping_front():
    from tests.train.linear.cases import digits

    return fitted().keeping_front(*digits(20, start=100), strengths=(1.0,), on=("right",))


def _asked(name, **how):
    from tests.train.linear.cases import digits

    return getattr(fitted(), name)(digits(1, start=100)[0], **how)


@cache
def net():
    from supersede.hardware import Block, mobile_net

    blocks = [Block(16, 6), Block(24, 6, stride=2), Block(24, 6)]
    return mobile_net(blocks, resolution=32, head=32, classes=10)


@cache
def chip():
    from supersede.hardware import Declared

    return Declared(lanes=256, clock=1e9, bandwidth=1e10, granule=8)


def _advice():
    from supersede.hardware import advise

    return advise(net(), chip(), granule=8)


def _profile():
    from supersede.hardware import profile

    return profile(net(), chip(), model=SCRIPT)


def _accuracy():
    from supersede.hardware import Accuracy

    seconds = (0.1, 0.2, 0.3)
    return Accuracy(
        SCRIPT,
        60,
        seconds,
        (0.11, 0.2, 0.29),
        (0.1, 0.1, float("nan")),
        (0.2, 0.3, float("nan")),
        (1, 2, 4),
    )


def _granule():
    from supersede.hardware import find_granule

    return find_granule(chip(), blocks=["conv"])


def _peak():
    from supersede.hardware import peak_activations

    return peak_activations(net())


def _quantisation():
    from supersede.hardware.formats.quantisation_error import LayerError, QuantisationError

    return QuantisationError(
        (LayerError(SCRIPT, 0.1, 0.05), LayerError("b", 0.2, 0.1)), 0.2, 0.9, 10, 8
    )


def _findings():
    found = Findings()
    found.report("security", SCRIPT, "see the log", team="ada")
    return found


def _compatibility():
    from supersede.embeddings import compatibility

    made = vectors()
    return compatibility(
        made.queries_old, made.queries_new, made.gallery_old, made.gallery_new, pairs=made.answers
    )


def _forecasts():
    from supersede.embeddings import PairedSample, Prices, forecast_paths

    made = vectors()
    sample = PairedSample(
        made.queries_old, made.queries_new, made.gallery_new[made.answers], made.answers,
        made.gallery_old,
    )  # fmt: skip
    return forecast_paths(sample, k=5, folds=4, prices=Prices(1e-6, 1e-6, 1e-6, 1.0, 1000))


def _diagnosis():
    from supersede.embeddings import diagnose

    made = vectors()
    both = np.vstack([made.gallery_old, made.gallery_new])
    return diagnose(both, known_old=made.gallery_old[:50], known_new=made.gallery_new[:50])


def _curve():
    from supersede.embeddings.migration.curve import BackfillCurve

    return BackfillCurve((0.0, 1.0), {SCRIPT: (0.5, 0.7)}, {SCRIPT: 0.1}, 0.5, 0.7, 5)


def _migration_plan():
    from supersede.embeddings.migration.plan import MigrationPlan

    return MigrationPlan(SCRIPT, "new", 100, 10, 0.01, None, 0.001, {"7": SCRIPT}, rate=10.0)


def _progress():
    from supersede.embeddings.migration.journal import Progress

    return Progress("running", 5, 5, {"7": SCRIPT}, 1, 0, 0, 12, 0.5)


def _index_loss():
    from supersede.embeddings.report.paired import PairedEstimate
    from supersede.embeddings.report.through_index import IndexLoss

    e = PairedEstimate(0.5, 0.4, 0.6, 100)
    return IndexLoss(SCRIPT, 5, e, e, e, 0.99)


def _chain_report():
    from supersede.embeddings.training.chain import chain_report

    y = np.arange(60) % 3
    rng = np.random.default_rng(0)
    old, new = (np.eye(3)[y] + rng.normal(size=(60, 3)) * noise for noise in (0.4, 0.2))
    return chain_report([old, new], [old, new], y, y)


def _together():
    from supersede.audit import equalised_odds

    rng = np.random.default_rng(0)
    y, who = rng.integers(0, 2, 800), rng.choice([SCRIPT, "b"], 800)
    data = {"y": y, "new": np.where(rng.random(800) < 0.2, 1 - y, y), "who": who}
    return equalised_odds(data, "new", groups=["who"], label="y")


def _speech():
    from supersede.audit.speech import audit_speech

    data = {
        "text": ["one two", "three"] * 20, "asr": ["one too", "three"] * 20,
        "accent": [SCRIPT, "b"] * 20, "noise": ["q", "q", "s", "s"] * 10,
    }  # fmt: skip
    return audit_speech(data, "asr", reference="text", groups="accent", conditions="noise")


def _searched():
    from supersede.hardware import Declared
    from supersede.search.architecture import seven_blocks

    chip = Declared(lanes=256, clock=1e9, bandwidth=4e9, granule=16)
    return seven_blocks(channels=(16, 32), step=4), chip


def _curated():
    space, chip = _searched()
    return space.curate(chip, granule=16, samples=15)


def _found():
    from supersede.search.architecture import RandomSearch, Reward, search

    space, chip = _searched()
    task = Reward("capacity", lambda net, seed: 1e5 / net.parameters)
    return search(space, task, chip, strategy=RandomSearch(), evaluations=6)


def _landscape():
    from supersede.search.architecture import landscape

    return landscape(*_searched(), sweeps=2)


def _recordings():
    from tests.lastmile.voices import hum

    from supersede.lastmile.audio import Tone, repair_clips

    class Deaf:
        name = SCRIPT

        def transcribe(self, clip):
            return "one two" if clip.samples[0] > 0 else "one"

    clips = [Tone(1000).apply(hum(i, 1.5), i) for i in range(6)]
    return repair_clips(clips, ["one two"] * 6, Deaf(), groups=[SCRIPT, "b"] * 3, synthetic=True)


def _rows():
    from supersede.lastmile.tables import repair_rows

    rng = np.random.default_rng(0)
    return repair_rows({SCRIPT: rng.normal(40, 5, 900)}, {SCRIPT: rng.normal(2400, 300, 100)})


def _loop():
    from supersede.bounty import Sample
    from supersede.lastmile.loop import GapTarget, Patched, repair_until

    rng = np.random.default_rng(0)
    train, fresh = (
        Sample(
            n,
            {"x": rng.normal(size=900), "sex": rng.choice(["f", "m"], 900)},
            rng.integers(0, 2, 900),
        )
        for n in ("train", "fresh")
    )
    return repair_until(
        lambda rows: (rows["x"].numbers() > 0).astype(int), train, [fresh], GapTarget("sex"),
        [Patched(lambda model: model, SCRIPT)],
    )  # fmt: skip


MADE = {
    "supersede.audit.card.ServiceCard": _card,
    "supersede.audit.coverage.Coverage": _coverage,
    "supersede.audit.grid.Grid": _grid,
    "supersede.audit.result.Audit": _audit,
    "supersede.audit.slices.SliceSearch": _slices,
    "supersede.audit.speech.result.SpeechAudit": _speech,
    "supersede.audit.together.Together": _together,
    "supersede.bounty.credit.Credit": lambda: credit(*patched()),
    "supersede.bounty.findings.Findings": _findings,
    "supersede.bounty.fresh_audit.RoundAudit": lambda: audit_round(*patched()),
    "supersede.lastmile.audio.repair_clips.AudioRepair": _recordings,
    "supersede.lastmile.loop.repair_until.RepairRun": _loop,
    "supersede.lastmile.tables.repair_rows.RowsRepair": _rows,
    "supersede.embeddings.bridges.forecast.Forecasts": _forecasts,
    "supersede.embeddings.migration.curve.BackfillCurve": _curve,
    "supersede.embeddings.migration.journal.Progress": _progress,
    "supersede.embeddings.migration.plan.MigrationPlan": _migration_plan,
    "supersede.embeddings.report.doctor.Diagnosis": _diagnosis,
    "supersede.embeddings.report.result.Compatibility": _compatibility,
    "supersede.embeddings.report.through_index.IndexLoss": _index_loss,
    "supersede.embeddings.training.chain.ChainReport": _chain_report,
    "supersede.evaluate.design.Plan": lambda: planned()[0],
    "supersede.evaluate.estimates.Estimates": _estimates,
    "supersede.evaluate.following.Following": _following,
    "supersede.evaluate.run_sizes.RunSizes": _run_sizes,
    "supersede.evaluate.sharing.SharedLabels": _shared,
    "supersede.hardware.advice.advice.Advice": _advice,
    "supersede.hardware.advice.profiled.Profile": _profile,
    "supersede.hardware.description.memory.PeakMemory": _peak,
    "supersede.hardware.estimation.accuracy.Accuracy": _accuracy,
    "supersede.hardware.formats.quantisation_error.QuantisationError": _quantisation,
    "supersede.hardware.targets.granule.Granule": _granule,
    "supersede.review.review.Review": _review,
    "supersede.search.architecture.curate.Curated": _curated,
    "supersede.search.architecture.found.Found": _found,
    "supersede.search.architecture.landscape.Landscape": _landscape,
    "supersede.search.stopping.decide.Decision": _decision,
    "supersede.search.stopping.replay.Replay": _replay,
    "supersede.train.flips.chains.Chain": _chain,
    "supersede.train.flips.front.Front": _front,
    "supersede.train.linear.fitted.LinearFit": fitted,
    "supersede.train.linear.flip_constraint.Keeping": lambda: fitted().keep_right(),
    "supersede.train.linear.forgetting.Forgetting": lambda: fitted().forget([0, 3]),
    "supersede.train.linear.influence.Influence": lambda: _asked("influence"),
    "supersede.train.linear.keeping_front.KeepingFront": _keeping_front,
    "supersede.train.linear.learning_curve.LearningCurve": lambda: fitted().learning_curve(
        orders=2
    ),
    "supersede.train.linear.leave_one_out.LeaveOneOut": lambda: fitted().leave_one_out(),
    "supersede.train.linear.prediction_sets.PredictionSets": lambda: _asked("prediction_sets"),
    "supersede.train.linear.uncertainty.Uncertainty": lambda: _asked("uncertainty"),
}
"""How to make an example of each result, by its full name."""
