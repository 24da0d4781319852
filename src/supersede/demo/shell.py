"""A demonstration's steps: commands, run in its folder as a user would type them."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supersede.errors import SourceError

__all__ = ["Shell", "Step", "Told", "spent"]

_UNDECIDED = 3
_JUDGES = ("supersede review", "supersede hunt", "supersede compatibility")


@dataclass(frozen=True)
class Told:
    """What a step says: a sentence, the details, a picture."""

    headline: str
    text: str
    figure: str


@dataclass(frozen=True)
class Step:
    """One step of the life.

    Attributes:
        name: What it does.
        commands: The commands, as they were run in the demonstration's folder.
        headline: What came out, in a sentence.
        text: The same in detail.
        page: The step's own page.
        seconds: CPU time, in seconds.
        figure: The picture, as markup.
    """

    name: str
    commands: tuple[str, ...]
    headline: str
    text: str
    page: str
    seconds: float
    figure: str

    def to_dict(self) -> dict[str, Any]:
        """Everything but the picture, as JSON values."""
        shown = ("name", "headline", "text", "page", "seconds")
        return {"commands": list(self.commands), **{name: getattr(self, name) for name in shown}}


@dataclass(frozen=True)
class Shell:
    """Runs commands in the folder, with this environment's programs first.

    Attributes:
        folder: The demonstration's folder.
        progress: Called with each command, and with a line of what it printed.
    """

    folder: Path
    progress: Callable[[str], None]

    def step(
        self, name: str, commands: Sequence[str], page: str, tell: Callable[[Path], Told]
    ) -> Step:
        """Run the commands of a step, and say what came out."""
        before = spent()
        for command in commands:
            self.run(command)
        found = tell(self.folder)
        return Step(
            name, tuple(commands), found.headline, found.text, f"{page}.html", spent() - before,
            found.figure,
        )  # fmt: skip

    def run(self, command: str) -> int:
        """Run a command as a user would type it; returns its exit code, which may be a verdict.

        Raises:
            SourceError: It failed; the message has its output.
        """
        self.progress(command)
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        # fits of this size are quickest on one thread, and on a busy machine several times quicker
        alone = {"OMP_NUM_THREADS": "1", **os.environ, "PATH": path}
        done = subprocess.run(  # noqa: S603  # commands of the demonstrations
            shlex.split(command), cwd=self.folder, env=alone, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        verdict = command.startswith(_JUDGES)
        if done.returncode and not (verdict and done.returncode in {1, _UNDECIDED}):
            msg = f"in {self.folder}, {command!r} ended with {done.returncode}:\n{done.stderr}"
            raise SourceError(msg)
        lines = [*done.stdout.strip().splitlines(), ""]
        self.progress(
            f"  {next((line for line in lines if ': ' in line and '→' in line), lines[0])}"
        )
        return done.returncode


def spent() -> float:
    """CPU time of all commands that have ended, in seconds."""
    used = os.times()
    return used.children_user + used.children_system
