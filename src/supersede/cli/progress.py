"""Progress of long work, for a person at a terminal."""

import sys

__all__ = ["Progress"]


class Progress:
    """A line on standard error that shows the current step, on a terminal."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.shown = not quiet and sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        return self

    def __call__(self, text: str) -> None:
        """Show the current step."""
        if self.shown:
            print(f"\r\033[K{text} …", end="", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self.shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
