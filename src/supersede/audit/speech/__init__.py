"""Speech: word error rates by accent and condition, and whom a condition hurts most."""

from supersede.audit.speech.edits import EditCounts, count_edits, recognised_words
from supersede.audit.speech.flips import utterance_table, word_table
from supersede.audit.speech.interaction import Interaction, interactions
from supersede.audit.speech.normalisers import (
    ENGLISH,
    PLAIN,
    VERBATIM,
    Normaliser,
    find_normaliser,
)
from supersede.audit.speech.result import SpeechAudit, SpeechCell
from supersede.audit.speech.speech_audit import audit_speech
from supersede.audit.speech.transcripts import Transcripts, read_transcripts

__all__ = [
    "ENGLISH", "PLAIN", "VERBATIM", "EditCounts", "Interaction", "Normaliser", "SpeechAudit",
    "SpeechCell", "Transcripts", "audit_speech", "count_edits", "find_normaliser", "interactions",
    "read_transcripts", "recognised_words", "utterance_table", "word_table",
]  # fmt: skip
