"""Language models by their shapes: what they weigh, what they read, what they keep of a token."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from os import PathLike
from typing import Any

import numpy as np

from labs import model_config
from labs import validation as check
from labs.model_config import Cache
from labs.number_types import Precision, precision_of
from labs.validation import Real

__all__ = ["MODELS", "Cache", "Model", "kv_bytes_per_token", "model_of"]


@dataclass(frozen=True)
class Model:
    """A decoder-only language model by its shapes.

    Attributes
    ----------
    name : str
        As in `MODELS`.
    layers : int
        Transformer blocks.
    kv_heads : int
        Heads of keys and values in a layer.
    head_dim : int
        Numbers in a key or a value.
    parameters : float
        Number of weights.
    source : str
        Where the figures were read.
    hidden : int
        Numbers between layers; 0 where unknown, and nothing that needs them is counted then.
    heads : int
        Query heads of a layer; ``kv_heads`` where unknown.
    vocabulary : int
        Tokens there are; 0 where unknown.
    active_parameters : float or None
        Weights that one token uses; all of them where None.
    experts : int
        Routed experts of a layer; 0 where there are none.
    experts_per_token : int
        How many of them a token uses.
    tied : bool
        Whether the first and the last layer share their embedding. One that is not shared is looked
        up in and not read: neither bytes nor operations count it.
    caches : tuple of Cache
        What a token leaves behind, by groups of alike layers; keys and values in every layer where
        empty.
    state : float
        Numbers a sequence keeps whatever its length, as layers of linear attention do.

    Raises
    ------
    ValueError
        If a figure is out of range or a text none.

    Examples
    --------
    >>> MODELS["Mixtral-8x7B"].active_parameters / 1e9
    12.879925248
    """

    name: str
    layers: int
    kv_heads: int
    head_dim: int
    parameters: float
    source: str
    hidden: int = 0
    heads: int = 0
    vocabulary: int = 0
    active_parameters: float | None = None
    experts: int = 0
    experts_per_token: int = 0
    tied: bool = False
    caches: tuple[Cache, ...] = ()
    state: float = 0.0

    def __post_init__(self) -> None:
        for name in ("name", "source"):
            check.instance(name, getattr(self, name), str)
        check.instance("tied", self.tied, bool)
        for name in ("layers", "kv_heads", "head_dim"):
            object.__setattr__(self, name, check.count(name, getattr(self, name), most=1_000_000))
        for name in ("hidden", "heads", "vocabulary", "experts"):
            whole = check.count(name, getattr(self, name), least=0, most=100_000_000)
            object.__setattr__(self, name, whole)
        check.number("parameters", self.parameters, least=1, most=check.MOST)
        few = check.count("experts_per_token", self.experts_per_token, least=0, most=self.experts)
        object.__setattr__(self, "experts_per_token", few)
        if bool(self.experts) != bool(self.experts_per_token):
            raise check.refuse("experts_per_token", "above 0 where there are experts", 0)
        check.number("state", self.state, least=0, most=check.MOST)
        if self.active_parameters is None:
            object.__setattr__(self, "active_parameters", self.parameters)
        most = float(self.parameters)
        check.number("active_parameters", self.active_parameters, least=1, most=most)
        if not self.heads:
            object.__setattr__(self, "heads", self.kv_heads)
        if not isinstance(self.caches, tuple) or not all(
            isinstance(cache, Cache) for cache in self.caches
        ):
            raise check.refuse("caches", "a tuple of Caches", self.caches)
        if not self.caches:
            object.__setattr__(self, "caches", (self._keys_and_values(),))

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any] | str | PathLike[str],
        parameters: float | None = None,
        name: str | None = None,
        source: str = "config.json",
    ) -> "Model":
        """Return the model that a Hugging Face ``config.json`` describes.

        Parameters
        ----------
        config : mapping or path
            The file, or what is in it. Read are Llama, Mistral, Mixtral, Qwen2, Qwen2.5, Qwen3
            (dense, mixture of experts, Next), Gemma 2 and 3, DeepSeek V2 and V3 and what shares
            their shapes (Kimi, Moonlight), gpt-oss, Phi, GLM, Llama 4, OLMoE, MiniMax and OPT. Of
            a model that also sees, the language model is read.
        parameters : float or None
            How many there are; None counts them from the shapes.
        name : str or None
            What to call it; None takes what the file says, or its type.
        source : str
            Where it was read.

        Returns
        -------
        Model

        Raises
        ------
        ValueError
            If the model's type is not known, or a field is missing or out of range.

        Examples
        --------
        >>> config = {"model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
        ...     "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
        ...     "vocab_size": 128256}
        >>> Model.from_config(config).parameters
        8030261248
        """
        shapes = model_config.read(config)
        if parameters is not None:
            total = check.number("parameters", parameters, least=1, most=check.MOST)
            # What is not in the shapes (rounding, a head of its own) is read for every token.
            active = shapes["active_parameters"] + total - shapes["parameters"]
            shapes |= {"parameters": total, "active_parameters": max(1.0, min(active, total))}
        if name is not None:
            shapes["name"] = check.instance("name", name, str)
        return cls(**shapes, source=source)

    def kv_bytes(self, context: Real, dtype: Precision | str) -> Real:
        """Return the bytes of one sequence's cache.

        Parameters
        ----------
        context : float or array
            Tokens of the sequence, at least 0. Layers with a window keep no more than that.
        dtype : Precision or str
            As in `labs.number_types.precision_of`.

        Returns
        -------
        float or array
            Bytes.

        Raises
        ------
        ValueError
            If an argument is unknown or out of range.

        Examples
        --------
        >>> MODELS["Llama-2-7B"].kv_bytes(1000, "bf16")
        524288000.0
        """
        size = precision_of(dtype).cache_bytes
        tokens = check.amounts("context", context, zero=True)
        kept = sum(cache.layers * cache.elements * cache.seen(tokens) for cache in self.caches)
        return check.plain(size * (kept + self.state))

    def weight_bytes(self, tokens: Real, dtype: Precision | str) -> Real:
        """Return the bytes of weights that a pass reads in expectation.

        ``dense + routed · (1 - (1 - k/E)^tokens)``: of E experts each token picks k, and what no
        token picks is not read. A router picks some more often than others, so fewer are read.

        Parameters
        ----------
        tokens : float or array
            Tokens of the pass, at least 0.
        dtype : Precision or str
            As in `labs.number_types.precision_of`.

        Returns
        -------
        float or array
            Bytes.

        Raises
        ------
        ValueError
            If an argument is unknown or out of range.

        Examples
        --------
        >>> mixtral = MODELS["Mixtral-8x7B"]
        >>> [round(mixtral.weight_bytes(n, "bf16") / 1e9, 1) for n in (1, 4, 64)]
        [25.5, 64.6, 93.1]
        """
        size = precision_of(dtype).weight_bytes
        passed = check.amounts("tokens", tokens, zero=True)
        touched = 1 - (1 - self.share) ** passed
        return check.plain(size * (self.dense_parameters + self.routed_parameters * touched))

    @property
    def share(self) -> float:
        """Return the experts a token uses over all there are; 1 where there are none."""
        return self.experts_per_token / self.experts if self.experts else 1.0

    @property
    def routed_parameters(self) -> float:
        """Return the weights of all routed experts."""
        if not self.experts or self.share == 1:
            return 0.0
        return (self.parameters - self._active) / (1 - self.share)

    @property
    def embedding_parameters(self) -> float:
        """Return the weights of one embedding: a row of ``hidden`` for each token there is."""
        return min(float(self.vocabulary) * self.hidden, self.dense_and_looked_up / 2)

    @property
    def dense_and_looked_up(self) -> float:
        """Return all weights but those of the routed experts."""
        return self.parameters - self.routed_parameters

    @property
    def dense_parameters(self) -> float:
        """Return the weights that every pass reads: all but routed experts and look-ups."""
        return self.dense_and_looked_up - (0 if self.tied else self.embedding_parameters)

    @property
    def used_parameters(self) -> float:
        """Return the weights that a token is multiplied with, the last layer's included."""
        return self._active - (0 if self.tied else self.embedding_parameters)

    @property
    def _active(self) -> float:
        return self.parameters if self.active_parameters is None else self.active_parameters

    def attention_operations(self, context: Real) -> Real:
        """Return the operations of one token's attention to a context of its own sequence.

        Parameters
        ----------
        context : float or array
            Tokens before it, at least 0.

        Returns
        -------
        float or array
            Multiplications and additions.

        Raises
        ------
        ValueError
            If ``context`` is out of range.

        Examples
        --------
        >>> MODELS["Llama-3.1-8B"].attention_operations(1000) == 4 * 32 * 32 * 128 * 1000
        True
        """
        tokens = check.amounts("context", context, zero=True)
        return check.plain(
            sum(cache.layers * cache.operations * cache.seen(tokens) for cache in self.caches)
        )

    def prompt_operations(self, prompt: Real) -> Real:
        """Return the operations of a prompt's attention, each token to those before it.

        Parameters
        ----------
        prompt : float or array
            Tokens, at least 0.

        Returns
        -------
        float or array
            Multiplications and additions.

        Raises
        ------
        ValueError
            If ``prompt`` is out of range.

        Examples
        --------
        >>> MODELS["Llama-3.1-8B"].prompt_operations(3) == 4 * 32 * 32 * 128 * (0 + 1 + 2)
        True
        """
        tokens = check.amounts("prompt", prompt, zero=True)
        found = np.zeros_like(tokens)
        for cache in self.caches:
            full = np.minimum(tokens, np.inf if cache.window is None else cache.window)
            pairs = full * np.maximum(full - 1, 0) / 2 + full * (tokens - full)
            found = found + cache.layers * cache.prompt_operations * pairs
        return check.plain(found)

    def _keys_and_values(self) -> Cache:
        operations = 4.0 * self.heads * self.head_dim
        elements = 2 * self.kv_heads * self.head_dim
        readers = self.heads / self.kv_heads
        return Cache(
            self.layers, elements, operations, operations, parts=self.kv_heads, readers=readers
        )


