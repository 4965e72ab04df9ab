"""Result files of benchmark tools, as each writes them: one request at a time, in seconds."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

NAN = math.nan


@dataclass
class Answers:
    """What a result file says of requests: seconds on any clock, NaN where it is silent."""

    arrival: list[float] = field(default_factory=list)
    prompt: list[float] = field(default_factory=list)
    output: list[float] = field(default_factory=list)
    ttft: list[float] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)
    itl: list[float] = field(default_factory=list)
    failed: int = 0

    def add(
        self, arrival: float, prompt: float, output: float, ttft: float, latency: float
    ) -> None:
        """Add an answer; one that has no tokens counts as failed."""
        if output == 0:
            self.failed += 1
            return
        for name, value in (("ttft", ttft), ("latency", latency)):
            if value < 0:
                raise ValueError(f"{name} must be at least 0, got {value!r}")
        if latency < ttft:
            raise ValueError(f"latency must be at least ttft, {ttft!r}, got {latency!r}")
        for name, count in (("prompt", prompt), ("output", output)):
            if count < 1 or count > 1e8 or (count == count and not float(count).is_integer()):
                raise ValueError(f"{name} tokens must be a whole number from 1 on, got {count!r}")
        self.arrival.append(arrival)
        self.prompt.append(prompt)
        self.output.append(output)
        self.ttft.append(ttft)
        self.latency.append(latency)


def vllm(document: Mapping[str, Any], part: int | None) -> Answers:
    """Read vLLM's ``--save-result --save-detailed``, and SGLang's ``--output-details``."""
    one_of(part, 1, "results")
    found = Answers()
    prompt = _list(document, "input_lens")
    size = len(prompt)
    output, ttft = (_list(document, name, size) for name in ("output_lens", "ttfts"))
    gaps = _list(document, "itls", size)
    errors = document.get("errors") or [""] * size
    starts = document.get("start_times") or [NAN] * size
    for name, values in (("errors", errors), ("start_times", starts)):
        if len(values) != size:
            raise ValueError(f"{name} must be of length {size}, got {len(values)}")
    for place in range(size):
        with _within(f"request {place}"):
            between = [_seconds(gap, "itls") for gap in gaps[place]]
            first = _seconds(ttft[place], "ttfts")
            if errors[place] or not _number(output[place], "output_lens"):
                found.failed += 1
                continue
            found.itl += between
            found.add(
                _number(starts[place], "start_times"),
                _number(prompt[place], "input_lens"),
                _number(output[place], "output_lens"),
                first,
                first + math.fsum(between),
            )
    return found


def guidellm(document: Mapping[str, Any], part: int | None) -> Answers:
    """Read a report of GuideLLM: one of its benchmarks."""
    kept = [
        (place, benchmark)
        for place, benchmark in enumerate(_list(document, "benchmarks"))
        if any((benchmark.get("requests") or {}).get(kind) for kind in OUTCOMES)
    ]
    if not kept:
        raise ValueError(
            "no benchmark holds its requests: GuideLLM was told to leave them out, or to sample"
        )
    _, benchmark = kept[one_of(part, len(kept), "benchmarks with requests")]
    requests, found = benchmark["requests"], Answers()
    found.failed = sum(len(requests.get(kind) or []) for kind in OUTCOMES[1:])
    for place, request in enumerate(requests.get("successful") or []):
        with _within(f"request {place}"):
            flat = _flat(request)
            start = _first(flat, ("request_start", "request_start_time", "start_time"))
            end = _first(flat, ("request_end", "request_end_time", "end_time"))
            first = _first(
                flat,
                ("first_token_iteration", "first_iteration", "first_token_time"),
                NAN,
            )
            found.add(
                start,
                _first(flat, ("prompt_tokens", "input_tokens", "text_tokens")),
                _first(flat, ("output_tokens", "completion_tokens")),
                first - start,
                end - start,
            )
    return found


OUTCOMES = ("successful", "errored", "incomplete")


def genai_perf(document: Mapping[str, Any], part: int | None) -> Answers:
    """Read genai-perf's raw profile, ``profile_export.json``: nanoseconds of every response."""
    experiments = _list(document, "experiments")
    experiment = experiments[one_of(part, len(experiments), "experiments")]
    found = Answers()
    for place, request in enumerate(_list(experiment, "requests")):
        with _within(f"request {place}"):
            stamps = [
                _number(stamp, "response_timestamps") for stamp in request["response_timestamps"]
            ]
            if not stamps or request.get("success") is False:
                found.failed += 1
                continue
            start = _number(request["timestamp"], "timestamp")
            usage, chunks = _usage(request.get("response_outputs") or [])
            output = usage.get("completion_tokens", chunks)
            # The response that ends a stream carries no token.
            found.itl += [(b - a) / 1e9 for a, b in pairwise(stamps)]
            found.add(
                start / 1e9,
                _number(usage.get("prompt_tokens", NAN), "prompt_tokens"),
                _number(output or NAN, "completion_tokens"),
                (stamps[0] - start) / 1e9,
                (stamps[-1] - start) / 1e9,
            )
    return found


