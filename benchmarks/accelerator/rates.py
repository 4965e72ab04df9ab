"""What the card does at best: copies by size, square products by type and size, launches."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from benchmarks.accelerator.clock import timed
from benchmarks.accelerator.numbers import NUMBERS, as_int8

#: Bytes that a run's pieces lie apart in, so that none finds its operands in the last cache.
APART = 2**30


def copies(device: str) -> Iterator[dict[str, Any]]:
    """Yield seconds to copy so many bytes from one place of the card's memory to another."""
    for bits in range(20, 33, 2):
        size = 2**bits
        number = max(4, min(64, APART // size))
        source = torch.empty(number, size, device=device, dtype=torch.uint8).random_()
        target = torch.empty_like(source)

        def run(source: Tensor = source, target: Tensor = target) -> None:
            for piece, place in zip(source, target, strict=True):
                place.copy_(piece)

        for graph in (True, False):
            yield {"bytes": size, **timed(run, graph, per=number)}


def products(device: str) -> Iterator[dict[str, Any]]:
    """Yield seconds of the product of two square matrices of random numbers."""
    for dtype, (left, right, product) in PRODUCTS.items():
        for size in (256, 512, 1024, 2048, 4096, 8192, 16384):
            if dtype == "fp32" and size > 8192:
                continue  # the products of 16,384 rows alone would take a quarter of a minute
            number = max(1, min(32, 8192**2 // size**2))
            pairs = []
            for _ in range(number):
                drawn = (torch.randn(2, size, size, device=device)).bfloat16()
                pairs.append((left(drawn[0]), right(drawn[1])))

            def run(pairs: list[Any] = pairs, product: Callable[..., Tensor] = product) -> None:
                for a, b in pairs:
                    product(a, b)

            torch.backends.cuda.matmul.allow_tf32 = dtype == "tf32"
            for graph in (True, False):
                yield {"dtype": dtype, "size": size, **timed(run, graph, per=number)}
    torch.backends.cuda.matmul.allow_tf32 = False


def launches(device: str) -> Iterator[dict[str, Any]]:
    """Yield seconds of a kernel that does next to nothing, one of a thousand in a row."""
    one = torch.zeros(1, device=device)

    def run() -> None:
        for _ in range(1000):
            one.add_(1)

    for graph in (True, False):
        yield timed(run, graph, per=1000)


def _integers(matrix: Tensor) -> Tensor:
    return as_int8(matrix)[0]


_EIGHT = NUMBERS["fp8"]
PRODUCTS: dict[str, tuple[Callable[[Tensor], Any], Callable[[Tensor], Any], Any]] = {
    "fp32": (Tensor.float, Tensor.float, torch.mm),
    "tf32": (Tensor.float, Tensor.float, torch.mm),
    "fp16": (Tensor.half, Tensor.half, torch.mm),
    "bf16": (Tensor.bfloat16, Tensor.bfloat16, torch.mm),
    "int8": (_integers, _integers, lambda a, b: torch._int_mm(a, b.t())),
    "fp8": (_EIGHT.operand, _EIGHT.weight, _EIGHT.product),
}
