"""A public name means one thing in all rooms."""

from collections import defaultdict

from tests.contract.test_results import public_names

# one loss each: of a table's items in an audit, of arrays in a bounty
_SAME = {"SquaredError", "ZeroOne"}


def test_no_name_has_two_meanings():
    meanings = defaultdict(set)
    for name, found in public_names():
        meanings[name].add(
            f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', name)}"
        )
    several = {
        name: found for name, found in meanings.items() if len(found) > 1 and name not in _SAME
    }
    assert not several
