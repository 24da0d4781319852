"""Tones nobody foresaw: how much they hurt, whether they are found, and what the repair gains.

python -m benchmarks.lastmile_audio measure [sentences]    # resumable; figures are kept
python -m benchmarks.lastmile_audio real FOLDER            # test/data/librivox of pocketsphinx's sources
python -m benchmarks.lastmile_audio open [sentences]       # the open language model on the same voices
python -m benchmarks.lastmile_audio further                # the page's sections of these two
python -m benchmarks.lastmile_audio write                  # docs/benchmarks/lastmile_audio.md
"""

import hashlib
import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.ward import VOICES, sentences, spoken, vocabulary
from supersede.audit.speech import PLAIN, count_edits
from supersede.integrations.pocketsphinx import PocketSphinx
from supersede.lastmile.audio import SubtractTones, Tone, find_tones, read_clip, repair_clips

FOLDER = Path("out/lastmile_audio")
PAGE = Path("docs/benchmarks/lastmile_audio.md")
CONDITIONS = {
    "1 kHz, 150 of 500 ms": [Tone(1000, 0.15, 0.5)],
    "1.5 kHz, 100 of 400 ms": [Tone(1500, 0.1, 0.4)],
    "700 Hz, 200 of 600 ms": [Tone(700, 0.2, 0.6)],
    "2.2 kHz, 150 of 300 ms": [Tone(2200, 0.15, 0.3)],
    "3.1 kHz, 50 of 250 ms": [Tone(3100, 0.05, 0.25)],
    "450 Hz, 300 of 1,000 ms": [Tone(450, 0.3, 1.0)],
    "2.73 kHz, 120 of 700 ms": [Tone(2730, 0.12, 0.7)],
    "900 Hz and 2 kHz": [Tone(900, 0.15, 0.5), Tone(2000, 0.1, 0.7)],
}
SENTENCES, CLEAN_SETS = 30, 200


class Remembering:
    """A recogniser whose transcripts are kept on disk, by the samples' hash."""

    def __init__(self, inner, path):
        self.inner, self.path, self.name = inner, path, inner.name
        self.known = json.loads(path.read_text()) if path.exists() else {}

    def transcribe(self, clip):
        key = hashlib.sha256(np.round(clip.samples * 32767).astype("<i4").tobytes()).hexdigest()[
            :24
        ]
        if key not in self.known:
            self.known[key] = self.inner.transcribe(clip)
        return self.known[key]

    def keep(self):
        self.path.write_text(json.dumps(self.known))


def measure(count=SENTENCES):
    started = time.process_time()
    FOLDER.mkdir(parents=True, exist_ok=True)
    texts = sentences(count, seed=19)
    said = [text for _ in VOICES for text in texts]
    home = [voice for voice in VOICES for _ in texts]
    clean = [spoken(v, t, FOLDER / "clips") for v, t in zip(home, said, strict=True)]
    recogniser = Remembering(PocketSphinx(words=vocabulary()), FOLDER / "heard.json")
    found = FOLDER / "found.json"
    rows = json.loads(found.read_text()) if found.exists() else {}
    for name, tones in CONDITIONS.items():
        if name in rows:
            continue
        clips = clean
        for at, tone in enumerate(tones):
            clips = [tone.apply(clip, seed=1000 * at + i) for i, clip in enumerate(clips)]
        made = repair_clips(
            clips, said, recogniser, groups=home, synthetic=True,
            clean=list(zip(clean, said, strict=True)), clean_groups=home,
        )  # fmt: skip
        rows[name] = made.to_dict() | {"cpu": time.process_time() - started}
        recogniser.keep()
        found.write_text(json.dumps(rows, indent=1))
        print(name, made, f"{time.process_time() - started:.0f} CPU-s", flush=True)
    if "clean sets" not in rows:
        rng = np.random.default_rng(0)
        named = 0
        for _ in range(CLEAN_SETS):
            chosen = rng.choice(len(clean), 10, replace=False)
            named += bool(find_tones([clean[i] for i in chosen]))
        rows["clean sets"] = {"named": named, "of": CLEAN_SETS}
        found.write_text(json.dumps(rows, indent=1))
    print(rows["clean sets"], f"{time.process_time() - started:.0f} CPU-s")


