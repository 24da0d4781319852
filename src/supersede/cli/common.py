"""What flags mean in every verb: shares, repeated flags, silence, and where results are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from supersede.errors import ArgumentError

if TYPE_CHECKING:
    from supersede.look.result import Result

__all__ = ["Outputs", "Quiet", "Share", "Strings", "column_sets", "outputs", "share"]


def share(text: str, flag: str = "") -> float:
    """A share written as 5% or 0.05.

    Raises:
        ArgumentError: It is neither.

    Example:
        >>> share("5%"), share("0.95")
        (0.05, 0.95)
    """
    try:
        return round(float(text[:-1]) / 100, 15) if text.endswith("%") else float(text)
    except ValueError:
        msg = f"{flag or 'the value'} is {text!r}, which is not a share; write 5% or 0.05"
        raise ArgumentError(msg) from None


def _share(_: Any, tokens: Sequence[Any]) -> float:
    return share(tokens[0].value, tokens[0].keyword or "")


Share = Annotated[float, Parameter(converter=_share, n_tokens=1)]
Strings = Annotated[list[str] | None, Parameter(negative="")]
Quiet = Annotated[bool, Parameter(negative="")]


@dataclass(frozen=True)
class Outputs:
    """The files that a verb writes."""

    paths: tuple[Path, ...]

    def write(self, result: "Result") -> None:
        """Write the result to each of them, in the format of its ending."""
        for path in self.paths:
            result.save(path)


def outputs(
    *, out: Path | None = None, json: Path | None = None, markdown: Path | None = None
) -> Outputs:
    """The files that a verb writes, refused before the work where they could not be written.

    Args:
        out: The page.
        json: The JSON.
        markdown: The summary.

    Raises:
        ArgumentError: A file has the ending of another format.
        ReportError: Its folder cannot be written to.
    """
    from supersede.look.page import check_output

    given = (("--out", ".html", out), ("--json", ".json", json), ("--markdown", ".md", markdown))
    return Outputs(
        tuple(
            check_output(path, f"what {flag} names", [ending])
            for flag, ending, path in given
            if path is not None
        )
    )


def column_sets(texts: Sequence[str] | None, flag: str = "--cross") -> list[tuple[str, ...]]:
    """Combinations of columns, each written as ``sex,race`` or ``sex×race``.

    Raises:
        ArgumentError: One names fewer than two columns.
    """
    found = []
    for text in texts or ():
        columns = tuple(part.strip() for part in text.replace("×", ",").split(",") if part.strip())
        if len(columns) < 2:
            msg = f"{flag} {text}: name at least two columns, as in sex,race"
            raise ArgumentError(msg)
        found.append(columns)
    return found
