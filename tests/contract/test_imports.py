"""What importing costs, and what the package promises to export."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import supersede


def test_importing_the_package_imports_nothing_else():
    code = (
        "import sys; before = set(sys.modules); import supersede;"
        "print(sorted({m.split('.')[0] for m in set(sys.modules) - before}"
        " - sys.stdlib_module_names))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "['supersede']"


def test_help_imports_no_engine():
    code = (
        "import sys; from supersede.cli import main; main(['--help']);"
        "print({'ibis', 'duckdb', 'numpy', 'pyarrow', 'scipy', 'sklearn'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip().endswith("set()")


def test_a_search_is_stopped_with_numpy_and_scipy_alone():
    code = (
        "import sys; from supersede.search.stopping import decide;"
        "print({'ibis', 'duckdb', 'jinja2', 'pyarrow', 'sklearn', 'torch'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_reading_and_reviewing_need_the_base_install_only():
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'pandas', 'polars', 'sklearn', 'torch'}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "import supersede\n"
        "rows = {'y': [1, 0], 'a': [1, 0], 'b': [1, 0]}\n"
        "print(supersede.compare(rows, old='a', new='b').to_html()[:15])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "<!doctype html>"


@pytest.mark.parametrize("name", supersede.__all__)
def test_public_names_exist(name):
    assert getattr(supersede, name)


def test_rooms_export_what_they_say():
    for module in pkgutil.walk_packages(supersede.__path__, "supersede."):
        if module.name.endswith("__main__"):
            continue
        for name in getattr(importlib.import_module(module.name), "__all__", []):
            assert hasattr(sys.modules[module.name], name), f"{module.name}.{name}"


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        supersede.nope  # noqa: B018


def test_a_review_on_the_command_line_does_without_pandas(tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("y,a,b\n" + "1,1,1\n0,0,0\n" * 50)
    code = (
        "import sys; from supersede.cli import main\n"
        f"sys.argv = ['supersede', 'review', {str(rows)!r}, '--old', 'a', '--new', 'b']\n"
        "main(); print('pandas' in sys.modules)\n"
        "import pandas, pyarrow as pa; print(pandas.Series([1]).sum(), pa.array([1, 2]))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "\nFalse\n1 [" in out.stdout
