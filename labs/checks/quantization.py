"""Checks of the exercises on quantization."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

from labs import economics, hardware, quantization
from labs.checks.answers import Verdict, function, number, numbers
from labs.checks.exercise import Givens, exercise
from labs.validation import FloatArray

POOLS = {
    "voice": {"context": 600, "tpot": 0.030, "loss": 0.02},
    "agents": {"context": 8000, "tpot": 0.100, "loss": 0.02},
    "nightly": {"context": 500, "tpot": 1.0, "loss": 0.01},
}


@exercise(activations=np.array([7.1, -40.0, 0.625, -2.2, 31.75, 12.97]), bits=8, clip=31.75)
def grid(answer: object, given: Givens) -> Verdict:
    """Check exercise 1: the scale and the integers of a symmetric grid with a clip.

    ``scale = clip / (2^(bits-1) - 1)``; integers are rounded, halves to even, and saturate.

    Examples
    --------
    >>> grid([0.25, 28, -128, 2, -9, 127, 52])
    FAIL  integer 2: got -128: symmetric integers end at -127, not -128
    """
    values, bits, clip = np.asarray(given.activations, dtype=float), given.bits, given.clip
    held = quantization.quantize(values, bits, clip=clip)
    end = 2 ** (bits - 1) - 1
    scale = clip / end

    def integers(
        step: float, least: float = -end, rounded: Callable[[FloatArray], Any] = np.rint
    ) -> list[float]:
        inside = np.clip(rounded(values / step), least, np.inf if least == -np.inf else end)
        return [step, *inside.tolist()]

    def away(y: FloatArray) -> FloatArray:
        return np.copysign(np.floor(np.abs(y) + 0.5), y)

    mistakes = {
        "what lies beyond the last integer saturates": integers(scale, -np.inf),
        f"symmetric integers end at {-end}, not {-end - 1}": integers(scale, -end - 1),
        "halves go to the even integer, not away from zero": integers(scale, rounded=away),
        "round to the nearest integer, do not cut off": integers(scale, rounded=np.trunc),
        "the scale comes from the clip, not from the largest number": integers(
            float(np.abs(values).max()) / end
        ),
        f"the clip lies at {end}, not at {end + 1}": integers(clip / (end + 1), -end - 1),
        "those are the steps of an affine grid": integers(2 * clip / (2**bits - 1)),
        "the scale is the size of a step, not the steps in a unit": [
            1 / scale,
            *integers(scale)[1:],
        ],
    }
    names = ["scale", *(f"integer {place}" for place in range(1, values.size + 1))]
    found = [float(held.scale), *held.values.tolist()]
    expected = dict(zip(names, found, strict=True))
    return numbers(answer, expected, tolerance=1e-6, mistakes=mistakes)


def _row() -> Mapping[str, Any]:
    row = np.random.default_rng(7).normal(0.01, 0.02, size=128)
    held = quantization.quantize(row, 4, group=32, symmetric=False)
    packed = held.values[0::2] | held.values[1::2] << 4
    zeros = np.asarray(held.zero_point).astype(np.uint8)
    return {"packed": packed, "scales": np.asarray(held.scale), "zeros": zeros, "group": 32}


@exercise(**_row())
def weight(answer: object, given: Givens) -> Verdict:
    """Check exercise 2: a function that reads one weight out of a packed 4-bit row.

    Two weights a byte, the first in the low half; ``scale · (half byte - zero point)`` with the
    scale and zero point of the weight's group.

    Examples
    --------
    >>> weight(lambda index, packed, *rest: packed[99])
    FAIL  weight 0: your function raised IndexError: index 99 is out of bounds for axis 0 with
    size 64
    """
    row, group = np.asarray(given.packed, dtype=np.uint8), given.group
    steps = np.asarray(given.scales, dtype=np.float32)
    points = np.asarray(given.zeros, dtype=np.uint8)
    groups = steps.size
    halves = np.stack([row & 15, row >> 4], axis=1).ravel()
    owner = np.arange(halves.size) // group
    held = quantization.dequantize_linear(halves, steps[owner], points[owner], axis=0)
    last = halves.size - 1
    asked = {0, 1, group - 1, group, group + 1, last // 2, last - 1, last}
    places = sorted(place for place in asked if 0 <= place <= last)
    cases = {
        f"weight {place}": (place, row.copy(), steps.copy(), points.copy(), group)
        for place in places
    }
    expected = {f"weight {place}": float(held[place]) for place in places}

    def read(place: int, half: int, at: int) -> float:
        return float(steps[at]) * (int(halves[half]) - int(points[at]))

    def signed(place: int, *_: object) -> float:
        half = int(halves[place])
        return float(steps[owner[place]]) * (half - 16 if half > 7 else half)

    mistakes: dict[str, Callable[..., float]] = {
        "the other half of the byte: the first weight is the low one": lambda place, *_: read(
            place, place ^ 1, owner[place]
        ),
        "neighbours share a group: divide the index by the group's length, "
        "do not take the remainder": lambda place, *_: read(place, place, place % group % groups),
        "the zero point is not taken off": lambda place, *_: (
            float(steps[owner[place]]) * int(halves[place])
        ),
        "a byte less a byte wraps below 0: make them int first": lambda place, *_: (
            float(steps[owner[place]]) * ((int(halves[place]) - int(points[owner[place]])) % 256)
        ),
        "half bytes are unsigned here: the zero point makes the sign": signed,
        "the zero point is an integer: take it off before the scale": lambda place, *_: (
            float(steps[owner[place]]) * int(halves[place]) - int(points[owner[place]])
        ),
    }
    return function(answer, cases, expected, tolerance=1e-5, mistakes=mistakes)


def _layer(seed: int) -> Mapping[str, Any]:
    return {"weights": np.random.default_rng(seed).laplace(0, 0.02, size=(200, 100))}


@exercise(_layer, bits=4)
def clip(answer: object, given: Givens) -> Verdict:
    """Check exercise 3: where to clip Laplace weights for the least squared error.

    The error ``A² / (3 N²) + 2 b² exp(-A / b)``, with ``b = mean |w|`` and ``N = 2^bits - 2``, is
    least at ``A = b W(3 N²)``, where W is Lambert's function.

    Examples
    --------
    >>> clip(float(np.abs(clip.given.weights).max()))
    FAIL  got 0.173342: that is the largest weight, which clips nothing
    """
    magnitudes = np.abs(given.weights)
    spread = float(magnitudes.mean())
    steps = 2**given.bits - 2

    def least(mean: float, taken: float, tails: float = 2.0) -> float:
        return mean * float(special.lambertw(1.5 * taken**2 * tails).real)

    mistakes = {
        "that is the largest weight, which clips nothing": float(magnitudes.max()),
        "a symmetric grid has 2^bits - 2 steps from end to end": least(spread, steps + 1),
        "a symmetric grid has 2^bits - 2 steps, not 2^bits": least(spread, steps + 2),
        "the step is twice the clip over the steps: the grid has two sides": least(
            spread, steps / 2
        ),
        "both tails are cut off": least(spread, steps, tails=1.0),
        "b is the mean magnitude; the standard deviation is √2 times that": least(
            math.sqrt(2) * spread, steps
        ),
        "that is in multiples of b; multiply by it": least(1.0, steps),
    }
    return number(answer, least(spread, steps), mistakes=mistakes)


def _products(seed: int) -> Mapping[str, Any]:
    rng = np.random.default_rng(seed)
    inputs = np.abs(rng.normal(0, 100, size=(64, 256))).clip(0, 255).round().astype(np.uint8)
    layer = rng.normal(0, 50, size=(256, 96)).clip(-127, 127).round().astype(np.int8)
    return {"inputs": inputs, "layer": layer}


@exercise(_products)
def pairs(answer: object, given: Givens) -> Verdict:
    """Check exercise 4: what sums of two products in 16 bits do to a layer.

    Products of inputs 2j and 2j + 1 are added and held in -32768 … 32767; what is kept of the
    pairs is added up in 32 bits. Asked for are the share of outputs that are not exact, and the
    largest magnitude of weights with which no pair can exceed 16 bits.

    Examples
    --------
    >>> pairs(64)
    FAIL  answer must be 2 numbers: share, largest weight, got 64
    """
    left, right = (np.asarray(one).astype(np.int64) for one in (given.inputs, given.layer))
    exact = quantization.int_matmul(left.astype(np.uint8), right.astype(np.int8))
    limits = np.iinfo(np.int16)
    kept = np.zeros(exact.shape, np.int64)
    beyond = 0
    for first in range(0, left.shape[1], 2):
        pair = left[:, first : first + 2] @ right[first : first + 2]
        held = np.clip(pair, limits.min, limits.max)
        beyond += int((held != pair).sum())
        kept += held
    spoiled = float((kept != exact).mean())
    safe = limits.max // (2 * 255)
    of_pairs = beyond / (exact.size * left.shape[1] // 2)
    one_sum = float(((exact < limits.min) | (exact > limits.max)).mean())
    mistakes = {
        "that is the share of pairs; an output is spoiled by any of its pairs": [of_pairs, safe],
        "only pairs are held in 16 bits; their sum has 32": [one_sum, safe],
        "that is the share of outputs that stay exact": [1 - spoiled, safe],
        "that is how many outputs, not their share": [spoiled * exact.size, safe],
        "two products share the 16 bits": [spoiled, limits.max // 255],
        "activations reach 255, not 127: they have no sign": [spoiled, limits.max // (2 * 127)],
        "7 bits reach from -64: a pair of -64 still fits": [spoiled, safe - 1],
    }
    expected = {"share": spoiled, "largest weight": float(safe)}
    return numbers(answer, expected, tolerance=1e-3, mistakes=mistakes)


def _scheme(
    weight_bits: float, kv_bits: float, product: str, reached: float, loss: float
) -> dict[str, Any]:
    return {
        "weight_bits": weight_bits,
        "kv_bits": kv_bits,
        "product": product,
        "reached": reached,
        "loss": loss,
    }


@exercise(
    model=hardware.MODELS["Llama-3.1-8B"],
    card=hardware.DEVICES["L4"],
    schemes={
        "bf16": _scheme(16, 16, "bf16", 0.85, 0.0),
        "W4": _scheme(4.5, 16, "bf16", 0.65, 0.012),
        "W8A8": _scheme(8, 16, "int8", 0.80, 0.006),
        "W8A8 KV8": _scheme(8, 8, "int8", 0.75, 0.011),
    },
    pools=POOLS,
)
def prices(answer: object, given: Givens) -> Verdict:
    """Check exercise 5: what a million tokens cost each pool under its cheapest scheme.

    A step of B sequences takes ``(B K / β + max(W / β, 2 B P / π)) / reached``, with W bytes of
    weights and K of cache a sequence; B is the largest that fits the memory and the pool's TPOT.

    Examples
    --------
    >>> prices({"voice": 5.0, "agents": 5.0, "nightly": 5.0})
    FAIL  voice: got 5 dollars: not right, and none of the usual slips
    """
    model, device, kinds, promises = given.model, given.card, given.schemes, given.pools

    def price(
        kind: Mapping[str, Any],
        promise: Mapping[str, float],
        *,
        tpot: bool = True,
        memory: bool = True,
        loss: bool = True,
        bound: bool = False,
        kv_bits: float | None = None,
    ) -> float:
        reached = 1.0 if bound else kind["reached"]
        weights = model.parameters * kind["weight_bits"] / 8
        token = 2 * model.layers * model.kv_heads * model.head_dim * (kv_bits or kind["kv_bits"])
        cache = promise["context"] * token / 8
        read, worked = (
            cache / device.bandwidth,
            2 * model.parameters / device.flops[kind["product"]],
        )
        fixed = weights / device.bandwidth
        limit = promise["tpot"] * reached
        batch = math.inf
        if memory:
            batch = (device.memory - weights) / cache
        if tpot:
            batch = min(batch, (limit - fixed) / read, limit / (read + worked))
        batch = math.floor(min(batch, 1e9) + 1e-9)
        if batch < 1 or (loss and kind["loss"] > promise["loss"]):
            return math.inf
        step = (batch * read + max(fixed, batch * worked)) / reached
        return float(economics.dollars_per_million(device.price, batch / step))

    def cheapest(**how: Any) -> dict[str, float]:
        return {
            name: min(price(kind, promise, **how) for kind in kinds.values())
            for name, promise in promises.items()
        }

    expected = cheapest()
    wrong = {
        "a scheme must stay within the loss that the pool allows": cheapest(loss=False),
        "a step must stay within the pool's TPOT": cheapest(tpot=False),
        "weights and caches must fit the memory": cheapest(memory=False),
        "kernels reach only a share of the roofline": cheapest(bound=True),
        "caches of 8 bits are half as large": cheapest(kv_bits=16),
    }
    for name, kind in kinds.items():
        alone = {pool: price(kind, promise, loss=False) for pool, promise in promises.items()}
        wrong[f"that is {name} for every pool"] = alone
    mistakes = {
        reason: list(dollars.values())
        for reason, dollars in wrong.items()
        if all(map(math.isfinite, dollars.values()))
    }
    mistakes["the price is for an hour, the rate for a second"] = [
        3600 * dollars for dollars in expected.values()
    ]
    return numbers(answer, expected, "dollars", tolerance=5e-3, mistakes=mistakes)
