"""Fills an empty installation, by the same actions and jobs that people use."""

from supersede.web.bounties import demonstration as bounties
from supersede.web.demonstration.people import add_people
from supersede.web.reviews import demonstration as reviews
from supersede.web.site import Site

__all__ = ["fill"]


def fill(site: Site) -> None:
    """Fill an empty installation.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    people = add_people(site)
    bounties.fill(site, people)
    reviews.fill(site, people)
