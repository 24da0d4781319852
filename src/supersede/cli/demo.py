"""``supersede demo``: the life of one model, two versions of an application, or a network on a device."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

__all__ = ["demo"]


def demo(
    which: Literal["life", "answers", "vision"] = "life", /, *, folder: Path = Path("out")
) -> int:
    """Live through the life of one model on census records, and write one page about it.

    The task: is a person in Massachusetts employed? A search finds the next model and stops itself;
    the model is trained to agree with the one in service, reviewed with few labels, audited,
    attacked by hunters, patched, and reviewed again. It takes a few minutes. Each step is a command
    that the page shows; the files stay in the folder, so that each can be typed again there.

    `supersede demo answers` decides about two versions of a language-model application, from generated
    logs: a must-not-break list, a judge, a label plan and a review, in seconds.

    `supersede demo vision` searches a small network for an accelerator whose queries find their image in
    a gallery that a large network has indexed, and ends with the file to deploy, in a few minutes.

    Exit codes: 0 done, 2 a usage or data error.

    Args:
        which: What is shown: the life of a model, two versions of an application, or a network on a
            device.
        folder: Folder of what is written: the page index.html, and what each command reads and
            writes.
    """
    from supersede.demo.answers import decide_answers
    from supersede.demo.life import live
    from supersede.demo.vision import deploy

    begin = time.monotonic()

    def progress(text: str) -> None:
        told = text if text.startswith(" ") else f"[{time.monotonic() - begin:3.0f} s] $ {text}"
        print(told, file=sys.stderr, flush=True)

    shown: dict[str, Callable[..., object]] = {
        "life": live,
        "answers": decide_answers,
        "vision": deploy,
    }
    print(shown[which](folder, progress=progress))
    programs = os.path.dirname(sys.executable)  # noqa: PTH120  # a link into the environment stays one
    print(
        f"\nopen {folder}/index.html in a browser; to type the commands yourself:\n"
        f'  cd {folder} && export PATH="{programs}:$PATH"',
        file=sys.stderr,
    )
    return 0
