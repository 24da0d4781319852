"""Which tone sounds in these recordings: its frequency and rhythm, found over all clips of a site.

A single clip cannot tell a tone from a voice: a held vowel is a row of lines too. A machine's tone is
alone in its band, has the same frequency to a few hertz in every clip, and comes back. So lines are
collected from all clips, and only what is concentrated in frequency and occurs in several clips counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError
from supersede.lastmile.audio.clip import Clip

__all__ = ["FoundTone", "envelope", "find_tones", "mean_spectrum"]

Floats = npt.NDArray[np.float64]
_WINDOW, _HOP = 0.064, 0.016  # seconds
_BAND = 300.0  # Hz on either side in which a line has to be alone
_PURE = 0.85  # share of the band's energy in the line
_LOWEST = 250.0  # Hz; below lie the fundamentals of voices
_CLOSE = 5.0  # Hz within which lines are the same tone
_AROUND = 60.0  # Hz in which lines of voices are spread
_CLIPS = 0.5  # share of clips in which a tone sounds
_FRAMES = 2  # frames per clip, at least
_TIMES = 6.0  # lines per hertz at the tone over those around it
_MOST_TONES = 4
_STEP = 0.005  # seconds between values of an envelope
_ALWAYS = 0.9  # share of the time from which a tone is steady
_AGREE = 0.4  # autocorrelation from which there is a rhythm


@dataclass(frozen=True)
class FoundTone:
    """A tone that was found.

    Attributes:
        frequency: In hertz.
        on: Seconds that it sounds each time; equal to the period for a steady tone.
        period: Seconds from one start to the next.
        clips: Share of the clips in which it was found.
        amplitude: Its median amplitude.
    """

    frequency: float
    on: float
    period: float
    clips: float
    amplitude: float

    @property
    def steady(self) -> bool:
        """Whether it sounds without a pause."""
        return self.on >= self.period

    def __str__(self) -> str:
        rhythm = "all the time" if self.steady else f"{self.on * 1000:.0f} ms every {self.period * 1000:.0f} ms"  # fmt: skip
        return f"tone of {self.frequency:.0f} Hz, {rhythm}, in {self.clips:.0%} of clips"


def find_tones(clips: Sequence[Clip]) -> list[FoundTone]:
    """The tones of a site, the most frequent first; an empty list where there is none.

    Args:
        clips: Recordings of one site, at the same rate; ten or more are better than three.

    Raises:
        ArgumentError: There are fewer than three clips, or their rates differ.

    Assumes: a tone sounds in at least half of the clips, lies above 250 Hz, and is audible.
    """
    if len(clips) < 3 or len({clip.rate for clip in clips}) > 1:
        msg = f"{len(clips)} clips at {sorted({c.rate for c in clips})} samples per second; expected three or more at one rate: a tone of the site must recur"
        raise ArgumentError(msg)
    found: list[FoundTone] = []
    lines = [_lines(clip) for clip in clips]
    for _ in range(_MOST_TONES):
        tone = _strongest(clips, lines, [known.frequency for known in found])
        if tone is None:
            break
        found.append(tone)
    return found


def mean_spectrum(clips: Sequence[Clip]) -> tuple[Floats, Floats]:
    """Frequencies in hertz, and the mean level of all clips there in decibels."""
    power = [(np.abs(_frames(clip)[1]) ** 2).mean(axis=0) for clip in clips]
    level = 10 * np.log10(np.mean(power, axis=0) + 1e-12)
    return _frames(clips[0])[0], level


def envelope(clip: Clip, frequency: float, window: float = 0.02) -> Floats:
    """Amplitude at a frequency, sample by sample."""
    time = np.arange(len(clip.samples)) / clip.rate
    turned = clip.samples * np.exp(-2j * np.pi * frequency * time)
    wide = max(int(window * clip.rate), 1)
    smooth = np.convolve(turned, np.ones(wide) / wide, "same")
    return 2 * np.abs(smooth)


def _frames(clip: Clip) -> tuple[Floats, npt.NDArray[np.complex128]]:
    n, hop = int(_WINDOW * clip.rate), int(_HOP * clip.rate)
    padded = np.pad(clip.samples, (0, max(0, n - len(clip.samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, n)[::hop]
    spectra = np.fft.rfft(frames * np.hanning(n), axis=1)
    return np.asarray(np.fft.rfftfreq(n, 1 / clip.rate), float), spectra


def _lines(clip: Clip) -> Floats:
    """Frequencies of lines that are alone in their band, frame by frame."""
    f, spectrum = _frames(clip)
    power = np.abs(spectrum) ** 2 + 1e-20
    step = f[1]
    near, far = 2, int(_BAND / step)
    sums = np.cumsum(np.pad(power, ((0, 0), (far + 1, far))), axis=1)
    centre = np.arange(power.shape[1]) + far + 1
    band = sums[:, centre + far] - sums[:, centre - far - 1]
    line = sums[:, centre + near] - sums[:, centre - near - 1]
    peak = np.zeros_like(power, bool)
    peak[:, 1:-1] = (power[:, 1:-1] > power[:, :-2]) & (power[:, 1:-1] >= power[:, 2:])
    floor = np.quantile(power, 0.5)
    alone = peak & (line > _PURE * band) & (power > 30 * floor) & (f > _LOWEST)
    rows, columns = np.nonzero(alone)
    left, top, right = (np.log(power[rows, columns + shift]) for shift in (-1, 0, 1))
    bend = left - 2 * top + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend == 0, -1, bend), 0.0)
    return np.asarray((columns + np.clip(shift, -0.5, 0.5)) * step)


def _strongest(
    clips: Sequence[Clip], lines: Sequence[Floats], known: Sequence[float]
) -> FoundTone | None:
    """The frequency at which lines are most concentrated, if that is beyond what voices do."""
    kept = [
        f[np.all([np.abs(f - k) > _AROUND for k in known], axis=0)] if known else f for f in lines
    ]
    every = np.sort(np.concatenate(kept))
    if not len(every):
        return None
    inside = np.searchsorted(every, every + _CLOSE) - np.searchsorted(every, every - _CLOSE)
    f = float(np.median(every[np.abs(every - every[int(np.argmax(inside))]) <= _CLOSE]))
    close = [int(np.sum(np.abs(c - f) <= _CLOSE)) for c in kept]
    around = int(np.sum(np.abs(every - f) <= _AROUND)) - sum(close)
    expected = around * _CLOSE / (_AROUND - _CLOSE)
    share = float(np.mean([n >= _FRAMES for n in close]))
    if share < _CLIPS or sum(close) <= _TIMES * (expected + 1):
        return None
    return _described(clips, f, share)


def _described(clips: Sequence[Clip], frequency: float, share: float) -> FoundTone:
    """Find level and rhythm of a tone whose frequency is known."""
    hop = int(_STEP * clips[0].rate)
    curves = [envelope(clip, frequency)[::hop] for clip in clips]
    level = _upper_mode(np.concatenate(curves))
    gates = [curve > level / 2 for curve in curves]
    period = _period(gates)
    if float(np.mean(np.concatenate(gates))) > _ALWAYS:
        return FoundTone(frequency, _STEP, _STEP, share, level)
    if period is None:  # once per clip, or without a rhythm
        longest = max(map(len, curves)) * _STEP
        return FoundTone(frequency, _on_time(curves, level, longest), longest, share, level)
    return FoundTone(frequency, _on_time(curves, level, period), period, share, level)


def _on_time(curves: Sequence[Floats], level: float, period: float) -> float:
    """The length of bursts on a grid of this period that gathers most of the tone."""
    steps = period / _STEP
    best, found = -np.inf, _STEP
    sums = [
        np.concatenate([[0.0], np.cumsum(np.minimum(c, 1.5 * level) - level / 2)]) for c in curves
    ]
    for on in np.arange(4, max(steps, 5)):
        score = 0.0
        for total in sums:
            starts = np.arange(-steps, len(total), steps)[None, :] + np.arange(0, steps, 2)[:, None]
            first = np.clip(np.rint(starts), 0, len(total) - 1).astype(int)
            last = np.clip(np.rint(starts + on), 0, len(total) - 1).astype(int)
            score += float((total[last] - total[first]).sum(axis=1).max())
        if score > best:
            best, found = score, float(on * _STEP)
    return min(found, period)


def _upper_mode(values: Floats) -> float:
    """The most frequent level among the louder ones, on a logarithmic scale."""
    top = values[values > np.quantile(values, 0.995) / 4]
    logs = np.log(top)
    bins = np.linspace(logs.min(), logs.max() + 1e-9, 25)
    counts, edges = np.histogram(logs, bins)
    counts = np.convolve(counts, np.ones(3), "same")
    return float(np.exp(edges[int(np.argmax(counts))] + (edges[1] - edges[0]) / 2))


def _period(gates: Sequence[npt.NDArray[np.bool_]]) -> float | None:
    """The lag at which the gates agree with themselves best, over all clips."""
    most = max(map(len, gates))
    agree, pairs = np.zeros(most), np.zeros(most)
    for gate in gates:
        centred = gate.astype(float) - gate.mean()
        n = len(centred)
        full = np.fft.irfft(np.abs(np.fft.rfft(centred, 2 * n)) ** 2)[:n]
        agree[:n] += full
        pairs[:n] += np.arange(n, 0, -1)
    usable = pairs > 0.25 * pairs[0]
    curve = np.where(usable, agree / np.maximum(pairs, 1), -np.inf)
    if not curve[0] > 0:
        return None
    curve = curve / curve[0]
    below = np.flatnonzero(curve < 0)
    if not len(below):
        return None
    later = curve[below[0] :]
    best = float(later.max())
    if best < _AGREE:
        return None
    at = np.flatnonzero(later > 0.85 * best)[0]
    # climb to the top of this peak
    while at + 1 < len(later) and later[at + 1] > later[at]:
        at += 1
    return float((below[0] + at) * _STEP)
