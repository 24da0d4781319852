"""The word list of `make lint`: what it finds, what it leaves alone, and that the repository is clean."""

import importlib.util
import subprocess
import sys
from dataclasses import replace
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "wording"


@pytest.fixture(scope="module")
def wording():
    loader = SourceFileLoader("wording", str(SCRIPT))
    spec = importlib.util.spec_from_loader("wording", loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules["wording"] = module  # dataclasses look their module up
    loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("The table has one row an item.", "distributive a"),
        ("It counts eight bits a byte of that text.", "distributive a, without a number"),
        ("The bound must be below so many errors: at most so many.", "so many"),
        ("It passes if the interval decides, and is undecided else.", "else"),
        ("The new model shall not lose what the old one got right.", "shall"),
        ("Items that may not flip.", "may not"),
        ("An argument is outside what it may be.", "what it may be"),
        ("A network's description is not as it must be.", "what it may be"),
        ("Taken is the strength with the fewest flips.", "verb first"),
        ("Tune it. Needed are labelled items.", "verb first"),
        ("The value is no number.", "is no"),
        ("Estimates that the labels cannot carry are refused.", "carry"),
        ("Stop when more search cannot pay.", "pay"),
        ("Patterns that no label can tell apart.", "tell apart"),
        ("Options that the holdout was asked often.", "told, asked"),
        ("An audit is held against the version before.", "hold against"),
        ("No group fares worse.", "fare"),
        ("The search goes on without a judgement.", "go on"),
        ("Nobody knows how their items were chosen.", "nobody"),
        ("loss: The loss, in words.", "in words"),
        ("The last trial changed the regret by little.", "by little"),
        ("A patch lowers the error of all.", "error of all"),
        ("What was expected, and how to mend it.", "mend, dear"),
        ("All names stand in the table, the label stands in quotes.", "stands"),
        ("name: What it is called.", "what it is called"),
        ("What a network costs cannot be said.", "cannot be said"),
        ("Slices in which losses pile up.", "for ever, pile up"),
        ("Show whom your model fails.", "whom a model fails"),
        ("Half the width of the interval.", "half the width"),
        ("margin=…; it is half an interval.", "it is, in an error"),
    ],
)
def test_each_rule_finds_its_example(wording, text, rule):
    found = list(wording.findings("page.md", text, wording.read_rules()))
    assert rule in {finding.rule.name for finding in found}


def test_every_rule_has_an_example(wording):
    marks = test_each_rule_finds_its_example.pytestmark
    tried = {rule for mark in marks for _, rule in mark.args[1]}
    assert tried == {rule.name for rule in wording.read_rules().rules}


@pytest.mark.parametrize(
    "text",
    [
        "One row of a table, one or a few models, and 3 in a row.",
        "Store it somewhere else; nothing else is needed, nor anybody else.",
        "There is no such column, and it is no longer read.",
        "It may be empty.",
        "Use the `else` branch, `what it may be` and `so-many-th`.",
        "```python\nx = 1 if y else 2  # shall\n```",
        "    indented code that shall not be read, else\n",
        "[a page](else.md) of the documentation",
        "He was told to stop.",
        "Stop at so late a time; there are so many models.",
    ],
)
def test_plain_english_and_code_pass(wording, text):
    assert not list(wording.findings("page.md", text, wording.read_rules()))


def test_python_is_read_as_python(wording):
    source = '''"""Summary.

    The loss, in
    words; ``else`` is code.

    Example:
        >>> "one row an item else"
        'no more else'

    It has one label a row.
    """
x = 1 if True else 2  # a comment that shall be read
message = f"value={x}; it is a share, " "shall we say"
name = "else"
'''
    found = list(wording.findings("file.py", source, wording.read_rules()))
    assert [
        (finding.line, finding.rule.name)
        for finding in sorted(found, key=lambda f: (f.line, f.rule.name))
    ] == [
        (3, "in words"),
        (10, "distributive a"),
        (12, "shall"),
        (13, "it is, in an error"),
        (13, "shall"),
    ]


def test_templates_are_read_without_their_marks(wording):
    source = '<p title="else">\n{{ "a" if x > 1 else "b" }} and {% else %}\nnothing shall</p>'
    found = list(wording.findings("page.html", source, wording.read_rules()))
    assert [(finding.line, finding.rule.name) for finding in found] == [(3, "shall")]


def test_lines_in_markdown_are_those_of_the_file(wording):
    text = "# A\n\nOne line,\nand it\nshall be found.\n\n- Nobody\n  knows.\n"
    found = list(wording.findings("page.md", text, wording.read_rules()))
    assert [(finding.line, finding.rule.name) for finding in found] == [(5, "shall"), (7, "nobody")]


def test_an_exception_excuses_its_text_alone_and_goes_when_it_is_stale(wording, tmp_path):
    (tmp_path / "page.md").write_text("It shall stay. It shall go.\n")
    rules = replace(wording.read_rules(), exceptions=(("page.md", "shall stay"),))
    assert len(wording.check(["page.md"], rules, root=tmp_path)) == 1
    assert not wording.stale_exceptions(rules, root=tmp_path)
    (tmp_path / "page.md").write_text("It stays.\n")
    assert wording.stale_exceptions(rules, root=tmp_path) == [("page.md", "shall stay")]


def test_the_repository_is_clean_and_a_finding_fails(tmp_path):
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    page = tmp_path / "page.md"
    page.write_text("It shall fail.\n")
    done = subprocess.run(
        [sys.executable, SCRIPT, page], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "shall" in done.stdout
