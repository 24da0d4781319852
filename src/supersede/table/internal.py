"""Names of the columns that the package adds to a user's rows.

A user's column may be called ``n``, ``old`` or ``weight``; a column that the package adds must never
take its place. So all added columns share one prefix, and `supersede.read` refuses tables with a
column of that prefix.
"""

__all__ = ["PREFIX", "internal"]

PREFIX = "__supersede_"


def internal(name: str) -> str:
    """The name of a column that the package adds.

    Example:
        >>> internal("old")
        '__supersede_old'
    """
    return PREFIX + name
