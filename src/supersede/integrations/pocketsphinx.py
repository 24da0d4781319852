"""pocketsphinx as a recogniser: real, offline, with the English model of its wheel."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log10
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from supersede.errors import ArgumentError, MissingExtraError
from supersede.lastmile.audio import RATE, Clip

__all__ = ["PocketSphinx"]


@dataclass
class PocketSphinx:
    """A recogniser of English.

    Attributes:
        words: A closed vocabulary: any sequence of these words, all equally likely. None takes the
            wheel's open language model.
        grammar: A grammar in JSGF instead of a vocabulary.

    Raises:
        ArgumentError: Both are given, or a word is not in the pronouncing dictionary.
        MissingExtraError: pocketsphinx is not installed.

    Assumes: clips of 16,000 samples per second. Each clip is normalised by its own mean, so that a
    transcript does not depend on the clips before it.
    """

    words: Sequence[str] | None = None
    grammar: str | None = None
    _decoder: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.words is not None and self.grammar is not None:
            msg = "PocketSphinx takes words= or grammar=, not both"
            raise ArgumentError(msg)
        try:
            from pocketsphinx import Decoder, get_model_path
        except ImportError as error:
            raise MissingExtraError.of(package="pocketsphinx", extra="speech", purpose="recognising speech") from error  # fmt: skip
        if self.words is None and self.grammar is None:
            self._decoder = Decoder(samprate=RATE, loglevel="FATAL", cmn="batch")
            return
        if self.words is not None:
            words = sorted({word.lower() for word in self.words})
            dictionary = Path(get_model_path("en-us/cmudict-en-us.dict"))
            self._decoder = _closed(words, dictionary.read_text(encoding="utf-8"), Decoder)
        else:
            self._decoder = Decoder(samprate=RATE, lm=None, loglevel="FATAL", cmn="batch")
            try:
                self._decoder.add_jsgf_string("closed", self.grammar)
            except ValueError as error:
                msg = "the grammar cannot be parsed as JSGF, or has a word without a pronunciation"
                raise ArgumentError(msg) from error
        self._decoder.activate_search("closed")

    @property
    def name(self) -> str:
        """The language model, for tables and cards."""
        if self.words is not None:
            return f"pocketsphinx, closed vocabulary of {len(set(self.words))} words"
        return (
            "pocketsphinx, closed grammar" if self.grammar else "pocketsphinx, open language model"
        )

    def transcribe(self, clip: Clip) -> str:
        """What was understood; empty if nothing.

        Raises:
            ArgumentError: The clip has another rate.
        """
        if clip.rate != RATE:
            msg = f"{clip.name}: {clip.rate} samples per second; read it with read_clip, which resamples to {RATE}"
            raise ArgumentError(msg)
        data = (np.clip(clip.samples, -1, 1) * 32767).astype("<i2").tobytes()
        self._decoder.start_utt()
        self._decoder.process_raw(data, full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return found.hypstr if found else ""


def _closed(words: Sequence[str], dictionary: str, decoder: Any) -> Any:
    """A decoder of one vocabulary; with these pronunciations alone it is ready in no time."""
    spoken: dict[str, list[str]] = {}
    for line in dictionary.splitlines():
        word = line.split(" ", 1)[0].split("(")[0]  # further pronunciations are word(2), word(3)
        spoken.setdefault(word, []).append(line)
    unknown = [word for word in words if word not in spoken]
    if not words or unknown:
        listed = ", ".join(map(repr, unknown[:5])) or "none given"
        msg = f"words without a pronunciation: {listed}; use words of the CMU dictionary"
        raise ArgumentError(msg)
    chance = log10(1 / (len(words) + 1))
    lines = ["\\data\\", f"ngram 1={len(words) + 2}", "", "\\1-grams:", "-99 <s>"]
    lines += [*(f"{chance:.4f} {word}" for word in ("</s>", *words)), "", "\\end\\", ""]
    with TemporaryDirectory() as folder:
        model, pronounced = Path(folder) / "closed.arpa", Path(folder) / "closed.dict"
        model.write_text("\n".join(lines), encoding="utf-8")
        known = [line for word in words for line in spoken[word]]
        pronounced.write_text("\n".join([*known, ""]), encoding="utf-8")
        made = decoder(samprate=RATE, lm=None, dict=str(pronounced), loglevel="FATAL", cmn="batch")
        made.add_lm_file("closed", str(model))
    return made
