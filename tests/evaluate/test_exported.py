"""Every exported name is the function or class, not a module that happens to be called so."""

import types

from supersede import evaluate


def test_no_module_hides_an_exported_name():
    for name in evaluate.__all__:
        assert not isinstance(getattr(evaluate, name), types.ModuleType), name
