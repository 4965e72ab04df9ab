"""Workloads: drawn ones against recorded reality, logs read exactly or refused by line."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trace_facts
from hypothesis import given
from hypothesis import strategies as st
from known_traces import CORRELATION, INTERARRIVAL_CV, MEANS, QUANTILES, RATE, REQUESTS
from numpy.testing import assert_array_equal
from scipy import stats

from labs import workload
from labs.simulation import mean_interval
from labs.workload import Workload, azure_chat, poisson, read_azure, read_csv, read_mooncake, zipf

# Drawn chat against the facts, without the trace


@pytest.fixture(scope="module")
def chats() -> list[Workload]:
    rng = np.random.default_rng(2023)
    return [azure_chat(REQUESTS, RATE, rng) for _ in range(20)]


@pytest.mark.parametrize("name", ["prompt", "output"])
def test_drawn_lengths_have_the_recorded_quantiles(chats: list[Workload], name: str) -> None:
    lengths = getattr(chats[0], name)
    for level, tokens in QUANTILES[name].items():
        error = 4 * math.sqrt(level * (1 - level) / lengths.size)
        assert (lengths < tokens).mean() <= level + error, (level, tokens)
        assert (lengths <= tokens).mean() >= level - error, (level, tokens)


@pytest.mark.parametrize("name", ["prompt", "output"])
def test_drawn_lengths_follow_every_recorded_quantile(chats: list[Workload], name: str) -> None:
    lengths = np.concatenate([getattr(chat, name) for chat in chats])
    table = workload.azure_chat_facts()["quantiles"][name]
    for level, tokens in zip(table["level"], table["tokens"], strict=True):
        error = 5 * math.sqrt(level * (1 - level) / lengths.size) + 1e-4
        assert (lengths < math.floor(tokens)).mean() <= level + error, (level, tokens)
        assert (lengths <= math.ceil(tokens)).mean() >= level - error, (level, tokens)
    assert lengths.min() >= table["tokens"][0]
    assert lengths.max() <= table["tokens"][-1]


@pytest.mark.parametrize("name", ["prompt", "output"])
def test_drawn_lengths_have_the_recorded_mean(chats: list[Workload], name: str) -> None:
    assert np.mean([getattr(chat, name).mean() for chat in chats]) == pytest.approx(
        MEANS[name], rel=0.01
    )


def test_prompt_and_output_are_correlated_as_recorded(chats: list[Workload]) -> None:
    drawn = np.array([np.corrcoef(chat.prompt, chat.output)[0, 1] for chat in chats])
    assert drawn.mean() == pytest.approx(CORRELATION, abs=0.01)
    # One trace-length sample has a standard error near 1/√n = .007.
    assert np.abs(drawn - CORRELATION).max() < 5 / math.sqrt(REQUESTS)


def test_short_prompts_meet_long_answers_as_recorded(chats: list[Workload]) -> None:
    # The joint table says more than a correlation: rank within sixteenths, cell by cell.
    joint = np.array(workload.azure_chat_facts()["joint"]) / REQUESTS
    # A cell that is empty in the trace stays empty; check by quartile, where ties matter less.
    chat = chats[0]
    quartiles = {}
    for name in ("prompt", "output"):
        edges = [QUANTILES[name][level] for level in (0.25, 0.5, 0.75)]
        quartiles[name] = np.searchsorted(edges, getattr(chat, name), side="left")
    drawn = np.zeros((4, 4))
    np.add.at(drawn, (quartiles["prompt"], quartiles["output"]), 1 / len(chat))
    recorded = joint.reshape(4, 4, 4, 4).sum(axis=(1, 3))
    assert np.abs(drawn - recorded).max() < 0.012
    assert np.abs(recorded - 1 / 16).max() > 0.03


def test_gaps_vary_as_recorded(chats: list[Workload]) -> None:
    gaps = [np.diff(chat.arrival) for chat in chats]
    drawn = np.array([gap.std() / gap.mean() for gap in gaps])
    error = drawn.std(ddof=1) / math.sqrt(drawn.size)
    assert drawn.mean() == pytest.approx(INTERARRIVAL_CV, abs=4 * error + 0.001)
    assert error < 0.005


@pytest.mark.parametrize("rate", [0.01, 2.765, 1000.0])
def test_chat_arrives_at_the_rate_asked_for(rate: float) -> None:
    chat = azure_chat(50_000, rate, np.random.default_rng(3))
    gaps = np.diff(chat.arrival, prepend=0.0)
    assert 1 / rate in mean_interval(gaps, 0.999)
    assert (gaps >= 0).all()


def test_chat_is_drawn_from_the_generator_alone() -> None:
    first, second = (azure_chat(100, 1.0, np.random.default_rng(5)) for _ in range(2))
    other = azure_chat(100, 1.0, np.random.default_rng(6))
    for name in ("arrival", "prompt", "output"):
        assert_array_equal(getattr(first, name), getattr(second, name))
        assert (getattr(first, name) != getattr(other, name)).any()
    assert len(azure_chat(0, 1.0, np.random.default_rng(1))) == 0


# Poisson and Zipf


@pytest.mark.parametrize("rate", [0.5, 40.0])
def test_poisson_gaps_are_exponential_and_independent(rate: float) -> None:
    arrival = poisson(rate, 50_000, np.random.default_rng(4))
    gaps = np.diff(arrival, prepend=0.0)
    assert stats.kstest(gaps * rate, "expon").pvalue > 1e-3
    assert abs(np.corrcoef(gaps[1:], gaps[:-1])[0, 1]) < 4 / math.sqrt(gaps.size)
    counts = np.bincount((arrival * rate // 10).astype(int))[:-1]
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.1)


def test_poisson_of_nothing() -> None:
    assert poisson(1.0, 0, np.random.default_rng(1)).shape == (0,)


@pytest.mark.parametrize("exponent", [0.0, 0.8, 1.0, 2.5])
def test_zipf_popularity_falls_as_a_power_of_rank(exponent: float) -> None:
    requests = zipf(50, exponent, 200_000, np.random.default_rng(5))
    weight = np.arange(1, 51) ** -exponent
    expected = weight / weight.sum() * requests.size
    seen = np.bincount(requests, minlength=50)
    assert seen.size == 50
    chi_square = ((seen - expected) ** 2 / expected).sum()
    assert chi_square < stats.chi2.ppf(0.999, 49)


def test_zipf_at_its_ends() -> None:
    rng = np.random.default_rng(1)
    assert zipf(1, 1.0, 5, rng).tolist() == [0] * 5
    assert zipf(10, 1.0, 0, rng).shape == (0,)
    steep = zipf(1000, 400.0, 100, rng)
    assert steep.tolist() == [0] * 100
    assert steep.dtype == np.int64


# Real logs


def test_the_azure_trace_is_read_exactly(azure_trace: Path) -> None:
    trace = read_azure(azure_trace)
    arrival, prompt, output = trace_facts.read(azure_trace)
    assert len(trace) == REQUESTS
    assert_array_equal(trace.arrival, arrival)
    assert_array_equal(trace.prompt, prompt)
    assert_array_equal(trace.output, output)
    assert trace.blocks is None


def test_the_mooncake_trace_is_read_exactly(mooncake_trace: Path) -> None:
    trace = read_mooncake(mooncake_trace)
    lines = [json.loads(line) for line in mooncake_trace.read_text("utf-8").splitlines()]
    assert len(trace) == len(lines) == 12_031
    assert_array_equal(trace.prompt, [line["input_length"] for line in lines])
    assert_array_equal(trace.output, [line["output_length"] for line in lines])
    first = lines[0]["timestamp"]
    assert_array_equal(trace.arrival, [(line["timestamp"] - first) / 1000 for line in lines])
    assert trace.blocks is not None
    # Known answer: 288,500 blocks, 182,790 distinct, so an endless cache hits .3664 of them.
    blocks = [block for request in trace.blocks for block in request]
    assert (len(blocks), len(set(blocks))) == (288_500, 182_790)
    assert 1 - len(set(blocks)) / len(blocks) == pytest.approx(0.3664, abs=5e-5)


# Logs of one's own


def log(tmp_path: Path, text: str | bytes, name: str = "log.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(path: Path) -> Workload:
    return read_csv(path, arrival="t", prompt="in", output="out")


def test_columns_are_found_by_name_in_any_order(tmp_path: Path) -> None:
    found = read(log(tmp_path, "id,out,t,in\na,3,0.5,10\nb,4,1.25,20\n"))
    assert found.arrival.tolist() == [0, 0.75]
    assert found.prompt.tolist() == [10, 20]
    assert found.output.tolist() == [3, 4]


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        (["2023-11-16 18:15:46.6805900", "2023-11-16 18:15:50.9951690"], [0, 4.314579]),
        (["2023-11-16 18:15:46.0000001", "2023-11-16 18:15:46.0000002"], [0, 1e-7]),
        (["2023-11-16T18:15:46.123456789Z", "2023-11-16T18:15:47.123456790Z"], [0, 1.000000001]),
        (["2023-11-16T23:59:59.5", "2023-11-17T00:00:00.25"], [0, 0.75]),
        (["2024-02-28 23:59:59", "2024-03-01 00:00:00"], [0, 86_401]),
        (["2023-11-16 18:00:00+00:00", "2023-11-16 20:00:01+02:00"], [0, 1]),
        (["2023-11-16 18:00:00.5-0330", "2023-11-16 21:30:01.5Z"], [0, 1]),
        (["2023-11-16 18:00:00", "2023-11-16 18:00:00.001"], [0, 0.001]),
        (["2024-05-10 00:00:00.25+00", "2024-05-10 02:00:00.75+02"], [0, 0.5]),
        (["20240510T000000.25Z", "20240510T000001.45Z"], [0, 1.2]),
        (["2024-05-10t00:00:00.25z", "2024-05-10 00:00:00.5 UTC"], [0, 0.25]),
        (["2024-05-10 00:00:00.25+00:00:00", "2024-05-10 00:00:01.45+00:00"], [0, 1.2]),
        (["1715299200250", "1715299201450"], [0, 1.2]),
        (["1715299200250000000", "1715299200250000001"], [0, 1e-9]),
        (["1999-12-31 23:59:59.9", "2000-01-01 00:00:00.1"], [0, 0.2]),
        (["2024-02-28", "2024-02-29 00:00:01"], [0, 86_401]),
        (["100.25", "101.5"], [0, 1.25]),
        (["-5", "1e1"], [0, 15]),
    ],
)
def test_times_are_read_to_the_last_digit(
    tmp_path: Path, times: list[str], seconds: list[float]
) -> None:
    text = "t,in,out\n" + "".join(f"{time},1,1\n" for time in times)
    assert read(log(tmp_path, text)).arrival == pytest.approx(seconds, rel=1e-12, abs=1e-12)


@given(st.lists(st.integers(0, 10**11), min_size=1, max_size=12))
def test_ticks_of_a_timestamp_survive(tmp_path_factory: Any, ticks: list[int]) -> None:
    # Seven digits, as Azure writes them; datetime alone would drop the last.
    def written(tick: int) -> str:
        seconds, fraction = divmod(tick, 10**7)
        day = np.datetime64("2023-11-16T18:00:00") + np.timedelta64(seconds, "s")
        return f"{day}.{fraction:07d}".replace("T", " ")

    rows = "".join(f"{written(tick)},1,1\n" for tick in ticks)
    path = log(tmp_path_factory.mktemp("ticks"), "t,in,out\n" + rows)
    wanted = (np.sort(ticks) - min(ticks)) / 1e7
    assert_array_equal(read(path).arrival, wanted)


def test_unsorted_rows_are_sorted_and_ties_keep_their_order(tmp_path: Path) -> None:
    found = read(log(tmp_path, "t,in,out\n3,1,9\n1,2,8\n3,3,7\n2,4,6\n"))
    assert found.arrival.tolist() == [0, 1, 2, 2]
    assert found.prompt.tolist() == [2, 4, 1, 3]
    assert found.output.tolist() == [8, 6, 9, 7]


def test_a_byte_order_mark_windows_lines_and_quotes_are_fine(tmp_path: Path) -> None:
    text = b'\xef\xbb\xbft,in,out,note\r\n0.5,1,2,"a, ""b""\r\nc"\r\n1.5,3,4,x\r\n'
    found = read(log(tmp_path, text))
    assert found.arrival.tolist() == [0, 1]
    assert found.output.tolist() == [2, 4]


HEAD = "t,in,out\n0.5,10,5\n"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "column"),
        ("\n", 1, "column"),
        ("t,in\n1,2\n", 1, "no column named out"),
        ("x,y,z\n1,2,3\n", 1, "no column named in, out, t"),
        ("t,in,out\n", 1, "no requests"),
        (HEAD + "1.0,10\n", 3, "ends early"),
        (HEAD + "1.0\n", 3, "ends early"),
        (HEAD + "1.0,ten,5\n", 3, "'ten'"),
        (HEAD + "1.0,,5\n", 3, "''"),
        (HEAD + "1.0,10,-5\n", 3, "'-5'"),
        (HEAD + "1.0,0,5\n", 3, "'0'"),
        (HEAD + "1.0,10,5,7\n", 3, "4 fields"),
        (HEAD + "1.0,10,1715299200\n", 3, "time"),
        ("t,in,out\n2024-05-10 00:00:00,1,1\n2024-05-10 00:00:00+02:00,1,1\n", 3, "zone="),
        ("t,in,out\n1,1,1\n40000,1,1\n80000,1,1\n", 2, "unit="),
        ("t,in,out\n1,1,1\n1e12,1,1\n", 2, "unit="),
        ("t,t,in,out\n1,1,1,1\n", 1, "two columns"),
        (HEAD + "1.0,10,2.5\n", 3, "'2.5'"),
        (HEAD + "1.0,nan,5\n", 3, "'nan'"),
        (HEAD + "1.0,inf,5\n", 3, "'inf'"),
        (HEAD + "nan,10,5\n", 3, "'nan'"),
        (HEAD + "inf,10,5\n", 3, "'inf'"),
        (HEAD + ",10,5\n", 3, "''"),
        (HEAD + "noon,10,5\n", 3, "'noon'"),
        (HEAD + "2023-13-01 00:00:00,10,5\n", 3, "2023-13-01"),
        (HEAD + "2023-11-16 18:15:46.68,10,5\n", 3, "mixes"),
        ("t,in,out\n2023-11-16 18:15:46,1,1\n7.5,10,5\n", 3, "mixes"),
        (HEAD + '1.0,"10,5\n', 3, ""),
        (HEAD + '1.0,"10"x,5\n', 3, ""),
        (HEAD + "1.0,10,5\n" * 3 + "bad,1,1\n", 6, "'bad'"),
        (HEAD.encode() + b"1.0,10,\xff\n", 3, "UTF-8"),
    ],
)
def test_a_malformed_csv_names_file_line_and_reason(
    tmp_path: Path, text: str | bytes, line: int, reason: str
) -> None:
    path = log(tmp_path, text)
    with pytest.raises(ValueError, match=rf"log\.csv:{line}: \S") as problem:
        read(path)
    message = str(problem.value)
    assert message.startswith(f"{path}:{line}: ")
    assert reason in message


@pytest.mark.parametrize("tokens", ["99999999999999999999", "1" * 400])
def test_absurd_lengths_are_refused_by_line(tmp_path: Path, tokens: str) -> None:
    path = log(tmp_path, HEAD + f"1.0,{tokens},5\n")
    with pytest.raises(ValueError, match=rf"log\.csv:3: .*{tokens[:15]}"):
        read(path)


def test_the_line_is_right_after_a_quoted_line_break(tmp_path: Path) -> None:
    path = log(tmp_path, 't,in,out,note\n1,1,1,"two\nlines"\n2,x,1,\n')
    with pytest.raises(ValueError, match=r"log\.csv:4: "):
        read(path)


def test_the_line_is_right_where_text_is_not_utf8_late_in_a_file(tmp_path: Path) -> None:
    rows = "".join(f"{n},10,5\n" for n in range(5000)).encode()
    path = log(tmp_path, b"t,in,out\n" + rows + b"1.0,10,\xff\n")
    with pytest.raises(ValueError, match=r"log\.csv:5002: .*UTF-8"):
        read(path)


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    for reader in (read_azure, read_mooncake, read):
        with pytest.raises(FileNotFoundError):
            reader(tmp_path / "none.csv")


def test_azure_columns_are_required(tmp_path: Path) -> None:
    path = log(tmp_path, "TIMESTAMP,ContextTokens\n2023-11-16 18:15:46.6805900,3\n")
    with pytest.raises(ValueError, match=r"log\.csv:1: no column named GeneratedTokens"):
        read_azure(path)


GOOD = '{"timestamp": 10, "input_length": 5, "output_length": 3, "hash_ids": [1, 2]}\n'


def with_field(name: str, value: str) -> str:
    fields = json.loads(GOOD)
    return json.dumps(fields).replace(f'"{name}": {json.dumps(fields[name])}', f'"{name}": {value}')


def test_mooncake_milliseconds_and_blocks(tmp_path: Path) -> None:
    text = GOOD + GOOD.replace("10", "1260").replace("[1, 2]", "[]")
    found = read_mooncake(log(tmp_path, text, "log.jsonl"))
    assert found.arrival.tolist() == [0, 1.25]
    assert found.blocks == ((1, 2), ())


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ('{"timestamp": 1', ""),
        ("not json", ""),
        ("", ""),
        ("[1, 2]", "object"),
        ("3", "object"),
        ("null", "object"),
        ('{"timestamp": 1, "input_length": 5, "output_length": 3}', "hash_ids"),
        ('{"input_length": 5, "output_length": 3, "hash_ids": []}', "timestamp"),
        (with_field("timestamp", '"soon"'), "soon"),
        (with_field("timestamp", "null"), "None"),
        (with_field("timestamp", "true"), "True"),
        (with_field("timestamp", "NaN"), "nan"),
        (with_field("timestamp", "Infinity"), "inf"),
        (with_field("timestamp", "[1]"), "[1]"),
        (with_field("timestamp", '"2023-11-16 18:15:46"'), "2023-11-16"),
        (with_field("input_length", "0"), "0"),
        (with_field("input_length", "-4"), "-4"),
        (with_field("input_length", "2.5"), "2.5"),
        (with_field("input_length", "null"), "None"),
        (with_field("input_length", "true"), "True"),
        (with_field("output_length", "[1]"), "[1]"),
        (with_field("output_length", "1e400"), "inf"),
        (with_field("output_length", "1e30"), "1e+30"),
        (with_field("hash_ids", "3"), "3"),
        (with_field("hash_ids", '["a"]'), "'a'"),
        (with_field("hash_ids", "[1.5]"), "1.5"),
        (with_field("hash_ids", "[true]"), "True"),
        (with_field("hash_ids", "null"), "None"),
    ],
)
def test_a_malformed_jsonl_names_file_line_and_reason(
    tmp_path: Path, bad: str, reason: str
) -> None:
    path = log(tmp_path, GOOD + GOOD + bad + "\n" + GOOD, "log.jsonl")
    with pytest.raises(ValueError, match=r"log\.jsonl:3: \S") as problem:
        read_mooncake(path)
    message = str(problem.value)
    assert message.startswith(f"{path}:3: ")
    assert reason in message


def test_an_empty_jsonl_and_one_not_utf8(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"log\.jsonl:1: .*no requests"):
        read_mooncake(log(tmp_path, "", "log.jsonl"))
    with pytest.raises(ValueError, match=r"log\.jsonl:2: .*UTF-8"):
        read_mooncake(log(tmp_path, GOOD.encode() + b"\xff\n", "log.jsonl"))


# Parts of a workload


@st.composite
def workloads(draw: Any) -> Workload:
    gaps = draw(st.lists(st.floats(0, 100), max_size=12))
    lengths = draw(st.lists(st.integers(1, 99), min_size=2 * len(gaps), max_size=2 * len(gaps)))
    blocks = tuple((number, 7) for number in range(len(gaps))) if draw(st.booleans()) else None
    prompt, output = lengths[: len(gaps)], lengths[len(gaps) :]
    return Workload(draw(st.floats(-50, 50)) + np.cumsum(gaps), prompt, output, blocks)


def rows(work: Workload) -> list[tuple[Any, ...]]:
    blocks = work.blocks or [None] * len(work)
    lengths = (work.arrival.tolist(), work.prompt.tolist(), work.output.tolist())
    return list(zip(*lengths, blocks, strict=True))


bounds = st.none() | st.integers(-15, 15)


@given(workloads(), st.builds(slice, bounds, bounds, st.none() | st.integers(1, 4)), st.data())
def test_a_slice_or_a_mask_keeps_whole_requests_when_they_arrived(
    work: Workload, part: slice, data: Any
) -> None:
    assert rows(work[part]) == rows(work)[part]
    mask = data.draw(st.lists(st.booleans(), min_size=len(work), max_size=len(work)))
    kept = work[np.array(mask, dtype=bool)]
    assert rows(kept) == [row for row, keep in zip(rows(work), mask, strict=True) if keep]
    assert (kept.blocks is None) == (work.blocks is None)


@given(workloads(), st.floats(1e-3, 1e3))
def test_at_a_rate_every_gap_is_scaled_alike(work: Workload, rate: float) -> None:
    if len(work) < 2 or not np.ptp(work.arrival):
        with pytest.raises(ValueError, match="workload must be of arrivals at two moments"):
            work.at_rate(rate)
        return
    scaled = work.at_rate(rate)
    assert scaled.arrival[0] == work.arrival[0]
    assert [row[1:] for row in rows(scaled)] == [row[1:] for row in rows(work)]
    span = (len(work) - 1) / rate
    rounding = 1e-12 * (1 + span)
    assert scaled.arrival[-1] - scaled.arrival[0] == pytest.approx(span, rel=1e-9, abs=rounding)
    shares = [(w.arrival - w.arrival[0]) / np.ptp(w.arrival) for w in (work, scaled)]
    assert shares[1] == pytest.approx(shares[0], abs=1e-9 + rounding / span)


@given(workloads(), st.floats(-60, 99), st.floats(0, 200) | st.just(math.inf))
def test_a_window_keeps_its_start_and_not_its_end(
    work: Workload, start: float, lasts: float
) -> None:
    end = start + lasts
    assert rows(work.window(start, end)) == [row for row in rows(work) if start <= row[0] < end]
    assert rows(work.window(-math.inf, math.inf)) == rows(work)
    if len(work):
        first = float(work.arrival[0])
        assert len(work.window(first, first)) == 0
        assert work.window(first, math.nextafter(first, math.inf)).arrival[0] == first


def test_a_window_opens_at_the_time_of_day_it_says() -> None:
    work = Workload([10.0, 20.0, 30.0], [1, 2, 3], [1, 1, 1], ((1,), (2,), (3,)))
    found = work.window(20.0, 30.0)
    assert (found.arrival.tolist(), found.blocks) == ([20.0], ((2,),))


PARTS = Workload([0.0, 1.0], [1, 1], [1, 1])


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: PARTS[0], "kept"),
        (lambda: PARTS[[0, 1]], "kept"),
        (lambda: PARTS[np.array([0.0, 1.0])], "kept"),
        (lambda: PARTS[[True]], "kept must be of length 2"),
        (lambda: PARTS[[[True, False]]], "kept"),
        (lambda: PARTS[::-1], "kept"),
        (lambda: PARTS[::0], "kept"),
        (lambda: PARTS["a":], "kept"),
        (lambda: PARTS[None], "kept"),
        (lambda: PARTS.at_rate(0), "rate"),
        (lambda: PARTS.at_rate(math.inf), "rate"),
        (lambda: PARTS[:1].at_rate(1.0), "workload"),
        (lambda: PARTS[:0].at_rate(1.0), "workload"),
        (lambda: PARTS.window(math.nan, 1), "start"),
        (lambda: PARTS.window(1, 0), "end"),
    ],
)
def test_a_part_that_is_none_is_refused(call: Any, argument: str) -> None:
    with pytest.raises(ValueError, match=rf"^{argument}\b"):
        call()


# Workload and bad input


def test_a_workload_is_a_frozen_copy_of_arrays() -> None:
    work = Workload([0, 1], [3, 4.0], np.array([1, 2], dtype=np.int8))
    assert (work.arrival.dtype, work.prompt.dtype, work.output.dtype) == (
        np.float64,
        np.int64,
        np.int64,
    )
    assert len(work) == 2
    with pytest.raises(AttributeError):
        work.arrival = np.zeros(2)


rng = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("call", "argument", "shown"),
    [
        (lambda: Workload([1, 0], [1, 1], [1, 1]), "arrival", "index 0"),
        (lambda: Workload([0, math.nan], [1, 1], [1, 1]), "arrival", "nan"),
        (lambda: Workload([0, math.inf], [1, 1], [1, 1]), "arrival", "inf"),
        (lambda: Workload([0, 1], [1], [1, 1]), "prompt", "1"),
        (lambda: Workload([0, 1], [1, 0], [1, 1]), "prompt", "0"),
        (lambda: Workload([0, 1], [1, 1], [1, 1.5]), "output", "1.5"),
        (lambda: Workload([0, 1], [1, 1], [1, -2]), "output", "-2"),
        (lambda: Workload([0], [2**53 + 2], [1]), "prompt", "9007199254740994"),
        (lambda: Workload([0, 1], [1, 1], ["a", "b"]), "output", "a"),
        (lambda: Workload([0, 1], [1, 1], [1, 1], ((1,),)), "blocks", "1"),
        (lambda: Workload([0, 1], [1, 1], [1, 1], 7), "blocks", "7"),
        (lambda: azure_chat(-1, 1.0, rng), "n", "-1"),
        (lambda: azure_chat(1.5, 1.0, rng), "n", "1.5"),
        (lambda: azure_chat(5, 0, rng), "rate", "0"),
        (lambda: azure_chat(5, math.nan, rng), "rate", "nan"),
        (lambda: azure_chat(5, 1.0, 42), "rng", "42"),
        (lambda: poisson(0, 5, rng), "rate", "0"),
        (lambda: poisson(math.inf, 5, rng), "rate", "inf"),
        (lambda: poisson(1.0, -5, rng), "n", "-5"),
        (lambda: poisson(1.0, 5, None), "rng", "None"),
        (lambda: zipf(0, 1.0, 5, rng), "objects", "0"),
        (lambda: zipf(5.5, 1.0, 5, rng), "objects", "5.5"),
        (lambda: zipf(5, -1.0, 5, rng), "exponent", "-1.0"),
        (lambda: zipf(5, math.inf, 5, rng), "exponent", "inf"),
        (lambda: zipf(5, 1.0, math.nan, rng), "n", "nan"),
        (lambda: zipf(5, 1.0, 5, np.random), "rng", "random"),
        (lambda: read_csv(3.5, "t", "in", "out"), "path", "3.5"),
        (lambda: read_csv("log.csv", 3, "in", "out"), "arrival", "3"),
        (lambda: read_azure(None), "path", "None"),
        (lambda: read_mooncake(True), "path", "True"),
    ],
)
def test_bad_input_is_named(call: Any, argument: str, shown: str) -> None:
    with pytest.raises(ValueError, match=rf"\b{argument}\b") as problem:
        call()
    assert shown in str(problem.value)
