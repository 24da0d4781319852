"""What routes of bounties take: a visitor with a role, a field of a form, a whole form."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Form, Request
from starlette.datastructures import FormData

from supersede.web.security import Visitor, needs

__all__ = ["Hunter", "Judge", "Posted", "Text"]

Judge = Annotated[Visitor, Depends(needs("judge"))]
Hunter = Annotated[Visitor, Depends(needs("hunter"))]
Text = Annotated[str, Form()]


async def _posted(request: Request) -> AsyncIterator[FormData]:
    async with request.form() as form:  # closes the files in it
        yield form


Posted = Annotated[FormData, Depends(_posted)]
