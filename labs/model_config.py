"""Reading a Hugging Face ``config.json``: a model's shapes, and its parameters counted from them.

A file leaves out what equals the defaults of its type, so those stand here, by type.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from labs import validation as check
from labs.validation import FloatArray

#: Types whose shapes are alike, and what their files may leave out.
LLAMA: dict[str, Any] = {"tie_word_embeddings": False}
QWEN2: dict[str, Any] = {"tie_word_embeddings": False, "qkv_bias": True}
DEEPSEEK: dict[str, Any] = {"tie_word_embeddings": False, "moe_layer_freq": 1}
GEMMA: dict[str, Any] = {
    "tie_word_embeddings": True,
    "head_dim": 256,
    "norms": 4,
}
#: Defaults by ``model_type``: those of the classes that read such files.
DEFAULTS: dict[str, dict[str, Any]] = {
    "llama": LLAMA,
    "mistral": LLAMA,
    "ministral": LLAMA,
    "mixtral": LLAMA,
    "phi3": LLAMA,
    "phimoe": {**LLAMA, "attention_bias": True, "lm_head_bias": True, "norm_bias": True},
    "olmoe": {**LLAMA, "qk_norm": "wide"},
    "minimax_m2": {**LLAMA, "qk_norm": "wide", "score_bias": True},
    "qwen2": QWEN2,
    "qwen2_moe": {**QWEN2, "shared_gate": True},
    "qwen3": {**LLAMA, "head_dim": 128, "qk_norm": "head"},
    "qwen3_moe": {**LLAMA, "head_dim": 128, "qk_norm": "head"},
    "qwen3_next": {
        **LLAMA,
        "head_dim": 256,
        "qk_norm": "head",
        "shared_gate": True,
        "query_gate": True,
        "full_attention_interval": 4,
        "linear_conv_kernel_dim": 4,
    },
    "gemma2": {**GEMMA, "sliding_window": 4096, "sliding_window_pattern": 2},
    "gemma3_text": {
        **GEMMA,
        "qk_norm": "head",
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "vocab_size": 262_208,
        "sliding_window": 4096,
        "sliding_window_pattern": 6,
    },
    "deepseek_v2": DEEPSEEK,
    "deepseek_v3": {**DEEPSEEK, "score_bias": True},
    "kimi_k2": {**DEEPSEEK, "score_bias": True},
    "gpt_oss": {
        **LLAMA,
        "attention_bias": True,
        "output_bias": True,
        "expert_bias": True,
        "router_bias": True,
        "sinks": True,
        "sliding_window": 128,
        "sliding_window_pattern": 2,
    },
    "glm": {"tie_word_embeddings": False, "head_dim": 128, "attention_bias": True},
    "glm4": {"tie_word_embeddings": False, "head_dim": 128, "norms": 4},
    "glm4_moe": {"tie_word_embeddings": False, "head_dim": 128, "score_bias": True},
    "llama4_text": {
        **LLAMA,
        "head_dim": 128,
        "attention_chunk_size": 8192,
        "interleave_moe_layer_step": 1,
        "no_rope_layer_interval": 4,
        "n_shared_experts": 1,
    },
    "opt": {"tie_word_embeddings": True},
}
#: Types that wrap a language model, whose own configuration is inside.
WRAPPERS = ("gemma3", "llama4", "mistral3")


@dataclass(frozen=True)
class Cache:
    """What a token leaves behind in layers that are alike, and what attending to it costs.

    Attributes
    ----------
    layers : int
        How many are alike.
    elements : float
        Numbers kept for a token in each of them.
    operations : float
        Operations of one query token's attention to one token kept, in one layer.
    prompt_operations : float
        Likewise while a prompt is read. Latent attention expands its latents then, which takes
        fewer operations than to attend to the latents themselves.
    window : int or None
        Tokens that are kept at most; None for all.
    parts : int
        Into how many the cache of a layer can be divided among devices: its KV heads. Devices
        beyond that hold the same part again.
    readers : float
        Query heads that attend to the same key, which a kernel may read for each of them again. 1
        under latent attention, whose kernels are made to read once.

    Examples
    --------
    >>> Cache(layers=32, elements=2048, operations=16384, prompt_operations=16384).seen(10.0)
    10.0
    """

    layers: int
    elements: float
    operations: float
    prompt_operations: float
    window: int | None = None
    parts: int = 1
    readers: float = 1.0

    def seen(self, tokens: Any) -> Any:
        """Return how many of ``tokens`` are kept.

        Parameters
        ----------
        tokens : float or array
            Of the sequence.

        Returns
        -------
        float or array
            No more than the window.

        Examples
        --------
        >>> float(Cache(1, 1, 1, 1, window=4).seen(10.0))
        4.0
        """
        return tokens if self.window is None else np.minimum(tokens, self.window)


class _Config:
    """A configuration that names what it lacks."""

    def __init__(self, fields: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        self.fields = {**defaults, **{k: v for k, v in fields.items() if v is not None}}

    def count(self, *names: str, default: int | None = None, least: int = 1) -> int:
        """Return the whole number under the first of the names that is there."""
        for name in names:
            if name in self.fields:
                return check.count(name, self.fields[name], least=least, most=100_000_000)
        if default is None:
            raise check.refuse(f"config[{names[0]!r}]", "given for this model_type", None)
        return default

    def has(self, name: str) -> bool:
        return bool(self.fields.get(name))

    def get(self, name: str, default: Any = None) -> Any:
        return self.fields.get(name, default)


def read(config: Mapping[str, Any] | str | PathLike[str]) -> dict[str, Any]:
    """Return the fields of a `labs.models.Model` that a ``config.json`` tells.

    Parameters
    ----------
    config : mapping or path
        The file, or what is in it.

    Returns
    -------
    dict
        ``name``, ``layers``, ``kv_heads`` and so on, by name.

    Raises
    ------
    ValueError
        If the model's type is not known, or a field is missing or out of range.

    Examples
    --------
    >>> read({"model_type": "mamba"})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: config['model_type'] must be one of deepseek_v2, ..., got 'mamba'
    """
    fields = _fields(config)
    kind = fields.get("model_type")
    if kind in WRAPPERS:
        inner = check.instance("config['text_config']", fields.get("text_config"), dict)
        inside = {"llama4": "llama4_text", "gemma3": "gemma3_text"}.get(str(kind), "mistral")
        fields = {**inner, "model_type": inner.get("model_type") or inside}
        kind = fields["model_type"]
    check.one_of("config['model_type']", kind, tuple(sorted(DEFAULTS)))
    known = _Config(fields, DEFAULTS[str(kind)])
    caches, state, attention = _attention(known, str(kind))
    return _shapes(known, str(kind)) | _counted(known, str(kind), attention) | {
        "caches": caches,
        "state": state,
    }  # fmt: skip


def _fields(config: Mapping[str, Any] | str | PathLike[str]) -> dict[str, Any]:
    if isinstance(config, Mapping):
        return dict(config)
    if not isinstance(config, (str, PathLike)):
        raise check.refuse("config", "a mapping or the path of a config.json", config)
    try:
        read_in = json.loads(Path(config).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise check.refuse("config", f"a readable JSON file ({error})", str(config)) from None
    return check.instance("config", read_in, dict)


def _shapes(config: _Config, kind: str) -> dict[str, Any]:
    heads = config.count("num_attention_heads")
    latent = config.has("kv_lora_rank")
    return {
        "name": str(config.get("_name_or_path") or kind),
        "layers": config.count("num_hidden_layers"),
        "kv_heads": 1 if latent else config.count("num_key_value_heads", default=heads),
        "head_dim": config.count("kv_lora_rank") + config.count("qk_rope_head_dim")
        if latent
        else _head_dim(config),
        "hidden": config.count("hidden_size"),
        "heads": heads,
        "vocabulary": config.count("vocab_size"),
        "tied": config.has("tie_word_embeddings"),
    }


def _head_dim(config: _Config) -> int:
    hidden, heads = config.count("hidden_size"), config.count("num_attention_heads")
    return config.count("head_dim", default=hidden // heads)


def _attention(config: _Config, kind: str) -> tuple[tuple[Cache, ...], float, FloatArray]:
    """Return what tokens leave behind, what a sequence keeps, and each layer's weights."""
    hidden, layers = config.count("hidden_size"), config.count("num_hidden_layers")
    heads = config.count("num_attention_heads")
    if config.has("kv_lora_rank"):
        return _latent(config, hidden, layers, heads)
    kv_heads, dim = config.count("num_key_value_heads", default=heads), _head_dim(config)
    query, kept = heads * dim, kv_heads * dim
    weights = hidden * query * (3 if config.has("query_gate") else 2) + 2 * hidden * kept
    if config.has("qkv_bias") or config.has("attention_bias"):
        weights += query + 2 * kept
    if config.has("output_bias") or (config.has("attention_bias") and kind in ("llama", "phimoe")):
        weights += hidden
    if norm := config.get("use_qk_norm", config.get("qk_norm")):
        weights += {"wide": query + kept, "head": 2 * dim}.get(
            str(norm), query + kept if norm else 0
        )
    weights += heads if config.has("sinks") else 0
    windows = _windows(config, kind, layers)
    each = np.full(layers, float(weights))
    state = 0.0
    if kind == "qwen3_next":
        linear, kept_state = _linear(config, hidden)
        full = np.array([window != -1 for window in windows])
        each = np.where(full, each, linear)
        state = float((~full).sum() * kept_state)
    operations = 4.0 * query
    groups = Counter(window for window in windows if window != -1)
    caches = tuple(
        Cache(count, 2 * kept, operations, operations, window, kv_heads, heads / kv_heads)
        for window, count in groups.items()
    )
    return caches, state, each


