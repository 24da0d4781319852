"""For whom does a model fail? Losses by group and condition, coverage, grids, cards.

A **group** is people (or things) who are declared to belong together; a **condition** describes
circumstances; a **cell** is one combination of them. An audit measures the task's own loss in each,
with its uncertainty, and reports items of unknown membership separately. See "How we talk about
fairness" in the documentation for what these words claim and what they do not.
"""

from supersede.audit.attributes import Attribute
from supersede.audit.audit import audit_groups, audit_losses
from supersede.audit.card import ServiceCard, card_schema, load_card, service_card
from supersede.audit.collecting import Collect
from supersede.audit.coverage import Coverage, CoverageCell, coverage
from supersede.audit.grid import Grid, GridCell, grid
from supersede.audit.groups import Condition, Group
from supersede.audit.history import (
    Entry,
    Regression,
    append_audit,
    load_history,
    regressions,
)
from supersede.audit.losses import (
    Absolute,
    Amount,
    LogLoss,
    Loss,
    PerUnit,
    Rate,
    SquaredError,
    ZeroOne,
)
from supersede.audit.plan import group_estimands
from supersede.audit.result import Audit, GroupRow, Spread, load_audit
from supersede.audit.slices import SliceSearch, find_slices
from supersede.audit.together import JointSpread, Together, audit_together, equalised_odds

__all__ = [
    "Absolute", "Amount", "Attribute", "Audit", "Collect", "Condition", "Coverage", "CoverageCell",
    "Entry", "Grid", "GridCell", "Group", "GroupRow", "JointSpread", "LogLoss", "Loss", "PerUnit", "Rate",
    "Regression", "ServiceCard", "SliceSearch", "Spread", "SquaredError", "Together", "ZeroOne", "append_audit",
    "audit_groups", "audit_losses", "audit_together", "card_schema", "coverage", "equalised_odds",
    "find_slices", "grid",
    "group_estimands", "load_audit", "load_card", "load_history", "regressions", "service_card",
]  # fmt: skip
