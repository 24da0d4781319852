"""Write the small network as int8, and search with what the device will compute.

Writes deployed/ with its files and their card, queries-device.parquet, and answers.parquet: for each query,
the digit of the nearest gallery image, by the large network and by the device.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from supersede.demo.vision.digits import TARGET, images, scans, vectors, write
from supersede.hardware import EthosU, Network
from supersede.hardware.description.trained import random_parameters
from supersede.hardware.formats.tflite_reader import quantised_from_tflite
from supersede.hardware.formats.torch_module import to_torch
from supersede.search.architecture.after.export import export
from supersede.search.architecture.after.winner import Int8Module


def main() -> None:
    """Export, embed with the int8 file, and answer."""
    import torch

    network = Network.from_json(Path("winner/network.json").read_text("utf-8"))
    module = to_torch(random_parameters(network, 0), batch_norm=True)
    module.load_state_dict(torch.load("small.pt", weights_only=True))
    calibration = images("train")[0].transpose(0, 2, 3, 1)[:200]
    export(module.eval().trained(), "deployed", calibration, target=EthosU(TARGET))
    shown, right = images("test")
    device = Int8Module(quantised_from_tflite(Path("deployed/model_int8.tflite")))
    found = np.asarray(device(torch.from_numpy(shown)), np.float32)
    write("queries-device.parquet", found, right)
    gallery, digits = vectors("gallery.parquet")
    answers = {"id": np.arange(len(right)), "digit": right, "scan": scans(len(right))}
    for name in ("large", "device"):
        answers[name] = digits[nearest(vectors(f"queries-{name}.parquet")[0], gallery)]
    pq.write_table(pa.table(answers), "answers.parquet")
    wrong = {name: float(np.mean(answers[name] != right)) for name in ("large", "device")}
    print(f"wrong digits: large {wrong['large']:.1%}, device {wrong['device']:.1%}")


def nearest(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Row of the gallery image with the largest cosine."""
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, gallery)]
    return np.asarray((unit[0] @ unit[1].T).argmax(axis=1))


if __name__ == "__main__":
    main()
