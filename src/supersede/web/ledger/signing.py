"""Ed25519 signatures of receipts and of the ledger's head: anyone with the public key checks them."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from supersede.bounty.log import canonical
from supersede.errors import ReportError

__all__ = ["Signer", "verify_signature"]


@dataclass(frozen=True)
class Signer:
    """Signs plain data with the key of the installation."""

    key: Ed25519PrivateKey

    @classmethod
    def of(cls, folder: Path) -> "Signer":
        """The key in a folder; made on first use, readable by its owner only.

        Raises:
            ReportError: The folder cannot be written.
        """
        path = folder / "ed25519"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            scratch = folder / f".{os.getpid()}"
            handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(Ed25519PrivateKey.generate().private_bytes_raw())
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(scratch, path)  # whoever is first: two processes may start at once
            except FileExistsError:
                pass
            finally:
                scratch.unlink()
            return cls(Ed25519PrivateKey.from_private_bytes(path.read_bytes()))
        except (OSError, ValueError) as error:
            msg = f"cannot use the signing key in {folder}: {error}"
            raise ReportError(msg) from error

    @property
    def public(self) -> str:
        """The public key, in hexadecimal."""
        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return raw.hex()

    def sign(self, record: Any) -> str:
        """The signature of plain data in its canonical form, in hexadecimal."""
        return self.key.sign(canonical(record).encode()).hex()


def verify_signature(record: Any, signature: str, public: str) -> bool:
    """Whether plain data was signed with the key that belongs to a public key.

    Example:
        >>> signer = Signer(Ed25519PrivateKey.generate())
        >>> verify_signature({"a": 1}, signer.sign({"a": 1}), signer.public)
        True
        >>> verify_signature({"a": 2}, signer.sign({"a": 1}), signer.public)
        False
    """
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(signature), canonical(record).encode())
    except (InvalidSignature, ValueError):
        return False
    return True
