"""LiteRT as it runs the files: reference kernels and XNNPACK."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType


def run_file(file: bytes, images: np.ndarray, *, reference: bool = False) -> dict[str, np.ndarray]:
    """Every output of a file for each of some quantised images, (n, height, width, channels)."""
    kind = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
    interpreter = Interpreter(model_content=file, experimental_op_resolver_type=kind)
    interpreter.allocate_tensors()
    at = interpreter.get_input_details()[0]["index"]
    rows: dict[str, list[np.ndarray]] = {}
    for image in images:
        interpreter.set_tensor(at, image[None])
        interpreter.invoke()
        for output in interpreter.get_output_details():
            value = interpreter.get_tensor(output["index"])
            # a dense layer's name is at (1, channels); read as an image it has a suffix
            name = output["name"].removesuffix("/image")
            rows.setdefault(name, []).append(value.reshape((1,) * (4 - value.ndim) + value.shape))
    return {name: np.concatenate(values) for name, values in rows.items()}
