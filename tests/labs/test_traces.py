"""The recorded facts are those of the published traces, obey the laws, and cite their sources."""

from pathlib import Path

import numpy as np
import pytest
import trace_facts
from known_traces import (
    CORRELATION,
    HIT_RATIO,
    INTERARRIVAL_CV,
    MEANS,
    QUANTILES,
    RATE,
    REQUESTS,
    SECONDS,
)
from shared_files import REPOSITORY

from labs import traces


def test_recorded_facts_are_those_of_the_trace() -> None:
    facts = traces.azure_chat_facts()
    assert facts["requests"] == REQUESTS
    assert facts["duration_s"] == pytest.approx(SECONDS, abs=0.05)
    assert facts["rate"] == pytest.approx(RATE, abs=0.0005)
    assert facts["interarrival_cv"] == pytest.approx(INTERARRIVAL_CV, abs=0.0005)
    assert facts["correlation"] == pytest.approx(CORRELATION, abs=1e-6)
    assert facts["prompt_tokens"] / REQUESTS == MEANS["prompt"]
    assert facts["output_tokens"] / REQUESTS == MEANS["output"]
    # content.md, computed by an independent simulator.
    tails = facts["half_rate"]
    assert tails["mixed"]["p99_ttft"] == pytest.approx(1.146, abs=0.0005)
    assert tails["mixed"]["p99_tpot"] == pytest.approx(0.071, abs=0.0005)
    assert tails["chunked"]["p99_ttft"] == pytest.approx(1.696, abs=0.0005)
    assert tails["chunked"]["p99_tpot"] == pytest.approx(0.060, abs=0.0005)
    for name, wanted in QUANTILES.items():
        table = facts["quantiles"][name]
        recorded = dict(zip(table["level"], table["tokens"], strict=True))
        assert {level: recorded[level] for level in wanted} == wanted


def test_recorded_tables_are_whole() -> None:
    facts = traces.azure_chat_facts()
    joint = np.array(facts["joint"])
    assert joint.sum() == REQUESTS
    for axis in (0, 1):
        assert np.ptp(joint.sum(axis=axis)) <= 1
    for table in facts["quantiles"].values():
        level, tokens = np.array(table["level"]), np.array(table["tokens"])
        assert (level[0], level[-1]) == (0, 1)
        assert (np.diff(level) > 0).all()
        assert (np.diff(tokens) >= 0).all()


def test_the_source_is_cited_with_its_licence() -> None:
    source = traces.azure_chat_facts()["source"]
    for part in ("AzurePublicDataset", "CC-BY-4.0", "Splitwise", "ISCA 2024"):
        assert part in source


def test_recorded_facts_recompute_from_the_trace(azure_trace: Path) -> None:
    recorded = (REPOSITORY / "labs" / "azure_chat.json").read_text("utf-8")
    assert trace_facts.as_json(trace_facts.facts(azure_trace)) == recorded


def test_recorded_caches_are_those_of_the_conversation_trace() -> None:
    facts = traces.mooncake_facts()
    assert (facts["requests"], facts["blocks"], facts["distinct_blocks"]) == (
        12_031,
        288_500,
        182_790,
    )
    for capacity, hit_ratio in HIT_RATIO.items():
        found = traces.mooncake_prefix_cache(capacity)
        assert found.capacity == capacity
        assert found.hit_ratio == pytest.approx(hit_ratio, abs=5e-5)
        lru = facts["policies"]["lru"]
        if capacity in facts["policies"]["capacity"]:
            assert lru[facts["policies"]["capacity"].index(capacity)] == found.hit_ratio


def test_recorded_caches_obey_the_laws_of_lru() -> None:
    facts = traces.mooncake_facts()
    columns = {name: np.array(column) for name, column in facts["lru"].items()}
    assert 24 <= columns["capacity"].size <= 32
    assert columns["capacity"][-1] == facts["distinct_blocks"]
    # A larger LRU cache holds what a smaller one does: it finds no less, and leaves no more.
    for name, column in columns.items():
        steps = np.diff(column)
        assert (steps <= 0).all() if name.startswith("uncached") else (steps >= 0).all(), name
    mean = columns["uncached_mean"] * facts["requests"] / facts["prompt_tokens"]
    assert mean == pytest.approx(1 - columns["tokens_cached"], abs=1e-5)
    # Endless, it misses each block once: the rest of a prompt's blocks lead up to no miss.
    distinct = facts["distinct_blocks"] / facts["blocks"]
    assert columns["hit_ratio"][-1] == pytest.approx(1 - distinct, abs=1e-6)
    policies = facts["policies"]
    best = np.array(policies["belady"])
    for policy in set(policies) - {"capacity"}:
        assert (np.array(policies[policy]) <= best).all(), policy
    seconds = np.array(facts["reuse"]["seconds"]["seconds"])
    assert (np.diff(seconds) >= 0).all()
    assert seconds[-1] <= facts["duration_s"]


def test_a_capacity_not_recorded_is_refused() -> None:
    with pytest.raises(ValueError, match=r"capacity must be one of .* got 1234"):
        traces.mooncake_prefix_cache(1234)


def test_the_conversation_trace_is_cited_with_its_licence() -> None:
    source = traces.mooncake_facts()["source"]
    for part in ("kvcache-ai/Mooncake", "Apache-2.0", "FAST 2025"):
        assert part in source


def test_recorded_caches_recompute_from_the_trace(mooncake_trace: Path) -> None:
    recorded = (REPOSITORY / "labs" / "mooncake_conversation.json").read_text("utf-8")
    assert trace_facts.as_json(trace_facts.mooncake_facts(mooncake_trace)) == recorded