def kept(name, found=None):
    """Figures on disk, with further ones if there are any."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    if found is not None:
        known |= found
        path.write_text(json.dumps(known, indent=1))
    return known


def error_rate(recogniser, clips, said):
    heard = [PLAIN(recogniser.transcribe(clip)) for clip in clips]
    return count_edits([PLAIN(text) for text in said], heard).error_rate


def real(folder):
    """A person's recordings: as they are, under a tone, and after what was found is subtracted."""
    said, clips = [], []
    for line in (Path(folder) / "transcription").read_text().splitlines():
        text, name = line.rsplit("(", 1)
        said.append(text.replace("<s>", "").replace("</s>", "").strip())
        clips.append(read_clip(Path(folder) / f"{name.rstrip(')')}.wav"))
    words = sorted({word for text in said for word in text.split()})
    loud = [Tone(1000).apply(clip, seed=i) for i, clip in enumerate(clips)]
    tones = find_tones(loud)
    repair = SubtractTones(tuple(tones))
    kinds = {"clean": clips, "tone": loud, "repaired": [repair.apply(c) for c in loud],
             "clean, repaired": [repair.apply(c) for c in clips]}  # fmt: skip
    about = {"clips": len(clips), "words": sum(len(t.split()) for t in said), "seconds": sum(c.seconds for c in clips),
             "tones": list(map(str, tones)), "found in clean": list(map(str, find_tones(clips)))}  # fmt: skip
    kept("real", {"about": about})
    for recogniser in (PocketSphinx(words=words), PocketSphinx()):
        if recogniser.name in kept("real"):
            continue
        started = time.process_time()
        rates = {kind: error_rate(recogniser, some, said) for kind, some in kinds.items()}
        kept("real", {recogniser.name: rates | {"cpu": time.process_time() - started}})
        print(recogniser.name, rates, flush=True)


def open_model(count=10):
    """The open language model on clean synthetic voices: how little room it leaves."""
    texts = sentences(count, seed=19)
    recogniser = PocketSphinx()
    for voice in VOICES:
        if voice not in kept("open"):
            rate = error_rate(recogniser, [spoken(voice, t, FOLDER / "clips") for t in texts], texts)  # fmt: skip
            kept("open", {voice: rate, "sentences": count})
            print(voice, rate, flush=True)


def further_lines():
    """Sections that are there if their figures are."""
    lines = []
    if found := kept("real"):
        about = found.pop("about")
        lines += [
            "", "## A person's voice", "",
            f"{about['clips']} recordings of one reader of LibriVox, {about['words']} words in {about['seconds']:.0f} seconds, from the folder",
            "`test/data/librivox` of pocketsphinx's source package; only the tone (1 kHz, 150 of 500 ms, 0 dB) is",
            "SYNTHETIC. One speaker and so few words have no interval: these rates are of these clips alone.",
            f"Found under the tone: {', '.join(about['tones']) or 'nothing'}; in the recordings as they are: {', '.join(about['found in clean']) or 'nothing'}.",
            "", "`python -m benchmarks.lastmile_audio real FOLDER` measures it.", "",
            "| recogniser | WER clean | with the tone | tone subtracted | clean, with the repair |", "|---|---|---|---|---|",
        ]  # fmt: skip
        lines += [f"| {name} | {r['clean']:.3f} | {r['tone']:.3f} | {r['repaired']:.3f} | {r['clean, repaired']:.3f} |" for name, r in found.items()]  # fmt: skip
    if found := kept("open"):
        rates = ", ".join(f"{found[v]:.3f} ({v})" for v in VOICES if v in found)
        lines += [
            "", "## The open language model", "",
            f"On {found['sentences']} orders per voice, clean, its WER is {rates}:",
            "it leaves little room to see what a tone does, so the figures above are of the closed vocabulary.",
            "`python -m benchmarks.lastmile_audio open` measures it.",
        ]  # fmt: skip
    return lines


