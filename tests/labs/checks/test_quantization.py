"""Exercise checks on quantization: right answers pass, mistakes are named, nothing stumbles."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hostile import HOSTILE
from scipy import integrate, optimize

from labs import checks, hardware
from labs.checks import quantization as check

NUMBERS, CLIP = [7.1, -40.0, 0.625, -2.2, 31.75, 12.97], 31.75
PACKED, SCALES, ZEROS, GROUP = [0x2F, 0x90, 0x1E, 0x57], [0.3, 0.2], [8, 3], 4
LOUD = np.random.default_rng(7).laplace(0, 0.02, size=(50, 40))
MODEL, CARD = "Llama-3.1-8B", "L4"


def scheme(weight_bits: float, kv_bits: float, product: str, reached: float, loss: float) -> Any:
    return {
        "weight_bits": weight_bits,
        "kv_bits": kv_bits,
        "product": product,
        "reached": reached,
        "loss": loss,
    }


SCHEMES = {
    "bf16": scheme(16, 16, "bf16", 0.85, 0.0),
    "W4": scheme(4.5, 16, "bf16", 0.65, 0.012),
    "W8A8": scheme(8, 16, "int8", 0.80, 0.006),
    "W8A8 KV8": scheme(8, 8, "int8", 0.75, 0.011),
}
POOLS = {
    "voice": {"context": 600, "tpot": 0.030, "loss": 0.02},
    "agents": {"context": 8000, "tpot": 0.100, "loss": 0.02},
    "nightly": {"context": 500, "tpot": 1.0, "loss": 0.01},
}


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    inputs = np.abs(rng.normal(0, 100, size=(32, 64))).clip(0, 255).round().astype(np.uint8)
    layer = rng.normal(0, 50, size=(64, 40)).clip(-127, 127).round().astype(np.int8)
    return inputs, layer


INPUTS, LAYER = drawn(7)


def held(answer: object, x: Any, bits: int, clip: float) -> checks.Verdict:
    return check.grid.judge(answer, checks.Givens(activations=x, bits=bits, clip=clip))


def read(answer: object, packed: Any, scales: Any, zeros: Any, group: int) -> checks.Verdict:
    given = checks.Givens(packed=packed, scales=scales, zeros=zeros, group=group)
    return check.weight.judge(answer, given)


def clipped(answer: object, weights: Any, bits: int) -> checks.Verdict:
    return check.clip.judge(answer, checks.Givens(weights=weights, bits=bits))


def paired(answer: object, inputs: Any, layer: Any) -> checks.Verdict:
    return check.pairs.judge(answer, checks.Givens(inputs=inputs, layer=layer))


def grid(answer: object) -> checks.Verdict:
    return check.grid(answer)


def weight(answer: object) -> checks.Verdict:
    return read(answer, PACKED, SCALES, ZEROS, GROUP)


def clip(answer: object) -> checks.Verdict:
    return clipped(answer, LOUD, 4)


def pairs(answer: object) -> checks.Verdict:
    return paired(answer, INPUTS, LAYER)


def prices(answer: object) -> checks.Verdict:
    return check.prices(answer)


CHECKS = {"grid": grid, "weight": weight, "clip": clip, "pairs": pairs, "prices": prices}
RIGHT_GRID = [0.25, 28, -127, 2, -9, 127, 52]


# Right answers, found in another way


def rounded(x: float, scale: float, least: int, most: int) -> int:
    """Python's own rounding of exact fractions: halves to even."""
    return min(max(round(Fraction(x) / Fraction(scale)), least), most)


