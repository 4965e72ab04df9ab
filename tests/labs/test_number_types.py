"""Types weigh what their names say, and one name stands for three of them."""

import pytest

from labs.number_types import BYTES, PRECISIONS, Precision, precision_of


def test_a_type_takes_the_bits_in_its_name_and_its_scales() -> None:
    scales = {"w4": 0.25, "mxfp4": 8 / 32, "nvfp4": 8 / 16}
    for dtype, size in BYTES.items():
        bits = float("".join(c for c in dtype if c.isdigit()))
        assert 8 * size == bits + scales.get(dtype, 0), dtype


@pytest.mark.parametrize("name", ["fp32", "bf16", "fp16", "fp8", "int8"])
def test_a_plain_name_holds_all_three_alike(name: str) -> None:
    assert precision_of(name) == Precision(name, name, name)


@pytest.mark.parametrize("name", ["fp4", "nvfp4", "mxfp4"])
def test_four_bits_keep_a_cache_in_eight_and_compute_at_the_rate_of_fp4(name: str) -> None:
    found = precision_of(name)
    assert (found.weights, found.cache, found.rate) == (name, "fp8", "fp4")


def test_weights_alone_may_be_narrow() -> None:
    assert precision_of("w4a16").weight_bytes == 4.25 / 8
    assert precision_of("w8a16").weight_bytes == 1
    for name in ("w4a16", "w8a16"):
        assert (PRECISIONS[name].cache, PRECISIONS[name].rate) == ("bf16", "bf16")
    assert precision_of("fp8-bf16kv") == Precision("fp8", "bf16", "fp8")
    assert precision_of(Precision("int4", "fp8", "bf16")).cache_bytes == 1


def test_unknown_types_are_named() -> None:
    with pytest.raises(ValueError, match=r"^dtype must be one of .* got 'int3'"):
        precision_of("int3")
    with pytest.raises(ValueError, match=r"^cache must be one of"):
        Precision("bf16", "int3", "bf16")
