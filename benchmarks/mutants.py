"""Mutation testing of the rooms that judge: 100 drawn mutants, each against the tests that run its function.

A mutant is one small change of one expression: a comparison moved, an operator or a number changed, `and` for
`or`, `min` for `max`, a condition negated, a statement left out. Texts, annotations and checks for types are
left alone. Everything runs on a copy of the tree, in forks of one process that has imported the engines, with
a limit on CPU time; a run that was cut short goes on. ``make mutants``.
"""

import ast
import importlib
import json
import os
import random
import resource
import shutil
import sys
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.measure import STATE, kept, write

ROOT = Path(__file__).parents[1]
TREE = STATE / "mutants"
ROOMS = ("review", "metrics", "audit")
FILES = ("evaluate/estimates.py",)
TESTS = (
    "tests/metrics", "tests/reference/test_metric_checks.py", "tests/reference/test_fairlearn.py",
    "tests/reference/test_published.py", "tests/reference/test_audit_fairlearn.py", "tests/review",
    "tests/audit", "tests/evaluate/test_estimates.py", "tests/properties/test_flips.py",
    "tests/properties/test_audit.py", "src/supersede/metrics", "src/supersede/review", "src/supersede/audit",
)  # fmt: skip
LEFT_OUT = ("in_browser", "speech")  # of the tests, and of the files
DRAWN = int(os.environ.get("SUPERSEDE_MUTANTS", "100"))
SEED = 0
LIMIT = (
    150  # CPU seconds for a mutant; what takes longer counts as killed, as it would in any test run
)
MOST = 60  # tests for a mutant, the quickest ones of those that run its function

SWAPS: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.And: ast.Or, ast.Or: ast.And,
    ast.Mod: ast.FloorDiv, ast.FloorDiv: ast.Mod,
}  # fmt: skip
NAMES = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "minimum": "maximum",
    "maximum": "minimum",
}


@dataclass(frozen=True)
class Mutant:
    """One change: in which file and function, at which node of its tree, of which kind."""

    file: str
    line: int
    function: int
    node: int
    kind: str

    @property
    def key(self) -> str:
        """What it is called in the record."""
        return f"{self.file}:{self.line} {self.kind} #{self.node}"


def main() -> None:
    """Draw, run and write the table."""
    if not TREE.exists():
        snapshot()
    mutants = [m for file in sources() for m in mutants_of(file)]
    drawn = random.Random(SEED).sample(mutants, DRAWN)
    preload()
    reached = kept("mutants-tests", "reached", lambda: forked(map_tests, 3600))
    for at, mutant in enumerate(drawn):
        found = kept("mutants-results", mutant.key, lambda m=mutant: judged(m, reached))  # type: ignore[misc]
        print(at, mutant.key, found, flush=True)
    table(drawn, len(mutants))


def snapshot() -> None:
    """A copy of what runs, so that the tree can change meanwhile."""
    part = TREE.with_name("mutants.part")
    shutil.rmtree(part, ignore_errors=True)
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, part / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", part)
    part.rename(TREE)


def sources() -> list[str]:
    """The files that are changed, relative to the package."""
    package = TREE / "src/supersede"
    found = [p for room in ROOMS for p in sorted((package / room).glob("*.py"))]
    names = [str(path.relative_to(package)) for path in found if path.name != "__init__.py"]
    return [name for name in [*names, *FILES] if not any(word in name for word in LEFT_OUT)]


def mutants_of(file: str) -> list[Mutant]:
    """All changes of one file."""
    tree = ast.parse((TREE / "src/supersede" / file).read_text())
    nodes = list(ast.walk(tree))
    places = {id(node): at for at, node in enumerate(nodes)}
    return [
        Mutant(file, node.lineno, function, places[id(node)], kind)
        for node, function in inside(tree, 0)
        for kind in kinds(node)
    ]


