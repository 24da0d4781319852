"""The plan of a migration: what it will take in embeddings, money and time, before anything is spent."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from supersede.embeddings.indexes.index import VectorIndex
from supersede.embeddings.migration.journal import Journal
from supersede.embeddings.migration.sources import Embedder, Items
from supersede.embeddings.vectors import checked
from supersede.errors import ArgumentError, MigrationError, SpendCapError, StampError, VectorError
from supersede.look.json_values import json_object
from supersede.look.result import ResultMixin, frame_of, plain

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["MigrationPlan", "check_prices", "embed_each", "plan_migration"]

JOURNAL = "migration.db"  # in the migration's folder
SAMPLE = 64  # items embedded to measure time and tokens


@dataclass(frozen=True)
class MigrationPlan(ResultMixin, named="the plan of a migration", height="20rem"):
    """A migration before it runs.

    Attributes:
        old: Stamp of the old model.
        new: Stamp of the new model.
        rows: Items to embed.
        sampled: Items embedded to measure.
        seconds_per_embedding: Time of one, from the sample, as measured on this machine.
        tokens_per_item: Mean tokens (words and punctuation where no tokenizer is given) per text;
            None where contents are not text.
        price_per_embedding: Price of one.
        unembeddable: Sampled items that could not be embedded, with the reason.
        rate: Most embeddings per second; None for no limit.
        cap: Most that may be spent; None for no limit.
    """

    old: str
    new: str
    rows: int
    sampled: int
    seconds_per_embedding: float
    tokens_per_item: float | None
    price_per_embedding: float
    unembeddable: dict[str, str]
    rate: float | None = None
    cap: float | None = None

    @property
    def price(self) -> float:
        """Price of all embeddings."""
        return self.rows * self.price_per_embedding

    @property
    def seconds(self) -> float:
        """Time of all embeddings, one process, the rate limit included."""
        each = self.seconds_per_embedding
        return self.rows * (each if self.rate is None else max(each, 1 / self.rate))

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON values, with its price and time."""
        return plain(self) | json_object({"price": self.price, "seconds": self.seconds})

    def to_frame(self) -> "pa.Table":
        """One row: the numbers of the plan."""
        return frame_of([{name: v for name, v in self.to_dict().items() if name != "unembeddable"}])

    def to_html(self) -> str:
        """A page with the numbers of the plan."""
        from supersede.embeddings.migration.pages import plan_page

        return plan_page(self)

    def __str__(self) -> str:
        tokens = (
            "" if self.tokens_per_item is None else f", {self.tokens_per_item:.0f} tokens per item"
        )
        lines = [
            f"{self.old} → {self.new}: {self.rows:,} items to embed{tokens}",
            f"price {self.price:,.2f}, about {self.seconds / 60:,.1f} minutes ({self.sampled} items sampled)",
        ]
        if self.cap is not None and self.price > self.cap:
            lines.append(
                f"the cap of {self.cap:,.2f} stops it after {self.cap / self.price:.0%} of the items"
            )
        lines += [f"cannot be embedded: {item}: {why}" for item, why in self.unembeddable.items()]
        return "\n".join(lines)


def plan_migration(
    folder: str | Path,
    old: VectorIndex,
    new: VectorIndex,
    embedder: Embedder,
    items: Items,
    *,
    price_per_embedding: float | None = None,
    price_per_token: float | None = None,
    order: Sequence[str] | None = None,
    rate: float | None = None,
    cap: float | None = None,
    seed: int = 0,
    facts: dict[str, Any] | None = None,
) -> MigrationPlan:
    """Measure a sample, price the whole, and write the journal; nothing is written to an index.

    Args:
        folder: Where the migration's journal lies from now on.
        old: The index in service.
        new: The index to fill; it must be empty and of the embedder's stamp.
        embedder: The new model.
        items: The contents.
        price_per_embedding: Price of one embedding, in your currency.
        price_per_token: In its place: price of one token of text.
        order: Ids in the order in which they are embedded; isolated ones first if None.
        rate: Most embeddings per second.
        cap: Most that may be spent.
        seed: Of the sample.
        facts: Further facts for the journal.

    Raises:
        StampError: The new index is not of the embedder's model, or both are of the same.
        MigrationError: A migration was planned here already, the old index is empty, the new one
            is not, or `order` is not an order of the old index's items.
        ArgumentError: A price, rate or cap is negative, or both prices are given.
        SpendCapError: The sample alone would exceed the cap.
    """
    check_prices(price_per_embedding, price_per_token, rate, cap)
    path = Path(folder)
    if (path / JOURNAL).exists():  # before anything is embedded
        msg = (
            f"{path / JOURNAL} exists already: a migration was planned here; choose another folder"
        )
        raise MigrationError(msg)
    if new.stamp != embedder.stamp or new.dimensions != embedder.dimensions:
        msg = (
            f"the new index is of {new.stamp!r} ({new.dimensions} dimensions) and the embedder of"
            f" {embedder.stamp!r} ({embedder.dimensions}); create the index with the embedder's stamp"
        )
        raise StampError(msg)
    if old.stamp == new.stamp:
        msg = f"both indexes are of {old.stamp!r}; a new model needs a stamp of its own"
        raise StampError(msg)
    names = old.ids()
    if not names:
        msg = f"the old index of {old.stamp!r} is empty: there is nothing to migrate"
        raise MigrationError(msg)
    if new.contents().rows:
        msg = f"the new index of {new.stamp!r} has {new.contents().rows} rows already; start with an empty one"
        raise MigrationError(msg)
    ordered = _ordered(old, names, order)
    rng = np.random.default_rng(seed)
    sample = [names[row] for row in rng.permutation(len(names))[:SAMPLE]]
    contents = list(items.fetch(sample))
    tokens = _tokens(contents)
    if price_per_token is not None and tokens is None:
        msg = "price_per_token needs contents that are text; give price_per_embedding"
        raise ArgumentError(msg)
    each = (price_per_embedding or 0.0) + (price_per_token or 0.0) * (tokens or 0.0)
    if cap is not None and len(sample) * each > cap:
        msg = f"the sample of {len(sample)} embeddings alone costs {len(sample) * each:g}, above the cap of {cap:g}"
        raise SpendCapError(msg)
    start = time.perf_counter()
    made, failed = embed_each(embedder, dict(zip(sample, contents, strict=True)))
    seconds = (time.perf_counter() - start) / max(len(made), 1)
    path.mkdir(parents=True, exist_ok=True)
    journal = Journal(path / JOURNAL, create=True)
    plan = MigrationPlan(
        old.stamp, new.stamp, len(names), len(sample), seconds, tokens, each, failed, rate, cap
    )
    journal.enter(ordered)
    journal.remember(
        **(facts or {}),
        plan=plan.to_dict(),
        price=each,
        rate=rate,
        cap=cap,
        old=old.stamp,
        new=new.stamp,
        embeddings=len(sample),
        spent=len(sample) * each,
        version=_largest(old, names),
    )
    journal.phase("planned")  # last: only a whole plan can be run
    journal.end()
    return plan


