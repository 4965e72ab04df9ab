"""Peers that tests compare with and that may be absent."""

import pytest

try:
    import torch
except ImportError:
    torch = None

needs_torch = pytest.mark.skipif(
    torch is None, reason="PyTorch is not installed here: tests/torch.txt is optional"
)