def inside(tree: ast.AST, function: int) -> Iterator[tuple[Any, int]]:
    """Nodes that can be changed, with the line at which their function starts; 0 at the top of a file."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr | ast.Raise | ast.Assert):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        started = function
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            started = first_line(node)
        yield node, started
        parts: Sequence[ast.AST] = [node]
        if isinstance(node, ast.ClassDef):
            parts = node.body
        if isinstance(node, ast.Call):  # changes nothing that a right program shows
            parts = [
                node.func,
                *node.args,
                *(k.value for k in node.keywords if k.arg not in ("strict", "key")),
            ]
        if isinstance(node, ast.FunctionDef):
            parts = [*node.args.defaults, *(d for d in node.args.kw_defaults if d), *node.body]
        if isinstance(node, ast.AnnAssign):
            parts = [node.value] if node.value else []
        if parts != [node]:
            yield from inside(ast.Module(list(parts), []), started)  # type: ignore[arg-type]
        else:
            yield from inside(node, started)


def first_line(node: ast.FunctionDef | ast.Lambda) -> int:
    """The line that a code object names as its first."""
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def kinds(node: ast.AST) -> list[str]:
    """What can be done to a node."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in SWAPS:
            return ["compare"]
        case ast.BinOp(op=op) if type(op) in SWAPS and not any_text(node):
            return ["operator"]
        case ast.BoolOp():
            return ["and/or"]
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
            return ["sign"]
        case ast.Constant(value=bool()):
            return ["constant"]
        case ast.Constant(value=int() | float()):
            return ["constant"]
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in NAMES:
            return ["name"]
        case ast.IfExp() | ast.If():
            return ["condition"]
        case ast.AugAssign() | ast.Expr(value=ast.Call()):
            return ["left out"]
        case ast.Return(value=value) if value is not None and not isinstance(value, ast.Constant):
            return ["returns None"]
    return []


def any_text(node: ast.AST) -> bool:
    """Whether texts are put together."""
    return any(
        isinstance(n, ast.JoinedStr) or (isinstance(n, ast.Constant) and isinstance(n.value, str))
        for n in ast.walk(node)
    )


def mutated(mutant: Mutant) -> str:
    """The file's text with the change."""
    tree = ast.parse((TREE / "src/supersede" / mutant.file).read_text())
    node: Any = list(ast.walk(tree))[mutant.node]
    match mutant.kind:
        case "compare":
            node.ops = [SWAPS[type(node.ops[0])]()]
        case "operator" | "and/or":
            node.op = SWAPS[type(node.op)]()
        case "name":
            part = node.func
            named = "id" if isinstance(part, ast.Name) else "attr"
            setattr(part, named, NAMES[getattr(part, named)])
        case "constant":
            value = node.value
            node.value = not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else value * 2 + 0.1  # fmt: skip
        case "condition":
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case "returns None":
            node.value = ast.Constant(None)
        case _:
            new = deepcopy(node.operand) if mutant.kind == "sign" else ast.Pass()
            replace_child(tree, node, new)
    return ast.unparse(ast.fix_missing_locations(tree))


def replace_child(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    """Put a node in the place of another."""
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list) and any(item is old for item in value):
                value[[item is old for item in value].index(True)] = new


def preload() -> None:
    """Import what all tests need and nobody changes, once."""
    sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() not in (ROOT, ROOT / "src")]
    gone = [name for name in sys.modules if name.split(".")[0] in ("supersede", "benchmarks")]
    for name in gone:
        if name != "benchmarks":
            sys.modules.pop(name)
    for name in (
        "numpy", "pandas", "pyarrow.compute", "pyarrow.parquet", "ibis.backends.duckdb", "ibis.expr.api",
        "duckdb", "sqlglot", "scipy.stats", "scipy.optimize", "sklearn.metrics", "pytest",
        "fairlearn.metrics", "jinja2",
    ):  # fmt: skip
        importlib.import_module(name)
    os.chdir(TREE)
    sys.path[:0] = [str(TREE / "src"), str(TREE)]


