"""The database: tables, transactions, versions.

All tables are declared here, a file per part, so that migrations stay in one line.
"""

from supersede.web.database.accounts import (
    ROLES,
    Invitation,
    Role,
    RoleGrant,
    SignIn,
    Team,
    TeamMember,
    Token,
    UsedForm,
    User,
)
from supersede.web.database.bounties import Finding, Round, RoundTeam, Submission
from supersede.web.database.columns import Table
from supersede.web.database.database import Database
from supersede.web.database.labels import Assignment, Label, LabelItem, LabelTask, Look
from supersede.web.database.migrate import OtherVersionError, check_still_ours
from supersede.web.database.records import Entry, Job, LedgerHead, StoredFile, Worker
from supersede.web.database.reviews import Approval, Candidate, Review

__all__ = [
    "ROLES",
    "Approval",
    "Assignment",
    "Candidate",
    "Database",
    "Entry",
    "Finding",
    "Invitation",
    "Job",
    "Label",
    "LabelItem",
    "LabelTask",
    "LedgerHead",
    "Look",
    "OtherVersionError",
    "Review",
    "Role",
    "RoleGrant",
    "Round",
    "RoundTeam",
    "SignIn",
    "StoredFile",
    "Submission",
    "Table",
    "Team",
    "TeamMember",
    "Token",
    "UsedForm",
    "User",
    "Worker",
    "check_still_ours",
]
