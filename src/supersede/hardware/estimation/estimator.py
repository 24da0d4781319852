"""Latency of a network without compiler, inference or hardware in the loop.

The recipe: measure some networks, learn what each layer costs where it stands, and add up. Where the
target gives costs by layer these are learnt; where it gives totals only, the layers' shares are.

Assumes: latency is (nearly) a sum over layers that run one after the other. This is checked, and a
target on which it does not hold is refused.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from supersede.errors import ArgumentError, EstimateError, MissingExtraError
from supersede.hardware.description.memory import peak_activations
from supersede.hardware.description.network import Network
from supersede.hardware.estimation.additivity import SUMMED, explain_totals, noise, refuse_scatter
from supersede.hardware.estimation.features import layer_table
from supersede.hardware.estimation.novelty import Difficulty, Novelty, describe_row, fit_difficulty
from supersede.hardware.estimation.outside import outside, refuse_unknown
from supersede.hardware.estimation.regression import Regression, learn_rows, learn_totals
from supersede.hardware.targets.cache import measure_all
from supersede.hardware.targets.measurement import LayerCost, Measurement, Target

if TYPE_CHECKING:
    from supersede.hardware.estimation.accuracy import Accuracy

__all__ = ["Estimator", "LatencyEstimate", "NetworkSampler"]

Floats = NDArray[np.float64]
NetworkSampler = Callable[[np.random.Generator], Network]
"""Draws a network from the space that the estimator is for."""

FOLDS = 5
CONFIDENCE = 0.9
FORMAT = 1


@dataclass(frozen=True)
class LatencyEstimate:
    """An estimated latency.

    Args:
        seconds: The latency.
        low: Lower end of its 90 % interval, which is wider the further the network lies from those
            measured; not a number where `outside` has entries.
        high: Upper end.
        layers: Estimated seconds by layer, in order.
        outside: What of the network lies outside of what was measured; empty where nothing does.
        half_width: Half the interval's width on a logarithmic scale: about the relative error that
            nine in ten stay below. Networks that are flagged have one too, but it is a guess.
    """

    seconds: float
    low: float
    high: float
    layers: tuple[float, ...]
    outside: tuple[str, ...] = ()
    half_width: float = float("nan")


@dataclass(frozen=True)
class Estimator:
    """What was learnt of one target; itself a target, thousands of times faster than most.

    Args:
        target: Fingerprint of the target that was measured.
        networks: The networks that were measured.
        measurements: What they cost.
        seed: Of the regression.
    """

    target: str
    networks: tuple[Network, ...]
    measurements: tuple[Measurement, ...]
    seed: int = 0
    factor: float = field(default=1.0, init=False)
    overhead: float = field(default=0.0, init=False)
    errors: tuple[float, ...] = field(default=(), init=False, repr=False)
    _difficulty: Difficulty = field(init=False, repr=False, compare=False)
    _novelty: Novelty = field(init=False, repr=False, compare=False)
    _regression: Regression = field(init=False, repr=False, compare=False)
    _table: Floats = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _need_sklearn()
        if len(self.networks) < 2 * FOLDS:
            msg = f"an estimator needs at least {2 * FOLDS} measured networks, got {len(self.networks)}"
            raise EstimateError(msg)
        spent = [m.seconds for m in self.measurements]
        if len(spent) != len(self.networks) or not all(0 < s < float("inf") for s in spent):
            msg = (
                f"{len(spent)} measurements for {len(self.networks)} networks, of {min(spent, default=0)}"
                " seconds at least; expected one of more than 0 seconds for each"
            )
            raise EstimateError(msg)
        table = layer_table(self.networks)
        owner = np.repeat(np.arange(len(self.networks)), [len(n.layers) for n in self.networks])
        totals = np.array([m.seconds for m in self.measurements])
        rows = self._rows()
        scatter = noise(self.measurements)
        overhead, factor = (
            (0.0, 1.0) if rows is None else explain_totals(owner, rows, totals, scatter)
        )
        chance = np.random.default_rng(self.seed).permutation(len(totals)) % FOLDS
        errors, spread, octaves = (np.empty(len(totals)) for _ in range(3))
        for fold in range(FOLDS):
            kept, left = chance[owner] != fold, chance[owner] == fold
            learnt = _learn(table, owner, rows, totals, kept, self.seed)
            layers, apart = learnt.judge(table[left])
            strange = Novelty(table[kept]).octaves(table[left])
            here = chance == fold
            sums = np.bincount(owner[left], layers, minlength=len(totals))[here]
            errors[here] = np.log((overhead + factor * sums) / totals[here])
            for by_network, by_row in ((spread, apart), (octaves, strange)):
                weighted = np.bincount(owner[left], layers * by_row, minlength=len(totals))
                by_network[here] = weighted[here] / sums
        if rows is None:
            refuse_scatter(self.target, table, owner, totals, errors, scatter)
        everything = np.ones(len(owner), dtype=bool)
        found = {
            "factor": factor,
            "overhead": overhead,
            "errors": tuple(errors.tolist()),
            "_difficulty": fit_difficulty(errors, spread, octaves, CONFIDENCE),
            "_novelty": Novelty(table),
            "_regression": _learn(table, owner, rows, totals, everything, self.seed),
            "_table": table,
        }
        for name, value in found.items():
            object.__setattr__(self, name, value)

    @classmethod
    def fit(
        cls,
        target: Target,
        sample: NetworkSampler,
        *,
        budget: int = 100,
        seed: int = 0,
        cache: str | Path | None = None,
        workers: int = 1,
        progress: Callable[[str], None] | None = None,
    ) -> "Estimator":
        """Measure networks of a space, and learn from them.

        Args:
            target: What to measure on.
            sample: Draws a network of the space.
            budget: Networks to measure; all are different.
            seed: Of the draws and of the regression.
            cache: File of kept measurements, see `measure_all`.
            workers: Processes that measure.
            progress: Function that is called with a line of text as work proceeds.

        Raises:
            ArgumentError: `sample` does not give as many different networks.
            EstimateError: The latencies are not sums over layers.
            MeasurementError: The target refuses a network.
            MissingExtraError: scikit-learn is not installed.

        Example:
            >>> from supersede.hardware import Block, Declared, mobile_net
            >>> target = Declared(lanes=256, clock=1e9, bandwidth=4e9)
            >>> def sample(rng):
            ...     blocks = [Block(int(rng.integers(2, 9)) * 4, int(rng.integers(2, 5))) for _ in "ab"]
            ...     return mobile_net(blocks, resolution=32, head=16, classes=4)
            >>> estimator = Estimator.fit(target, sample, budget=20)
            >>> net = sample(np.random.default_rng(1))
            >>> cost, guess = target.measure(net).seconds, estimator.measure(net).seconds
            >>> abs(guess / cost - 1) < 0.1
            True
        """
        networks = draw(sample, budget, np.random.default_rng(seed))
        measured = measure_all(target, networks, cache=cache, workers=workers, progress=progress)
        return cls(target.fingerprint(), networks, tuple(measured), seed)

    def predict(self, networks: Sequence[Network]) -> tuple[LatencyEstimate, ...]:
        """Estimates of many networks at once, which is much faster than one by one.

        Raises:
            EstimateError: A network has an operator that was never measured.
        """
        if not networks:
            return ()
        table = layer_table(networks)
        owner = np.repeat(np.arange(len(networks)), [len(n.layers) for n in networks])
        refuse_unknown(networks, table, self._table, self.target)
        plain, apart = self._regression.judge(table)
        octaves = self._novelty.octaves(table)
        layers, sums = self.factor * plain, np.bincount(owner, plain)
        totals = self.overhead + self.factor * sums
        spread = np.bincount(owner, plain * apart) / sums
        distance = np.bincount(owner, plain * octaves) / sums
        flags = outside(networks, table, owner, self._table)
        difficulty = self._difficulty
        far = distance > difficulty.octaves
        starts = np.searchsorted(owner, np.arange(len(networks)))
        for i in np.flatnonzero(far).tolist():
            rows = slice(starts[i], starts[i] + len(networks[i].layers))
            at = int((plain[rows] * (octaves[rows] + apart[rows])).argmax())
            flags[i].append(
                f"{networks[i].layers[at].name}: {describe_row(table[rows][at])}, measured none"
                " that is near in all of these together"
            )
        half = difficulty.half_width(spread, distance)
        parts = np.split(layers, starts[1:])
        return tuple(
            LatencyEstimate(
                float(total),
                float("nan") if flags[i] else float(total * np.exp(-half[i])),
                float("nan") if flags[i] else float(total * np.exp(half[i])),
                tuple(parts[i].tolist()),
                tuple(flags[i]),
                float(half[i]),
            )
            for i, total in enumerate(totals)
        )

    def measure(self, network: Network) -> Measurement:
        """The estimate of one network in the form of a target, memory by liveness.

        Raises:
            EstimateError: The network lies outside of what was measured; `predict` flags instead.
        """
        (estimate,) = self.predict([network])
        if estimate.outside:
            msg = (
                f"the network lies outside of what was measured: {'; '.join(estimate.outside)};"
                " fit the estimator on a space that has such networks"
            )
            raise EstimateError(msg)
        return Measurement(
            estimate.seconds,
            network.parameters,
            peak_activations(network).size,
            tuple(
                LayerCost(layer.name, layer.kind, seconds)
                for layer, seconds in zip(network.layers, estimate.layers, strict=True)
            ),
            estimate.low,
            estimate.high,
        )

    def fingerprint(self) -> str:
        """The target's fingerprint, marked as an estimate, with a digest of what was learnt from."""
        return f"estimate of {self.target} {self._digest}"

    @cached_property
    def _digest(self) -> str:
        """Caches ask for it twice per network, and it takes far longer than an estimate."""
        import hashlib

        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def check(
        self,
        target: Target,
        sample: NetworkSampler,
        *,
        networks: int = 100,
        seed: int = 1,
        cache: str | Path | None = None,
        workers: int = 1,
        progress: Callable[[str], None] | None = None,
    ) -> "Accuracy":
        """Compare estimates with fresh measurements of networks that were not learnt from.

        Raises:
            EstimateError: The target is not the one that was measured.
        """
        from supersede.hardware.estimation.accuracy import Accuracy

        self._refuse_other(target)
        known = {network.fingerprint() for network in self.networks}
        fresh = draw(sample, networks, np.random.default_rng(seed), known)
        measured = measure_all(target, fresh, cache=cache, workers=workers, progress=progress)
        guesses = self.predict(fresh)
        return Accuracy(
            self.target,
            len(self.networks),
            tuple(m.seconds for m in measured),
            tuple(g.seconds for g in guesses),
            tuple(float(g.low) for g in guesses),
            tuple(float(g.high) for g in guesses),
            tuple(network.macs for network in fresh),
        )

    def to_dict(self) -> dict[str, Any]:
        """All that was learnt from; fitting again is faster than it is safe to load code."""
        return {
            "format": FORMAT,
            "target": self.target,
            "seed": self.seed,
            "networks": [network.to_dict() for network in self.networks],
            "measurements": [measurement.to_dict() for measurement in self.measurements],
        }

    def save(self, path: str | Path) -> Path:
        """Write JSON: the measurements, from which `load` fits again within seconds.

        Raises:
            ReportError: The file cannot be written.
        """
        from supersede.look.page import write_whole

        write_whole(Path(path), json.dumps(self.to_dict(), separators=(",", ":")))
        return Path(path)

    @classmethod
    def load(cls, path: str | Path, target: Target | None = None) -> "Estimator":
        """Read what `save` wrote.

        Args:
            path: The file.
            target: The target that it must have been fitted to, where that matters.

        Raises:
            EstimateError: The file is not an estimator, or belongs to another target or version.
        """
        try:
            record = json.loads(Path(path).read_text(encoding="utf-8"))
            if record["format"] != FORMAT:
                msg = (
                    f"{path} has format {record['format']}, expected {FORMAT}; fit and save it anew"
                )
                raise EstimateError(msg)
            found = cls(
                record["target"],
                tuple(Network.from_dict(network) for network in record["networks"]),
                tuple(Measurement.from_dict(m) for m in record["measurements"]),
                record["seed"],
            )
        except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
            msg = f"{path} is not a saved estimator: {error!r}; `Estimator.save` writes one"
            raise EstimateError(msg) from error
        if target is not None:
            found._refuse_other(target)
        return found

    def _refuse_other(self, target: Target) -> None:
        if target.fingerprint() != self.target:
            msg = (
                f"the estimator was fitted to {self.target!r}, not to {target.fingerprint()!r};"
                " fit one to this target"
            )
            raise EstimateError(msg)

    def _rows(self) -> Floats | None:
        """Seconds of every layer of every network; None where the target knows totals only."""
        if not all(m.layers for m in self.measurements):
            return None
        rows: list[float] = []
        for network, measurement in zip(self.networks, self.measurements, strict=True):
            cost = {layer.name: layer.seconds for layer in measurement.layers}
            names = [layer.name for layer in network.layers]
            strange = sum(s for name, s in cost.items() if name not in set(names))
            if strange > SUMMED * sum(cost.values()):
                return None  # the target's names are not the network's
            rows += [cost.get(name, 0.0) for name in names]
        return np.array(rows)


