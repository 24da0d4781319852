"""Synthetic speech: flite's voices where they are installed; shaped noise where only sound matters."""

import shutil

import numpy as np
import pytest

from supersede.lastmile.audio import RATE, Clip, Dither


def hum(seed, seconds=2.5):
    """Something like speech: syllables with a moving pitch and formants, pauses between them."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    pitch = (
        110 + 60 * rng.random() + 25 * np.sin(2 * np.pi * (0.5 + rng.random()) * t + rng.random())
    )
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    sound = sum(np.sin(k * phase) / k ** (0.8 + 0.4 * rng.random()) for k in range(1, 25))
    beat = np.sin(2 * np.pi * (1.8 + rng.random()) * t + rng.random() * 6) > 0.3
    smooth = np.convolve(beat, np.hanning(800) / 400, "same")
    return Dither(-60).apply(Clip(0.05 * sound * smooth, RATE, f"hum {seed}"), seed)


def flite(folder):
    """The clips of three voices, or a skip where flite is not installed."""
    if shutil.which("flite") is None:
        pytest.skip("needs flite: tools/environment installs it")
    from benchmarks.ward import VOICES, sentences, spoken

    texts = sentences(12, seed=19)
    return [(v, t, spoken(v, t, folder)) for v in VOICES for t in texts]
