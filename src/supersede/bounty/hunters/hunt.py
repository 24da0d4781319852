"""A hunt: hunters submit to a bounty one after another, each seeing the model as patched so far."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from supersede.bounty.bounty import Bounty
from supersede.bounty.hunters.ground import Ground
from supersede.bounty.hunters.hunters import Hunter
from supersede.bounty.receipt import Receipt
from supersede.errors import BountyError, SubmissionError

__all__ = ["HuntAttempt", "hunt"]


@dataclass(frozen=True)
class HuntAttempt:
    """The outcome of one hunter.

    Attributes:
        hunter: Its name.
        team: Its kind.
        group: The group that it proposed; empty if it found none.
        receipt: The receipt; None if it found nothing or was refused, which uses no capacity.
        refused: Why it was refused.
    """

    hunter: str
    team: str
    group: str = ""
    receipt: Receipt | None = None
    refused: str = ""


def hunt(
    bounty: Bounty,
    hunters: Sequence[Hunter],
    ground: Ground,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> list[HuntAttempt]:
    """Let hunters submit to a bounty.

    Hunters whose submissions are already in the bounty's log are skipped, so an interrupted hunt
    resumes when it is started again.

    Args:
        bounty: The bounty.
        hunters: The hunters, in order.
        ground: The public rows.
        progress: Function that is called with a line of text before each hunter.

    Returns:
        One attempt per hunter; it ends early when the bounty's submissions are used up.

    Raises:
        BountyError: Two hunters have the same name.
    """
    names = [hunter.name for hunter in hunters]
    if len(set(names)) < len(names):
        msg = "hunters must have different names, by which an interrupted hunt identifies them"
        raise BountyError(msg)
    done = {
        entry["note"]: receipt
        for entry, receipt in zip(
            (e for e in bounty.log.since(0) if e["event"] == "judged"), bounty.receipts, strict=True
        )
    }
    attempts, seen = [], -1
    for number, hunter in enumerate(hunters, start=1):
        if hunter.name in done:
            group = next(e["group"] for e in bounty.log.since(0) if e.get("note") == hunter.name)
            attempts.append(HuntAttempt(hunter.name, hunter.team, group, done[hunter.name]))
            continue
        if not bounty.left:
            break
        progress(f"{number} of {len(hunters)}: {hunter.name}; {bounty.model}")
        if len(bounty.model) != seen:
            ground, seen = ground.under(bounty.model), len(bounty.model)
        attempts.append(_attempt(bounty, hunter, ground))
    return attempts


def _attempt(bounty: Bounty, hunter: Hunter, ground: Ground) -> HuntAttempt:
    proposal = hunter.propose(ground)
    if proposal is None:
        return HuntAttempt(hunter.name, hunter.team, refused="found nothing")
    group = str(proposal.group)
    try:
        receipt = bounty.submit(hunter.team, proposal.group, proposal.answer, note=hunter.name)
    except SubmissionError as error:
        return HuntAttempt(hunter.name, hunter.team, group, refused=str(error))
    return HuntAttempt(hunter.name, hunter.team, group, receipt)
