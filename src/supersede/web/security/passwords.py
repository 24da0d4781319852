"""Passwords by argon2id, and secrets of which only the hash is stored."""

import hashlib
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from supersede.errors import InputError

__all__ = ["check_password", "hash_of", "hash_password", "new_secret", "password_matches"]

_SHORTEST, _LONGEST = 12, 500
_HASHER = PasswordHasher()  # argon2id with the parameters of RFC 9106 for limited memory
# verified where there is no such user, so that time does not tell
_NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$3cX/A1U9SYCqF/a7rMQ"
    "pMg$k1ZW17pW5Xxwj348v4VdPx7sRCmUkcYtifKWecgHx1g"
)


def check_password(password: str) -> str:
    """A new password: long enough to be safe, and not one letter repeated.

    Raises:
        InputError: It is too short or too long.
    """
    if not _SHORTEST <= len(password) <= _LONGEST or len(set(password)) < 5:
        msg = (
            f"the password has {len(password)} characters; expected at least {_SHORTEST}, of at"
            " least 5 different kinds"
        )
        raise InputError.of(msg, "password")
    return password


def hash_password(password: str) -> str:
    """The argon2id hash of a password, with its salt."""
    return _HASHER.hash(password)


def password_matches(stored: str | None, password: str) -> bool:
    """Whether a password belongs to a stored hash; takes as long without one."""
    try:
        _HASHER.verify(stored or _NOBODY, password[:_LONGEST])
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False
    return stored is not None


def new_secret() -> str:
    """A random secret of 256 bits, for cookies, tokens and links."""
    return secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """The SHA-256 of a random secret, by which it is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()
