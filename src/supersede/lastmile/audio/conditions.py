"""Circumstances of a recording that can be applied to clean speech: noise, tones, channels, rooms."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError
from supersede.lastmile.audio.clip import Clip

__all__ = ["Clipped", "Dither", "Noise", "Reverberation", "SoundCondition", "Telephone", "Tone"]

Floats = npt.NDArray[np.float64]
NoiseKind = Literal["white", "pink", "brown", "babble"]
_SHORTEST_ROOM, _LONGEST_ROOM = 0.01, 60.0  # seconds
_QUIET = 1e-9  # mean square below which a clip is silence


class SoundCondition(Protocol):
    """A circumstance."""

    @property
    def name(self) -> str:
        """Its name in tables, with its parameters."""

    def apply(self, clip: Clip, seed: int = 0) -> Clip:
        """The clip under this condition; what is random follows from the seed."""


@dataclass(frozen=True)
class Tone:
    """A tone that sounds at regular times, such as a machine's alarm.

    Attributes:
        frequency: In hertz, below half the rate of the clip.
        on: Seconds that it sounds.
        period: Seconds from one start to the next.
        snr: Level of the speech above the tone while it sounds, in decibels.

    Raises:
        ArgumentError: It never sounds, or a level is not finite.
    """

    frequency: float
    on: float = 0.15
    period: float = 0.5
    snr: float = 0.0

    def __post_init__(self) -> None:
        for name in ("frequency", "on", "period", "snr"):
            _finite(name, getattr(self, name))
        if not self.frequency > 0 or not 0 < self.on <= self.period:
            msg = f"Tone(frequency={self.frequency}, on={self.on}, period={self.period}): expected a frequency above 0 and 0 < on <= period"
            raise ArgumentError(msg)

    @property
    def name(self) -> str:
        """Frequency, rhythm and level."""
        return f"tone {self.frequency:g} Hz, {self.on * 1000:g} of {self.period * 1000:g} ms, {self.snr:g} dB"

    def apply(self, clip: Clip, seed: int = 0) -> Clip:
        """Add the tone, beginning somewhere in its period.

        Raises:
            ArgumentError: The frequency is not below half the clip's rate.
        """
        if self.frequency >= clip.rate / 2:
            msg = f"a tone of {self.frequency:g} Hz cannot exist at {clip.rate} samples per second; it must be below {clip.rate / 2:g} Hz"
            raise ArgumentError(msg)
        rng = np.random.default_rng(seed)
        time = np.arange(len(clip.samples)) / clip.rate
        gate = ((time + rng.uniform(0, self.period)) % self.period) < self.on
        wave = np.sin(2 * np.pi * self.frequency * time + rng.uniform(0, 2 * np.pi))
        return clip.of(clip.samples + np.sqrt(2) * _level(clip, self.snr) * wave * gate)


@dataclass(frozen=True)
class Noise:
    """Steady noise of one kind.

    Attributes:
        kind: ``white``, ``pink`` (−3 dB per octave), ``brown`` (−6 dB), or ``babble``, noise with
            the spectrum of the clip itself.
        snr: Level of the speech above the noise, in decibels.
    """

    kind: NoiseKind = "white"
    snr: float = 20.0

    def __post_init__(self) -> None:
        _finite("snr", self.snr)
        if self.kind not in {"white", "pink", "brown", "babble"}:
            msg = f"Noise({self.kind!r}): expected white, pink, brown or babble"
            raise ArgumentError(msg)

    @property
    def name(self) -> str:
        """Kind and level."""
        return f"{self.kind} noise, {self.snr:g} dB"

    def apply(self, clip: Clip, seed: int = 0) -> Clip:
        """Add the noise."""
        n = len(clip.samples)
        spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=n))
        f = np.fft.rfftfreq(n, 1 / clip.rate)
        if self.kind == "babble":
            shape = np.abs(np.fft.rfft(clip.samples))
            wide = max(1, int(100 * n / clip.rate))  # smoothed over 100 Hz
            shape = np.sqrt(np.convolve(shape**2, np.ones(wide) / wide, "same"))
        else:
            slope = {"white": 0.0, "pink": 0.5, "brown": 1.0}[self.kind]
            shape = np.maximum(f, 50.0) ** -slope
        noise = np.fft.irfft(spectrum * shape, n)
        noise *= _level(clip, self.snr) / np.sqrt(np.mean(noise**2))
        return clip.of(clip.samples + noise)


@dataclass(frozen=True)
class Telephone:
    """The band of a telephone.

    Attributes:
        low: Lowest frequency that passes, in hertz.
        high: Highest frequency that passes.
    """

    low: float = 300.0
    high: float = 3400.0

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            msg = f"Telephone({self.low}, {self.high}): expected 0 < low < high"
            raise ArgumentError(msg)

    @property
    def name(self) -> str:
        """The band."""
        return f"telephone {self.low:g} to {self.high:g} Hz"

    def apply(self, clip: Clip, seed: int = 0) -> Clip:
        """Filter the clip, without delay.

        Raises:
            ArgumentError: The band ends above half the clip's rate.
        """
        from scipy.signal import butter, sosfiltfilt

        if self.high >= clip.rate / 2:
            msg = f"a band up to {self.high:g} Hz needs more than {clip.rate} samples per second"
            raise ArgumentError(msg)
        band = butter(6, [self.low, self.high], "bandpass", fs=clip.rate, output="sos")
        return clip.of(sosfiltfilt(band, clip.samples))


@dataclass(frozen=True)
class Clipped:
    """A recording that was too loud for its converter.

    Attributes:
        share: Share of the samples that lie beyond the largest value, in (0, 1).
    """

    share: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            msg = f"Clipped({self.share}): expected a share in (0, 1)"
            raise ArgumentError(msg)

    @property
    def name(self) -> str:
        """The share."""
        return f"clipped, {self.share:.0%} of samples"

    def apply(self, clip: Clip, seed: int = 0) -> Clip:
        """Cut off the loudest samples, and bring the rest to full scale."""
        most = np.quantile(np.abs(clip.samples), 1 - self.share)
        return clip.of(np.clip(clip.samples / max(most, 1e-12), -1, 1))


@dataclass(frozen=True)
class Reverberation:
    """A room with an exponential decay.

    Attributes:
        seconds: Time in which sound decays by 60 decibels.
        wet: Energy of the reverberation relative to the direct sound.
    """

    seconds: float = 0.6
    wet: float = 0.5

    def __post_init__(self) -> None:
        if not _SHORTEST_ROOM <= self.seconds <= _LONGEST_ROOM or not 0 < self.wet < np.inf:
            msg = f"Reverberation({self.seconds}, {self.wet}): expected {_SHORTEST_ROOM:g} to {_LONGEST_ROOM:g} seconds, and a finite energy above 0"
            raise ArgumentError(msg)

    @property
    def name(self) -> str:
        """The decay."""
        return f"room, {self.seconds:g} s to decay by 60 dB"

    def apply(self, clip: Clip, seed: int = 0) -> Clip:
        """Convolve the clip with decaying noise."""
        from scipy.signal import fftconvolve

        time = np.arange(int(self.seconds * clip.rate)) / clip.rate
        tail = np.random.default_rng(seed).normal(size=len(time)) * 10 ** (-3 * time / self.seconds)
        tail *= np.sqrt(self.wet / np.sum(tail**2))
        tail[0] = 1.0
        return clip.of(fftconvolve(clip.samples, tail)[: len(clip.samples)])


@dataclass(frozen=True)
class Dither:
    """A faint noise floor, so that synthetic speech has no digital silence.

    Attributes:
        level: Decibels below full scale.
    """

    level: float = -60.0

    def __post_init__(self) -> None:
        _finite("level", self.level)

    @property
    def name(self) -> str:
        """The level."""
        return f"dither, {self.level:g} dBFS"

    def apply(self, clip: Clip, seed: int = 0) -> Clip:
        """Add the floor."""
        noise = np.random.default_rng(seed).normal(size=len(clip.samples))
        return clip.of(clip.samples + noise * 10 ** (self.level / 20))


def _level(clip: Clip, snr: float) -> float:
    """Root mean square of what is added, from that of the clip where somebody speaks."""
    loud = np.abs(clip.samples) > 0.01 * np.abs(clip.samples).max()
    square = float(np.mean(clip.samples[loud] ** 2)) if loud.any() else 0.0
    if square < _QUIET:
        msg = f"{clip.name} is silent, so that no level relative to its speech exists"
        raise ArgumentError(msg)
    return float(np.sqrt(square) * 10 ** (-snr / 20))


def _finite(name: str, value: float) -> None:
    if not np.isfinite(value):
        msg = f"{name}={value}: expected a finite number"
        raise ArgumentError(msg)
