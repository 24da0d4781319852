"""Replace a deployed model without drama.

What a newcomer types, by the life of a model: `replay` and `decide` when to stop a search, `profile`
and `advise` on hardware; `read` and `compare`; `plan`, `estimate` and `follow` labels;
`audit_groups` and `find_slices`; `compatibility` of embeddings. The rooms have the rest. Names are
imported when first used, so that ``import supersede`` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supersede.audit.audit import audit_groups as audit_groups
    from supersede.audit.slices import find_slices as find_slices
    from supersede.embeddings.report.compatibility import compatibility as compatibility
    from supersede.evaluate.estimates import estimate as estimate
    from supersede.evaluate.following import follow as follow
    from supersede.evaluate.planner import plan as plan
    from supersede.hardware.advice.advise import advise as advise
    from supersede.hardware.advice.profiled import profile as profile
    from supersede.review.compare import compare as compare
    from supersede.search.stopping.decide import decide as decide
    from supersede.search.stopping.replay import replay as replay
    from supersede.table.read import read as read

__version__ = "0.2.0"

_HOMES = {
    "advise": "supersede.hardware.advice.advise",
    "audit_groups": "supersede.audit.audit",
    "compare": "supersede.review.compare",
    "compatibility": "supersede.embeddings.report.compatibility",
    "decide": "supersede.search.stopping.decide",
    "estimate": "supersede.evaluate.estimates",
    "find_slices": "supersede.audit.slices",
    "follow": "supersede.evaluate.following",
    "plan": "supersede.evaluate.planner",
    "profile": "supersede.hardware.advice.profiled",
    "read": "supersede.table.read",
    "replay": "supersede.search.stopping.replay",
}
__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    msg = f"module 'supersede' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return __all__
