"""Convert networks by the vendor's route, litert-torch and ai-edge-quantizer.

Run by an interpreter that has both (2 GB, so in an environment of their own), as
`python -m benchmarks.vendor_route FOLDER`; writes one int8 file for every network.
"""

import sys
from pathlib import Path

import numpy as np

from benchmarks.networks import CHOICES, seven_blocks
from supersede.hardware import random_parameters, to_torch


def convert(folder: Path) -> None:
    import litert_torch
    import torch
    from ai_edge_quantizer import quantizer, recipe

    images = np.random.default_rng(0).uniform(0, 1, (4, 96, 96, 3)).astype(np.float32)
    data = {"serving_default": [{"args_0": image[None]} for image in images]}
    for name, fused in CHOICES.items():
        module = to_torch(random_parameters(seven_blocks(fused))).eval()
        last = litert_torch.to_channel_last_io(module, args=[0])
        floating = folder / f"{name}.float.tflite"
        litert_torch.convert(last, (torch.zeros(1, 96, 96, 3),)).export(str(floating))
        quantise = quantizer.Quantizer(str(floating), recipe.static_wi8_ai8())
        quantise.quantize(quantise.calibrate(data)).export_model(str(folder / f"{name}.tflite"))


if __name__ == "__main__" and len(sys.argv) == 2:
    convert(Path(sys.argv[1]))
