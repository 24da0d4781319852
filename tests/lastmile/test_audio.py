"""Conditions applied and detected, tones found and removed, and files that are no audio."""

import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from supersede.errors import ArgumentError, AudioError, TooFewLabelsError
from supersede.lastmile.audio import (
    RATE,
    Clip,
    Clipped,
    Dither,
    Noise,
    Notch,
    Reverberation,
    SubtractTones,
    Telephone,
    Tone,
    describe_site,
    find_tones,
    read_clip,
    repair_clips,
    write_clip,
)
from tests.lastmile.voices import hum

CLIPS = [hum(i) for i in range(10)]
RECORDINGS = Path(__file__).parent / "recordings"


def heard(condition):
    return [condition.apply(clip, seed=i) for i, clip in enumerate(CLIPS)]


@pytest.mark.parametrize(
    "tone",
    [Tone(1000), Tone(2200, 0.15, 0.3), Tone(3100, 0.05, 0.25), Tone(640, 0.3, 0.9)],
    ids=str,
)
def test_a_tone_is_found_and_subtracted(tone):
    noisy = heard(tone)
    (found,) = find_tones(noisy)
    assert found.frequency == pytest.approx(tone.frequency, abs=3)
    assert found.period == pytest.approx(tone.period, abs=0.011)
    assert found.on == pytest.approx(tone.on, abs=0.025)
    fix = SubtractTones((found,))
    left = [np.mean((fix.apply(n).samples - c.samples) ** 2) / np.mean((n.samples - c.samples) ** 2) for n, c in zip(noisy, CLIPS, strict=True)]  # fmt: skip
    assert np.median(left) < 0.02  # 17 dB less
    cut = Notch((found,)).apply(noisy[0]).samples
    assert np.mean((cut - CLIPS[0].samples) ** 2) < np.mean(
        (noisy[0].samples - CLIPS[0].samples) ** 2
    )


def test_two_tones_and_a_steady_one():
    both = [Tone(2000, 0.1, 0.7).apply(clip, seed=i) for i, clip in enumerate(heard(Tone(900)))]
    assert sorted(round(t.frequency, -1) for t in find_tones(both)) == [900, 2000]
    (steady,) = find_tones(heard(Tone(1500, 0.5, 0.5)))
    assert steady.steady
    assert "all the time" in str(steady)


def test_nothing_is_found_in_clean_clips():
    for start in range(0, 60, 10):
        clips = [hum(100 + start + i) for i in range(10)]
        assert find_tones(clips) == []
        assert describe_site(clips).conditions == []


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Noise("white", 10), "white noise"),
        (Noise("pink", 10), "pink noise"),
        (Noise("brown", 10), "brown noise"),
        (Telephone(), "telephone's band"),
        (Clipped(0.2), "clipped"),
        (Reverberation(1.0, 1.0), "a room"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_conditions_are_detected(condition, words):
    assert any(words in text for text in describe_site(heard(condition)).conditions)


def test_conditions_follow_from_their_seed_and_keep_the_level():
    noise = Noise("babble", 6)
    assert np.array_equal(noise.apply(CLIPS[0], 1).samples, noise.apply(CLIPS[0], 1).samples)
    added = noise.apply(CLIPS[0], 1).samples - CLIPS[0].samples
    loud = np.abs(CLIPS[0].samples) > 0.01 * np.abs(CLIPS[0].samples).max()
    ratio = np.mean(CLIPS[0].samples[loud] ** 2) / np.mean(added**2)
    assert 10 * np.log10(ratio) == pytest.approx(6, abs=0.01)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Tone(9000).apply(CLIPS[0]), "below 8000 Hz"),
        (lambda: Tone(0), "above 0"),
        (lambda: Tone(1000, 0.6, 0.5), "0 < on <= period"),
        (lambda: Noise("white", float("-inf")), "snr=-inf: expected a finite number"),
        (lambda: Tone(float("inf")), "frequency=inf"),
        (lambda: Tone(1000, 0.1, float("inf")), "period=inf"),
        (lambda: Dither(float("nan")), "level=nan"),
        (lambda: Reverberation(float("inf")), "0.01 to 60 seconds"),
        (lambda: Reverberation(1e-9), "0.01 to 60 seconds"),
        (lambda: describe_site([*CLIPS[:3], Clip(np.zeros(RATE), name="hush")]), "hush is silent"),
        (lambda: Noise("green"), "white, pink, brown or babble"),
        (lambda: Telephone(300, 9000).apply(CLIPS[0]), "needs more than"),
        (lambda: Clipped(1.5), "share"),
        (lambda: Reverberation(0), "0.01 to 60"),
        (lambda: Noise().apply(Clip(np.zeros(RATE))), "silent"),
        (lambda: find_tones(CLIPS[:2]), "three or more"),
    ],
)
def test_impossible_conditions_are_refused(make, words):
    with pytest.raises(ArgumentError, match=words):
        make()


