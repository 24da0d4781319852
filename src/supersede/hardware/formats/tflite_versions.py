"""What kinds of layers are called in TensorFlow Lite files, and in which versions of its operators."""

from typing import NamedTuple

__all__ = ["OPERATORS", "Operator"]


class Operator(NamedTuple):
    """How a kind of layer is called in the format.

    The versions say which types an operator must know (tensorflow/lite/tools/versioning).
    """

    code: str
    options: str
    version8: int
    version16: int | None
    custom: str = ""


OPERATORS = {
    "conv": Operator("CONV_2D", "Conv2DOptions", 3, 4),
    "depthwise": Operator("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions", 3, 5),
    "transpose_conv": Operator("TRANSPOSE_CONV", "TransposeConvOptions", 3, 4),
    "dense": Operator("FULLY_CONNECTED", "FullyConnectedOptions", 4, 7),
    "add": Operator("ADD", "AddOptions", 2, 3),
    "multiply": Operator("MUL", "MulOptions", 2, 4),
    "concat": Operator("CONCATENATION", "ConcatenationOptions", 2, 3),
    "avg_pool": Operator("AVERAGE_POOL_2D", "Pool2DOptions", 2, 3),
    "max_pool": Operator("MAX_POOL_2D", "Pool2DOptions", 2, 3),
    "global_avg_pool": Operator("MEAN", "ReducerOptions", 2, 3),
    "upsample_nearest": Operator("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions", 3, 4),
    "upsample_bilinear": Operator("RESIZE_BILINEAR", "ResizeBilinearOptions", 3, 4),
    "relu": Operator("RELU", "", 2, None),
    "relu6": Operator("RELU6", "", 2, None),
    "hard_swish": Operator("HARD_SWISH", "HardSwishOptions", 1, None),
    "sigmoid": Operator("LOGISTIC", "", 2, 3),
    "pad": Operator("PAD", "PadOptions", 2, 3),
    "reshape": Operator("RESHAPE", "ReshapeOptions", 1, 1),
    "tanh": Operator("TANH", "", 2, 3),
    "leaky_relu": Operator("LEAKY_RELU", "LeakyReluOptions", 2, 2),
    "gelu": Operator("GELU", "GeluOptions", 2, None),
    "exp": Operator("EXP", "ExpOptions", 2, 2),
    "softmax": Operator("SOFTMAX", "SoftmaxOptions", 2, 3),
    "prelu": Operator("PRELU", "", 1, None),
    "subtract": Operator("SUB", "SubOptions", 3, 5),
    "divide": Operator("DIV", "DivOptions", 1, 1),
    "matmul": Operator("BATCH_MATMUL", "BatchMatMulOptions", 4, 4),
    "transpose": Operator("TRANSPOSE", "TransposeOptions", 2, 3),
    "slice": Operator("STRIDED_SLICE", "StridedSliceOptions", 2, 4),
    "dequantise": Operator("DEQUANTIZE", "DequantizeOptions", 2, 3),
    "quantise": Operator("QUANTIZE", "QuantizeOptions", 2, 2),
    "rsqrt": Operator("RSQRT", "", 1, 1),
}
