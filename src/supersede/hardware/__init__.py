"""What a network costs where: its description, and the files that are built from it.

Latency on an accelerator is not multiply-adds. Describe the network once (`Network`); train,
compile and ship what is built from that description.
"""

from supersede.hardware.memory import PeakMemory, peak_activations
from supersede.hardware.mobile_nets import Block, fused_ibn, ibn, mobile_net
from supersede.hardware.network import Activation, Kind, Layer, Network
from supersede.hardware.quantised import (
    LayerWeights,
    QuantisedNetwork,
    Steps,
    random_quantised,
)
from supersede.hardware.shapes import Shape
from supersede.hardware.tflite import to_tflite

__all__ = [
    "Activation",
    "Block",
    "Kind",
    "Layer",
    "LayerWeights",
    "Network",
    "PeakMemory",
    "QuantisedNetwork",
    "Shape",
    "Steps",
    "fused_ibn",
    "ibn",
    "mobile_net",
    "peak_activations",
    "random_quantised",
    "to_tflite",
]
