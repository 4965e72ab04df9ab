"""Products of matrices by type: 16 bits, and 8 bits as servers hold and make them.

Integers have a scale for each output of the weights and one for each token of the activations,
taken at every product. Floats of 8 bits have one scale for all of a matrix, and activations one
that was fixed before, as checkpoints bring it: with scales by row products of few tokens
took an H200 half as long again, and of one token longer than those of 16 bits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

FP8 = torch.float8_e4m3fn
#: cuBLAS multiplies integers from 17 rows on: fewer are filled up to this many.
LEAST_ROWS = 32
#: The largest number of 8 bits, and the activation that it stands for.
MOST_FP8, REACH = 448.0, 28.0


@dataclass(frozen=True)
class Number:
    """How one type holds weights and activations, and multiplies them."""

    name: str
    weight: Callable[[Tensor], Any]
    operand: Callable[[Tensor], Any]
    product: Callable[[Any, Any], Tensor]


def _fp8_weight(w: Tensor) -> tuple[Tensor, Tensor]:
    scale = w.abs().amax().float() / MOST_FP8
    return (w / scale).to(FP8), scale


def _fp8_operand(x: Tensor) -> Tensor:
    return (x * (MOST_FP8 / REACH)).clamp(-MOST_FP8, MOST_FP8).to(FP8)


def as_int8(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return rows of integers with the scale of each."""
    scale = x.abs().amax(-1, keepdim=True).float().clamp(min=1e-9) / 127
    return (x.float() / scale).round().to(torch.int8), scale


def _fp8_product(a: Tensor, b: tuple[Tensor, Tensor]) -> Tensor:
    unit = _unit(a.device)
    return torch._scaled_mm(a, b[0].t(), unit, b[1], out_dtype=torch.bfloat16, use_fast_accum=True)


@cache
def _unit(device: torch.device) -> Tensor:
    return torch.tensor(REACH / MOST_FP8, device=device)


@torch.compile(dynamic=True)
def _rescaled(sums: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    return (sums.float() * rows * columns).to(torch.bfloat16)


def _int8_product(a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor]) -> Tensor:
    rows = a[0].shape[0]
    filled = a[0]
    if rows < LEAST_ROWS:
        filled = torch.nn.functional.pad(filled, (0, 0, 0, LEAST_ROWS - rows))
    return _rescaled(torch._int_mm(filled, b[0].t())[:rows], a[1], b[1].t())


NUMBERS = {
    number.name: number
    for number in (
        Number("bf16", lambda w: w, lambda x: x, lambda a, b: torch.nn.functional.linear(a, b)),
        Number("fp8", _fp8_weight, _fp8_operand, _fp8_product),
        Number("int8", as_int8, as_int8, _int8_product),
    )
}


def check(device: str) -> dict[str, float]:
    """Return how far each type's product is from one in 64 bits, relative; refuse a wrong one."""
    generator = torch.Generator(device).manual_seed(0)
    errors = {}
    for name, number in NUMBERS.items():
        for rows in (3, 64):
            draw = [
                torch.randn(size, 512, device=device, generator=generator, dtype=torch.bfloat16)
                for size in (rows, 256)
            ]
            exact = draw[0].double() @ draw[1].double().t()
            found = number.product(number.operand(draw[0]), number.weight(draw[1])).double()
            errors[name] = float((found - exact).norm() / exact.norm())
            if not errors[name] < 0.06:
                raise ValueError(f"a product in {name} of {rows} rows is off by {errors[name]}")
    return errors
