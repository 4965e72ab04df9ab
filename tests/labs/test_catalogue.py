"""What a KV cache weighs, and that there is one catalogue."""

import pytest

from labs import caching, catalogue, hardware


@pytest.mark.parametrize("name", catalogue.MODELS)
def test_kv_bytes_count_two_tensors_a_layer(name: str) -> None:
    model = catalogue.MODELS[name]
    width = 2 * model.layers * model.kv_heads * model.head_dim
    assert catalogue.kv_bytes_per_token(name) == 2 * width
    assert catalogue.kv_bytes_per_token(model, 1) == width
    assert catalogue.kv_bytes_per_token(model, 0.5) == width / 2


def test_llama_2_7b_keeps_half_a_mebibyte_a_token() -> None:
    assert catalogue.kv_bytes_per_token("Llama-2-7B") == 2 * 32 * 32 * 128 * 2 == 524_288


def test_there_is_one_catalogue_and_one_formula() -> None:
    assert hardware.DEVICES is catalogue.DEVICES
    assert hardware.MODELS is catalogue.MODELS
    assert caching.kv_bytes_per_token is catalogue.kv_bytes_per_token
    # The largest batch leaves no room for the cache of one more.
    model, device = catalogue.MODELS["Llama-2-7B"], catalogue.DEVICES["A100-80"]
    cache = 4096 * catalogue.kv_bytes_per_token(model, catalogue.BYTES["bf16"])
    room = device.memory - 2 * model.parameters
    assert hardware.largest_batch(model, device, 4096, "bf16") == room // cache