def embed_each(
    embedder: Embedder, contents: dict[str, Any]
) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, str]]:
    """Embed items; those that cannot be are named with the reason, and stop no other.

    Raises:
        VectorError: The embedder returns another number of vectors than contents, or another
            dimension.
        MigrationError: It raises an error of its own.
    """
    failed = {
        item: "there is no content (or vector) for it" if c is None else "its content is empty"
        for item, c in contents.items()
        if _empty(c)
    }
    left = {item: c for item, c in contents.items() if item not in failed}
    if not left:
        return {}, failed
    try:
        made = np.asarray(embedder.embed(list(left.values())), np.float32)
    except Exception as error:  # the user's embedder may raise anything; it becomes our error
        msg = (
            f"the embedder {embedder.stamp!r} failed on {len(left)} contents: {type(error).__name__}: {error};"
            " nothing of them was written, so fix it and run again"
        )
        raise MigrationError(msg) from error
    if made.shape != (len(left), embedder.dimensions):
        msg = (
            f"the embedder {embedder.stamp!r} returned shape {made.shape} for {len(left)} contents; expected"
            f" ({len(left)}, {embedder.dimensions})"
        )
        raise VectorError(msg)
    good: dict[str, np.ndarray[Any, Any]] = {}
    for item, vector in zip(left, made, strict=True):
        try:
            checked(vector[None], "the vector")
        except VectorError as error:
            failed[item] = str(error).split(";")[0]
        else:
            good[item] = vector
    return good, failed


def _empty(content: Any) -> bool:
    return content is None or (isinstance(content, str) and not content.strip())


def _tokens(contents: Sequence[Any]) -> float | None:
    """Mean words and punctuation marks per text, the order of magnitude of a tokenizer's count."""
    texts = [content for content in contents if isinstance(content, str)]
    if not texts or len(texts) < sum(content is not None for content in contents):
        return None
    import re

    return sum(len(re.findall(r"\w+|[^\w\s]", text)) for text in texts) / len(texts)


def _ordered(old: VectorIndex, names: list[str], order: Sequence[str] | None) -> list[str]:
    if order is not None:
        given = [str(item) for item in order]
        if sorted(given) != names:
            msg = (
                f"order has {len(given)} ids ({len(set(given))} distinct) and the old index {len(names)}: it"
                " must name each of them once"
            )
            raise MigrationError(msg)
        return given
    from supersede.embeddings.migration.order import isolated_first

    stored = _all(old, names)
    return [names[row] for row in isolated_first(stored)]


def _all(old: VectorIndex, names: list[str]) -> Any:
    out = np.empty((len(names), old.dimensions), np.float32)
    for start in range(0, len(names), 10_000):
        part = names[start : start + 10_000]
        got = old.read(part)
        place = {item: row for row, item in enumerate(got.ids)}
        out[start : start + len(part)] = got.vectors[[place[item] for item in part]]
    return out


def _largest(old: VectorIndex, names: list[str]) -> int:
    parts = (old.read(names[s : s + 10_000]).versions for s in range(0, len(names), 10_000))
    return max(int(part.max()) for part in parts)


def check_prices(
    per_embedding: float | None, per_token: float | None, rate: float | None, cap: float | None
) -> None:
    """Refuse prices, rates and caps that are negative or not finite.

    Raises:
        ArgumentError: One is, or both prices are given.
    """
    if per_embedding is not None and per_token is not None:
        msg = "give price_per_embedding or price_per_token, not both"
        raise ArgumentError(msg)
    for name, value, least in (
        ("price_per_embedding", per_embedding, 0),
        ("price_per_token", per_token, 0),
        ("cap", cap, 0),
        ("rate", rate, 1e-9),
    ):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (number and np.isfinite(value) and value >= least):
            msg = f"{name}={value!r}; it must be a finite number, {'above 0' if least else '0 or more'}"
            raise ArgumentError(msg)
