"""Bias bounties: outsiders show for whom a model fails by doing better, and patch the model.

A submission is a group and a model that is better on it. The `Bounty` judges it on a holdout and
returns one bit, patches the model (`DecisionList`), and repairs any protected group that the patch
made worse.
"""

from supersede.bounty.bounty import Bounty
from supersede.bounty.certificate import Certificate, certify
from supersede.bounty.checker import Checker, Ruling
from supersede.bounty.credit import Credit, PatchCredit, credit
from supersede.bounty.decision_list import DecisionList, Logged, Node
from supersede.bounty.findings import Findings, ReportedFinding
from supersede.bounty.fresh_audit import ErrorChange, RoundAudit, audit_round
from supersede.bounty.log import BountyLog, FileLog
from supersede.bounty.losses import (
    Bounded,
    BoundedLogLoss,
    PooledErrors,
    RowLoss,
    SquaredError,
    ZeroOne,
)
from supersede.bounty.passport import Passport
from supersede.bounty.policies import Alpha, Betting, Certified, Naive, Policy
from supersede.bounty.receipt import Receipt, Withdrawal
from supersede.bounty.rerun import rerun
from supersede.bounty.sample import Sample
from supersede.bounty.saving import digest, load_list, save_list
from supersede.bounty.submission import Submission

__all__ = [
    "Alpha",
    "Betting",
    "Bounded",
    "BoundedLogLoss",
    "Bounty",
    "BountyLog",
    "Certificate",
    "Certified",
    "Checker",
    "Credit",
    "DecisionList",
    "ErrorChange",
    "FileLog",
    "Findings",
    "Logged",
    "Naive",
    "Node",
    "Passport",
    "PatchCredit",
    "Policy",
    "PooledErrors",
    "Receipt",
    "ReportedFinding",
    "RoundAudit",
    "RowLoss",
    "Ruling",
    "Sample",
    "SquaredError",
    "Submission",
    "Withdrawal",
    "ZeroOne",
    "audit_round",
    "certify",
    "credit",
    "digest",
    "load_list",
    "rerun",
    "save_list",
]