def draw(
    sample: NetworkSampler, count: int, rng: np.random.Generator, known: set[str] | None = None
) -> tuple[Network, ...]:
    """Different networks of a space, none of them among the fingerprints in `known`.

    Raises:
        ArgumentError: The space does not have that many.
    """
    seen = set(known or ())
    found: list[Network] = []
    for _ in range(50 * count):
        network = sample(rng)
        if network.fingerprint() not in seen:
            seen.add(network.fingerprint())
            found.append(network)
        if len(found) >= count:
            return tuple(found)
    msg = f"sample gave {len(found)} different networks in {50 * count} draws, {count} are wanted"
    raise ArgumentError(msg)


def _learn(
    table: Floats, owner: NDArray[np.intp], rows: Floats | None, totals: Floats,
    kept: NDArray[np.bool_], seed: int,
) -> Regression:  # fmt: skip
    if rows is not None:
        return learn_rows(table[kept], rows[kept], seed=seed)
    used, renumbered = np.unique(owner[kept], return_inverse=True)
    return learn_totals(table[kept], renumbered, totals[used], seed=seed)


def _need_sklearn() -> None:
    from importlib.util import find_spec

    if find_spec("sklearn") is None:
        raise MissingExtraError.of(
            package="scikit-learn", extra="hardware", purpose="Estimating latency"
        )
