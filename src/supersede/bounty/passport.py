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

from supersede.bounty.sample import Sample, occur_once, same_rows
from supersede.errors import ArgumentError, SourceError

__all__ = ["Passport", "check_unused"]

Hashes = npt.NDArray[np.uint64]
_MOST = 2 / 3  # of coarse rows that occur once, at most 1/e match by chance


@dataclass(frozen=True)
class Passport:
    """Fingerprints of spent rows.

    Attributes:
        samples: Fingerprints of whole samples, sorted.
        rows: Hashes of the rows that occurred once in their sample, sorted, eight bytes each.
        measured: Hashes of continuous values, each with the label of its row, in the same form.

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

    def with_sample(self, sample: Sample) -> "Passport":
        """The passport with one more sample."""
        measured = [occur_once(hashes) for hashes in sample.measured_hashes]
        return self.joined(
            Passport(
                (sample.fingerprint,),
                _packed(sample.unlike_others),
                _packed(np.concatenate([np.empty(0, np.uint64), *measured])),
            )
        )

    def joined(self, other: "Passport") -> "Passport":
        """The passport of all rows of two."""
        return Passport(
            tuple(sorted({*self.samples, *other.samples})),
            _packed(np.union1d(_hashes(self.rows), _hashes(other.rows))),
            _packed(np.union1d(_hashes(self.measured), _hashes(other.measured))),
        )

    def knows(self, sample: Sample) -> bool:
        """Whether more rows of a sample are spent than chance explains.

        Rows are compared as a whole, whatever their columns are called, and by each continuous
        column with the label. Only rows that occur once in the sample are compared. Let a share
        ``u`` of its ``n`` rows
        occur once, and let the passport hold ``m`` rows. If the rows are independent draws, a row
        that occurs once is in the passport with probability at most ``max(1, m / n) (1 - u) / u``:
        a row drawn in a cell of Poisson intensity ``λ`` occurs once with probability ``exp(-λ)``,
        and the passport has a row of that cell with probability at most ``m / n`` times
        ``1 - exp(-λ)``.
        """
        return (
            sample.fingerprint in self.samples
            or _overlap(sample.row_hashes, _hashes(self.rows))
            or any(_overlap(hashes, _hashes(self.measured)) for hashes in sample.measured_hashes)
        )

    def unspent(self, sample: Sample) -> npt.NDArray[np.bool_]:
        """Mask of the rows of a sample that are not spent, for `Sample.take`; shape ``(n,)``.

        A row is spent if it is as a whole, or if a continuous column gives it away.
        """
        spent = np.isin(sample.row_hashes, _hashes(self.rows))
        for hashes in sample.measured_hashes:
            if _overlap(hashes, _hashes(self.measured)):
                spent |= np.isin(hashes, _hashes(self.measured))
        return ~spent

    def to_dict(self) -> dict[str, Any]:
        """The passport as plain data."""
        packed = {"rows": self.rows, "measured": self.measured}
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
            packed = [base64.b64decode(data[key], validate=True) for key in ("rows", "measured")]
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
            msg = (
                f"rows of {sample.name} have already judged this model or were published; draw new"
                " ones, or leave them out: sample.take(model.spent.unspent(sample))"
            )
            raise ArgumentError(msg)


def _overlap(hashes: Hashes, spent: Hashes) -> bool:
    """Whether more hashes that occur once are spent than chance explains."""
    once = occur_once(hashes)
    if not len(spent) or not len(once):
        return False
    u, ratio = len(once) / len(hashes), max(1.0, len(spent) / len(hashes))
    # the rows that occur twice are counted, and three more than counted are as likely
    chance = ratio * (1 - u + 3 / len(hashes)) / u
    allowed = chance + 3 * np.sqrt(chance / len(once)) + 3 / len(once)
    return bool(np.isin(once, spent).mean() > min(_MOST, allowed))


def _packed(hashes: Hashes) -> bytes:
    return np.unique(hashes).astype("<u8").tobytes()


def _hashes(packed: bytes) -> Hashes:
    return np.frombuffer(packed, "<u8").astype(np.uint64, copy=False)
