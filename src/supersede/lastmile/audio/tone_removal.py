"""Take tones out of recordings: by subtracting what was fitted, or by a notch.

A machine's tone is a sinusoid of constant amplitude between two edges. Fitted by least squares over a
burst, it can be subtracted with next to nothing of the speech, since over 150 ms speech has little
energy within a few hertz. A notch needs less, and takes more away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError
from supersede.lastmile.audio.clip import Clip
from supersede.lastmile.audio.tones import FoundTone, envelope

__all__ = ["ClipRepair", "Notch", "SubtractTones"]

Floats = npt.NDArray[np.float64]
_SLACK = 0.03  # seconds by which an edge may lie outside its burst
_STEPS = 61  # frequencies tried in a burst


class ClipRepair(Protocol):
    """Something that is done to every clip before it is recognised."""

    @property
    def name(self) -> str:
        """What it does."""

    def apply(self, clip: Clip) -> Clip:
        """The repaired clip."""


@dataclass(frozen=True)
class SubtractTones:
    """Subtract fitted bursts of tones.

    Attributes:
        tones: What was found.
    """

    tones: tuple[FoundTone, ...]

    @property
    def name(self) -> str:
        """The frequencies."""
        return f"subtract fitted tones of {_listed(self.tones)}"

    def apply(self, clip: Clip) -> Clip:
        """Subtract every burst that explains energy of the clip."""
        samples = clip.samples.copy()
        for tone in self.tones:
            for start, end in _bursts(clip.of(samples), tone):
                _subtract(samples, clip.rate, tone, start, end)
        return clip.of(samples)


@dataclass(frozen=True)
class Notch:
    """Filter a narrow band out, forwards and backwards, so that nothing is delayed.

    Attributes:
        tones: What was found.
        quality: Centre frequency over the width of the notch.
    """

    tones: tuple[FoundTone, ...]
    quality: float = 8.0

    @property
    def name(self) -> str:
        """The frequencies."""
        return f"notch at {_listed(self.tones)}"

    def apply(self, clip: Clip) -> Clip:
        """Filter the whole clip.

        Raises:
            ArgumentError: A frequency is not below half the clip's rate.
        """
        from scipy.signal import filtfilt, iirnotch

        samples = clip.samples
        for tone in self.tones:
            if tone.frequency >= clip.rate / 2:
                msg = f"a notch at {tone.frequency:g} Hz needs more than {clip.rate} samples per second"
                raise ArgumentError(msg)
            samples = filtfilt(*iirnotch(tone.frequency, self.quality, fs=clip.rate), samples)
        return clip.of(samples)


def _bursts(clip: Clip, tone: FoundTone) -> Sequence[tuple[int, int]]:
    """Start and end of each burst, in samples: a regular grid, placed where it is loudest."""
    n, rate = len(clip.samples), clip.rate
    if tone.steady:
        return [(0, n)]
    curve = np.minimum(envelope(clip, tone.frequency), 1.5 * tone.amplitude)
    total = np.concatenate([[0.0], np.cumsum(curve - tone.amplitude / 2)])
    period, on = tone.period * rate, tone.on * rate

    def bursts(phase: float) -> list[tuple[int, int]]:
        starts = np.arange(phase - period, n, period)
        pairs = [(max(round(s), 0), min(round(s + on), n)) for s in starts]
        return [(s, e) for s, e in pairs if e - s > 0.01 * rate]

    phases = np.arange(0, period, 0.004 * rate)
    scores = [sum(total[e] - total[s] for s, e in bursts(p)) for p in phases]
    best = bursts(float(phases[int(np.argmax(scores))]))
    return [(s, e) for s, e in best if total[e] > total[s]]


def _subtract(samples: Floats, rate: int, tone: FoundTone, start: int, end: int) -> None:
    """Fit a sinusoid inside a burst, find its edges by what it explains, and subtract it in place."""
    margin = min(int(0.012 * rate), (end - start) // 5)
    core = slice(start + margin, end - margin) if end - start > 4 * margin else slice(start, end)
    t = np.arange(len(samples)) / rate
    width = 1.5 / max((core.stop - core.start) / rate, 1e-3)
    around = (
        np.linspace(-width, width, _STEPS) if not tone.steady else np.linspace(-0.5, 0.5, _STEPS)
    )
    turned = np.exp(-2j * np.pi * np.outer(tone.frequency + around, t[core])) @ samples[core]
    best = int(np.argmax(np.abs(turned)))
    frequency = tone.frequency + around[best]
    amplitude = 2 * turned[best] / (core.stop - core.start)
    slack = int(_SLACK * rate)
    first, last = max(start - slack, 0), min(end + slack, len(samples))
    wave = np.real(amplitude * np.exp(2j * np.pi * frequency * t[first:last]))
    # explained energy of each sample; an edge lies where the sum up to it is lowest (highest)
    gain = np.cumsum(2 * samples[first:last] * wave - wave**2)
    middle = (start + end) // 2 - first
    left = 0 if tone.steady else int(np.argmin(np.concatenate([[0.0], gain[:middle]])))
    right = last - first if tone.steady else middle + int(np.argmax(gain[middle:])) + 1
    if gain[right - 1] - (gain[left - 1] if left else 0.0) > 0:
        samples[first + left : first + right] -= wave[left:right]


def _listed(tones: Sequence[FoundTone]) -> str:
    return ", ".join(f"{tone.frequency:.0f} Hz" for tone in tones)
