"""Hunters: look for groups that a model fails, and for models that do better on them."""

from supersede.bounty.hunters.ground import Ground
from supersede.bounty.hunters.hunt import Attempt, hunt
from supersede.bounty.hunters.hunters import (
    Hunter,
    Proposal,
    alternating,
    cost_sensitive,
    slices,
    specialists,
)
from supersede.bounty.hunters.trees import fit_answer

__all__ = [
    "Attempt",
    "Ground",
    "Hunter",
    "Proposal",
    "alternating",
    "cost_sensitive",
    "fit_answer",
    "hunt",
    "slices",
    "specialists",
]