def forked(work: Any, limit: float) -> Any:
    """Run work in a fork of this process and get what it returns; None past the limit of CPU seconds."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit) + 5))
        log = os.open(STATE / "mutants.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        with os.fdopen(writer, "w") as out:
            json.dump(work(), out)
            out.flush()
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as back:
        said = back.read()
    os.waitpid(child, 0)
    return json.loads(said) if said else None


def map_tests() -> dict[str, Any]:
    """Run all tests once: which of them run which function, and how long they take."""
    import pytest

    package = str(TREE / "src/supersede") + "/"
    reached: dict[str, list[str]] = {}
    taken: dict[str, float] = {}
    failed: list[str] = []
    seen: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, arg: object) -> None:
        code = frame.f_code
        if code.co_filename.startswith(package):
            seen.add((code.co_filename, code.co_firstlineno))

    class Watch:
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(self, item: Any) -> Any:
            seen.clear()
            sys.settrace(trace)
            start = used()
            try:
                return (yield)
            finally:
                sys.settrace(None)
                taken[item.nodeid] = used() - start
                for file, line in seen:
                    reached.setdefault(f"{file.removeprefix(package)}:{line}", []).append(
                        item.nodeid
                    )

        def pytest_runtest_logreport(self, report: Any) -> None:
            if report.failed:
                failed.append(report.nodeid)

    pytest.main([*options(), *TESTS], plugins=[Watch()])
    return {"reached": reached, "taken": taken, "failed": failed}


def used() -> float:
    """CPU seconds of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def options() -> list[str]:
    """How pytest is called."""
    left_out = [f"--ignore-glob=*{word}*" for word in LEFT_OUT]
    return [
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "-m",
        "not slow and not browser",
        *left_out,
    ]


def judged(mutant: Mutant, known: dict[str, Any]) -> str:
    """Killed, survived, or why it was not run."""
    of_file = f"{mutant.file}:"
    names = known["reached"].get(f"{of_file}{mutant.function}", [])
    if not mutant.function or not names:
        names = [
            n for key, tests in known["reached"].items() if key.startswith(of_file) for n in tests
        ]
        if mutant.function and names:
            return "survived: no test runs the function"
    taken, failed = known["taken"], set(known["failed"])
    chosen = sorted({n for n in names if n not in failed}, key=lambda n: taken[n])[:MOST]
    text = mutated(mutant)
    original = TREE / "src/supersede" / mutant.file
    kept_text = original.read_text()

    def run() -> int:
        import pytest

        return int(pytest.main(["-x", *options(), *chosen]))

    original.write_text(text)
    try:
        code = forked(run, LIMIT)
    finally:
        original.write_text(kept_text)
    return "killed" if code is None or code == 1 or code > 1 else "survived"


def table(drawn: Sequence[Mutant], possible: int) -> None:
    """Write what was found."""
    results = json.loads((STATE / "mutants-results.json").read_text())
    rows = [("room", "drawn", "killed", "")]
    for room in (*ROOMS, "evaluate"):
        mine = [m for m in drawn if m.file.startswith(room)]
        killed = sum(results[m.key] == "killed" for m in mine)
        rows.append((room, str(len(mine)), str(killed), f"{killed / max(len(mine), 1):.0%}"))
    killed = sum(results[m.key] == "killed" for m in drawn)
    rows.append(("all", str(len(drawn)), str(killed), f"{killed / len(drawn):.0%}"))
    alive = "\n".join(f"- `{m.key}`" for m in drawn if results[m.key] != "killed")
    write(
        "mutants", "Mutants that the tests kill", "python -m benchmarks.mutants", rows,
        f"Drawn from {possible:,} possible changes with seed {SEED}. Survivors:\n\n{alive}",
    )  # fmt: skip


if __name__ == "__main__":
    main()
