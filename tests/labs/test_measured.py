"""Runs of every tool and log, read as their writers wrote them; and what is ambiguous, refused."""

import bz2
import csv
import gzip
import json
import lzma
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs import measured, slo
from labs.measured import Run, read
from labs.tool_figures import figures

FIXTURES = Path(__file__).parent / "fixtures"
OWN = {
    "arrival": "start_ms",
    "prompt": "tokens_in",
    "output": "tokens_out",
    "first_token": "first_ms",
    "finish": "end_ms",
}
NAN = math.nan
# By file: arrival, ttft, latency, failed.
EXPECTED: dict[str, tuple[Any, ...]] = {
    "vllm.json": ([0, 0.5, 1.25], [0.2, 0.1, 0.3], [0.32, 0.22, 0.4], 1),
    "sglang.jsonl": ([NAN] * 3, [0.2, 0.1, 0.3], [0.32, 0.22, 0.4], 1),
    "guidellm.json": ([0, 0.5], [0.2, 0.1], [0.5, 0.3], 1),
    "genai-perf.json": ([0, 0.5], [0.2, 0.1], [0.3, 0.14], 0),
    "aiperf.jsonl": ([0, 0.5], [0.2, 0.1], [0.3, 0.14], 1),
    "inference-perf.json": ([0, 0.5], [0.2, 0.1], [0.3, 0.14], 1),
    "llmperf.json": ([NAN] * 2, [0.2, 0.1], [0.3, 0.14], 1),
    "llmservingsim.jsonl": ([0, 0.5], [0.2, 0.1], [0.3, 0.14], 0),
    "azure.csv": ([0, 0.5], [NAN] * 2, [NAN] * 2, 0),
    "burstgpt.csv": ([0, 113], [NAN] * 2, [NAN] * 2, 1),
    "mooncake.jsonl": ([0, 0.5], [NAN] * 2, [NAN] * 2, 0),
    "bailian.jsonl": ([0, 0.5], [NAN] * 2, [NAN] * 2, 0),
}


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("told", [False, True])
def test_every_tool_is_known_by_what_it_writes(name: str, told: bool) -> None:
    tool = name.split(".")[0]
    run = read(FIXTURES / name, tool if told else None)
    arrival, ttft, latency, failed = EXPECTED[name]
    assert (run.tool, run.failed) == (tool, failed)
    np.testing.assert_allclose(run.arrival, arrival)
    np.testing.assert_allclose(run.ttft, ttft)
    np.testing.assert_allclose(run.latency, latency)
    np.testing.assert_allclose(run.first_token, run.arrival + run.ttft)
    np.testing.assert_allclose(run.finish, run.arrival + run.latency)
    np.testing.assert_allclose(run.tpot, (run.latency - run.ttft) / (run.output - 1))


def test_a_log_of_ones_own_is_read_by_names_or_usual_ones(tmp_path: Path) -> None:
    run = read(FIXTURES / "own.csv", **OWN)
    np.testing.assert_allclose(run.ttft, [0.2, 0.1])
    np.testing.assert_allclose(run.latency, [0.3, 0.14])
    usual = tmp_path / "log.csv"
    usual.write_text("Arrival Time (ms),prompt_tokens,completion_tokens\n0,10,3\n500,20,4\n")
    run = read(usual)
    assert run.arrival.tolist() == [0, 0.5]
    assert run.workload.prompt.tolist() == [10, 20]
    lines = read(FIXTURES / "own.jsonl", arrival="sent", prompt="in", output="out")
    assert lines.arrival.tolist() == [0, 0.5]
    assert lines.tool == "jsonl"


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("name", ["vllm.json", "azure.csv", "aiperf.jsonl"])
def test_compressed_is_the_same(tmp_path: Path, compress: Any, name: str) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(compress((FIXTURES / name).read_bytes()))
    plain, found = read(FIXTURES / name), read(packed)
    np.testing.assert_array_equal(found.arrival, plain.arrival)
    np.testing.assert_array_equal(found.latency, plain.latency)
    packed.write_bytes(compress((FIXTURES / name).read_bytes())[:-9])
    with pytest.raises(ValueError, match=r"packed: compressed data"):
        read(packed)