def _models() -> dict[str, Model]:
    text = resources.files("labs").joinpath("models.json").read_text("utf-8")
    return {
        name: Model.from_config(
            entry["config"], entry.get("parameters"), name=name, source=entry["source"]
        )
        for name, entry in json.loads(text).items()
    }


#: The language models by name, read from the configurations in ``models.json``.
#:
#: :meta hide-value:
MODELS: dict[str, Model] = _models()


def model_of(model: Model | str) -> Model:
    """Return a model given by itself or by name.

    Parameters
    ----------
    model : Model or str
        An entry of `MODELS`, or its name.

    Returns
    -------
    Model

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> model_of("Llama-2-7B").kv_heads
    32
    """
    if isinstance(model, Model):
        return model
    return MODELS[check.one_of("model", model, tuple(MODELS))]


def kv_bytes_per_token(model: Model | str, bytes_per_element: float = 2) -> float:
    """Return what one more token adds to a KV cache in which no window is full.

    ``2 · layers · KV heads · head dimension · bytes`` for keys and values; under latent attention
    what stands for them.

    Parameters
    ----------
    model : Model or str
        An entry of `labs.models.MODELS`, or its name.
    bytes_per_element : float
        2 for 16-bit, 1 for 8-bit, 0.5 for 4-bit values; above 0.

    Returns
    -------
    float
        Bytes.

    Raises
    ------
    ValueError
        If the model is unknown or the size not positive.

    Examples
    --------
    >>> kv_bytes_per_token("Llama-2-7B")
    524288.0
    """
    caches = model_of(model).caches
    size = check.number("bytes_per_element", bytes_per_element, above=0)
    return sum(cache.layers * cache.elements for cache in caches) * size
