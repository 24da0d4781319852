"""Forms that take effect once: the same form posted again leads where it led the first time."""

import secrets
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from supersede.errors import InputError
from supersede.web.database import UsedForm

__all__ = ["new_form", "once"]

_LONGEST = 200


def new_form() -> str:
    """The number of a form on a page, hidden in it."""
    return secrets.token_urlsafe(16)


def once(db: Session, user_id: int, form: str, at: datetime, act: Callable[[], str]) -> str:
    """Do what a form asks, unless it was done before.

    Args:
        db: A session of `Database.write`.
        user_id: Who posts it.
        form: The form's number.
        at: The time.
        act: Does it, and returns where to go next.

    Returns:
        Where to go next.

    Raises:
        InputError: The form has no number.
    """
    if not 8 <= len(form) <= _LONGEST or not form.isprintable():
        msg = "the form has no number; load the page again and send it from there"
        raise InputError(msg)
    query = select(UsedForm).where(UsedForm.user_id == user_id, UsedForm.form == form)
    used = db.execute(query).scalar_one_or_none()
    if used is not None:
        return used.result
    used = UsedForm(user_id=user_id, form=form, result="", at=at)
    db.add(used)
    db.flush()
    used.result = act()
    return used.result
