"""``supersede hunt``: attack your own model before others do."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from supersede.cli.common import Quiet, Strings, outputs
from supersede.cli.progress import Progress
from supersede.errors import ArgumentError

if TYPE_CHECKING:
    from supersede.bounty import Policy, Sample

__all__ = ["hunt"]

_PUBLIC, _HOLDOUT = 0.4, 0.3  # the rest is fresh


def hunt(
    table: str,
    *,
    model: str,
    label: str,
    item: str | None = None,
    where: str | None = None,
    feature: Strings = None,
    group: Strings = None,
    protect: Strings = None,
    specialists: int = 60,
    cost_sensitive: int = 15,
    alternating: int = 10,
    slices: int = 0,
    policy: Literal["certified", "betting", "alpha", "naive"] = "certified",
    delta: float = 0.05,
    alpha: float = 0.001,
    parts: int = 1,
    seed: int = 0,
    folder: Path | None = None,
    out: Path | None = None,
    credit: Path | None = None,
    quiet: Quiet = False,
) -> int:
    """Attack your own model: search for groups that it fails and for models that do better on them.

    The table has one row per item: the model's classes, the labels, and features. Rows without a
    label are left out, the others are split at random: hunters see 40 %, a holdout of 30 % judges
    them, and 30 % are kept fresh for the audit.

    Exit codes: 0 no submission beat the model, 1 at least one did, 2 a usage or data error.

    Example: supersede hunt predictions.parquet --model new --label y --group sex --group race
    --folder hunt --out hunt.html

    Args:
        table: A table in CSV, JSONL or Parquet: a file, or a glob in quotes.
        model: Column of a model's answers. Here: its classes.
        label: Column of labels; null where an item has none.
        item: Column of item ids. [default: item, item_id or id]
        where: SQL condition on the table's columns; other rows are left out.
        feature: A column that hunters' models are allowed to read; repeat it. By default all except
            model, label and item ids.
        group: Column whose values are groups; repeat it for several. Here: for specialists and
            slices. [default: all features]
        protect: A group that must not get worse, as an expression such as "age >= 65"; repeat it.
        specialists: Number of specialist hunters.
        cost_sensitive: Number of cost-sensitive hunters.
        alternating: Number of alternating hunters.
        slices: Number of slice hunters; needs the extra slices.
        policy: The rule by which submissions are accepted.
        delta: For certified and betting: the probability that an accepted patch does harm.
        alpha: For alpha: the required decrease in error.
        parts: Number of holdout slices; each is used up after its share of the hunters.
        seed: Seed of all random choices: of the hunters and of the holdout's slices. The split of the table does not
            depend on it: rows that were public or audited never judge.
        folder: Folder of what is written: the log and the patched model; an interrupted hunt resumes from there.
        out: Write the page here, as HTML in one file.
        credit: Write the gain of each patch as CSV or JSON, by the file's ending.
        quiet: Do not show progress.
    """
    from supersede.bounty import Bounty, Credit, DecisionList, Logged, ZeroOne, save_list
    from supersede.bounty import credit as measured
    from supersede.bounty import hunters as h
    from supersede.bounty.artefacts import Codes, parse
    from supersede.bounty.pictures import brief
    from supersede.bounty.report import headline, page
    from supersede.look.page import write_whole

    pages = outputs(out=out).paths
    if credit is not None:
        Credit.check_path(credit)
    chosen = _policy(policy, delta, alpha)
    whole, features = _read(table, model, label, feature, group, item=item, where=where)
    public, holdout, fresh = _cut(whole)
    first = DecisionList(Logged(model), answers=Codes(len(whole.classes or ())))
    ground = h.Ground.of(public, first, ZeroOne(), features)
    named = list(group or features)
    hunting = [
        *h.cost_sensitive(cost_sensitive, seed=seed),
        *h.alternating(alternating, seed=seed),
        *h.slices(named, slices),
        *h.specialists(ground, named, most=specialists),
    ]
    if not hunting or parts < 1:
        msg = f"{len(hunting)} hunters, --parts {parts}: expected at least one of each"
        raise ArgumentError(msg)
    bounty = Bounty(
        first,
        holdout.slices(parts, seed=seed),
        policy=chosen,
        capacity=-(-len(hunting) // parts),
        watch={text: parse(text) for text in protect or []},
        public=public,
        folder=folder,
    )
    with Progress(quiet=quiet) as progress:
        attempts = h.hunt(bounty, hunting, ground, progress=progress)
        progress("auditing on fresh rows")
        audit = bounty.close(fresh)
    print(headline(bounty, audit))
    print(audit)
    for patch in audit.patches:
        print(f"  {patch.change:+.4f} {patch.team}: {brief(bounty.model, patch.name)}")
    if folder is not None:
        save_list(bounty.model, folder / "model")
    if credit is not None:
        judge = bounty.checker
        measured(bounty.model, fresh, loss=judge.loss, watch=judge.watch).save(credit)
    for path in pages:
        title = f"Hunt of {model}"
        write_whole(path, page(bounty, fresh, audit=audit, attempts=attempts, title=title))
    return 1 if len(bounty.model) else 0


def _read(
    table: str,
    model: str,
    label: str,
    feature: list[str] | None,
    group: list[str] | None,
    *,
    item: str | None,
    where: str | None,
) -> "tuple[Sample, list[str]]":
    """The labelled rows, and the features."""
    from supersede.bounty import Sample
    from supersede.errors import ColumnTypeError
    from supersede.table.read import read

    bound = read(table, models=[model], label=label, item=item, where=where)
    known = {model, label, bound.item}
    wanted = feature or [name for name in bound.rows.columns if name not in known]
    try:
        whole = Sample.from_table(bound, model=model, features=[*wanted, *(group or [])])
    except ColumnTypeError as error:
        msg = f"{error}, with --feature"
        raise ColumnTypeError(msg) from error
    missing = bound.size - len(whole)
    if missing:
        print(f"{missing} of {bound.size} rows have no label and are left out")
    return whole, wanted


def _cut(whole: "Sample") -> "tuple[Sample, Sample, Sample]":
    """Public, holdout and fresh rows; no seed makes rows judge that were public or audited."""
    import numpy as np

    order = np.random.default_rng(0).permutation(len(whole))
    first, second = (round(share * len(whole)) for share in (_PUBLIC, _PUBLIC + _HOLDOUT))
    public, holdout, fresh = np.split(order, [first, second])
    return (
        whole.take(np.sort(public), "public rows"),
        whole.take(np.sort(holdout), "holdout"),
        whole.take(np.sort(fresh), "fresh rows"),
    )


def _policy(name: str, delta: float, alpha: float) -> "Policy":
    from supersede.bounty import Alpha, Betting, Certified, Naive

    chosen: dict[str, Policy] = {
        "certified": Certified(delta), "betting": Betting(delta), "alpha": Alpha(alpha),
        "naive": Naive(),
    }  # fmt: skip
    return chosen[name]
