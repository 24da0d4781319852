"""``supersede demo``: the life of one model on real data, or two versions of an application."""

import os
import sys
import time
from pathlib import Path
from typing import Literal

__all__ = ["demo"]


def demo(which: Literal["life", "answers"] = "life", /, *, folder: Path = Path("out")) -> int:
    """Live through the life of one model on census records, and write one page about it.

    The task: is a person in Massachusetts employed? A search finds the next model and stops itself;
    the model is trained to agree with the one in service, reviewed with few labels, audited,
    attacked by hunters, patched, and reviewed again. It takes a few minutes. Each step is a command
    that the page shows; the files stay in the folder, so that each can be typed again there.

    `supersede demo answers` decides about two versions of a language-model application, from generated
    logs: a must-not-break list, a judge, a label plan and a review, in seconds.

    Exit codes: 0 done, 2 a usage or data error.

    Args:
        which: What is shown: the life of a model, or two versions of an application.
        folder: Folder of what is written: the page index.html, and what each command reads and
            writes.
    """
    from supersede.demo.answers import decide_answers
    from supersede.demo.life import live

    begin = time.monotonic()

    def progress(text: str) -> None:
        told = text if text.startswith(" ") else f"[{time.monotonic() - begin:3.0f} s] $ {text}"
        print(told, file=sys.stderr, flush=True)

    shown = live if which == "life" else decide_answers
    print(shown(folder, progress=progress))
    programs = os.path.dirname(sys.executable)  # noqa: PTH120  # a link into the environment stays one
    print(
        f"\nopen {folder}/index.html in a browser; to type the commands yourself:\n"
        f'  cd {folder} && export PATH="{programs}:$PATH"',
        file=sys.stderr,
    )
    return 0
