"""Hosts whose pins clash with ours are tested in an environment of their own: make test-hosts."""

from importlib.util import find_spec

_NEEDS = {
    "test_argilla.py": "argilla",
    "test_mlflow.py": "mlflow",
    "test_spark.py": "pyspark",
    "test_tables_of_trackers.py": "dvc",
}
collect_ignore = [file for file, package in _NEEDS.items() if find_spec(package) is None]
