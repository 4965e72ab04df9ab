"""Checks of the exercises on quantization."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

from labs import economics, hardware, quantization
from labs import validation as check
from labs.checks.answers import Verdict, function, number, numbers
from labs.validation import FloatArray, IntArray

SCHEME = ("weight_bits", "kv_bits", "product", "reached", "loss")
POOL = ("context", "tpot", "loss")


def grid(answer: object, x: FloatArray, bits: int, clip: float) -> Verdict:
    """Check exercise 1: the scale and the integers of a symmetric grid with a clip.

    ``scale = clip / (2^(bits-1) - 1)``; integers are rounded, halves to even, and saturate.

    Parameters
    ----------
    answer : object
        The learner's scale and integers, in one list.
    x : array (n,)
        Numbers to hold, at least one.
    bits : int
        Bits of an integer, 2 to 8.
    clip : float
        Largest magnitude kept.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range.

    Examples
    --------
    >>> grid([0.5, 7, -8], [3.5, -9.0], bits=4, clip=3.5)
    FAIL  integer 2: got -8, expected -7: symmetric integers end at -7, not -8
    """
    values = check.sequence("x", x, least=-check.MOST, most=check.MOST)
    if not values.size:
        raise check.refuse("x", "of length 1 or more", "length 0")
    bits = check.count("bits", bits, least=2, most=8)
    clip = check.number("clip", clip, least=check.LEAST, most=check.MOST)
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
            max(float(np.abs(values).max()), check.LEAST) / end
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


def weight(
    answer: object, packed: IntArray, scales: FloatArray, zeros: IntArray, group: int
) -> Verdict:
    """Check exercise 2: a function that reads one weight out of a packed 4-bit row.

    Two weights a byte, the first in the low half; ``scale · (half byte - zero point)`` with the
    scale and zero point of the weight's group.

    Parameters
    ----------
    answer : object
        The learner's function of an index, ``packed``, ``scales``, ``zeros`` and ``group``.
    packed : array (n / 2,) of int
        Bytes, 0 to 255.
    scales : array (k,)
        Of the groups, above 0.
    zeros : array (k,) of int
        Zero points of the groups, 0 to 15.
    group : int
        Weights that share a scale.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range, or there are not as many groups as it takes.

    Examples
    --------
    >>> weight(lambda index, packed, *rest: packed[index // 2] % 16, [0x21], [1.0], [0], 2)
    FAIL  weight 1: got 1, expected 2: the other half of the byte: the first weight is the low one
    """
    row = check.sequence("packed", packed, least=0, most=255, whole=True).astype(np.uint8)
    group = check.count("group", group)
    groups = math.ceil(2 * row.size / group)
    if not groups:
        raise check.refuse("packed", "of length 1 or more", "length 0")
    steps = check.sequence("scales", scales, size=groups, above=0, most=check.MOST)
    steps = steps.astype(np.float32)
    points = check.sequence("zeros", zeros, size=groups, least=0, most=15, whole=True)
    points = points.astype(np.uint8)
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


def clip(answer: object, weights: FloatArray, bits: int) -> Verdict:
    """Check exercise 3: where to clip Laplace weights for the least squared error.

    The error ``A² / (3 N²) + 2 b² exp(-A / b)``, with ``b = mean |w|`` and ``N = 2^bits - 2``, is
    least at ``A = b W(3 N²)``, where W is Lambert's function.

    Parameters
    ----------
    answer : object
        The learner's clip, in the unit of the weights.
    weights : array
        At least one, not all 0.
    bits : int
        Of the symmetric grid, 2 to 8.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range.

    Examples
    --------
    >>> clip(1.0, [-1.0, 1.0, 2.0], bits=2)
    FAIL  got 1, expected 2.48376
    """
    magnitudes = np.abs(check.numbers("weights", weights, least=-check.MOST, most=check.MOST))
    bits = check.count("bits", bits, least=2, most=8)
    if not magnitudes.any():
        raise check.refuse("weights", "not all 0", magnitudes.tolist())
    spread = float(magnitudes.mean())
    steps = 2**bits - 2

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


def pairs(answer: object, activations: IntArray, weights: IntArray) -> Verdict:
    """Check exercise 4: what sums of two products in 16 bits do to a layer.

    Products of inputs 2j and 2j + 1 are added and held in -32768 … 32767; what is kept of the
    pairs is added up in 32 bits.

    Parameters
    ----------
    answer : object
        The learner's share of outputs that are not exact, and the largest magnitude of weights
        with which no pair can exceed 16 bits.
    activations : array (n, k) of int
        0 to 255; k is even.
    weights : array (k, m) of int
        -128 to 127.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range.

    Examples
    --------
    >>> pairs([1.0, 64], [[255, 255]], [[127], [127]])
    PASS  1, 64
    >>> pairs([1.0, 128], [[255, 255]], [[127], [127]])
    FAIL  largest weight: got 128, expected 64: two products share the 16 bits
    """
    left = _integers("activations", activations, 0, 255)
    right = _integers("weights", weights, -128, 127)
    if left.shape[1] != right.shape[0] or left.shape[1] % 2 or not left.size or not right.size:
        shapes = f"{left.shape} and {right.shape}"
        raise check.refuse("activations and weights", "of an even number of inputs", shapes)
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


def prices(
    answer: object,
    model: hardware.Model | str,
    device: hardware.Device | str,
    schemes: Mapping[str, Mapping[str, Any]],
    pools: Mapping[str, Mapping[str, float]],
) -> Verdict:
    """Check exercise 5: what a million tokens cost each pool under its cheapest scheme.

    A step of B sequences takes ``(B K / β + max(W / β, 2 B P / π)) / reached``, with W bytes of
    weights and K of cache a sequence; B is the largest that fits the memory and the pool's TPOT.

    Parameters
    ----------
    answer : object
        The learner's US dollars per million tokens of each pool.
    model : Model or str
        What is served.
    device : Device or str
        On one of these.
    schemes : mapping of str to mapping
        By name: ``weight_bits``, ``kv_bits``, ``product`` (the type multiplied in), ``reached``
        (share of the roofline's speed) and ``loss`` (of accuracy, a fraction).
    pools : mapping of str to mapping
        By name: ``context`` (tokens), ``tpot`` (limit, seconds) and ``loss`` (limit, a fraction).

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range, or no scheme can serve a pool.

    Examples
    --------
    >>> int8 = dict(weight_bits=8, kv_bits=16, product="int8", reached=1.0, loss=0.0)
    >>> pool = dict(context=1000, tpot=0.1, loss=0.0)
    >>> prices([1.0], "Llama-3.1-8B", "L4", {"int8": int8}, {"chat": pool})
    FAIL  chat: got 1 dollars, expected 0.147128 dollars
    """
    model, device = hardware.model_of(model), hardware.device_of(device)
    kinds = _table("schemes", schemes, SCHEME)
    for kind in kinds.values():
        check.one_of("schemes' product", kind["product"], tuple(device.flops))
        for name, most in (("weight_bits", 32), ("kv_bits", 32), ("reached", 1)):
            check.number(f"schemes' {name}", kind[name], least=1e-3, most=most)
        check.number("schemes' loss", kind["loss"], least=0, most=1)
    promises = _table("pools", pools, POOL)
    for promise in promises.values():
        check.number("pools' context", promise["context"], least=1, most=1e9)
        check.number("pools' tpot", promise["tpot"], least=check.LEAST, most=check.MOST)
        check.number("pools' loss", promise["loss"], least=0, most=1)

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
    for name, dollars in expected.items():
        if math.isinf(dollars):
            raise check.refuse("pools", "within reach of some scheme", name)
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


def _integers(name: str, value: object, least: int, most: int) -> IntArray:
    array = check.numbers(name, value, least=least, most=most, whole=True)
    if array.ndim != 2:
        raise check.refuse(name, "two-dimensional", f"shape {array.shape}")
    return array.astype(np.int64)


def _table(name: str, value: object, columns: tuple[str, ...]) -> Mapping[str, Mapping[str, Any]]:
    if not isinstance(value, Mapping) or not value:
        raise check.refuse(name, "a mapping from names, not empty", value)
    for row in value.values():
        if not isinstance(row, Mapping) or set(row) != set(columns):
            raise check.refuse(name, f"of rows of {', '.join(columns)}", row)
    return value
