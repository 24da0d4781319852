"""Speech: word error rates by accent and condition, and whom a condition hurts most."""

from supersede.audit.speech.corpora import common_voice, fair_speech, l2_arctic
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
    "ENGLISH",
    "PLAIN",
    "VERBATIM",
    "EditCounts",
    "Interaction",
    "Normaliser",
    "SpeechAudit",
    "SpeechCell",
    "Transcripts",
    "audit_speech",
    "common_voice",
    "count_edits",
    "fair_speech",
    "find_normaliser",
    "interactions",
    "l2_arctic",
    "read_transcripts",
    "recognised_words",
    "utterance_table",
    "word_table",
]  # fmt: skip
