"""Hunters: search for groups that a model fails, and for models that do better on them."""

from supersede.bounty.hunters.ground import Ground
from supersede.bounty.hunters.hunt import HuntAttempt, hunt
from supersede.bounty.hunters.hunters import (
    Hunter,
    Proposal,
    alternating,
    cost_sensitive,
    slices,
    specialist,
    specialists,
)

__all__ = [
    "Ground",
    "HuntAttempt",
    "Hunter",
    "Proposal",
    "alternating",
    "cost_sensitive",
    "hunt",
    "slices",
    "specialist",
    "specialists",
]
