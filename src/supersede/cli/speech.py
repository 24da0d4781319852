"""``supersede audit --reference … --hypothesis …``: word error rates by group and condition."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supersede.errors import ArgumentError

if TYPE_CHECKING:
    from supersede.audit import Attribute
    from supersede.audit.speech import SpeechAudit

__all__ = ["audit_transcripts", "baselines", "for_a_card"]


def audit_transcripts(
    files: Sequence[str],
    *,
    reference: str | None,
    hypothesis: str | None,
    old: str | None,
    who: "Sequence[Attribute]",
    under: "Sequence[Attribute]",
    speaker: str | None,
    baseline: Sequence[str] | None,
    normaliser: str,
    refused: Mapping[str, Any],
    out: Path | None,
    json: Path | None,
    **settings: Any,
) -> "SpeechAudit":
    """Audit transcripts, print the summary and write the files.

    Raises:
        ArgumentError: Flags do not go together.
    """
    from supersede.audit.speech import audit_speech, find_normaliser

    if reference is None or hypothesis is None:
        msg = "--reference (the column of what was said) and --hypothesis (of what was recognised) must be given together"
        raise ArgumentError(msg)
    for flag, value in refused.items():
        if value:
            msg = f"{flag} does not go with --reference and --hypothesis; leave it out"
            raise ArgumentError(msg)
    if len(files) != 1:
        msg = "give one table of transcripts; an older recogniser is a column of it (--old)"
        raise ArgumentError(msg)
    result = audit_speech(
        files[0], hypothesis, reference=reference, old=old, groups=who, conditions=under,
        speaker=speaker, baseline=baselines(baseline), normaliser=find_normaliser(normaliser),
        **settings,
    )  # fmt: skip
    print(result)
    for path in (out, json):
        if path is not None:
            result.save(path)
    return result


def baselines(texts: Sequence[str] | None) -> dict[str, str]:
    """Pairs of a column and a value, as in ``noise=quiet``.

    Raises:
        ArgumentError: A text is no such pair, or a column is named twice.
    """
    found: dict[str, str] = {}
    for text in texts or ():
        column, equals, value = text.partition("=")
        if not equals or not column.strip() or not value.strip() or column.strip() in found:
            msg = (
                f"--baseline {text}: expected a column and its value, once each, as in noise=quiet"
            )
            raise ArgumentError(msg)
        found[column.strip()] = value.strip()
    return found


def for_a_card(result: "SpeechAudit") -> Any:
    """The audit as a card reads it: synthetic utterances marked, and never alone.

    Raises:
        ArgumentError: All utterances are synthetic.
    """
    if result.made_up:
        msg = "all utterances are synthetic, and a service card speaks of people; audit real speech for it"
        raise ArgumentError(msg)
    made = None if result.synthetic is None else result.synthetic.audit
    return replace(result.audit, synthetic=made)