def _latent(
    config: _Config, hidden: int, layers: int, heads: int
) -> tuple[tuple[Cache, ...], float, FloatArray]:
    """Return multi-head latent attention: one latent and one rotary key for all heads."""
    rank, rotary = config.count("kv_lora_rank"), config.count("qk_rope_head_dim")
    plain, value = config.count("qk_nope_head_dim"), config.count("v_head_dim")
    query = heads * (plain + rotary)
    if config.has("q_lora_rank"):
        low = config.count("q_lora_rank")
        weights = hidden * low + low + low * query
    else:
        weights = hidden * query
    weights += hidden * (rank + rotary) + rank + rank * heads * (plain + value)
    weights += heads * value * hidden
    cache = Cache(
        layers,
        elements=rank + rotary,
        operations=heads * (2.0 * (rank + rotary) + 2.0 * rank),
        prompt_operations=heads * (2.0 * (plain + rotary) + 2.0 * value),
    )
    return (cache,), 0.0, np.full(layers, float(weights))


def _linear(config: _Config, hidden: int) -> tuple[float, float]:
    """Return the weights of a gated delta-rule layer, and the numbers it keeps of a sequence."""
    keys = config.count("linear_num_key_heads") * config.count("linear_key_head_dim")
    heads, dim = config.count("linear_num_value_heads"), config.count("linear_value_head_dim")
    values, kernel = heads * dim, config.count("linear_conv_kernel_dim")
    mixed = 2 * keys + values
    weights = hidden * (mixed + values + 2 * heads) + mixed * kernel + 2 * heads + dim
    state = heads * config.count("linear_key_head_dim") * dim + mixed * (kernel - 1)
    return float(weights + values * hidden), float(state)