@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=9),
    st.sampled_from(["s", "ms", "us", "ns"]),
)
def test_a_unit_is_only_a_way_to_write(
    tmp_path_factory: pytest.TempPathFactory, micros: list[int], unit: str
) -> None:
    path = tmp_path_factory.mktemp("units") / "log.csv"
    scale = {"s": 1e-6, "ms": 1e-3, "us": 1, "ns": 1000}[unit]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["at", "in", "out"])
        writer.writerows(
            [[f"{at * scale:.6f}" if scale < 1 else at * scale, 5, 6] for at in micros]
        )
    run = read(path, arrival="at", prompt="in", output="out", unit=unit)
    expected = (np.sort(micros) - min(micros)) / 1e6
    np.testing.assert_allclose(run.arrival, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("zone", "later"),
    [(None, 0.0), ("Europe/Berlin", 3600.0), ("+02:00", 0.0)],
)
def test_a_zone_is_that_of_times_which_name_none(
    tmp_path: Path, zone: str | None, later: float
) -> None:
    # In Berlin an hour passes once more than the clock shows when summer time ends.
    log = tmp_path / "log.csv"
    log.write_text("at,in,out\n2026-10-25T00:30:00,1,1\n2026-10-25T04:30:00,1,1\n")
    run = read(log, arrival="at", prompt="in", output="out", zone=zone)
    assert run.arrival[1] == 4 * 3600 + later


TABLE = "at,in,out\n"


