"""The rows that have already judged, been published or been audited: they must judge no more.

A model that a bounty has patched was chosen by its answers on these rows, so a later bounty on them
has no guarantee, whatever its budget. The passport travels with the model, also when it is saved.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.bounty.sample import Sample
from supersede.errors import SourceError

__all__ = ["Passport"]

_MOST = 2 / 3  # of coarse rows that occur once, at most 1/e match by chance


@dataclass(frozen=True)
class Passport:
    """Fingerprints of spent rows.

    Attributes:
        samples: Fingerprints of whole samples, sorted.
        rows: Hashes of the rows that occurred once in their sample, sorted, eight bytes each.

    Example:
        >>> rows = Sample("all", {"x": np.arange(200)}, np.zeros(200, int))
        >>> first, second = rows.slices(2, seed=0)
        >>> spent = Passport().with_sample(first)
        >>> spent.knows(rows), spent.knows(second), int(spent.unspent(rows).sum())
        (True, False, 100)
    """

    samples: tuple[str, ...] = ()
    rows: bytes = b""

    def with_sample(self, sample: Sample) -> "Passport":
        """The passport with one more sample."""
        rows = np.union1d(self._hashes, sample.unlike_others).astype("<u8")
        return Passport(tuple(sorted({*self.samples, sample.fingerprint})), rows.tobytes())

    def knows(self, sample: Sample) -> bool:
        """Whether more rows of a sample are spent than chance explains.

        Only rows that occur once in the sample are compared. Let a share ``u`` of its ``n`` rows
        occur once, and let the passport hold ``m`` rows. If the rows are independent draws, a row
        that occurs once is in the passport with probability at most ``max(1, m / n) (1 - u) / u``:
        a row drawn in a cell of Poisson intensity ``λ`` occurs once with probability ``exp(-λ)``,
        and the passport has a row of that cell with probability at most ``m / n`` times
        ``1 - exp(-λ)``.
        """
        if sample.fingerprint in self.samples:
            return True
        once = sample.unlike_others
        if not self.rows or not len(once):
            return False
        u, ratio = len(once) / len(sample), max(1.0, len(self._hashes) / len(sample))
        chance = ratio * (1 - u) / u
        allowed = chance + 3 * np.sqrt(chance / len(once)) + 3 / len(once)
        both = np.isin(once, self._hashes).mean()
        return bool(both > min(_MOST, allowed))

    def unspent(self, sample: Sample) -> npt.NDArray[np.bool_]:
        """Mask of the rows of a sample that are not spent, for `Sample.take`; shape ``(n,)``."""
        return ~np.isin(sample.row_hashes, self._hashes)

    def to_dict(self) -> dict[str, Any]:
        """The passport as plain data."""
        return {"samples": list(self.samples), "rows": base64.b64encode(self.rows).decode("ascii")}

    @classmethod
    def from_dict(cls, data: Any) -> "Passport":
        """The inverse of `to_dict`.

        Raises:
            SourceError: It is not a passport.
        """
        try:
            rows = base64.b64decode(data["rows"], validate=True)
            if len(rows) % 8:
                raise ValueError(len(rows))
            return cls(tuple(map(str, data["samples"])), rows)
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            msg = f"the fingerprints of spent rows cannot be read: {error!r}"
            raise SourceError(msg) from error

    @property
    def _hashes(self) -> npt.NDArray[np.uint64]:
        return np.frombuffer(self.rows, "<u8").astype(np.uint64, copy=False)