def _windows(config: _Config, kind: str, layers: int) -> list[int | None]:
    """Return each layer's window: None for all tokens, -1 where a layer keeps none of them."""
    if kind == "llama4_text":
        chunk = config.count("attention_chunk_size")
        every = config.count("no_rope_layer_interval")
        local: Any = config.get("no_rope_layers") or [(n + 1) % every for n in range(layers)]
        return [chunk if local[n] else None for n in range(layers)]
    kinds = config.get("layer_types")
    if kind == "qwen3_next":
        every = config.count("full_attention_interval")
        if not kinds:
            kinds = ["full" if (n + 1) % every == 0 else "linear" for n in range(layers)]
        return [None if str(found).startswith("full") else -1 for found in kinds]
    window = config.get("sliding_window")
    if not window or not config.get("use_sliding_window", True):
        return [None] * layers
    window = config.count("sliding_window")
    if window >= config.count("max_position_embeddings", default=window + 1):
        return [None] * layers
    if kinds:
        if len(kinds) != layers:
            raise check.refuse("config['layer_types']", f"of length {layers}", len(kinds))
        return [window if "sliding" in str(found) else None for found in kinds]
    if "use_sliding_window" in config.fields:  # Qwen: the first layers attend to everything
        first = config.count("max_window_layers", default=layers, least=0)
        return [None if n < first else window for n in range(layers)]
    if pattern := config.get("sliding_window_pattern"):
        return [None if (n + 1) % pattern == 0 else window for n in range(layers)]
    return [window] * layers


