"""Who a visitor is, their roles, and the checks that every request passes."""

from supersede.web.security.visitor import (
    Owner,
    SignedIn,
    SiteOf,
    Visitor,
    Who,
    needs,
)

__all__ = ["Owner", "SignedIn", "SiteOf", "Visitor", "Who", "needs"]
