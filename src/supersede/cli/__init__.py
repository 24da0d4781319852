"""The command line: one file per verb.

Exit codes: 0 pass or done, 1 fail, 2 a usage or data error, 3 undecided, 130 interrupted.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cyclopts import App, CycloptsError, Group
from cyclopts.config import Toml

import supersede
from supersede.cli.advise import advise
from supersede.cli.audit import audit
from supersede.cli.backup import backup, restore
from supersede.cli.compatibility import compatibility
from supersede.cli.demo import demo
from supersede.cli.estimate import estimate
from supersede.cli.hunt import hunt
from supersede.cli.lastmile import lastmile
from supersede.cli.ledger import ledger
from supersede.cli.migrate import migrate
from supersede.cli.plan import plan
from supersede.cli.profile import profile
from supersede.cli.replay import replay
from supersede.cli.review import review
from supersede.cli.search import search
from supersede.cli.serve import serve
from supersede.cli.start import start_quickly
from supersede.cli.submit import submit
from supersede.errors import SourceError, SupersedeError

__all__ = ["COMMANDS", "main"]

# the verbs by the life of a model, which is also the order of the help
STAGES: dict[str, tuple[Callable[..., int | None], ...]] = {
    "Try it": (demo,),
    "Find the next model": (replay, search, profile, advise),
    "Compare it with the one in service": (review, plan, estimate),
    "Audit it by group": (audit, lastmile, hunt),
    "Replace an embedding model": (compatibility, migrate),
    "Work together": (serve, submit, ledger, backup, restore),
}
COMMANDS = tuple(command for commands in STAGES.values() for command in commands)

USAGE = 2
INTERRUPTED = 130
PIPE_CLOSED = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code.

    Example:
        >>> main(["review", "nowhere.csv", "--old", "a", "--new", "b"])
        2
    """
    tokens = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        start_quickly(tokens)
    names = {command.__name__ for command in COMMANDS}
    app = App(
        name="supersede",
        help=supersede.__doc__.splitlines()[0] if supersede.__doc__ else None,
        version=supersede.__version__,
        result_action="return_value",
        # Markdown reflows paragraphs but takes a third of the start-up time: only where help is shown
        help_format="markdown" if set(tokens) & names else "plaintext",
    )
    for place, (stage, commands) in enumerate(STAGES.items()):
        group = Group(stage, sort_key=place)
        for command in commands:
            app.command(command, group=group)
    try:
        tokens, config = _config(tokens)
        if config is not None:
            app.config = (config,)
        code = int(app(tokens, exit_on_error=False) or 0)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of the output has closed it, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except CycloptsError:  # Cyclopts has printed the error
        return USAGE
    except SupersedeError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return INTERRUPTED


def _config(tokens: list[str]) -> tuple[list[str], Toml | None]:
    """Take ``--config FILE`` out of the tokens and read it; explicit flags take precedence."""
    for at, word in enumerate(tokens):
        if word == "--config" or word.startswith("--config="):
            _, _, path = word.partition("=")
            used = 1 if path else 2
            path = path or "".join(tokens[at + 1 : at + 2])
            if not Path(path).is_file():
                msg = f"--config: no file {path!r} in {Path.cwd()}"
                raise SourceError(msg)
            return tokens[:at] + tokens[at + used :], Toml(path, use_commands_as_keys=False)
    return tokens, None
