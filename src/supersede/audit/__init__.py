"""Whom does it fail? Losses by group and condition, coverage of combinations, grids, cards.

A **group** is people (or things) who are declared to belong together; a **condition** is circumstances;
a **cell** is one combination of them. An audit measures the task's own loss in each, says how sure that
is, and keeps what is not known apart. See "How we talk about fairness" in the documentation for what
its words claim and what they do not.
"""

from supersede.audit.attributes import Attribute
from supersede.audit.audit import audit_groups, audit_losses
from supersede.audit.groups import Condition, Group
from supersede.audit.losses import (
    Absolute,
    Amount,
    LogLoss,
    Loss,
    PerUnit,
    Rate,
    Squared,
    Wrong,
)
from supersede.audit.result import Audit, GroupRow, Spread, load_audit

__all__ = [
    "Absolute",
    "Amount",
    "Attribute",
    "Audit",
    "Condition",
    "Group",
    "GroupRow",
    "LogLoss",
    "Loss",
    "PerUnit",
    "Rate",
    "Spread",
    "Squared",
    "Wrong",
    "audit_groups",
    "audit_losses",
    "load_audit",
]
