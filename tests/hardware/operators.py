"""Small networks, one for every operator; the layer in question is x."""

from supersede.hardware import Layer

A = ("input",)
OPERATORS = {
    "pointwise": [Layer("x", "conv", A, 33)],
    "conv": [Layer("x", "conv", A, 17, 3, activation="relu")],
    "conv at stride 2": [Layer("x", "conv", A, 65, 3, 2, activation="relu6")],
    "conv padded as torch does": [Layer("x", "conv", A, 72, 3, 2, padding=(1, 1, 1, 1))],
    "conv without padding": [Layer("x", "conv", A, 8, (3, 5), padding="valid")],
    "dilated conv": [Layer("x", "conv", A, 8, 3, dilation=2)],
    "depthwise": [Layer("x", "depthwise", A, kernel=3, activation="relu6")],
    "depthwise at stride 2": [Layer("x", "depthwise", A, kernel=5, stride=2)],
    "transposed": [Layer("x", "transpose_conv", A, 6, 2, 2)],
    "transposed and cropped": [Layer("x", "transpose_conv", A, 6, 4, 2)],
    "dense": [Layer("x", "dense", A, 10)],
    "dense after dense": [Layer("a", "dense", A, 10, activation="relu"), Layer("x", "dense", ("a",), 4)],
    "add": [Layer("a", "conv", A, 5), Layer("x", "add", ("a", "input"), activation="relu")],
    "multiply": [Layer("a", "conv", A, 5), Layer("x", "multiply", ("a", "input"))],
    "gate": [
        Layer("a", "dense", A, 5),
        Layer("b", "activation", ("a",), activation="sigmoid"),
        Layer("x", "multiply", ("input", "b")),
    ],
    "concat": [Layer("a", "conv", A, 7), Layer("x", "concat", ("a", "input"))],
    "max pool": [Layer("x", "max_pool", A, kernel=3, stride=2)],
    "max pool with zeros": [Layer("x", "max_pool", A, kernel=3, stride=2, padding=(1, 1, 1, 1))],
    "max pool with zeros at the end": [
        Layer("x", "max_pool", A, kernel=3, stride=2, padding=(0, 1, 0, 1)),
    ],
    "average pool": [Layer("x", "avg_pool", A, kernel=3, stride=2, padding="valid")],
    "average pool at the border": [Layer("x", "avg_pool", A, kernel=3)],
    "average pool with zeros": [Layer("x", "avg_pool", A, kernel=3, padding=(1, 1, 1, 1))],
    "mean": [Layer("x", "global_avg_pool", A)],
    "nearest": [Layer("x", "upsample_nearest", A, stride=2)],
    "bilinear": [Layer("x", "upsample_bilinear", A, stride=2)],
    "relu": [Layer("x", "activation", A, activation="relu")],
    "relu6": [Layer("x", "activation", A, activation="relu6")],
    "hard swish": [Layer("x", "activation", A, activation="hard_swish")],
    "sigmoid": [Layer("x", "activation", A, activation="sigmoid")],
    "grouped conv": [Layer("a", "conv", A, 12), Layer("x", "conv", ("a",), 18, 3, groups=3)],
    "conv with a multiplier": [Layer("x", "conv", A, 10, 3, groups=5)],
    "hard sigmoid": [Layer("x", "activation", A, activation="hard_sigmoid")],
    "tanh": [Layer("x", "activation", A, activation="tanh")],
    "leaky relu": [Layer("x", "activation", A, activation="leaky_relu", value=0.1)],
    "gelu": [Layer("x", "activation", A, activation="gelu")],
    "softmax": [Layer("x", "activation", A, activation="softmax")],
    "prelu": [Layer("x", "prelu", A)],
    "subtract": [Layer("a", "conv", A, 5), Layer("x", "subtract", ("a", "input"))],
    "add by channel": [Layer("a", "global_avg_pool", A), Layer("x", "add", ("input", "a"))],
    "constant": [Layer("k", "constant", (), size=(8, 10, 5)), Layer("x", "add", ("input", "k"))],
    "matmul": [
        Layer("t", "rearrange", A, size=(8, 5, 10), split=(8, 10, 5), order=(0, 2, 1)),
        Layer("x", "matmul", ("input", "t")),
    ],
    "reshape": [Layer("x", "rearrange", A, size=(1, 80, 5), split=(80, 5), order=(0, 1))],
    "transpose": [Layer("x", "rearrange", A, size=(5, 8, 10), split=(8, 10, 5), order=(2, 0, 1))],
    "shuffle": [
        Layer("a", "conv", A, 12),
        Layer("x", "rearrange", ("a",), size=(8, 10, 12), split=(80, 3, 4), order=(0, 2, 1)),
    ],
    "pixel shuffle": [
        Layer("a", "conv", A, 12),
        Layer("x", "rearrange", ("a",), size=(16, 20, 3), split=(8, 10, 3, 2, 2), order=(0, 3, 1, 4, 2)),
    ],
    "slice": [Layer("x", "slice", A, stride=(2, 3), size=(3, 3, 2), begin=(1, 0, 2))],
    "concat of rows": [Layer("a", "conv", A, 5), Layer("x", "concat", ("a", "input"), axis=0)],
    "concat after sigmoid": [
        Layer("a", "activation", A, activation="sigmoid"),
        Layer("x", "concat", ("a", "input")),
    ],
}  # fmt: skip

ISLANDS = {
    "layer norm": [Layer("a", "conv", A, 12), Layer("x", "layer_norm", ("a",), value=1e-5)],
    "group norm": [Layer("a", "conv", A, 12), Layer("x", "group_norm", ("a",), groups=4, value=1e-5)],
    "divide": [
        Layer("t", "activation", A, activation="tanh"),
        Layer("e", "activation", ("t",), activation="exp"),
        Layer("x", "divide", ("input", "e")),
    ],
}  # fmt: skip
"""Layers that the processor computes in floating point."""
