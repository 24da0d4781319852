"""What a network costs where: its description, and the files that are built from it.

Latency on an accelerator is not multiply-adds. Describe the network once (`Network`); train,
compile and ship what is built from that description. Names that need torch
(`to_torch`, `from_torch`) are imported when first used; a star brings them where torch is installed.
"""

import importlib
import importlib.util
from typing import TYPE_CHECKING

from supersede.errors import MissingExtraError
from supersede.hardware.advice.advice import Advice, Kept, Option
from supersede.hardware.advice.advise import advise
from supersede.hardware.advice.budget import MemoryBudget
from supersede.hardware.advice.profiled import Profile, profile
from supersede.hardware.advice.search import Verified
from supersede.hardware.description.layer import Activation, Kind, Layer
from supersede.hardware.description.memory import PeakMemory, peak_activations
from supersede.hardware.description.mobile_nets import Block, fused_ibn, ibn, mobile_net
from supersede.hardware.description.network import Network
from supersede.hardware.description.quantised import (
    LayerWeights,
    QuantisedNetwork,
    Steps,
    random_quantised,
)
from supersede.hardware.description.shapes import Shape
from supersede.hardware.description.trained import Parameters, TrainedNetwork, random_parameters
from supersede.hardware.estimation.accuracy import Accuracy
from supersede.hardware.estimation.estimator import Estimator, LatencyEstimate, NetworkSampler
from supersede.hardware.formats.calibration import quantise
from supersede.hardware.formats.onnx_reader import from_onnx
from supersede.hardware.formats.onnx_writer import to_onnx
from supersede.hardware.formats.quantisation_error import QuantisationError, quantisation_error
from supersede.hardware.formats.reference import run, run_quantised
from supersede.hardware.formats.refinement import corrected, equalised
from supersede.hardware.formats.tflite import to_tflite
from supersede.hardware.formats.tflite_reader import from_tflite, quantised_from_tflite
from supersede.hardware.targets.by_name import target
from supersede.hardware.targets.cache import Cache, measure_all
from supersede.hardware.targets.declared import Declared, read_declared
from supersede.hardware.targets.ethos_u import ETHOS_U, EthosU
from supersede.hardware.targets.granule import Granule, find_granule
from supersede.hardware.targets.litert import LiteRT
from supersede.hardware.targets.measured import Measured, write_networks
from supersede.hardware.targets.measurement import LayerCost, Measurement, Target
from supersede.hardware.targets.onnx_runtime import OnnxRuntime

if TYPE_CHECKING:
    from supersede.hardware.formats.torch_module import TorchNetwork as TorchNetwork
    from supersede.hardware.formats.torch_module import to_torch as to_torch
    from supersede.hardware.formats.torch_reader import from_torch as from_torch

_WITH_TORCH = {
    "TorchNetwork": "torch_module",
    "from_torch": "torch_reader",
    "to_torch": "torch_module",
}

__all__ = [
    "ETHOS_U",
    "Accuracy",
    "Activation",
    "Advice",
    "Block",
    "Cache",
    "Declared",
    "Estimator",
    "EthosU",
    "Granule",
    "Kept",
    "Kind",
    "LatencyEstimate",
    "Layer",
    "LayerCost",
    "LayerWeights",
    "LiteRT",
    "Measured",
    "Measurement",
    "MemoryBudget",
    "Network",
    "NetworkSampler",
    "OnnxRuntime",
    "Option",
    "Parameters",
    "PeakMemory",
    "Profile",
    "QuantisationError",
    "QuantisedNetwork",
    "Shape",
    "Steps",
    "Target",
    "TorchNetwork",
    "TrainedNetwork",
    "Verified",
    "advise",
    "corrected",
    "equalised",
    "find_granule",
    "from_onnx",
    "from_tflite",
    "from_torch",
    "fused_ibn",
    "ibn",
    "measure_all",
    "mobile_net",
    "peak_activations",
    "profile",
    "quantisation_error",
    "quantise",
    "quantised_from_tflite",
    "random_parameters",
    "random_quantised",
    "read_declared",
    "run",
    "run_quantised",
    "target",
    "to_onnx",
    "to_tflite",
    "to_torch",
    "write_networks",
]


def _has_torch() -> bool:
    try:
        return importlib.util.find_spec("torch") is not None
    except ModuleNotFoundError:
        return False


if not _has_torch():  # then a star must not ask for what needs it
    __all__ = [name for name in __all__ if name not in _WITH_TORCH]


def __getattr__(name: str) -> object:
    if name not in _WITH_TORCH:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    try:
        return getattr(importlib.import_module(f"{__name__}.formats.{_WITH_TORCH[name]}"), name)
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(package="torch", extra="torch", purpose=name) from error