@pytest.mark.parametrize(
    ("text", "names", "message"),
    [
        (TABLE + "0,1,1\n100000,1,1\n200000,1,1\n", {}, r"log:2: at: the unit is ambiguous.*unit="),
        (TABLE + "0,1,1\n3e9,1,1\n", {}, r"unit="),
        (TABLE + "2026-01-01T00:00:00,1,1\n2026-01-01T00:00:00Z,1,1\n", {}, r"log:3: .*zone="),
        (TABLE + "2026-01-01T00:00:00,1,1\n5,1,1\n", {}, r"log:3: at mixes"),
        (TABLE + "0,1,024,7\n", {}, r"log:2: has 4 fields where the header has 3.*quoted"),
        (TABLE + "0,1,1715300000\n", {}, r"log:2: output tokens .*a time"),
        (TABLE + "0,0.25,1\n", {}, r"log:2: prompt tokens must be a whole number"),
        (TABLE + "0,1,0\n", {}, r"log:1: holds no requests that have an answer"),
        (TABLE, {}, r"log:1: holds no requests"),
        ("", {}, r"log:1: is empty"),
        ("a,b,c\n1,2,3\n", {}, r"log:1: no column named at, in, out"),
        (TABLE + "0,1,1\n", {"unit": "h"}, r"unit must be one of"),
        (TABLE + "0,1,1\n", {"zone": "Mars/Base"}, r"zone must be an IANA name"),
        (TABLE + "0,1,1\n", {"colour": "red"}, r"names must be among"),
        (TABLE + "0,1,1\n", {"part": 1}, r"part must be left out"),
        ("at,end,in,out\n5,1,1,1\n", {"finish": "end"}, r"finish before its arrival"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_is_ambiguous_is_refused_with_line_and_remedy(
    tmp_path: Path, text: str, names: dict[str, Any], message: str
) -> None:
    path = tmp_path / "log"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read(path, arrival="at", prompt="in", output="out", **names)


def damaged(change: Callable[[Any], Any], name: str = "vllm.json") -> str:
    document = json.loads((FIXTURES / name).read_text())
    change(document)
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (damaged(lambda d: d.pop("itls")), "itls must be a list"),
        (damaged(lambda d: d["ttfts"].pop()), "ttfts must be of length 4"),
        (damaged(lambda d: d["ttfts"].__setitem__(1, -1)), "request 1: ttfts must be at least 0"),
        (damaged(lambda d: d["output_lens"].__setitem__(0, "x")), "request 0: output_lens must be"),
        (damaged(lambda d: d.update(errors=["e"] * 4)), "holds no answers, and 4 requests"),
        (
            damaged(lambda d: d["benchmarks"][0].update(requests={}), "guidellm.json"),
            "no benchmark holds its requests",
        ),
        (
            damaged(lambda d: d["benchmarks"].append(d["benchmarks"][0]), "guidellm.json"),
            "say part=0 to 1",
        ),
        (
            damaged(lambda d: d[0].pop("start_time"), "inference-perf.json"),
            "no known form|say arrival=|no field",
        ),
        (damaged(lambda d: d[1].pop("end_time"), "inference-perf.json"), "request 1: no field"),
        ('{"mean_ttft_ms": 3}', "a summary without its requests"),
        ('{"ttfts": [', "not JSON"),
        ("[1, 2]", "no known form"),
    ],
)
def test_a_damaged_file_is_refused_by_name_and_place(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as problem:
        read(path)
    assert str(problem.value).startswith(str(path))


def test_a_part_is_chosen(tmp_path: Path) -> None:
    text = (FIXTURES / "sglang.jsonl").read_text()
    twice = tmp_path / "runs.jsonl"
    twice.write_text(text + text.replace("0.3]", "0.6]"))
    with pytest.raises(ValueError, match="say part=0 to 1"):
        read(twice)
    assert read(twice, part=1).ttft[-1] == 0.6


def test_a_run_without_lengths_or_arrivals_is_no_workload() -> None:
    with pytest.raises(ValueError, match="run must be one that records arrival"):
        _ = read(FIXTURES / "llmperf.json").workload
    with pytest.raises(ValueError, match="run must be one that records prompt"):
        _ = Run([0.0], [NAN], [3], [1.0], [2.0]).workload
    with pytest.raises(ValueError, match="finish must be of length 1"):
        Run([0.0], [1], [3], [1.0], [2.0, 3.0])


def test_a_measured_run_is_scored_as_a_simulated_one() -> None:
    run = read(FIXTURES / "vllm.json")
    assert slo.attainment(run, slo.Objective(ttft=0.25, tpot=0.08)) == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", ["vllm.json", "sglang.jsonl"])
def test_figures_are_those_that_vllm_and_sglang_print(name: str) -> None:
    printed = json.loads((FIXTURES / name).read_text())
    found = figures(read(FIXTURES / name), name.split(".")[0])
    for ours, theirs in (("ttft", "ttft"), ("tpot", "tpot"), ("itl", "itl")):
        assert 1e3 * found[ours] == pytest.approx(printed[f"mean_{theirs}_ms"])


def test_figures_are_those_that_guidellm_prints() -> None:
    printed = json.loads((FIXTURES / "guidellm.json").read_text())["benchmarks"][0]["metrics"]
    found = figures(read(FIXTURES / "guidellm.json"), "guidellm")
    for ours, theirs in (
        ("ttft", "time_to_first_token_ms"),
        ("tpot", "time_per_output_token_ms"),
        ("itl", "inter_token_latency_ms"),
    ):
        assert 1e3 * found[ours] == pytest.approx(printed[theirs]["successful"]["mean"])


def test_real_files_agree_with_the_figures_their_tools_printed(shared: Path) -> None:
    formats = shared / "formats"
    run = read(formats / "genai-perf-raw.json")
    printed = json.loads((formats / "genai-perf-summary.json").read_text())
    assert run.ttft.mean() * 1e3 == pytest.approx(printed["time_to_first_token"]["avg"], rel=1e-3)
    assert run.latency.mean() * 1e3 == pytest.approx(printed["request_latency"]["avg"], rel=1e-3)
    one = read(formats / "llmperf-individual.json")
    assert len(one) == 150
    assert np.isnan(one.arrival).all()
    for name in ("guidellm-report.json", "inference-perf-stage.json", "genai-perf-summary.json"):
        with pytest.raises(ValueError, match=r"requests"):
            read(formats / name)


def test_the_same_run_by_every_tools_definition() -> None:
    run = Run([0, 0], [9, 9], [2, 11], [0.5, 0.5], [0.7, 1.5], itl=[0.2] + [0.1] * 10)  # type: ignore[arg-type]
    assert figures(run, "vllm")["tpot"] == pytest.approx((0.2 + 0.1) / 2)
    assert figures(run, "vllm")["itl"] == pytest.approx(1.2 / 11)
    assert figures(run, "aiperf")["itl"] == figures(run, "genai-perf")["itl"]
    assert figures(run, "genai-perf")["itl"] == figures(run, "vllm")["tpot"]
    assert figures(run, "guidellm")["itl"] == pytest.approx(1.2 / 11)
    assert figures(run, "guidellm")["tpot"] == pytest.approx(2.2 / 13)
    with pytest.raises(ValueError, match="tool must be one of"):
        figures(run, "llmperf")


def test_every_tool_has_a_fixture() -> None:
    stems = {path.name.split(".")[0] for path in FIXTURES.iterdir()}
    assert set(measured.TOOLS) - {"csv", "jsonl"} <= stems
