"""The append-only ledger, its verification and its signatures."""

from supersede.web.ledger.ledger import START, Head, alone, append, entries, head, verify
from supersede.web.ledger.signing import Signer, verify_signature

__all__ = [
    "START",
    "Head",
    "Signer",
    "alone",
    "append",
    "entries",
    "head",
    "verify",
    "verify_signature",
]