def aiperf(records: Sequence[Mapping[str, Any]], part: int | None) -> Answers:
    """Read AIPerf's ``profile_export.jsonl``: a record a request, its metrics with units."""
    one_of(part, 1, "runs")
    found = Answers()
    for place, record in enumerate(records):
        with _within(f"line {place + 1}"):
            told, metrics = record["metadata"], record.get("metrics") or {}
            if told.get("benchmark_phase", "profiling") != "profiling":
                continue
            if record.get("error") or told.get("was_cancelled"):
                found.failed += 1
                continue
            start, end = (
                _number(told[name], name) for name in ("request_start_ns", "request_end_ns")
            )
            latency = _metric(metrics, "request_latency", (end - start) / 1e9)
            between = metrics.get("inter_chunk_latency") or {}
            if isinstance(between.get("value"), list):
                per = _scale(between.get("unit", "ms"))
                found.itl += [_number(gap, "inter_chunk_latency") * per for gap in between["value"]]
            found.add(
                start / 1e9,
                _metric(metrics, "input_sequence_length", NAN),
                _metric(metrics, "output_sequence_length", NAN),
                _metric(metrics, "time_to_first_token", NAN),
                latency,
            )
    return found


def inference_perf(records: Sequence[Mapping[str, Any]], part: int | None) -> Answers:
    """Read inference-perf's ``per_request_lifecycle_metrics.json``."""
    one_of(part, 1, "runs")
    found = Answers()
    for place, record in enumerate(records):
        with _within(f"request {place}"):
            if record.get("error"):
                found.failed += 1
                continue
            flat = _flat(record.get("info") or {})
            start, end = (_number(record[name], name) for name in ("start_time", "end_time"))
            times = flat.get("output_token_times") or []
            if not isinstance(times, list):
                raise ValueError(f"output_token_times must be a list, got {times!r}")
            stamps = [_number(time, "output_token_times") for time in times]
            found.itl += [b - a for a, b in pairwise(stamps)]
            found.add(
                start,
                _first(flat, ("input_tokens", "prompt_tokens")),
                _first(flat, ("output_tokens",)),
                stamps[0] - start if stamps else NAN,
                (stamps[-1] if stamps else end) - start,
            )
    return found


def llmperf(records: Sequence[Mapping[str, Any]], part: int | None) -> Answers:
    """Read LLMPerf's individual responses; it does not record when a request was sent."""
    one_of(part, 1, "runs")
    found = Answers()
    for place, record in enumerate(records):
        with _within(f"request {place}"):
            if record.get("error_code") not in (None, "") or record.get("error_msg"):
                found.failed += 1
                continue
            found.add(
                NAN,
                _number(record["number_input_tokens"], "number_input_tokens"),
                _number(record["number_output_tokens"], "number_output_tokens"),
                _number(record["ttft_s"], "ttft_s"),
                _number(record["end_to_end_latency_s"], "end_to_end_latency_s"),
            )
    return found


def llmservingsim(records: Sequence[Mapping[str, Any]], part: int | None) -> Answers:
    """Read LLMServingSim's benchmark of vLLM: the engine's own clock, not the client's."""
    one_of(part, 1, "runs")
    found = Answers()
    for place, record in enumerate(records):
        with _within(f"line {place + 1}"):
            if record.get("error") or record.get("first_token_ts") is None:
                found.failed += 1
                continue
            queued, first, last = (
                _number(record[name], name)
                for name in ("queued_ts", "first_token_ts", "last_token_ts")
            )
            found.add(
                queued,
                _number(record["input_toks"], "input_toks"),
                _number(record["output_toks"], "output_toks"),
                first - queued,
                last - queued,
            )
    return found


