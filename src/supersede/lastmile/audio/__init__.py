"""Recordings: conditions that can be applied and detected, and repairs."""

from supersede.lastmile.audio.clip import RATE, Clip, read_clip, write_clip
from supersede.lastmile.audio.conditions import (
    Clipped,
    Dither,
    Noise,
    Reverberation,
    SoundCondition,
    Telephone,
    Tone,
)
from supersede.lastmile.audio.repair_clips import AudioRepair, ChangeRow, Recogniser, repair_clips
from supersede.lastmile.audio.site import SiteReport, describe_site
from supersede.lastmile.audio.tone_removal import ClipRepair, Notch, SubtractTones
from supersede.lastmile.audio.tones import FoundTone, find_tones

__all__ = [
    "RATE",
    "AudioRepair",
    "ChangeRow",
    "Clip",
    "ClipRepair",
    "Clipped",
    "Dither",
    "FoundTone",
    "Noise",
    "Notch",
    "Recogniser",
    "Reverberation",
    "SiteReport",
    "SoundCondition",
    "SubtractTones",
    "Telephone",
    "Tone",
    "describe_site",
    "find_tones",
    "read_clip",
    "repair_clips",
    "write_clip",
]  # fmt: skip
