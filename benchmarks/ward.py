"""Orders of a hospital ward, spoken by synthetic voices: the speech that last-mile figures are made of.

Every clip here is SYNTHETIC. The vocabulary is closed; sentences follow a small grammar, which the
recogniser does not know: to it, any sequence of these words is as likely as any other.
"""

import subprocess
import zlib
from functools import cache
from pathlib import Path

import numpy as np

from supersede.lastmile.audio import Clip, Dither, read_clip, write_clip

VOICES = ("slt", "rms", "awb")
_PAUSE = 0.25  # seconds of silence before and after

NUMBERS = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
]
DRUGS = ["aspirin", "insulin", "morphine", "heparin", "oxygen", "saline", "iron", "sodium"]
UNITS = ["milligrams", "grams", "drops", "tablets", "units", "liters"]
ACTIONS = ["give", "start", "stop", "increase", "reduce", "continue"]
WHEN = (
    "now", "today", "tonight", "tomorrow", "every morning", "every evening", "before lunch",
    "after dinner", "at noon", "twice a day",
)  # fmt: skip
MEASURES = ("temperature", "pressure", "pulse", "weight", "sugar", "oxygen level", "heart rate")
WHO = ("the patient", "the nurse", "the doctor", "the lady", "the gentleman", "the child")
THINGS = [
    "blood",
    "water",
    "bed",
    "monitor",
    "needle",
    "bandage",
    "window",
    "pump",
    "chair",
    "light",
    "pillow",
    "heater",
]


def sentences(n, seed):
    """Different orders, drawn at random."""
    rng = np.random.default_rng(seed)
    found = {}
    while len(found) < n:
        pick = [str(rng.choice(list(words))) for words in (ACTIONS, NUMBERS, UNITS, DRUGS, WHEN)]
        thing, other = str(rng.choice(THINGS)), str(rng.choice(NUMBERS))
        found[
            (
                f"{pick[0]} {pick[1]} {pick[2]} of {pick[3]} {pick[4]}",
                f"{rng.choice(MEASURES)} is {pick[1]} {other}",
                f"{rng.choice(WHO)} needs {thing} {pick[4]}",
                f"check the {thing} in room {other}",
            )[rng.integers(4)]
        ] = None
    return list(found)


@cache
def vocabulary():
    """All words that occur."""
    phrases = (*NUMBERS, *DRUGS, *UNITS, *ACTIONS, *WHEN, *MEASURES, *WHO, *THINGS)
    return sorted({word for text in phrases for word in text.split()} | {"of", "is", "needs", "check", "in", "room"})  # fmt: skip


def spoken(voice, text, folder):
    """A sentence by one of flite's voices, with pauses and a faint floor of noise."""
    path = Path(folder) / f"{voice}-{zlib.crc32(text.encode()):08x}.wav"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = path.with_suffix(".raw.wav")
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(raw)], check=True)
        clip = read_clip(raw)
        raw.unlink()
        still = np.zeros(int(_PAUSE * clip.rate))
        write_clip(Dither(-55).apply(clip.of(np.concatenate([still, clip.samples, still])), len(text)), path)  # fmt: skip
    clip = read_clip(path)
    return Clip(clip.samples, clip.rate, f"{voice}: {text}")