def write_further():
    """The further sections alone, below the page as it is."""
    page = PAGE.read_text().split("\n## A person")[0].split("\n## The open")[0].rstrip()
    PAGE.write_text("\n".join([page, *further_lines()]) + "\n")


def write():
    rows = json.loads((FOLDER / "found.json").read_text())
    sets = rows.pop("clean sets")
    some = next(iter(rows.values()))
    lines = [
        "# Tones nobody foresaw",
        "",
        "Every clip is **SYNTHETIC**: three voices of flite speak orders of a hospital ward. The",
        f"recogniser is {some['recogniser']}; any sequence of its words is",
        "equally likely. Tones are at 0 dB, and begin anywhere in their period. The tool gets",
        "neither frequency nor period. A third of the clips choose the repair; figures are from the",
        "others. Brackets are 95 % paired intervals of the change over clips.",
        "",
        "`python -m benchmarks.lastmile_audio measure`, then `write`, prints this page.",
        "",
        "| tone | found | voice | WER clean | with the tone | repaired | change | change on clean clips |",
        "|---|---|---|---|---|---|---|---|",
    ]
    met = {"worse": 0, "halved": 0, "below": 0, "unhurt": 0, "all": 0}
    for name, made in rows.items():
        found = "; ".join(f"{t['frequency']:.0f} Hz, {t['on'] * 1000:.0f} of {t['period'] * 1000:.0f} ms" for t in made["tones"])  # fmt: skip
        clean = {row["group"]: row for row in made["clean"]}
        for row in made["rows"][1:]:
            harm = clean[row["group"]]
            high = harm["change"] if harm["high"] is None else harm["high"]
            harmed = "no transcript changes" if harm["high"] is None else f"{harm['change']:+.3f} [{harm['low']:+.3f}, {harm['high']:+.3f}]"  # fmt: skip
            met["all"] += 1
            met["worse"] += row["before"] >= 2 * harm["before"]
            met["halved"] += row["after"] <= row["before"] / 2
            met["below"] += row["high"] is not None and row["high"] < 0
            met["unhurt"] += high <= 0.02
            lines.append(
                f"| {name} | {found} | {row['group']} | {harm['before']:.3f} | {row['before']:.3f} |"
                f" {row['after']:.3f} | {row['change']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}] | {harmed} |"
            )
    lines += [
        "",
        "| target | met |",
        "|---|---|",
        f"| the tone at least doubles the WER of a voice | {met['worse']} of {met['all']} |",
        f"| the repair halves it at least | {met['halved']} of {met['all']} |",
        f"| the interval of the change lies below 0 | {met['below']} of {met['all']} |",
        f"| clean speech: upper end of the change at most .02, or no transcript changes at all | {met['unhurt']} of {met['all']} |",
        f"| nothing is found in clean sets of ten clips | {sets['of'] - sets['named']} of {sets['of']} |",
        f"| whole run at most 15 minutes on two cores | {max(r['cpu'] for r in rows.values()):.0f} CPU-s |",
        "",
        "WER clean is over all clips of a voice, the others over the held-out ones. Where no transcript",
        "of the 30 clean clips of a voice changes, the paired interval has no width; that is not",
        "certainty: with 95 % confidence, at most 10 % of such clips change.",
    ]
    PAGE.write_text("\n".join([*lines, *further_lines()]) + "\n")


if __name__ == "__main__":
    {
        "write": write,
        "further": write_further,
        "real": real,
        "open": open_model,
        "measure": measure,
    }[sys.argv[1]](*(int(a) if a.isdigit() else a for a in sys.argv[2:3]))
