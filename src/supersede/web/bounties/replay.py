"""Judge a round again from the ledger: the same rows and rules lead to the same list."""

from supersede.bounty import rerun
from supersede.errors import NotFoundError
from supersede.web.bounties.material import material_of, open_bounty
from supersede.web.database import Round
from supersede.web.site import Site

__all__ = ["replay"]


def replay(site: Site, round_id: int) -> str:
    """The hash of a round's list, after judging all of its submissions again.

    Raises:
        LogError: An entry comes out otherwise.
        NotFoundError: There is no such round.
    """
    with site.database.read() as db:
        round_ = db.get(Round, round_id)
    if round_ is None:
        msg = f"there is no round {round_id}"
        raise NotFoundError(msg)
    bounty, _ = open_bounty(site, round_, material_of(site, round_))
    return rerun(bounty).digest
