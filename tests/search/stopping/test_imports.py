import subprocess
import sys


def test_the_import_is_light():
    code = "import sys, supersede.search.stopping; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in said.stdout.split()}
    heavy = {"scipy", "torch", "sklearn", "pandas", "optuna", "pyarrow", "matplotlib", "jinja2"}
    assert loaded & heavy == set()
