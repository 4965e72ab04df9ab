"""Published traces as recorded facts: quantiles, rates and reuse, with their sources."""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from labs import validation as check


@dataclass(frozen=True)
class PrefixCache:
    """What an LRU cache of prefix blocks did on the Mooncake conversation trace.

    Attributes
    ----------
    capacity : int
        Blocks of 512 tokens that fit.
    hit_ratio : float
        Leading blocks found over all blocks.
    tokens_cached : float
        Share of prompt tokens that need no prefill.
    own_hit : float
        Share of requests that found more than the one block which all requests begin with.
    uncached_mean : float
        Tokens of a prompt left to prefill, mean over requests.
    uncached_p50 : float
        Their median.
    uncached_p90 : float
        Their 90th percentile.
    uncached_p99 : float
        Their 99th percentile.

    Examples
    --------
    >>> endless = mooncake_prefix_cache(182_790)
    >>> round(endless.hit_ratio, 3), round(endless.tokens_cached, 3)
    (0.366, 0.374)
    """

    capacity: int
    hit_ratio: float
    tokens_cached: float
    own_hit: float
    uncached_mean: float
    uncached_p50: float
    uncached_p90: float
    uncached_p99: float


@cache
def azure_chat_facts() -> dict[str, Any]:
    """Return the recorded statistics of the Azure chat trace, with their source.

    Returns
    -------
    dict
        ``requests``, ``rate``, ``interarrival_cv``, ``correlation`` of prompt and output,
        ``quantiles`` (level and tokens of each), the ``joint`` table and the ``source``.

    References
    ----------
    Patel et al., "Splitwise", ISCA 2024; statistics of AzureLLMInferenceTrace_conv, CC-BY-4.0.

    Examples
    --------
    >>> azure_chat_facts()["requests"]
    19366
    """
    return _recorded("azure_chat.json")


@cache
def mooncake_facts() -> dict[str, Any]:
    """Return the recorded statistics of the Mooncake conversation trace, with their source.

    One hour of requests to a chat service, each prompt cut into prefix blocks of 512 tokens. Every
    prompt begins with the same block. A prompt found whole still computes its last token.

    Returns
    -------
    dict
        ``requests``, ``rate``, ``blocks`` and ``distinct_blocks``, ``quantiles`` of prompt and
        output (level and tokens), ``reuse`` (share of blocks ``requested_once``; share of the 1%
        longest prefills that are ``tail_first_visits``, finding the common block alone in an
        endless cache; quantiles of the ``seconds`` until a block is requested again, the common
        one left out), ``lru`` by capacity
        (see `PrefixCache`), leading blocks found over all blocks by ``policies`` and capacity
        (those of `labs.caching.hits`, and LRU evicting the end of a prompt before its beginning),
        and the ``source``.

    References
    ----------
    Qin et al., "Mooncake: Trading more storage for less computation", FAST 2025; statistics of
    conversation_trace of kvcache-ai/Mooncake, Apache-2.0.

    Examples
    --------
    >>> mooncake_facts()["requests"], mooncake_facts()["distinct_blocks"]
    (12031, 182790)
    """
    return _recorded("mooncake_conversation.json")


def mooncake_prefix_cache(capacity: int) -> PrefixCache:
    """Return what an LRU prefix cache did on the Mooncake conversation trace.

    Parameters
    ----------
    capacity : int
        Blocks of 512 tokens, one of ``mooncake_facts()["lru"]["capacity"]``; the last of them
        holds every block of the trace.

    Returns
    -------
    PrefixCache

    Raises
    ------
    ValueError
        If nothing is recorded at that capacity.

    References
    ----------
    Qin et al., "Mooncake: Trading more storage for less computation", FAST 2025.

    Examples
    --------
    >>> mooncake_prefix_cache(10_000).hit_ratio
    0.211165
    """
    capacity = check.count("capacity", capacity)
    recorded = mooncake_facts()["lru"]
    if capacity not in recorded["capacity"]:
        raise check.refuse("capacity", f"one of {recorded['capacity']}", capacity)
    place = recorded["capacity"].index(capacity)
    return PrefixCache(**{name: column[place] for name, column in recorded.items()})


def _recorded(name: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(resources.files("labs").joinpath(name).read_text("utf-8"))
    return facts