def wav(rate=16000, channels=1, bits=16, n=16000, *, announced=None, per_second=None, kind=1):
    block = channels * bits // 8
    data = (
        (np.sin(np.arange(n * channels) / 9) * 40).astype("<i2" if bits == 16 else "u1").tobytes()
    )
    head = struct.pack("<HHIIHH", kind, channels, rate, rate * block if per_second is None else per_second, block, bits)  # fmt: skip
    size = len(data) if announced is None else announced
    return b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", size) + data  # fmt: skip


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cannot be read"),
        (b"this is a letter, and no audio", "cannot be read"),
        (wav(n=0), "no samples"),
        (wav(announced=10**6), "truncated"),
        (wav(per_second=16000), "contradicts itself"),
        (wav(rate=0, per_second=0), "contradicts itself"),
        (wav(rate=100), "samples per second"),
        (wav(n=100), "50 ms"),
        (wav()[:30], "cut off"),
        (b"RIFF" + struct.pack("<I", 4) + b"WAVE", "without samples"),
    ],
)
def test_files_that_are_no_audio_are_refused(data, words, tmp_path):
    path = tmp_path / "bad.wav"
    path.write_bytes(data)
    with pytest.raises(AudioError, match=words):
        read_clip(path)


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.wav")), ids=lambda path: path.stem)
def test_the_recognisers_own_broken_files_are_refused(path):
    with pytest.raises(AudioError, match=path.name):
        read_clip(path)


def test_scipys_strange_files_are_read_or_refused():
    """Files with 5 to 64 bits, cut off, big-endian, RF64: each is a clip or a typed error."""
    import scipy.io

    files = sorted((Path(scipy.io.__file__).parent / "tests" / "data").glob("*.wav"))
    if not files:
        pytest.skip("this scipy came without its test data")
    read = 0
    for path in files:
        with suppress(AudioError):
            read += read_clip(path).rate == RATE
    assert 2 <= read < len(files)


def test_samples_without_a_header_and_whole_sessions_are_refused(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    for name in ("clip.raw", "clip.RAW"):
        (tmp_path / name).write_bytes(b"\x01\x02" * RATE)
        with pytest.raises(AudioError, match="without a header"):
            read_clip(tmp_path / name)
    soundfile.write(tmp_path / "session.wav", np.full(301 * 4000, 0.1), 4000, subtype="PCM_U8")
    with pytest.raises(AudioError, match="cut the recording"):
        read_clip(tmp_path / "session.wav")


def test_silence_and_missing_files_are_refused(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "null.wav", np.zeros(RATE), RATE)
    with pytest.raises(AudioError, match="every sample is zero"):
        read_clip(tmp_path / "null.wav")
    with pytest.raises(AudioError, match="no such file"):
        read_clip(tmp_path / "nowhere.wav")
    with pytest.raises(AudioError, match="not finite"):
        Clip(np.full(RATE, np.nan))
    with pytest.raises(AudioError, match="0 samples per second"):
        Clip(np.ones(RATE), 0)
    with pytest.raises(AudioError, match="rate=0"):
        read_clip(tmp_path / "null.wav", rate=0)


def test_other_rates_channels_and_depths_are_read(tmp_path):
    (tmp_path / "a.wav").write_bytes(wav(rate=48000, channels=2, n=48000))
    clip = read_clip(tmp_path / "a.wav")
    assert clip.rate == RATE
    assert clip.seconds == pytest.approx(1)
    assert clip.notes == ("2 channels averaged", "resampled from 48000 Hz")
    (tmp_path / "b.wav").write_bytes(wav(bits=8))
    assert read_clip(tmp_path / "b.wav").seconds == pytest.approx(1)
    assert read_clip(write_clip(clip, tmp_path / "c" / "d.wav")).samples == pytest.approx(clip.samples, abs=1e-4)  # fmt: skip


class Counted:
    """A recogniser for tests: it loses a word for every burst of a tone that it hears at 1 kHz."""

    name = "a recogniser of the tests"

    def transcribe(self, clip):
        from supersede.lastmile.audio.tones import envelope

        loud = envelope(clip, 1000)[::800] > 0.05
        said = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
        return " ".join(said[min(int(loud.sum()), 6) :])


def test_the_repair_is_chosen_and_measured_on_other_clips():
    said = ["one two three four five six seven eight"] * 10
    made = repair_clips(heard(Tone(1000)), said, Counted(), groups=["a", "b"] * 5, synthetic=True)
    assert isinstance(made.repair, SubtractTones)
    assert made.rows[0].clips + 3 >= 10 - 1
    assert made.rows[0].before > made.rows[0].after
    assert str(made).startswith("SYNTHETIC")
    page = made.to_html()
    assert "1000 Hz" in page
    assert "SYNTHETIC" in page
    untouched = repair_clips(CLIPS, said, Counted())
    assert untouched.repair is None
    assert not untouched.helps
    assert untouched.site.conditions == []
    with pytest.raises(TooFewLabelsError):
        repair_clips(CLIPS, [*said[:5], *[None] * 5], Counted())
    with pytest.raises(ArgumentError, match="one each"):
        repair_clips(CLIPS, said[:9], Counted())


def test_groups_may_be_unknown_or_called_all():
    said = ["one two three four five six seven eight"] * 10
    made = repair_clips(heard(Tone(1000)), said, Counted(), groups=["all", None] * 5)
    assert made.rows[0].group == "all"
    assert {row.group for row in made.rows[1:]} == {"all", "unknown"}
    assert made.rows[1].clips < made.rows[0].clips


def test_references_without_words_are_refused():
    with pytest.raises(ArgumentError, match="needs words"):
        repair_clips(CLIPS, ["…"] * 10, Counted())


def test_references_in_another_script_are_refused():
    with pytest.raises(ArgumentError, match="in another script"):
        repair_clips(CLIPS, ["один два три"] * 10, Counted())