def right_weight(index: int, packed: Any, scales: Any, zeros: Any, group: int) -> float:
    halves = [half for byte in packed for half in (int(byte) % 16, int(byte) // 16)]
    return float(scales[index // group]) * (halves[index] - int(zeros[index // group]))


def right_clip(weights: np.ndarray, steps: float = 14, tails: float = 2.0) -> float:
    """Minimise the expected error by quadrature."""
    mean = np.abs(weights).mean()

    def error(end: float) -> float:
        beyond = integrate.quad(
            lambda w: (w - end) ** 2 * math.exp(-w / mean) / (2 * mean), end, end + 60 * mean
        )[0]
        return (2 * end / steps) ** 2 / 12 + tails * beyond

    found = optimize.minimize_scalar(
        lambda end: 1e6 * error(end), bounds=(0.1 * mean, 15 * mean), method="bounded"
    )
    return float(found.x)


def outputs(inputs: np.ndarray, layer: np.ndarray) -> tuple[float, float, float, int]:
    """Shares of spoiled outputs, spoiled pairs and sums beyond 16 bits, in Python's integers."""
    spoiled = beyond = large = 0
    for row in inputs.tolist():
        for column in layer.T.tolist():
            total = kept = 0
            for k in range(0, len(row), 2):
                pair = row[k] * column[k] + row[k + 1] * column[k + 1]
                held = min(max(pair, -(2**15)), 2**15 - 1)
                beyond += held != pair
                total, kept = total + pair, kept + held
            spoiled += total != kept
            large += not -(2**15) <= total < 2**15
    size = inputs.shape[0] * layer.shape[1]
    return spoiled / size, beyond / (size * len(row) // 2), large / size, size


def dollars(
    name: str,
    pool: str,
    tpot: bool = True,
    memory: bool = True,
    loss: bool = True,
    bound: bool = False,
    kv_bits: float | None = None,
) -> float:
    """Price of a scheme in a pool, batch by batch until it breaks a limit."""
    kind, promise = SCHEMES[name], POOLS[pool]
    card = hardware.DEVICES[CARD]
    size = 8_030_261_248 * kind["weight_bits"] / 8
    # 2 · 32 layers · 8 heads · 128 numbers a token
    cache = promise["context"] * 65_536 * (kv_bits or kind["kv_bits"]) / 8
    best = math.inf
    if loss and kind["loss"] > promise["loss"]:
        return best
    for batch in range(1, 20_000):
        work = 2 * batch * 8_030_261_248 / card.flops[kind["product"]]
        step = batch * cache / card.bandwidth + max(size / card.bandwidth, work)
        step /= 1.0 if bound else kind["reached"]
        if (memory and size + batch * cache > card.memory) or (tpot and step > promise["tpot"]):
            break
        best = card.price / 3600 * step / batch * 1e6
    return best


def bill(**how: Any) -> list[float]:
    return [min(dollars(name, pool, **how) for name in SCHEMES) for pool in POOLS]


@pytest.mark.parametrize("bits", [4, 8])
def test_integers_rounded_as_fractions_pass(bits: int) -> None:
    most = 2 ** (bits - 1) - 1
    scale = 2.0**-3
    x = np.random.default_rng(bits).integers(-600, 600, size=40) / 32
    found = [scale, *(rounded(one, scale, -most, most) for one in x)]
    assert held(found, x, bits, most * scale)


def test_the_grid_made_by_hand_passes() -> None:
    assert grid(RIGHT_GRID)
    assert grid(np.array(RIGHT_GRID))


def test_a_function_that_reads_the_row_passes() -> None:
    assert weight(right_weight)
    assert weight(lambda *givens: np.float32(right_weight(*givens)))


def test_a_group_of_one_byte_and_a_last_group_cut_short_pass() -> None:
    assert read(right_weight, [0x21], [1.0], [0], 9)
    assert read(right_weight, [0x21, 0x43, 0x65], [1.0, 2.0], [7, 1], 4)


@pytest.mark.parametrize("seed", [7, 8])
@pytest.mark.parametrize("bits", [3, 4, 8])
def test_the_clip_found_by_quadrature_passes(seed: int, bits: int) -> None:
    weights = np.random.default_rng(seed).laplace(0, 0.02, size=500)
    assert clipped(right_clip(weights, 2**bits - 2), weights, bits)


@pytest.mark.parametrize("seed", [7, 8])
def test_the_outputs_counted_one_by_one_pass(seed: int) -> None:
    inputs, layer = drawn(seed)
    share = outputs(inputs, layer)[0]
    assert paired([share, 64], inputs, layer)


def test_no_pair_of_the_largest_safe_weights_saturates() -> None:
    full = np.full((1, 2), 255)
    assert paired([0.0, 64], full, np.full((2, 1), 64))
    assert paired([0.0, 64], full, np.full((2, 1), -64))
    assert paired([1.0, 64], full, np.full((2, 1), 65))


def test_the_bill_found_batch_by_batch_passes() -> None:
    assert prices(bill())
    assert prices(dict(zip(POOLS, bill(), strict=True)))


def test_each_pool_is_served_by_another_scheme() -> None:
    for pool, name in (("voice", "W4"), ("agents", "W8A8 KV8"), ("nightly", "W8A8")):
        cheapest = min(SCHEMES, key=lambda one: dollars(one, pool))
        assert cheapest == name


@pytest.mark.parametrize(
    ("exercise", "answer", "shown"),
    [
        ("grid", [0.3, *RIGHT_GRID[1:]], "scale: got 0.3, expected 0.25"),
        ("grid", [*RIGHT_GRID[:6], 53], "integer 6: got 53, expected 52: one too many"),
        ("weight", lambda *givens: 0.125, "weight 0: got 0.125, expected 2.1"),
        ("clip", 1.0, "got 1, expected"),
        ("pairs", [0.5, 64], "share: got 0.5"),
        ("prices", [5.0, 5.0, 5.0], "voice: got 5 dollars"),
    ],
)
def test_a_wrong_answer_fails_with_what_was_got_and_expected(
    exercise: str, answer: Any, shown: str
) -> None:
    verdict = CHECKS[exercise](answer)
    assert not verdict
    assert shown in verdict.message


# Mistakes


def test_each_mistake_about_the_grid_is_named() -> None:
    def held(scale: float, least: int = -127, most: int = 127) -> list[float]:
        return [scale, *(rounded(x, scale, least, most) for x in NUMBERS)]

    for answer, diagnosis in (
        ([0.25, 28, -160, 2, -9, 127, 52], "saturates"),
        ([0.25, 28, -128, 2, -9, 127, 52], "end at -127, not -128"),
        ([0.25, 28, -127, 3, -9, 127, 52], "halves"),
        ([0.25, 28, -127, 2, -8, 127, 51], "cut off"),
        (held(40 / 127), "from the clip, not from the largest"),
        (held(31.75 / 128, least=-128), "not at 128"),
        (held(63.5 / 255), "affine"),
        ([4, *RIGHT_GRID[1:]], "size of a step"),
    ):
        assert diagnosis in grid(answer).message, answer


def misread(**wrong: Callable[[int], int]) -> Callable[..., float]:
    """Return a function that takes another half byte, group or sign than the right one."""

    def read(index: int, packed: Any, scales: Any, zeros: Any, group: int) -> float:
        halves = [half for byte in packed for half in (int(byte) % 16, int(byte) // 16)]
        half = halves[wrong.get("place", lambda i: i)(index)]
        owner = wrong.get("owner", lambda i: i // group)(index)
        zero = wrong.get("zero", lambda i: i)(int(zeros[owner]))
        return float(scales[owner]) * wrong.get("half", lambda i: i)(half - zero)

    return read


def test_each_mistake_about_the_row_is_named() -> None:
    # Half bytes 15 2 0 9 | 14 1 7 5 less the zero points 8 and 3.
    for answer, diagnosis in (
        (misread(place=lambda i: i ^ 1), "the other half"),
        (misread(owner=lambda i: i % 4 % 2), "do not take the remainder"),
        (misread(zero=lambda z: 0), "not taken off"),
        (misread(half=lambda d: d % 256), "wraps below 0"),
        (
            lambda i, packed, scales, zeros, group: (
                float(scales[i // group]) * (((packed[i // 2] >> 4 * (i % 2)) & 15 ^ 8) - 8.0)
            ),
            "unsigned here",
        ),
        (
            lambda i, packed, scales, zeros, group: (
                float(scales[i // group]) * ((packed[i // 2] >> 4 * (i % 2)) & 15)
                - float(zeros[i // group])
            ),
            "before the scale",
        ),
    ):
        assert diagnosis in weight(answer).message, diagnosis


def test_a_subtraction_of_bytes_wraps_and_is_named() -> None:
    def bytewise(index: int, packed: Any, scales: Any, zeros: Any, group: int) -> float:
        half = packed[index // 2] >> np.uint8(4 * (index % 2)) & np.uint8(15)
        with np.errstate(over="ignore"):
            return float(scales[index // group] * (half - zeros[index // group]))

    assert "wraps below 0" in weight(bytewise).message


def test_each_mistake_about_the_clip_is_named() -> None:
    mean = np.abs(LOUD).mean()
    for answer, diagnosis in (
        (np.abs(LOUD).max(), "largest weight"),
        (right_clip(LOUD, steps=15), "2^bits - 2 steps from end"),
        (right_clip(LOUD, steps=16), "not 2^bits"),
        (right_clip(LOUD, steps=7), "two sides"),
        (right_clip(LOUD, tails=1.0), "both tails"),
        (right_clip(math.sqrt(2) * LOUD), "standard deviation"),
        (right_clip(LOUD) / mean, "multiples of b"),
    ):
        assert diagnosis in clip(answer).message, answer


def test_each_mistake_about_the_pairs_is_named() -> None:
    share, of_pairs, of_sums, size = outputs(INPUTS, LAYER)
    for answer, diagnosis in (
        ([of_pairs, 64], "share of pairs"),
        ([of_sums, 64], "only pairs are held"),
        ([1 - share, 64], "stay exact"),
        ([share * size, 64], "not their share"),
        ([share, 128], "share the 16 bits"),
        ([share, 129], "no sign"),
        ([share, 63], "still fits"),
        ([100 * share, 64], "percentage"),
    ):
        assert diagnosis in pairs(answer).message, answer


def test_each_mistake_about_the_prices_is_named() -> None:
    everywhere = [dollars("W4", pool, loss=False) for pool in POOLS]
    for answer, diagnosis in (
        (bill(loss=False), "within the loss"),
        (bill(tpot=False), "within the pool's TPOT"),
        (bill(memory=False), "must fit the memory"),
        (bill(bound=True), "share of the roofline"),
        (bill(kv_bits=16), "half as large"),
        (everywhere, "that is W4 for every pool"),
        ([3600 * one for one in bill()], "for an hour"),
    ):
        assert diagnosis in prices(answer).message, answer


# Hostile answers


@pytest.mark.parametrize("exercise", CHECKS)
@pytest.mark.parametrize("answer", HOSTILE, ids=lambda a: type(a).__name__)
def test_no_answer_makes_a_check_stumble(exercise: str, answer: Any) -> None:
    verdict = CHECKS[exercise](answer)
    assert not verdict
    assert 0 < len(verdict.message) < 300
    assert "\n" not in verdict.message
    if answer is None or answer is ...:
        assert "no answer yet" in verdict.message


@pytest.mark.parametrize("exercise", ["grid", "pairs", "prices"])
def test_no_member_of_an_answer_makes_a_check_stumble(exercise: str) -> None:
    size = {"grid": 7, "pairs": 2, "prices": 3}[exercise]
    for one in HOSTILE:
        verdict = CHECKS[exercise]([one] * size)
        assert not verdict
        assert 0 < len(verdict.message) < 300


@pytest.mark.parametrize("returned", HOSTILE, ids=lambda a: type(a).__name__)
def test_nothing_a_function_returns_makes_its_check_stumble(returned: Any) -> None:
    verdict = weight(lambda *givens: returned)
    assert not verdict
    assert 0 < len(verdict.message) < 300


def test_a_function_that_raises_or_changes_its_givens_fails_in_a_sentence() -> None:
    def spoils(index: int, packed: Any, *rest: Any) -> float:
        packed[:] = 0
        return right_weight(index, packed, *rest)

    assert "IndexError" in weight(lambda index, packed, *rest: packed[99]).message
    assert "got" in weight(spoils).message
