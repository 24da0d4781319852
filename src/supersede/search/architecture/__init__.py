"""Find the network that suits a target: spaces, strategies, and what comes after.

- `block_space`, `seven_blocks`, `cell_space` give a `Space`; `Space.curate` removes what a target has
  no use for.
- `search` runs a strategy over a space, a task and a target, and returns a `Found`.
- Strategies: `RandomSearch`, `Evolution`, `NSGA2`, `Reinforce`, and `Combined`, which screens
  many candidates without training (`make_pool`).
- `Limits` are what a network may cost; `Stop` is the rule by which a search ends itself.
"""

from supersede.search.architecture.blocks import (
    Classifier,
    Detector,
    Segmenter,
    Stage,
    block_space,
    seven_blocks,
)
from supersede.search.architecture.candidates import (
    Candidate,
    Costs,
    Evaluated,
    Limits,
    Reward,
    Score,
    TargetCosts,
    Task,
)
from supersede.search.architecture.cells_space import cell_space
from supersede.search.architecture.curate import Curated, Removed, curate, undominated
from supersede.search.architecture.found import Found
from supersede.search.architecture.front import hypervolume, nondominated
from supersede.search.architecture.landscape import Landscape, landscape
from supersede.search.architecture.rules import EXPERT, TargetRules
from supersede.search.architecture.search import search
from supersede.search.architecture.space import Choice, Space
from supersede.search.architecture.stop import Stop
from supersede.search.architecture.strategies.combined import (
    Combined,
    Pool,
    make_pool,
    screened,
    shortlist,
)
from supersede.search.architecture.strategies.evolution import Evolution
from supersede.search.architecture.strategies.nsga2 import NSGA2
from supersede.search.architecture.strategies.random_search import RandomSearch
from supersede.search.architecture.strategies.reinforce import Reinforce
from supersede.search.architecture.transfer import read_front, transferred

__all__ = [
    "EXPERT",
    "NSGA2",
    "Candidate",
    "Choice",
    "Classifier",
    "Combined",
    "Costs",
    "Curated",
    "Detector",
    "Evaluated",
    "Evolution",
    "Found",
    "Landscape",
    "Limits",
    "Pool",
    "RandomSearch",
    "Reinforce",
    "Removed",
    "Reward",
    "Score",
    "Segmenter",
    "Space",
    "Stage",
    "Stop",
    "TargetCosts",
    "TargetRules",
    "Task",
    "block_space",
    "cell_space",
    "curate",
    "hypervolume",
    "landscape",
    "make_pool",
    "nondominated",
    "read_front",
    "screened",
    "search",
    "seven_blocks",
    "shortlist",
    "transferred",
    "undominated",
]
