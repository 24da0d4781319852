"""A TensorFlow Lite file in floating point, as converters write them before quantisation."""

import flatbuffers
import numpy as np

from supersede.hardware import TrainedNetwork, random_quantised
from supersede.hardware.formats.tflite import Writer


def float_file(trained: TrainedNetwork) -> bytes:
    """A network of one convolution after the other."""
    quantised = random_quantised(trained.network)
    writer = Writer(quantised, flatbuffers.Builder(1 << 12))
    writer.tensors.clear()
    image = writer.tensor("input", (1, *trained.network.input), "FLOAT32")
    writer.images["input"] = image
    for layer in trained.network.layers:
        given = trained.parameters[layer.name]
        kernel = writer.tensor(
            f"{layer.name}/kernel", given.kernel.shape, "FLOAT32", data=given.kernel
        )
        bias = writer.tensor(
            f"{layer.name}/bias", given.bias.shape, "FLOAT32", data=given.bias.astype(np.float32)
        )
        shape = (1, *trained.network.shapes[layer.name])
        image = writer.tensor(layer.name, shape, "FLOAT32")
        source = writer.images[layer.inputs[0]]
        writer.operator(
            "conv", [source, kernel, bias], image, StrideH=1, StrideW=1, DilationHFactor=1,
            DilationWFactor=1, Padding=0, FusedActivationFunction=0,
        )  # fmt: skip
        writer.images[layer.name] = image
    return writer.finish()
