"""Replace an embedding model: report, compatible training, bridges, and a migration that serves.

The names below are imported when first used, so that torch and the hosts of indexes are needed only
where they are used.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supersede.embeddings.bridges.fit_paths import PairedSample as PairedSample
    from supersede.embeddings.bridges.forecast import Forecast as Forecast
    from supersede.embeddings.bridges.forecast import Forecasts as Forecasts
    from supersede.embeddings.bridges.forecast import Recommendation as Recommendation
    from supersede.embeddings.bridges.forecast import forecast_paths as forecast_paths
    from supersede.embeddings.bridges.heads import fit_head as fit_head
    from supersede.embeddings.bridges.linear_fits import fit_clusters as fit_clusters
    from supersede.embeddings.bridges.linear_fits import fit_procrustes as fit_procrustes
    from supersede.embeddings.bridges.linear_fits import fit_ridge as fit_ridge
    from supersede.embeddings.bridges.maps import apply_to_file as apply_to_file
    from supersede.embeddings.bridges.maps import load_map as load_map
    from supersede.embeddings.bridges.maps import save_map as save_map
    from supersede.embeddings.bridges.path import Path as Path
    from supersede.embeddings.bridges.prices import Prices as Prices
    from supersede.embeddings.bridges.residual_mlp import fit_residual_mlp as fit_residual_mlp
    from supersede.embeddings.reading import VectorSet as VectorSet
    from supersede.embeddings.reading import matched as matched
    from supersede.embeddings.reading import read_vectors as read_vectors
    from supersede.embeddings.report.compatibility import compatibility as compatibility
    from supersede.embeddings.report.dependants import Head as Head
    from supersede.embeddings.report.doctor import Diagnosis as Diagnosis
    from supersede.embeddings.report.doctor import diagnose as diagnose
    from supersede.embeddings.report.result import Compatibility as Compatibility
    from supersede.embeddings.vectors import aligned as aligned

_HOMES = {
    "Compatibility": "report.result",
    "Diagnosis": "report.doctor",
    "Forecast": "bridges.forecast",
    "Forecasts": "bridges.forecast",
    "Head": "report.dependants",
    "Path": "bridges.path",
    "Prices": "bridges.prices",
    "Recommendation": "bridges.forecast",
    "PairedSample": "bridges.fit_paths",
    "VectorSet": "reading",
    "aligned": "vectors",
    "apply_to_file": "bridges.maps",
    "compatibility": "report.compatibility",
    "diagnose": "report.doctor",
    "fit_clusters": "bridges.linear_fits",
    "fit_head": "bridges.heads",
    "fit_procrustes": "bridges.linear_fits",
    "fit_residual_mlp": "bridges.residual_mlp",
    "fit_ridge": "bridges.linear_fits",
    "forecast_paths": "bridges.forecast",
    "load_map": "bridges.maps",
    "matched": "reading",
    "read_vectors": "reading",
    "save_map": "bridges.maps",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return __all__