class _within:  # noqa: N801
    """Say where in the file a value is that cannot be read."""

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        if isinstance(problem, KeyError):
            raise ValueError(f"{self.where}: no field named {problem.args[0]}") from None
        if isinstance(problem, TypeError | AttributeError | IndexError):
            raise ValueError(f"{self.where}: not of the form that the tool writes") from None
        if isinstance(problem, ValueError):
            raise ValueError(f"{self.where}: {problem}") from None


def one_of(part: int | None, count: int, what: str) -> int:
    """Return which part of a file is asked for; refuse to choose among several."""
    if part is None:
        if count != 1:
            raise ValueError(f"holds {count} {what}: say part=0 to {count - 1}")
        return 0
    if type(part) is not int or not 0 <= part < count:
        raise ValueError(f"part must be a whole number from 0 to {count - 1}, got {part!r}")
    return part


def _list(document: Mapping[str, Any], name: str, size: int | None = None) -> list[Any]:
    values = document.get(name)
    if not isinstance(values, list):
        raise ValueError(f"{name} must be a list, got {str(values)[:40]}")
    if size is not None and len(values) != size:
        raise ValueError(f"{name} must be of length {size}, got {len(values)}")
    return values


def _number(value: Any, name: str) -> float:
    if type(value) not in (int, float) or math.isinf(float(value)):
        raise ValueError(f"{name} must be a number, got {str(value)[:40]!r}")
    return value  # type: ignore[no-any-return]


def _seconds(value: Any, name: str) -> float:
    found = _number(value, name)
    if found < 0:
        raise ValueError(f"{name} must be at least 0 seconds, got {value!r}")
    return found


def _flat(nested: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of nested mappings by name, the outer one where two are alike."""
    found: dict[str, Any] = {}
    todo: list[Mapping[str, Any]] = [nested]
    while todo:
        layer = todo.pop(0)
        for name, value in layer.items():
            if isinstance(value, Mapping):
                todo.append(value)
            elif value is not None:
                found.setdefault(name, value)
    return found


def _first(flat: Mapping[str, Any], names: Iterable[str], missing: float | None = None) -> float:
    for name in names:
        if name in flat:
            return _number(flat[name], name)
    if missing is None:
        raise ValueError(f"no field named {' or '.join(names)}")
    return missing


SCALES = {"s": 1.0, "sec": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "tokens": 1.0, "": 1.0}


def _scale(unit: str) -> float:
    if unit not in SCALES:
        raise ValueError(f"unit must be one of {', '.join(filter(None, SCALES))}, got {unit!r}")
    return SCALES[unit]


def _metric(metrics: Mapping[str, Any], name: str, missing: float) -> float:
    """Return a metric in seconds or tokens."""
    if metrics.get(name) is None:
        return missing
    return _number(metrics[name]["value"], name) * _scale(metrics[name].get("unit", ""))


def _usage(outputs: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], int]:
    """Return the usage that a stream ends with, and how many of its chunks hold text."""
    usage: dict[str, Any] = {}
    chunks = 0
    for output in outputs:
        text = str(output.get("response", ""))
        if not text.startswith("data: {"):
            continue
        try:
            said = json.loads(text.removeprefix("data: "))
        except ValueError:
            continue
        usage = said.get("usage") or usage
        choices = said.get("choices") or [{}]
        chunks += bool((choices[0].get("delta") or {}).get("content") or choices[0].get("text"))
    return usage, chunks


#: How each tool is read, and the fields by which its file is known: of the document, or of each of
#: its records.
Reader = Callable[[Any, int | None], Answers]
TOOLS: dict[str, tuple[Reader, tuple[str, ...], tuple[str, ...]]] = {
    # SGLang's before vLLM's: it has all of vLLM's fields, and some of its own.
    "sglang": (vllm, ("ttfts", "input_lens", "mean_e2e_latency_ms"), ()),
    "vllm": (vllm, ("ttfts", "input_lens"), ()),
    "guidellm": (guidellm, ("benchmarks",), ()),
    "genai-perf": (genai_perf, ("experiments",), ()),
    "aiperf": (aiperf, (), ("metadata", "metrics")),
    "inference-perf": (inference_perf, (), ("start_time", "end_time", "info")),
    "llmperf": (llmperf, (), ("ttft_s", "end_to_end_latency_s")),
    "llmservingsim": (llmservingsim, (), ("queued_ts", "first_token_ts", "last_token_ts")),
}
