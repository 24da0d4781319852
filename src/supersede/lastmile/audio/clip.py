"""Recordings: one channel of samples with a rate, read from files whose headers are checked."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.errors import AudioError, MissingExtraError

__all__ = ["RATE", "Clip", "read_clip", "write_clip"]

Floats = npt.NDArray[np.float64]
RATE = 16_000
"""Samples per second that clips are brought to: what recognisers of speech expect."""

_SLOWEST, _FASTEST = 4_000, 384_000  # Hz
_SHORTEST, _LONGEST = 0.05, 300.0  # seconds


@dataclass(frozen=True)
class Clip:
    """One recording.

    Attributes:
        samples: Shape ``(n,)``, in [-1, 1] where nothing is clipped.
        rate: Samples per second.
        name: Its file or name, for messages.
        notes: How the file was brought into this form.

    Raises:
        AudioError: It has no samples, or some that are not finite, or a rate that no recorder has.
    """

    samples: Floats
    rate: int = RATE
    name: str = "clip"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _SLOWEST <= self.rate <= _FASTEST:
            msg = f"{self.name}: {self.rate} samples per second; expected {_SLOWEST} to {_FASTEST}"
            raise AudioError(msg)
        samples = np.asarray(self.samples, float)
        if samples.ndim != 1 or len(samples) < _SHORTEST * self.rate:
            msg = (
                f"{self.name}: {samples.size} samples; expected one channel of at least"
                f" {_SHORTEST * 1000:.0f} ms"
            )
            raise AudioError(msg)
        if not np.isfinite(samples).all():
            msg = f"{self.name}: some samples are not finite numbers"
            raise AudioError(msg)
        object.__setattr__(self, "samples", samples)

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / self.rate

    def of(self, samples: Floats) -> "Clip":
        """The same clip with other samples."""
        return Clip(samples, self.rate, self.name, self.notes)


def read_clip(path: str | Path, rate: int = RATE) -> Clip:
    """Read a recording: any format of libsndfile, mixed to one channel and resampled.

    Args:
        path: A file such as WAV, FLAC, OGG or MP3.
        rate: Samples per second of the result.

    Raises:
        AudioError: The file is not audio, is empty, all zero, truncated or longer than five
            minutes, or its header contradicts itself.
        MissingExtraError: soundfile is not installed.

    Assumes: the header's rate is right where nothing in the file contradicts it.
    """
    soundfile = _soundfile()
    path = Path(path)
    if not _SLOWEST <= rate <= _FASTEST:
        msg = f"rate={rate}: expected {_SLOWEST} to {_FASTEST} samples per second"
        raise AudioError(msg)
    if not path.is_file():
        msg = f"{path}: no such file; paths are relative to the table's folder"
        raise AudioError(msg)
    _check_header(path)
    if path.suffix.lower() == ".raw":  # libsndfile would have to be told rate and type
        msg = f"{path}: samples without a header; write them as WAV with their true rate and type"
        raise AudioError(msg)
    _check_length(path, soundfile)
    try:
        samples, found = soundfile.read(path, dtype="float64", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        msg = f"{path}: cannot be read as audio ({error}); expected WAV, FLAC, OGG or MP3"
        raise AudioError(msg) from error
    if not len(samples):
        msg = f"{path}: there are no samples in it"
        raise AudioError(msg)
    if not _SLOWEST <= found <= _FASTEST:
        msg = f"{path}: {found} samples per second; expected {_SLOWEST} to {_FASTEST}"
        raise AudioError(msg)
    notes = []
    if samples.shape[1] > 1:
        notes.append(f"{samples.shape[1]} channels averaged")
    mono = samples.mean(axis=1)
    if not mono.any():
        msg = f"{path}: every sample is zero, so nothing was recorded (or the channels cancel out)"
        raise AudioError(msg)
    if found != rate:
        notes.append(f"resampled from {found} Hz")
        mono = _resampled(mono, found, rate)
    return Clip(mono, rate, str(path), tuple(notes))


def write_clip(clip: Clip, path: str | Path) -> Path:
    """Write a clip as 16-bit WAV, and read it back before it counts as written.

    Raises:
        AudioError: What was read back differs by more than half a step of 16 bits.
    """
    soundfile = _soundfile()
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    held = np.clip(clip.samples, -1, 1 - 2.0**-15)
    soundfile.write(path, held, clip.rate, subtype="PCM_16")
    back, rate = soundfile.read(path, dtype="float64")
    if rate != clip.rate or len(back) != len(held) or np.abs(back - held).max() > 2.0**-15:
        msg = f"{path}: what was read back is not what was written; is the disk full?"
        raise AudioError(msg)
    return path


def _resampled(samples: Floats, found: int, rate: int) -> Floats:
    from scipy.signal import resample_poly

    return np.asarray(resample_poly(samples, rate, found))


def _check_header(path: Path) -> None:
    """Refuse WAV files whose header contradicts itself or the file; readers guess instead."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return
        size = path.stat().st_size
        while len(chunk := file.read(8)) == 8:
            name, length = chunk[:4], struct.unpack("<I", chunk[4:])[0]
            if name == b"fmt ":
                _check_format(path, file.read(length), length)
            elif name == b"data":
                left = size - file.tell()
                if length > left:
                    msg = f"{path}: the header announces {length} bytes of samples, and {left} follow; the file is truncated"
                    raise AudioError(msg)
                return
            else:
                file.seek(length, 1)
            file.seek(length % 2, 1)
        msg = f"{path}: a WAV file without samples"
        raise AudioError(msg)


def _check_format(path: Path, data: bytes, length: int) -> None:
    if length < 16 or len(data) < 16:
        msg = f"{path}: the header of this WAV file is cut off"
        raise AudioError(msg)
    kind, channels, rate, per_second, block, bits = struct.unpack("<HHIIHH", data[:16])
    pcm = kind in {1, 3, 0xFFFE}
    wrong = channels == 0 or rate == 0 or (pcm and bits == 0)
    if pcm and not wrong:
        wrong = block != channels * ((bits + 7) // 8) or per_second != rate * block
    if wrong:
        msg = (
            f"{path}: its header contradicts itself ({rate} Hz, {channels} channels of {bits} bits,"
            f" but {per_second} bytes per second in blocks of {block}); the rate may be wrong, so"
            " write the file again with its true rate"
        )
        raise AudioError(msg)


def _check_length(path: Path, soundfile: Any) -> None:
    """Refuse whole sessions before they fill the memory: spectra take a hundred times the file."""
    try:
        seconds = soundfile.info(path).duration
    except (soundfile.LibsndfileError, RuntimeError):
        return  # what cannot be read is refused when it is read
    if seconds > _LONGEST:
        msg = f"{path}: {seconds:.0f} seconds; expected one utterance of at most {_LONGEST:.0f}: cut the recording into utterances"
        raise AudioError(msg)


def _soundfile() -> Any:
    try:
        import soundfile
    except ImportError as error:
        raise MissingExtraError.of(package="soundfile", extra="speech", purpose="reading audio") from error  # fmt: skip
    return soundfile