def _counted(config: _Config, kind: str, attention: FloatArray) -> dict[str, Any]:
    """Return the parameters, those a token uses, and the experts, counted from the shapes."""
    hidden, layers = config.count("hidden_size"), config.count("num_hidden_layers")
    vocabulary = config.count("vocab_size")
    if kind == "opt":
        return _opt(config, hidden, layers, vocabulary, attention)
    norm = hidden * (2 if config.has("norm_bias") else 1)
    total = vocabulary * hidden * (1 if config.has("tie_word_embeddings") else 2) + norm
    total += vocabulary if config.has("lm_head_bias") else 0
    total += int(attention.sum()) + layers * norm * int(config.get("norms", 2))
    experts = config.count(
        "num_local_experts", "num_experts", "n_routed_experts", default=0, least=0
    )
    if not experts:
        width = config.count("intermediate_size")
        biases = (2 * width + hidden) if config.has("mlp_bias") else 0
        total += layers * (3 * hidden * width + biases)
        return {"parameters": total, "active_parameters": float(total)}
    chosen = config.count("num_experts_per_tok", "num_experts_per_token")
    routed_layers = _routed(config, kind, layers)
    width = config.count("moe_intermediate_size", "intermediate_size")
    if kind in ("llama4_text", "mixtral", "phimoe", "gpt_oss", "minimax_m2", "olmoe"):
        width = config.count("intermediate_size")
    expert = 3 * hidden * width + (2 * width + hidden if config.has("expert_bias") else 0)
    shared = config.count("n_shared_experts", default=0, least=0) * width
    shared = config.count("shared_expert_intermediate_size", default=shared, least=0)
    router = hidden * experts + (experts if config.has("score_bias") else 0)
    router += experts if config.has("router_bias") else 0
    router += hidden if config.has("shared_gate") else 0
    dense = config.count("intermediate_size_mlp", "intermediate_size", default=width)
    total += routed_layers * (router + 3 * hidden * shared)
    total += (layers - routed_layers) * 3 * hidden * dense
    routed = routed_layers * experts * expert
    return {
        "parameters": total + routed,
        "active_parameters": float(total + routed_layers * chosen * expert),
        "experts": experts,
        "experts_per_token": chosen,
    }


def _routed(config: _Config, kind: str, layers: int) -> int:
    """Return how many layers have experts."""
    if kind == "llama4_text":
        every = config.count("interleave_moe_layer_step")
        return len(config.get("moe_layers") or range(every - 1, layers, every))
    first = config.count("first_k_dense_replace", default=0, least=0)
    every = config.count("decoder_sparse_step", default=1)
    dense = set(config.get("mlp_only_layers") or ())
    return sum(
        n >= first and n not in dense and (n + 1) % every == 0 for n in range(layers)
    )  # fmt: skip


def _opt(
    config: _Config, hidden: int, layers: int, vocabulary: int, attention: FloatArray
) -> dict[str, Any]:
    """Return OPT's: biases everywhere, learnt positions, two matrices in the feed-forward part."""
    width = config.count("ffn_dim", default=4 * hidden)
    positions = config.count("max_position_embeddings", default=2048) + 2
    block = 4 * hidden + 2 * hidden * width + width + hidden + 4 * hidden
    total = int(attention.sum()) + layers * block + (vocabulary + positions + 2) * hidden
    return {"parameters": total, "active_parameters": float(total)}
