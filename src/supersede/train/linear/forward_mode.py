"""Run a network so that every part of it has a forward-mode derivative.

Three fast implementations in torch 2.13 have none: the fused path of `nn.TransformerEncoderLayer` in
evaluation mode, the flash kernels behind `scaled_dot_product_attention` (torch issues 117629,
128971), and oneDNN's recurrent layers. Each has a slower twin that computes the same function; this
context switches to the twins and back.
"""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

import torch
from torch import nn
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

__all__ = ["forward_mode"]


@contextmanager
def forward_mode(network: nn.Module) -> Iterator[None]:
    """Use only implementations with a forward-mode derivative; the settings return afterwards."""
    _load_decompositions()
    fused = torch.backends.mha.get_fastpath_enabled()
    recurrent = any(isinstance(module, nn.RNNBase) for module in network.modules())
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with ExitStack() as stack:
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            if recurrent:
                stack.enter_context(_without_onednn())
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


@cache
def _load_decompositions() -> None:
    """Let torch load what forward mode needs; it calls a function of its own that it deprecates."""
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.filterwarnings("ignore", r".*torch\.jit\.script", DeprecationWarning)
        forward_ad.make_dual(torch.zeros(()), torch.zeros(()))  # type: ignore[no-untyped-call]


@contextmanager
def _without_onednn() -> Iterator[None]:
    # torch.backends.mkldnn.flags also touches its TF32 setting, and warns of that
    before = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(before)
