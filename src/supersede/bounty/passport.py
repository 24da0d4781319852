"""The rows that have already judged, been published or been audited: they must judge no more.

A model that a bounty has patched was chosen by its answers on these rows, so a later bounty on them
has no guarantee, whatever its budget. The passport travels with the model, also when it is saved.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.bounty.sample import Sample, occur_once, same_rows, some_of
from supersede.errors import ArgumentError, SourceError

__all__ = ["Passport", "check_unused"]

Hashes = npt.NDArray[np.uint64]
_FEWEST = 20  # rows by which something is known again
_NEARLY_ALL = 0.9
_MOST = 2 / 3  # of coarse rows that occur once, at most 1/e match one sample by chance


@dataclass(frozen=True)
class Passport:
    """Fingerprints of spent rows.

    Attributes:
        samples: Fingerprints of whole samples, sorted.
        rows: Hashes of the rows that occurred once in their sample, sorted, eight bytes each.
        measured: Hashes of continuous values, each with the label of its row, in the same form.
        incomplete: Hashes of rows without the label and without each column in turn, likewise.

    Example:
        >>> rows = Sample("all", {"x": np.arange(200)}, np.zeros(200, int))
        >>> first, second = rows.slices(2, seed=0)
        >>> spent = Passport().with_sample(first)
        >>> spent.knows(rows), spent.knows(second), int(spent.unspent(rows).sum())
        (True, False, 100)
    """

    samples: tuple[str, ...] = ()
    rows: bytes = b""
    measured: bytes = b""
    incomplete: bytes = b""

    def with_sample(self, sample: Sample) -> "Passport":
        """The passport with one more sample."""
        measured = [occur_once(hashes) for hashes in sample.measured_hashes]
        incomplete = [some_of(occur_once(hashes)) for hashes in sample.incomplete_hashes]
        return self.joined(
            Passport(
                (sample.fingerprint,),
                _packed(sample.unlike_others),
                _packed(np.concatenate([np.empty(0, np.uint64), *measured])),
                _packed(np.concatenate(incomplete)),
            )
        )

    def joined(self, other: "Passport") -> "Passport":
        """The passport of all rows of two."""
        return Passport(
            tuple(sorted({*self.samples, *other.samples})),
            _packed(np.union1d(_hashes(self.rows), _hashes(other.rows))),
            _packed(np.union1d(_hashes(self.measured), _hashes(other.measured))),
            _packed(np.union1d(_hashes(self.incomplete), _hashes(other.incomplete))),
        )

    def knows(self, sample: Sample) -> bool:
        """Whether more rows of a sample are spent than chance explains.

        Rows are compared as a whole, whatever their columns are called; by each continuous column
        with the label; and without the label or one column, on either side. Only rows that occur
        once in the sample are compared, unless all occur several times. Let a share
        ``u`` of its ``n`` rows
        occur once, and let the passport hold ``m`` rows. If the rows are independent draws, a row
        that occurs once is in the passport with probability at most ``max(1, m / n) (1 - u) / u``:
        a row drawn in a cell of Poisson intensity ``λ`` occurs once with probability ``exp(-λ)``,
        and the passport has a row of that cell with probability at most ``m / n`` times
        ``1 - exp(-λ)``.
        """
        return (
            sample.fingerprint in self.samples
            or self._overlaps(sample.row_hashes, self.rows)
            or any(self._overlaps(hashes, self.measured) for hashes in sample.measured_hashes)
            or _repeated(sample.row_hashes, _hashes(self.rows))
            or self._knows_incomplete(sample)
        )

    def _overlaps(self, hashes: Hashes, spent: bytes) -> bool:
        return _overlap(hashes, _hashes(spent), len(self.samples))

    def _knows_incomplete(self, sample: Sample) -> bool:
        """Whether rows are spent that differ in one column, or in the names of the classes."""
        held = np.union1d(_hashes(self.rows), _hashes(self.incomplete))
        ratio = max(1.0, len(self.rows) / 8 / len(sample))
        ways = (sample.row_hashes, *sample.incomplete_hashes)
        return any(_most(hashes, held, ratio) or _repeated(hashes, held) for hashes in ways)

    def unspent(self, sample: Sample) -> npt.NDArray[np.bool_]:
        """Mask of the rows of a sample that are not spent, for `Sample.take`; shape ``(n,)``.

        A row is spent if it is as a whole, or if a continuous column gives it away. If most of the
        others are known by all columns but one, all are taken as spent.
        """
        spent = np.isin(sample.row_hashes, _hashes(self.rows))
        for hashes in sample.measured_hashes:
            if self._overlaps(hashes, self.measured):
                spent |= np.isin(hashes, _hashes(self.measured))
        if not spent.all() and self._knows_incomplete(sample.take(~spent)):
            spent[:] = True
        return ~spent

    def to_dict(self) -> dict[str, Any]:
        """The passport as plain data."""
        packed = {"rows": self.rows, "measured": self.measured, "incomplete": self.incomplete}
        texts = {key: base64.b64encode(value).decode("ascii") for key, value in packed.items()}
        return {"samples": list(self.samples), **texts}

    @classmethod
    def from_dict(cls, data: Any) -> "Passport":
        """The inverse of `to_dict`; an empty dict is an empty passport.

        Raises:
            SourceError: It is not a passport.
        """
        if data == {}:
            return cls()
        try:
            # passports written before hold no incomplete rows
            texts = (data["rows"], data["measured"], data.get("incomplete", ""))
            packed = [base64.b64decode(text, validate=True) for text in texts]
            if any(len(hashes) % 8 for hashes in packed):
                raise ValueError([len(hashes) for hashes in packed])
            return cls(tuple(map(str, data["samples"])), *packed)
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            msg = f"the fingerprints of spent rows cannot be read: {error!r}"
            raise SourceError(msg) from error


def check_unused(slices: Sequence[Sample], asked: Sequence[Sample], spent: Passport) -> None:
    """Refuse slices that are spent, and samples that share most of their rows.

    Raises:
        ArgumentError: They do; the message says which.
    """
    for one, other in combinations(asked, 2):
        if same_rows(one, other):
            msg = (
                f"most rows of {one.name} are in {other.name}, or vice versa; slices and public"
                " rows must not share rows"
            )
            raise ArgumentError(msg)
    for sample in slices:
        if spent.knows(sample):
            rest = spent.unspent(sample).any()
            msg = (
                f"rows of {sample.name} have already judged this model or were published; draw new"
                f" ones{', or leave them out: sample.take(model.spent.unspent(sample))' if rest else ''}"
            )
            raise ArgumentError(msg)


def _overlap(hashes: Hashes, spent: Hashes, samples: int) -> bool:
    """Whether more hashes that occur once are spent than chance explains.

    A row of any cell occurs once in one spent sample with a probability of at most 1/e, and in some
    of several with at most ``1 - (1 - 1/e) ** samples``.
    """
    once = occur_once(hashes)
    if not len(spent) or not len(once):
        return False
    u, ratio = len(once) / len(hashes), max(1.0, len(spent) / len(hashes))
    # the rows that occur twice are counted, and three more than counted are as likely
    chance = ratio * (1 - u + 3 / len(hashes)) / u
    allowed = chance + 3 * np.sqrt(chance / len(once)) + 3 / len(once)
    coarse = 1 - (1 - np.exp(-1)) ** max(samples, 1) + 2 * np.sqrt(0.25 / len(once))
    return bool(np.isin(once, spent).mean() > min(max(_MOST, coarse), allowed))


def _most(hashes: Hashes, held: Hashes, ratio: float) -> bool:
    """Whether most rows are spent, and more than chance explains; only where most occur once."""
    once = occur_once(hashes)
    u = len(once) / len(hashes)
    few = once[once % np.uint64(16) == 0]
    some = few if len(few) >= _FEWEST else once  # all that a passport of many rows holds
    if u < 1 / 2 or len(some) < _FEWEST:
        return False
    chance = ratio * (1 - u) / u
    allowed = chance + 3 * np.sqrt(chance / len(some)) + 3 / len(some)
    return bool(np.isin(some, held).mean() > max(_MOST, allowed))


def _repeated(hashes: Hashes, held: Hashes) -> bool:
    """Whether the rows are spent ones, repeated so that few occur once.

    By chance a row is in a passport of five samples with a probability of at most .9, see `_overlap`.
    """
    different, counts = np.unique(hashes, return_counts=True)
    if np.mean(counts == 1) > 1 / 2 or len(different) < _FEWEST:
        return False
    few = different[different % np.uint64(16) == 0]
    some = few if len(few) >= _FEWEST else different
    return bool(np.isin(some, held).mean() > _NEARLY_ALL)


def _packed(hashes: Hashes) -> bytes:
    return np.unique(hashes).astype("<u8").tobytes()


def _hashes(packed: bytes) -> Hashes:
    return np.frombuffer(packed, "<u8").astype(np.uint64, copy=False)
