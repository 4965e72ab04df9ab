"""Shapes read from configurations: parameters to the last one, caches to the last byte."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs import caching, hardware, model_config
from labs.models import MODELS, Model, kv_bytes_per_token

CATALOGUE: dict[str, Any] = json.loads(
    (Path(model_config.__file__).with_name("models.json")).read_text("utf-8")
)
EXACT = [name for name, entry in CATALOGUE.items() if "parameters" in entry]


@pytest.mark.parametrize("name", EXACT)
def test_parameters_counted_from_the_shapes_are_those_published(name: str) -> None:
    entry = CATALOGUE[name]
    assert Model.from_config(entry["config"]).parameters == entry["parameters"]


def test_most_models_have_a_published_count_to_be_compared_with() -> None:
    assert len(EXACT) >= 40
    kinds = {CATALOGUE[name]["config"]["model_type"] for name in EXACT}
    assert kinds >= {"llama", "mistral", "mixtral", "qwen2", "qwen3", "qwen3_moe", "gemma2"}
    assert kinds >= {"gpt_oss", "deepseek_v2", "phi3", "glm4", "olmoe", "minimax_m2", "opt"}


def test_the_catalogue_holds_what_people_run() -> None:
    models = MODELS.values()
    assert len(MODELS) >= 40
    assert sum(model.experts > 0 for model in models) >= 15
    assert sum(any(cache.readers == 1 < model.heads and cache.parts == 1 for cache in model.caches)
               for model in models) >= 5  # fmt: skip
    assert sum(any(cache.window for cache in model.caches) for model in models) >= 3
    assert all(len(model.source) > 20 for model in models)
    assert all(model.name == name for name, model in MODELS.items())


@pytest.mark.parametrize(
    ("name", "active"),
    [
        ("Mixtral-8x7B", 12.9),
        ("Mixtral-8x22B", 39),
        ("Qwen3-30B-A3B-2507", 3.3),
        ("Qwen3-235B-A22B-2507", 22),
        ("DeepSeek-V3", 37),
        ("Kimi-K2", 32),
        ("OLMoE-1B-7B-0924", 1.3),
        ("Phi-3.5-MoE", 6.6),
    ],
)
def test_active_parameters_are_those_published(name: str, active: float) -> None:
    assert MODELS[name].active_parameters == pytest.approx(active * 1e9, rel=0.03)


@pytest.mark.parametrize(("name", "active"), [("gpt-oss-20b", 3.6), ("gpt-oss-120b", 5.1)])
def test_a_look_up_is_no_active_weight_where_the_maker_leaves_it_out(
    name: str, active: float
) -> None:
    assert MODELS[name].used_parameters == pytest.approx(active * 1e9, rel=0.01)


# What a token leaves behind


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("Llama-2-7B", 524_288),  # 2 · 32 · 32 · 128 · 2
        ("Llama-2-13B", 819_200),
        ("OPT-13B", 819_200),
        ("Llama-2-70B", 327_680),  # 2 · 80 · 8 · 128 · 2
        ("Llama-3.1-8B", 131_072),
        ("Mistral-7B", 131_072),
        ("Qwen2.5-7B", 57_344),  # 2 · 28 · 4 · 128 · 2
        ("DeepSeek-V3", 70_272),  # 61 · (512 + 64) · 2
        ("DeepSeek-V2-Lite", 31_104),  # 27 · (512 + 64) · 2
        ("gpt-oss-20b", 49_152),  # 2 · 24 · 8 · 64 · 2
        ("Qwen3-Next-80B-A3B", 24_576),  # 12 of 48 layers: 2 · 12 · 2 · 256 · 2
    ],
)
def test_kv_bytes_of_a_token(name: str, size: int) -> None:
    assert kv_bytes_per_token(name) == size
    assert caching.kv_bytes_per_token(name, 1) == size / 2
    one_more = np.diff(np.asarray(MODELS[name].kv_bytes([5, 6], "bf16")))
    assert one_more.item() == size


def test_there_is_one_catalogue() -> None:
    assert hardware.MODELS is MODELS
    assert caching.kv_bytes_per_token is kv_bytes_per_token


@pytest.mark.parametrize(
    ("name", "window", "local", "full", "width"),
    [
        ("gemma-3-27b", 1024, 52, 10, 2 * 16 * 128),
        ("gemma-2-9b", 4096, 21, 21, 2 * 8 * 256),
        ("gpt-oss-120b", 128, 18, 18, 2 * 8 * 64),
        ("Mistral-7B", 4096, 32, 0, 2 * 8 * 128),
        ("Llama-4-Scout-17B-16E", 8192, 36, 12, 2 * 8 * 128),
    ],
)
def test_layers_with_a_window_keep_no_more_than_it(
    name: str, window: int, local: int, full: int, width: int
) -> None:
    for context in (1, window - 1, window, window + 1, 100_000):
        kept = local * min(context, window) + full * context
        assert MODELS[name].kv_bytes(context, "bf16") == 2 * width * kept


def test_linear_attention_keeps_a_state_whatever_the_context() -> None:
    model = MODELS["Qwen3-Next-80B-A3B"]
    # 36 layers of 32 heads with a state of 128 by 128, and three steps of a convolution's input.
    assert model.state == 36 * (32 * 128 * 128 + 3 * (2 * 16 * 128 + 32 * 128))
    assert model.kv_bytes(0, "bf16") == 2 * model.state


# What a pass reads


@given(st.sampled_from(sorted(MODELS)), st.integers(1, 5000))
def test_more_tokens_read_more_weights_and_never_more_than_there_are(name: str, n: int) -> None:
    model = MODELS[name]
    read = np.asarray(model.weight_bytes([n, n + 1, 10**7], "bf16"))
    assert (np.diff(read) >= 0).all()
    assert 2 * model.used_parameters <= read[0] * (1 + 1e-12)
    assert read[-1] == pytest.approx(2 * model.dense_parameters + 2 * model.routed_parameters)
    assert read[-1] <= 2 * model.parameters


def test_one_token_reads_what_it_uses() -> None:
    for model in MODELS.values():
        assert model.weight_bytes(1, "bf16") == pytest.approx(2 * model.used_parameters)


def test_the_experts_touched_are_those_of_a_drawn_router() -> None:
    model = MODELS["Qwen3-30B-A3B-2507"]
    rng = np.random.default_rng(11)
    tokens, layers = 40, 2000
    touched = [
        np.unique([rng.permutation(128)[:8] for _ in range(tokens)]).size
        for _ in range(layers // 20)
    ]
    read = model.weight_bytes(tokens, "bf16") / 2 - model.dense_parameters
    assert np.mean(touched) / 128 == pytest.approx(read / model.routed_parameters, abs=0.01)


def test_an_embedding_is_read_once_where_it_is_shared_and_else_its_copy_is_looked_up() -> None:
    small, large = MODELS["Qwen3-0.6B"], MODELS["Qwen3-8B"]
    assert small.tied
    assert small.weight_bytes(1, "bf16") == 2 * small.parameters
    assert not large.tied
    assert large.weight_bytes(1, "bf16") == 2 * (large.parameters - 151_936 * 4096)


@pytest.mark.parametrize(
    ("dtype", "bits"), [("bf16", 16), ("w4a16", 4.25), ("mxfp4", 4.25), ("nvfp4", 4.5), ("fp8", 8)]
)
def test_weights_weigh_what_their_type_says(dtype: str, bits: float) -> None:
    model = MODELS["Qwen3-0.6B"]
    assert model.weight_bytes(1, dtype) == pytest.approx(model.parameters * bits / 8)


# Attention


@given(st.integers(0, 3000), st.sampled_from(["Llama-3.1-8B", "gemma-3-4b", "Mistral-7B"]))
def test_a_prompts_attention_sums_that_of_its_tokens(prompt: int, name: str) -> None:
    model = MODELS[name]
    tokens = np.asarray(model.attention_operations(np.arange(prompt)))
    assert model.prompt_operations(prompt) == pytest.approx(tokens.sum(), abs=1)


def test_latents_cost_more_to_attend_to_than_to_expand() -> None:
    [cache] = MODELS["DeepSeek-V3"].caches
    assert cache.operations == 128 * 2 * (512 + 64 + 512)
    assert cache.prompt_operations == 128 * 2 * (128 + 64 + 128)


# Files


def config(**changes: Any) -> dict[str, Any]:
    return {**CATALOGUE["Llama-3.1-8B"]["config"], **changes}


def test_a_file_reads_as_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config()), "utf-8")
    read = Model.from_config(path, name="mine")
    assert (
        read
        == Model.from_config(config(), name="mine")
        == Model.from_config(str(path), name="mine")
    )
    assert read.kv_bytes(1, "bf16") == 131_072


def test_given_parameters_count_and_what_is_not_in_the_shapes_is_used_by_every_token() -> None:
    mixtral = Model.from_config(CATALOGUE["Mixtral-8x7B"]["config"], parameters=47e9)
    assert mixtral.parameters == 47e9
    extra = 47e9 - MODELS["Mixtral-8x7B"].parameters
    assert mixtral.routed_parameters == pytest.approx(MODELS["Mixtral-8x7B"].routed_parameters)
    assert mixtral.active_parameters == MODELS["Mixtral-8x7B"].active_parameters + extra  # type: ignore[operator]


def test_fields_that_a_file_leaves_out_take_the_defaults_of_its_type() -> None:
    full = dict(CATALOGUE["gemma-3-4b"]["config"]["text_config"])
    sparse = {
        name: value
        for name, value in full.items()
        if name
        in ("hidden_size", "intermediate_size", "model_type", "num_hidden_layers", "sliding_window")
    }
    wrapped = {"model_type": "gemma3", "text_config": sparse}
    assert Model.from_config(wrapped).kv_bytes(5000, "bf16") == MODELS["gemma-3-4b"].kv_bytes(
        5000, "bf16"
    )


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"model_type": "mamba"}, r"config\['model_type'\] must be one of .*got 'mamba'"),
        ({}, r"config\['model_type'\] must be one of .*got None"),
        (config(hidden_size=None), r"config\['hidden_size'\] must be given for this model_type"),
        (config(num_hidden_layers=0), "num_hidden_layers must be a whole number"),
        (config(vocab_size="many"), "vocab_size must be"),
        (config(num_key_value_heads=2.5), "num_key_value_heads must be"),
        ({"model_type": "gemma3"}, r"config\['text_config'\] must be a dict"),
        (7, "config must be a mapping or the path of a config.json, got 7"),
        ("/no/such/config.json", "config must be a readable JSON file"),
        (
            {**CATALOGUE["gpt-oss-20b"]["config"], "layer_types": ["full_attention"]},
            r"config\['layer_types'\] must be of length 24, got 1",
        ),
    ],
)
def test_what_cannot_be_read_is_named(given: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Model.from_config(given)


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{", "utf-8")
    with pytest.raises(ValueError, match="config must be a readable JSON file"):
        Model.from_config(tmp_path / "config.json")


def test_a_model_without_shapes_is_bytes_and_layers_as_before() -> None:
    plain = Model("mine", 2, 3, 4, 1000, "x")
    assert plain.active_parameters == plain.used_parameters == plain.dense_parameters == 1000
    assert plain.kv_bytes(10, "bf16") == 2 * 2 * 3 * 4 * 2 * 10
    assert plain.weight_bytes([1, 100], "bf16").tolist() == [2000, 2000]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"experts": 4}, "experts_per_token must be above 0"),
        ({"experts": 4, "experts_per_token": 5}, "experts_per_token must be"),
        ({"active_parameters": 2000}, "active_parameters must be"),
        ({"hidden": -1}, "hidden must be"),
        ({"state": -1}, "state must be"),
    ],
)
def test_bad_figures_are_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}"):
        Model("mine", 2, 3, 4, 1000, "x", **changes)
