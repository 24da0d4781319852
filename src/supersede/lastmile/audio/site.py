"""What is unusual about the recordings of a site: tones, noise, band, clipping, the room."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError
from supersede.lastmile.audio.clip import Clip
from supersede.lastmile.audio.tones import FoundTone, find_tones, mean_spectrum

__all__ = ["SiteReport", "describe_site"]

Floats = npt.NDArray[np.float64]
_FRAME = 0.02  # seconds
_NOISY = 30.0  # dB of speech above the floor, below which there is noise
_NARROW = 38.0  # dB by which the upper band lies below the middle one in a telephone's band
_CLIPPED = 0.001  # share of samples in flat tops
_EVEN = 4.0  # dB by which the quietest frames of steady noise differ at most
_LIVE = 0.35  # seconds of decay by 60 dB, from which a room is heard


@dataclass(frozen=True)
class SiteReport:
    """Conditions found over all clips of a site.

    Attributes:
        tones: Tones with their rhythm.
        snr: Median level of speech above the floor, in decibels.
        noise: Kind of noise by the slope of the floor; empty where the floor is low.
        band: Highest frequency with energy, in hertz, where the band is narrow; None otherwise.
        clipped: Share of samples in flat tops; 0.0 where nothing is clipped.
        decay: Seconds in which sound decays by 60 dB, where a room is heard; None otherwise.
    """

    tones: tuple[FoundTone, ...]
    snr: float
    noise: str
    band: float | None
    clipped: float
    decay: float | None

    @property
    def conditions(self) -> list[str]:
        """What was found, in words; empty for clean recordings."""
        found = [str(tone) for tone in self.tones]
        if self.noise:
            found.append(f"{self.noise} noise, {self.snr:.0f} dB below speech")
        if self.band is not None:
            found.append(f"no sound above {self.band:.0f} Hz: a telephone's band")
        if self.clipped:
            found.append(f"{self.clipped:.1%} of samples clipped")
        if self.decay is not None:
            found.append(f"a room in which sound decays in {self.decay:.1f} s")
        return found


def describe_site(clips: Sequence[Clip]) -> SiteReport:
    """Detect conditions over all clips of a site.

    Args:
        clips: Three or more recordings of speech, at one rate.

    Raises:
        ArgumentError: There are fewer than three clips, their rates differ, or one is silent.

    Assumes: clips contain speech with short pauses. Thresholds were set on synthetic voices.
    """
    silent = next((clip.name for clip in clips if not clip.samples.any()), None)
    if silent is not None:
        msg = f"{silent} is silent: every sample is zero; leave it out"
        raise ArgumentError(msg)
    tones = tuple(find_tones(clips))
    levels = [_levels(clip) for clip in clips]
    snr = float(np.median([np.quantile(v, 0.95) - np.quantile(v, 0.05) for v in levels]))
    clipped = float(np.mean([_flat_tops(clip) for clip in clips]))
    decay = float(np.median([_decay(v) for v in levels]))
    swing = float(np.median([np.quantile(v, 0.2) - np.quantile(v, 0.02) for v in levels]))
    noisy = snr < _NOISY and not tones and swing < _EVEN
    live = decay > _LIVE and not tones and (snr >= _NOISY or swing >= _EVEN)
    return SiteReport(
        tones, snr, _kind(clips) if noisy else "", _band_edge(clips),
        clipped if clipped > _CLIPPED else 0.0,
        decay if live else None,
    )  # fmt: skip


def _levels(clip: Clip) -> Floats:
    """Level of each frame in decibels."""
    n = int(_FRAME * clip.rate)
    frames = clip.samples[: len(clip.samples) // n * n].reshape(-1, n)
    return np.asarray(10 * np.log10((frames**2).mean(axis=1) + 1e-12))


def _kind(clips: Sequence[Clip]) -> str:
    """White, pink or brown, by the slope of the quietest frames' spectrum."""
    n = int(0.032 * clips[0].rate)
    power = []
    for clip in clips:
        frames = clip.samples[: len(clip.samples) // n * n].reshape(-1, n)
        quiet = (frames**2).mean(axis=1)
        chosen = frames[quiet <= np.quantile(quiet, 0.15)]
        power.append((np.abs(np.fft.rfft(chosen * np.hanning(n), axis=1)) ** 2).mean(axis=0))
    f = np.fft.rfftfreq(n, 1 / clips[0].rate)
    inside = (f > 150) & (f < 5000)
    slope = np.polyfit(
        np.log2(f[inside]), 10 * np.log10(np.mean(power, axis=0)[inside] + 1e-20), 1
    )[0]
    return "white" if slope > -1.5 else "pink" if slope > -4.5 else "brown"


def _band_edge(clips: Sequence[Clip]) -> float | None:
    f, level = mean_spectrum(clips)
    middle = level[(f > 1000) & (f < 3000)].mean()
    upper = level[(f > 4200) & (f < 7500)]
    if not len(upper) or middle - upper.max() < _NARROW:
        return None
    return float(f[level > middle - 25].max())


def _flat_tops(clip: Clip) -> float:
    """Share of samples at the largest value, in runs of three or more."""
    top = np.abs(clip.samples) >= 0.999 * np.abs(clip.samples).max()
    runs = top[2:] & top[1:-1] & top[:-2]
    return float(runs.mean())


def _decay(levels: Floats) -> float:
    """Decay by 60 dB, from the steepest tenth of falls over 100 ms that begin at speech."""
    steps = 5
    falls = levels[:-steps] - levels[steps:]
    loud = levels[:-steps] > np.quantile(levels, 0.5)
    chosen = falls[loud & (falls > 5)]
    if not len(chosen):
        return 0.0
    return float(60 * steps * _FRAME / np.quantile(chosen, 0.9))
