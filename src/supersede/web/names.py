"""Names and texts that people set: what is refused, and how two names are compared."""

import unicodedata

from supersede.errors import InputError

__all__ = ["check_name", "check_text", "folded"]

_LONGEST_NAME = 80
# letters and marks that are drawn as nothing: fillers, joiners, variation selectors, empty Braille
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(c)
    for r in (range(0x180B, 0x1810), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
    for c in r
}


def check_name(field: str, text: str) -> str:
    """A name without anything that is drawn as nothing or turns the text around.

    Raises:
        InputError: It is empty, too long, or has control, direction, zero-width or other invisible
            characters.

    Example:
        >>> check_name("team", "  Ada's team ")
        "Ada's team"
    """
    name = unicodedata.normalize("NFC", text).strip()
    if not name:
        msg = f"{field} must not be empty"
        raise InputError.of(msg, field)
    if len(name) > _LONGEST_NAME:
        msg = f"{field} has {len(name)} characters; expected at most {_LONGEST_NAME}"
        raise InputError.of(msg, field)
    for letter in name:
        if unicodedata.category(letter)[0] == "C" or letter in _UNSEEN or letter in "\u2028\u2029":
            msg = (
                f"{field} contains the invisible character U+{ord(letter):04X}; use letters, digits,"
                " spaces and punctuation"
            )
            raise InputError.of(msg, field)
    return name


def check_text(field: str, text: str, most: int) -> str:
    """A text of several lines, without control or direction characters.

    Raises:
        InputError: It is too long, or has such characters.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    if len(text) > most:
        msg = f"{field} has {len(text)} characters; expected at most {most}"
        raise InputError.of(msg, field)
    for letter in text:
        if letter not in "\n\t" and unicodedata.category(letter) in {"Cc", "Cf", "Cs"}:
            msg = f"{field} contains the invisible character U+{ord(letter):04X}; remove it"
            raise InputError.of(msg, field)
    return text.strip()


def folded(name: str) -> str:
    """How names are compared: without case, width, and repeated spaces.

    Example:
        >>> folded("ＡＤＡ  Team") == folded("ada team")
        True
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
