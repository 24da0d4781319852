"""pytest: a test that fails where a new model, or a new version of the code, breaks too much.

Installed as a plugin of its own accord; it imports nothing until a test asks for a review. The marker
reviews before the body of the test runs::

    @pytest.mark.supersede(old="main.xml", new="branch.xml", max_nfr="1%", missing="wrong")
    def test_nothing_breaks(): ...

The fixture reviews what a test has computed, and returns the review::

    def test_successor(supersede_review):
        supersede_review(predictions, old="a", new="b", label="y", max_nfr="0.5%")

Both take what `supersede.compare` takes, and the limits of the command line. Paths are relative to
pytest's root folder.
"""

import re
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from supersede.errors import SupersedeError

if TYPE_CHECKING:
    from supersede.review.review import Review

__all__ = ["pytest_addoption", "pytest_configure", "pytest_runtest_call", "supersede_review"]

Undecided = Literal["fail", "skip"]

_LIMITS = {
    "min_gain", "max_nfr", "max_slice_nfr", "max_slice_drop", "max_gap", "max_churn",
    "max_score_shift", "max_flip_cost", "must_not_break", "must_not_break_where", "min_items",
}  # fmt: skip
_MARKER = (
    "supersede(table=None, *, old, new, undecided='fail', **options): fail the test unless the new"
    " model passes a review against the old one; options are those of supersede.compare, and limits"
    " such as max_nfr='1%'."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that keeps reports."""
    parser.getgroup("supersede").addoption(
        "--supersede-reports",
        metavar="FOLDER",
        type=Path,
        help="write the report of each review into this folder, as one HTML page named after its test",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Review for every marker of the test, before its body; any kind of test has this phase."""
    for mark in reversed(list(item.iter_markers("supersede"))):
        _review(item, *mark.args, **mark.kwargs)
    return (yield)


@pytest.fixture
def supersede_review(request: pytest.FixtureRequest) -> Callable[..., "Review"]:
    """A function that reviews, and fails the test unless the new model passes.

    It takes the arguments of `supersede.compare`, limits by their names on the command line, and
    ``undecided="skip"`` to skip the test instead of failing it while labels are too few.
    """

    def review(table: object = None, **options: Any) -> "Review":
        return _review(request.node, table, **options)

    return review


def _review(
    item: pytest.Item, table: object = None, *, old: object, new: object,
    undecided: Undecided = "fail", **options: Any,
) -> "Review":  # fmt: skip
    __tracebackhide__ = True
    if undecided not in {"fail", "skip"}:
        pytest.fail(f"undecided={undecided!r} must be 'fail' or 'skip'", pytrace=False)
    from supersede.review.compare import compare
    from supersede.review.named_checks import named_checks

    root = item.config.rootpath
    limits = {name: options.pop(name) for name in _LIMITS & options.keys()}
    try:
        checks = [*(options.pop("checks", None) or []), *named_checks(**limits)]
        if table is None:
            old, new = _found(old, root), _found(new, root)
        result = compare(_found(table, root), old=old, new=new, checks=checks or None, **options)
    except SupersedeError as error:
        pytest.fail(f"no review: {error}", pytrace=False)
    item.user_properties.append(("supersede", f"{result.old} → {result.chosen}: {result.verdict}"))
    told = [str(result), *result.candidate.notes, *result.candidate.next_steps]
    folder = item.config.getoption("--supersede-reports")
    if folder is not None:
        told.append(f"report: {_saved(result, item, root / folder)}")
    if result.verdict == "undecided" and undecided == "skip":
        pytest.skip("\n".join(told))
    if result.verdict != "pass":
        pytest.fail("\n".join(told), pytrace=False)
    return result


def _found(source: object, root: Path) -> object:
    """A source, in which paths are relative to pytest's root folder."""
    if isinstance(source, str | Path):
        return str(root / source)
    if isinstance(source, list | tuple):
        return [_found(part, root) for part in source]
    return dict(source) if isinstance(source, Mapping) else source


def _saved(result: "Review", item: pytest.Item, folder: Path) -> Path:
    """Where the report was written: a test may have several reviews."""
    name = re.sub(r"[^\w.-]+", "-", item.nodeid).strip("-")
    number = sum(name == "supersede" for name, _ in item.user_properties)
    path = folder / (f"{name}-{number}.html" if number > 1 else f"{name}.html")
    folder.mkdir(parents=True, exist_ok=True)
    result.save(path)
    return path
