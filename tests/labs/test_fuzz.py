"""Whatever is passed in: a ``ValueError`` that names the argument, or a sound answer, soon."""

import dataclasses
import functools
import inspect
import itertools
import re
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labs import (
    accelerators,
    caching,
    calibration,
    checks,
    cluster,
    contracts,
    digits,
    disaggregation,
    distillation,
    economics,
    endpoints,
    engine,
    evidence,
    gateways,
    hardware,
    histogram,
    intervals,
    loads,
    measured,
    planning,
    precision,
    quantization,
    queueing,
    routers,
    safety,
    scheduling,
    simulation,
    slo,
    speculation,
    sweep,
    tool_figures,
    wire,
    workload,
)
from labs.checks import batching as batching_checks

pytestmark = pytest.mark.fuzz
CPU_SECONDS = 2.0

HOSTILE: list[Any] = [
    None,
    ...,
    "",
    "3",
    "fcfs",
    b"3",
    True,
    False,
    float("nan"),
    float("inf"),
    -float("inf"),
    0,
    -0.0,
    -1,
    0.5,
    1.0,
    5e-324,
    1e-300,
    -1e-9,
    1e308,
    -1e308,
    2**53,
    2**63,
    -(2**63),
    10**400,
    -(10**400),
    10**5000,
    1j,
    Fraction(1, 3),
    Decimal("0.5"),
    np.float16(300),
    np.int8(-128),
    np.uint64(2**64 - 1),
    np.longdouble("1e4000"),
    np.datetime64("2020-01-01"),
    np.timedelta64(3, "s"),
    [],
    [[]],
    [[1, 2], [3]],
    [None],
    ["a", "b"],
    [float("nan"), 1.0],
    [1.0, float("inf")],
    [1e308, 1e308],
    [-1e308, 1e308],
    [1, 10**400],
    [5e-324, 1.0],
    [0, 0],
    [0.0, 1.0, 2.0],
    [[0.5, 0.25], [1.0, 2.0]],
    (),
    range(3),
    {},
    {"a": 1},
    {1, 2},
    object(),
    lambda *_, **__: None,
    np.array(3, dtype=object),
    np.array([1, "x"], dtype=object),
    np.array([1, 2], dtype=object),
    np.array([1 + 2j, 0]),
    np.array([True, False]),
    np.array(["a"]),
    np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
    np.array([1, 2], dtype=np.uint8),
    np.array([1, 255], dtype=np.uint8),
    np.array([[-128, 127]], dtype=np.int8),
    np.array([0.1, 0.2], dtype=np.float32),
    np.zeros((0, 3)),
    np.zeros((2, 2, 2)),
    np.ones((1, 1)),
    np.ma.masked_array([1.0, 2.0], mask=[True, False]),
]
hostile = st.sampled_from(HOSTILE)


@dataclasses.dataclass(frozen=True)
class Case:
    """A function, what to pass for each argument, and what its answers may hold."""

    call: Callable[..., Any]
    arguments: dict[str, Any]
    names: tuple[str, ...]
    nan: bool
    signed: bool
    also: tuple[type[Exception], ...]


CASES: dict[str, Case] = {}


def add(
    call: Callable[..., Any],
    names: tuple[str, ...] = (),
    nan: bool = False,
    signed: bool = False,
    also: tuple[type[Exception], ...] = (),
    label: str | None = None,
    **arguments: Any,
) -> None:
    """Enter a function; ``names`` are words by which a message may point beside its arguments."""
    label = label or f"{call.__module__.removeprefix('labs.')}.{call.__qualname__}"
    CASES[label] = Case(call, arguments, (*arguments, *names), nan, signed, also)


def reals(low: float, high: float) -> Any:
    one = st.floats(low, high)
    return one | st.lists(one, min_size=2, max_size=2)


def several(low: float, high: float, size: int = 4) -> Any:
    return st.lists(st.floats(low, high), min_size=size, max_size=size)


def rising(size: int = 4) -> Any:
    return several(0, 20, size).map(sorted)


def fresh() -> Any:
    return st.builds(np.random.default_rng, st.integers(0, 9))


STEP = engine.StepTime(0.01, 1e-4, 1e-3, 1e-6)
REPLICA = engine.Engine(STEP, max_batch=3, kv_tokens=60)
REQUESTS = workload.Workload([0.0, 0.1, 0.2, 0.2], [10, 20, 5, 8], [3, 1, 4, 2])
TIMELINE = REPLICA.run(REQUESTS)
CONTRACT = contracts.Contract({"type": "object", "required": ["prompt"]})
RULE = evidence.Rule("p99", "<=", 2.0, "s", "block")
RECORD = evidence.decide(1.7, RULE, rate=2.5)
MACHINE = hardware.Machine(
    (hardware.Rate("fp32", 8, slo.QuantileInterval(1e9, 1e9, 1e9, 0.95)),),
    (hardware.Rate("fp32", 8, slo.QuantileInterval(1e9, 1e9, 1e9, 0.95)),),
)
QUEUE = queueing.mmc(3, 2, 2)

rates, positive = reals(0, 20), reals(0.1, 20)
number = st.floats(0.1, 9)
servers = st.integers(1, 50)
small = st.integers(1, 9)
chance = st.floats(0.01, 0.99)
device, model = st.sampled_from(["T4", "H100", "v5e"]), st.sampled_from(list(hardware.MODELS))
dtype = st.sampled_from(["fp16", "bf16", "int8", "fp8"])

add(queueing.erlang_b, offered_load=rates, servers=servers)
add(queueing.erlang_c, offered_load=rates, servers=servers)
add(queueing.mm1, arrival_rate=rates, service_rate=positive)
add(queueing.mmc, arrival_rate=rates, service_rate=positive, servers=servers)
add(
    queueing.mmck,
    arrival_rate=rates,
    service_rate=positive,
    servers=st.integers(1, 9),
    capacity=st.integers(9, 40),
)
add(queueing.mg1, arrival_rate=rates, service_mean=positive, service_scv=rates)
add(
    queueing.ggc,
    arrival_rate=rates,
    service_rate=positive,
    servers=servers,
    arrival_scv=rates,
    service_scv=rates,
)
add(queueing.md_c, arrival_rate=rates, service_time=positive, servers=servers)
add(
    queueing.servers_for,
    arrival_rate=rates,
    service_rate=positive,
    wait=rates,
    probability=reals(0, 0.99),
)
add(queueing.power_of_choices, load=reals(0, 1.2), choices=small)
add(
    queueing.batch_server,
    arrival_rate=positive,
    per_item=reals(0, 1),
    setup=reals(0, 1),
    max_batch=st.none() | small,
)
add(queueing.fit_batch_time, signed=True, sizes=several(1, 64), times=several(0.1, 9))
add(QUEUE.wait_quantile, label="queueing.MarkovQueue.wait_quantile", p=reals(0, 1))
add(QUEUE.sojourn_quantile, label="queueing.MarkovQueue.sojourn_quantile", p=reals(0, 1))

policies = st.sampled_from(simulation.POLICIES)
add(simulation.fcfs, signed=True, arrival=rising(), service=several(0, 9), servers=servers)
add(
    simulation.batching,
    signed=True,
    arrival=rising(),
    batch_time=st.sampled_from([lambda b: 0.1 * b, lambda b: 1e308]),
    max_batch=small,
    max_delay=st.floats(0, 3),
)
add(
    simulation.routed,
    signed=True,
    arrival=rising(),
    service=several(0, 9),
    servers=servers,
    policy=policies,
    rng=fresh(),
)
add(
    intervals.share_interval,
    found=st.integers(0, 5),
    n=st.integers(5, 50),
    level=chance,
)
add(simulation.mean_interval, signed=True, sample=several(-9, 9, 8), level=chance)

lengths = st.lists(st.integers(1, 50), min_size=4, max_size=4)
add(
    workload.Workload,
    arrival=rising(),
    prompt=lengths,
    output=lengths,
    blocks=st.none() | st.just(((1,), (), (2, 3), (1,))),
    signed=True,
)
missing = (FileNotFoundError, IsADirectoryError)
column = st.sampled_from(["t", "in", "out"])
add(workload.read_azure, also=missing, path=st.just("none.csv"))
add(workload.read_mooncake, also=missing, path=st.just("none.jsonl"))
add(
    workload.read_csv,
    also=missing,
    path=st.just("none.csv"),
    arrival=column,
    prompt=column,
    output=column,
)
add(REQUESTS.at_rate, label="workload.Workload.at_rate", rate=number)
add(
    REQUESTS.window,
    label="workload.Workload.window",
    start=st.floats(0, 0.1),
    end=st.floats(0.1, 1),
)
add(workload.azure_chat, n=st.integers(0, 50), rate=number, rng=fresh())
add(workload.mooncake_prefix_cache, capacity=st.sampled_from([1000, 10_000]))
add(workload.poisson, rate=number, n=st.integers(0, 50), rng=fresh())
add(workload.zipf, objects=st.integers(1, 50), exponent=st.floats(0, 3), n=small, rng=fresh())

costs = st.floats(0, 1)
add(
    engine.StepTime,
    base=costs,
    prefill_token=costs,
    sequence=costs,
    kv_token=costs,
    weights=costs,
    overlap=st.floats(1, 9),
    experts=costs,
    share=chance,
    prefill_kv=costs,
)
add(
    STEP.seconds,
    label="engine.StepTime.seconds",
    prefill=rates,
    decoding=rates,
    kv=rates,
    pairs=rates,
)
limit = st.none() | st.integers(1, 99)
add(
    engine.Engine,
    step_time=st.just(STEP),
    max_batch=small,
    kv_tokens=limit,
    policy=st.sampled_from(engine.POLICIES),
    max_prefill=limit,
    token_budget=small,
)
PAGED = engine.Engine(STEP, kv_tokens=60, policy="chunked", memory="paged")
add(
    engine.Engine,
    label="engine.Engine in blocks",
    step_time=st.just(STEP),
    max_batch=st.integers(1, 9),
    kv_tokens=st.integers(1, 900),
    policy=st.just("chunked"),
    token_budget=st.integers(1, 99),
    memory=st.just("paged"),
    block=st.integers(1, 32),
    prefix_cache=st.booleans(),
    front=st.floats(0, 1),
    admit=st.sampled_from(engine.ADMITS),
    order=st.sampled_from(engine.ORDERS),
    speculation=st.none() | st.just(speculation.Speculation(2, 0.5)),
)
add(speculation.Speculation, tokens=small, acceptance=chance, seconds=rates)
add(
    speculation.Speculation(2, 0.5).accepted,
    label="speculation.Speculation.accepted",
    proposed=st.lists(st.integers(0, 9), min_size=1, max_size=5),
    rng=st.just(np.random.default_rng(1)),
)
add(
    PAGED.run_closed,
    label="engine.Engine.run_closed",
    nan=True,
    prompt=st.just([10, 20, 5]),
    output=st.just([3, 1, 4]),
    users=st.integers(1, 4),
    blocks=st.none(),
)
RUN = measured.Run([0.0, 1.0], [10, 20], [3, 2], [0.5, 1.5], [1.0, 2.0], itl=np.array([0.1]))
add(
    measured.Run,
    nan=True,
    signed=True,
    arrival=several(0, 9, 2),
    prompt=several(1, 9, 2),
    output=several(1, 9, 2),
    first_token=several(0, 9, 2),
    finish=several(0, 9, 2),
    itl=several(0, 9, 3),
    ttft=several(0, 9, 2),
    latency=several(0, 9, 2),
)
add(
    measured.read,
    names=("names",),
    also=(FileNotFoundError, IsADirectoryError),
    path=st.just("none.csv"),
    tool=st.sampled_from([*measured.TOOLS, None]),
)
add(
    histogram.quantile,
    edges=st.just([0.1, 1.0, np.inf]),
    counts=st.just([3, 4, 9]),
    p=st.floats(0.01, 0.99),
)
add(
    tool_figures.figures,
    nan=True,
    run=st.just(RUN),
    tool=st.sampled_from(tool_figures.TOOLS),
)


def measured_run() -> measured.Run:
    asked = workload.azure_chat(30, 4.0, np.random.default_rng(1))
    seen = engine.Engine(STEP, policy="chunked").run(asked)
    return measured.Run(asked.arrival, asked.prompt, asked.output, seen.first_token, seen.finish)


LONG_RUN = measured_run()
add(
    calibration.fit,
    run=st.just(LONG_RUN),
    engine=st.just(engine.Engine(STEP, policy="chunked")),
    requests=st.integers(15, 40),
)
CALIBRATED = calibration.fit(LONG_RUN, engine.Engine(STEP, policy="chunked"))
add(
    CALIBRATED.forecast,
    label="calibration.Calibration.forecast",
    nan=True,
    workload=st.just(REQUESTS),
)
add(
    CALIBRATED.tails,
    label="calibration.Calibration.tails",
    workload=st.just(REQUESTS),
    quantiles=st.just([0.5, 0.9]),
)
add(
    routers.Router,
    name=st.sampled_from(routers.ROUTERS),
    prefix=st.floats(0, 9),
    load=st.floats(0, 9),
    threshold=chance,
    apart=st.integers(0, 9),
    times=st.floats(1, 9),
    memory=st.integers(1, 99),
)
add(
    routers.Scaling,
    target=st.floats(0.1, 9),
    least=st.integers(1, 3),
    most=st.integers(3, 9),
    every=st.floats(0.1, 9),
    cold_start=st.floats(0, 9),
)
add(
    cluster.Cluster,
    engine=st.just(REPLICA),
    replicas=st.integers(1, 4),
    router=st.just(routers.Router()),
    limit=st.integers(1, 9) | st.none(),
    scaling=st.just(routers.Scaling(3.0)) | st.none(),
)
add(
    cluster.Cluster(REPLICA, 2, routers.Router("random")).run,
    label="cluster.Cluster.run",
    nan=True,
    signed=True,
    workload=st.just(REQUESTS),
    rng=fresh(),
)
add(
    disaggregation.Disaggregated,
    prefill=st.just(REPLICA),
    decode=st.just(PAGED),
    prefill_replicas=st.integers(1, 3),
    decode_replicas=st.integers(1, 3),
    link=st.floats(1, 1e9),
    kv_bytes=st.floats(0, 1e6),
)
add(
    disaggregation.Disaggregated(REPLICA, PAGED).run,
    label="disaggregation.Disaggregated.run",
    nan=True,
    signed=True,
    workload=st.just(REQUESTS),
)
add(
    loads.bursts,
    rate=st.floats(0.1, 9),
    n=st.integers(0, 9),
    variation=st.floats(0.1, 5),
    rng=fresh(),
)
add(
    loads.conversations,
    starts=rising(2),
    turns=st.just(2),
    first=st.integers(0, 40),
    asked=st.just([[3, 4], [5, 6]]),
    answered=st.just([[3, 4], [5, 6]]),
    pause=st.just([[1.0], [2.0]]),
    block=st.integers(1, 9),
)
add(
    dataclasses.replace(PAGED, order="priority").run,
    label="engine.Engine.run",
    nan=True,
    workload=st.just(REQUESTS),
    priority=st.none() | st.lists(st.integers(0, 3), min_size=4, max_size=4),
    rng=st.none(),
)
add(TIMELINE.tbt_quantile, label="engine.Timeline.tbt_quantile", p=chance)


def run_engine(
    base: float, prefill_token: float, kv_token: float, arrival: Any, prompt: Any, output: Any
) -> engine.Timeline:
    step_time = engine.StepTime(base, prefill_token, 0.0, kv_token)
    requests = workload.Workload(arrival, prompt, output)
    return engine.Engine(step_time, max_batch=2, policy="chunked").run(requests)


add(
    run_engine,
    label="engine of hostile times",
    names=("step_time",),
    nan=True,
    signed=True,
    base=costs,
    prefill_token=costs,
    kv_token=costs,
    arrival=rising(),
    prompt=lengths,
    output=lengths,
)
add(
    engine.serve_chat,
    names=("base", "prefill_token", "sequence", "kv_token"),
    rate=number,
    requests=st.just(2),
    seed=small,
    step_time=st.just(STEP)
    | st.just({"base": 1, "prefill_token": 0, "sequence": 0, "kv_token": 0}),
    kv_tokens=st.none() | st.just(100_000),
    policy=st.sampled_from(engine.POLICIES),
    token_budget=st.integers(64, 999),
    max_batch=small,
)

items = st.lists(st.integers(-3, 9), max_size=12)
add(caching.hits, trace=items, capacity=small, policy=st.sampled_from([*caching.POLICIES]))
add(caching.hit_ratio_curve, trace=items)
add(caching.che, popularity=several(0, 9), capacity=st.floats(0.5, 5))
add(caching.prefix_hits, requests=st.lists(items, max_size=4), capacity=small)
add(caching.kv_bytes_per_token, model=model, bytes_per_element=st.sampled_from([0.5, 1, 2]))

block = st.sampled_from([np.array([[1.5, -2.0], [0.1, 3.0]], np.float32), [0.1, -0.2, 7.0]])
axes = st.sampled_from([None, 0, -1, 1])
scales = st.floats(0.1, 9) | several(0.1, 9, 2)
zeros = st.integers(-5, 5)
add(
    quantization.quantize_linear,
    signed=True,
    x=block,
    scale=scales,
    zero_point=zeros,
    dtype=st.sampled_from([np.int8, np.uint8, "int16"]),
    axis=axes,
)
whole = st.just(np.array([[1, -2], [100, 3]], np.int8))
add(
    quantization.dequantize_linear,
    signed=True,
    q=whole,
    scale=scales,
    zero_point=zeros,
    axis=axes,
)
add(quantization.dynamic_quantize_linear, x=block)
add(quantization.int_matmul, signed=True, a=whole, b=whole, a_zero=zeros, b_zero=zeros)
add(
    quantization.quantize,
    signed=True,
    x=block,
    bits=st.integers(2, 16),
    axis=axes,
    group=st.none() | small,
    symmetric=st.booleans(),
    clip=st.sampled_from(["absmax", "percentile", "mse", 0.5]),
)
add(
    quantization.smooth_scales,
    activation_absmax=several(0, 9, 2),
    weight=st.lists(several(-2, 2, 3), min_size=2, max_size=2),
    alpha=chance,
)
add(quantization.sqnr_db, signed=True, x=several(-9, 9), approximation=several(-9, 9))
formats = st.sampled_from([*quantization.FORMATS, "mxfp4", "nvfp4"])
add(quantization.cast, nan=True, signed=True, x=block, format=formats)

logits = st.lists(several(-9, 9, 3), min_size=2, max_size=2)
temperature = st.floats(0.1, 20)
add(distillation.softmax, logits=logits, temperature=temperature)
add(
    distillation.distillation_loss,
    signed=True,
    student=logits,
    teacher=logits,
    labels=st.none() | st.just([0, 2]),
    temperature=temperature,
    soft_weight=st.floats(0, 1),
)
drafts = st.integers(0, 20)
add(distillation.expected_tokens, acceptance=reals(0, 1), draft=drafts)
add(distillation.speculative_speedup, acceptance=reals(0, 1), draft=drafts, cost=rates)
add(distillation.best_draft, acceptance=reals(0, 1), cost=rates, max_draft=drafts)

TINY = digits.teach((2,), np.random.default_rng(0), epochs=1, labelled=10).network
layers = st.sampled_from([(), (3,), [4, 2]])
few = st.integers(1, 20)
add(digits.teach, signed=True, hidden=layers, rng=fresh(), epochs=small, labelled=few)
add(
    digits.distill,
    signed=True,
    teacher=st.just(TINY),
    hidden=layers,
    rng=fresh(),
    temperature=temperature,
    soft_weight=chance,
    epochs=small,
    labelled=few,
)
add(
    digits.sweep,
    teacher=st.just(TINY),
    width=st.sampled_from([2, 3]),
    mixes=st.just([(1.0, 0.0), (4.0, 0.9)]),
    seeds=st.just([1, 2]),
    passes=st.just([1, 3]),
    labelled=few,
)
classes = st.lists(st.integers(0, 9), min_size=6, max_size=6)
add(digits.paired_loss, signed=True, labels=classes, teacher=classes, student=classes, level=chance)
add(
    intervals.paired_score,
    signed=True,
    labels=classes,
    teacher=classes,
    student=classes,
    level=chance,
)
images = st.just(np.full((2, 64), 0.5))
add(digits.soft_targets, network=st.just(TINY), x=images, temperature=temperature)
add(digits.Network, signed=True, weights=st.just(TINY.weights), biases=st.just(TINY.biases))
add(TINY.logits, label="digits.Network.logits", signed=True, x=images)

scheme = st.builds(precision.Scheme, *[st.sampled_from(precision.KINDS)] * 2)
BLOCK = precision.outlier_block(np.random.default_rng(0), width=4, heads=2)
matrix = st.lists(several(-2, 2, 2), min_size=2, max_size=2)
add(
    precision.Scheme,
    weight=st.sampled_from(precision.INTEGERS),
    activation=st.sampled_from(precision.KINDS),
    per_channel=st.booleans(),
    per_token=st.booleans(),
    group=st.none() | small,
    clip=st.sampled_from(["absmax", "percentile", "mse", 0.5]),
    alpha=st.none() | chance,
)
add(precision.product, signed=True, x=matrix, weight=matrix, scheme=scheme)
add(precision.stored_bytes, weight=matrix, scheme=scheme)
add(
    precision.quantize_network,
    signed=True,
    network=st.just(TINY),
    scheme=scheme,
    images=images,
    labels=st.just([3, 8]),
)
add(
    precision.outlier_block,
    signed=True,
    rng=fresh(),
    width=st.sampled_from([4, 8]),
    heads=st.sampled_from([1, 2]),
    outliers=st.integers(0, 4),
    magnitude=st.floats(1, 200),
)
add(
    precision.quantize_block,
    signed=True,
    block=st.just(BLOCK),
    x=st.just(np.linspace(-1, 1, 12).reshape(3, 4)),
    scheme=scheme,
)
add(
    precision.Block,
    signed=True,
    gain=st.just(BLOCK.gain),
    heads=st.sampled_from([1, 2, 4]),
    weights=st.just(BLOCK.weights),
)

add(
    hardware.Device,
    name=st.just("mine"),
    flops=st.just({"bf16": 1e12}),
    bandwidth=number,
    memory=number,
    price=number,
    source=st.just("datasheet"),
    note=st.just(""),
    usable=number,
    link=number,
    power=number,
    year=st.just(2026),
)
add(
    hardware.Model,
    name=st.just("mine"),
    layers=small,
    kv_heads=small,
    head_dim=small,
    parameters=st.floats(10, 99),
    source=st.just("paper"),
    hidden=small,
    heads=small,
    vocabulary=small,
    active_parameters=number,
    experts=st.just(4),
    experts_per_token=st.integers(1, 4),
    tied=st.booleans(),
    caches=st.just(()),
    state=number,
)
CONFIG = {
    "model_type": "llama",
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vocab_size": 32,
}
add(
    hardware.Model.from_config,
    label="hardware.Model.from_config",
    config=st.just(CONFIG),
    parameters=st.floats(2000, 9999),
    name=st.just("mine"),
    source=st.just("config.json"),
)
MODEL = hardware.MODELS["gemma-3-4b"]
kind = st.sampled_from(sorted(hardware.PRECISIONS))
add(MODEL.kv_bytes, label="hardware.Model.kv_bytes", context=rates, dtype=kind)
add(MODEL.weight_bytes, label="hardware.Model.weight_bytes", tokens=rates, dtype=kind)
add(MODEL.attention_operations, label="hardware.Model.attention_operations", context=rates)
add(MODEL.prompt_operations, label="hardware.Model.prompt_operations", prompt=rates)
add(hardware.DEVICES["H100"].peak, label="hardware.Device.peak", dtype=st.sampled_from(["bf16"]))
add(hardware.Precision, weights=st.just("w4"), cache=st.just("fp8"), compute=st.just("bf16"))
add(hardware.precision_of, dtype=kind)
add(
    hardware.Forecast,
    low=st.floats(0, 1),
    mid=st.floats(1, 2),
    high=st.floats(2, 3),
)
add(accelerators.accelerator, device=st.sampled_from(accelerators.MEASURED))
add(
    accelerators.accelerator("H200").chosen,
    label="accelerators.Accelerator.chosen",
    model=st.sampled_from(["Llama-3.1-8B", "Llama-3.1-70B"]),
    dtype=st.sampled_from(list(accelerators.TYPES)),
    graph=st.booleans(),
    batch=st.integers(0, 300),
)
PROFILE = hardware.profile("H100")
add(hardware.profile, device=device, engine=st.sampled_from(["vllm 0.12", "sglang", None]))
add(
    PROFILE.rescaled,
    label="hardware.Profile.rescaled",
    measured=several(0.01, 1),
    forecast=several(0.01, 1),
)
OWN = {"model": "gemma-3-4b", "device": "H100", "dtype": "bf16", "batch": 2, "context": 9}
add(
    PROFILE.refit,
    label="hardware.Profile.refit",
    points=st.just([{**OWN, "seconds": 0.01}, {**OWN, "batch": 8, "seconds": 0.011}]),
)
step_of = {
    "model": st.sampled_from(["gemma-3-4b", "Mixtral-8x7B"]),
    "device": device,
    "dtype": dtype,
    "devices": st.integers(1, 32),
}
add(
    hardware.forecast,
    batch=rates,
    context=rates,
    prefill=rates,
    prompt=positive,
    profile=st.just(PROFILE),
    **step_of,
)
add(hardware.step_time, profile=st.just(PROFILE), context=st.floats(0, 99), **step_of)
add(hardware.kv_room, utilization=chance, **step_of)
add(hardware.ridge_point, device=device, dtype=dtype)
add(hardware.attainable, intensity=rates, device=device, dtype=dtype)
add(
    hardware.decode_step,
    model=model,
    device=device,
    batch=small,
    context=st.floats(0, 9),
    dtype=dtype,
    devices=st.integers(1, 32),
)
add(
    hardware.prefill_time,
    model=model,
    device=device,
    tokens=st.floats(1, 99),
    dtype=dtype,
    devices=st.integers(1, 32),
    prompt=st.floats(1, 99),
)
add(
    hardware.largest_batch,
    model=model,
    device=device,
    context=st.floats(1, 99),
    dtype=dtype,
    devices=st.integers(1, 32),
)
add(MACHINE.ridge_point, label="hardware.Machine.ridge_point", dtype=st.just("fp32"))
add(hardware.device_of, device=device)
add(hardware.model_of, model=model)

add(
    scheduling.order,
    signed=True,
    arrival=rising(),
    service=several(0, 9),
    policy=st.sampled_from(scheduling.POLICIES),
    servers=servers,
    priority=st.none() | several(0, 3),
    deadline=st.none() | several(0, 30),
)
add(
    scheduling.serve_tenants,
    rate=number,
    requests=st.integers(20, 40),
    seed=small,
    token_time=st.floats(1e-6, 1e-3),
    slack=small,
    servers=small,
    tenants=small,
    exponent=st.floats(0, 2),
    prefix=st.integers(0, 3000),
    room=small,
    counts=st.sampled_from(("prompts", "requests", "tokens")),
    answer_token=st.floats(0, 0.1),
)
add(
    scheduling.place,
    demand=several(0, 9, 2),
    rate=st.lists(several(0, 5, 2), min_size=2, max_size=2),
    price=several(0, 5, 2),
    available=st.lists(st.integers(0, 20), min_size=2, max_size=2),
)

add(slo.error_budget, slo=reals(0.1, 0.9), days=positive)
add(slo.burn_rate, error_rate=reals(0, 1), slo=reals(0.1, 0.9))
add(slo.alert_windows, days=st.floats(3, 90))
add(slo.quantile_interval, signed=True, sample=several(-9, 9, 9), p=chance, level=chance)
seconds = st.floats(0, 3)
MEASURED = {"ttft": [0.1, 0.4], "tpot": [0.02, np.nan], "seconds": 3.0}
for scored in (TIMELINE, MEASURED):
    kept = "a run" if scored is MEASURED else "a timeline"
    for score in (slo.goodput, slo.attainment):
        add(
            score,
            ("ttft", "tpot"),
            label=f"slo.{score.__name__} of {kept}",
            timeline=st.just(scored),
            ttft=seconds,
            tpot=seconds,
        )
OBJECTIVE = slo.Objective(1.0, 0.5)
add(slo.Objective, ttft=seconds, tpot=seconds, quantile=chance)
add(intervals.percentile, signed=True, sample=several(0, 9), p=chance)

add(economics.Prices, input_token=number, output_token=number, gpu_second=number)
add(
    economics.answer_cost,
    input_tokens=rates,
    output_tokens=rates,
    gpu_seconds=rates,
    prices=st.builds(economics.Prices, number, number, st.sampled_from([1e308, 1.0])),
)
add(economics.dollars_per_million, price_per_hour=rates, tokens_per_second=positive)
add(REPLICA.alone, label="engine.Engine.alone", workload=st.just(REQUESTS), nan=True)
add(
    economics.replicas_for,
    workload=st.just(REQUESTS),
    engine=st.just(REPLICA),
    ttft=number,
    tpot=number,
    quantile=chance,
    routing=st.sampled_from(economics.ROUTINGS),
    max_replicas=small,
)
add(
    planning.plan,
    workload=st.just(REQUESTS),
    model=st.just("gemma-3-4b"),
    device=st.sampled_from(["T4", "H100"]),
    dtype=st.just("fp16"),
    objective=st.just(OBJECTIVE),
    devices=st.integers(1, 2),
    engine=st.just(None),
    profile=st.just(PROFILE),
    max_batch=small,
    token_budget=small,
    utilization=st.floats(0.9, 1),
    routing=st.sampled_from(economics.ROUTINGS),
    max_replicas=small,
)
add(
    planning.service_rate,
    model=st.just("gemma-3-4b"),
    device=st.sampled_from(["T4", "H100"]),
    prompt=st.floats(1, 99),
    answer=st.floats(1, 99),
    dtype=st.just("fp16"),
    objective=st.just(OBJECTIVE),
    devices=st.integers(1, 2),
    profile=st.just(PROFILE),
    max_batch=small,
)
RATE = hardware.Forecast(1.0, 2.0, 3.0)
add(
    planning.fleet,
    ("rate",),
    demand=several(0, 9, 2),
    rates=st.just([[RATE, RATE], [RATE, RATE]]),
    price=several(0, 5, 2),
    available=st.lists(st.integers(0, 20), min_size=2, max_size=2),
)

add(
    safety.canary_size,
    base_rate=reals(0.01, 0.4),
    bad_rate=reals(0.5, 0.9),
    power=reals(0.5, 0.9),
    level=reals(0.01, 0.2),
)
add(
    safety.detectable_rate,
    base_rate=chance,
    requests=st.integers(1, 10_000),
    power=st.floats(0.5, 0.9),
    level=st.floats(0.01, 0.2),
)
outcomes = st.lists(st.integers(0, 1), min_size=4, max_size=4)
add(safety.sequential_test, control=outcomes, candidate=outcomes, level=chance)
add(safety.psi, reference=several(0.1, 9), current=several(0, 9))
add(safety.js_divergence, p=several(0.1, 9), q=several(0, 9))

texts = st.just(["Hi", "!"])
add(wire.varint, value=st.integers(0, 2**40))
add(wire.protobuf, fields=st.just({1: 3, 2: "text", 3: [0.5]}))
add(wire.grpc_message, payload=st.just(b"abc"))
add(wire.http2_data, size=st.integers(0, 10**6), most=st.integers(16_384, 20_000))
add(wire.sse_event, data=st.just("[DONE]"))
add(wire.chunk, payload=st.just(b"abc"))
add(wire.HeaderTable, room=st.integers(0, 4096))
add(
    wire.HeaderTable().size,
    label="wire.HeaderTable.size",
    headers=st.just([(":method", "POST")]),
)
add(endpoints.whole_answer, pieces=texts)
add(endpoints.streamed_answer, pieces=texts)
add(
    endpoints.exchange,
    pieces=texts,
    stream=st.booleans(),
    requests=st.just(1),
    keep_alive=st.booleans(),
    pause=st.just(0.0),
)
add(gateways.attempts, failure=reals(0, 1), tries=small, layers=small)
add(
    gateways.storm,
    demand=number,
    capacity=number,
    tries=small,
    outage=st.integers(0, 30),
    seconds=st.integers(70, 99),
    left=chance,
    waste=chance,
    budget=st.none() | chance,
    breaker=st.none() | chance,
    rest=small,
)
add(
    gateways.cascade,
    threshold=reals(0, 1),
    large=reals(0, 1),
    alpha=positive,
    beta=positive,
    price=reals(0, 1),
    boast=positive,
)
add(gateways.busiest, sessions=st.integers(1, 300), replicas=st.integers(1, 30), p=chance)
add(
    gateways.moved,
    before=st.integers(1, 30),
    after=st.integers(1, 30),
    scheme=st.sampled_from(["modulo", "consistent"]),
)

add(
    evidence.Rule,
    metric=st.just("p99"),
    op=st.sampled_from(["<", "<=", "==", ">"]),
    limit=number,
    unit=st.just("s"),
    action=st.just("block"),
    warn=st.none() | st.just(0.01),
    signed=True,
)
add(RULE.verdict, label="evidence.Rule.verdict", value=number)
add(
    evidence.decide,
    names=("computed_by", "inputs"),
    signed=True,
    value=number | st.just(queueing.erlang_b),
    rule=st.just(RULE),
    offered_load=number,
)
altered = st.builds(
    lambda field, value: {**RECORD, field: value}, st.sampled_from(sorted(RECORD)), hostile
)
words = ("record", *RECORD, "metric", "op", "limit", "warn", "rate", "rule")
add(evidence.replay, names=words, signed=True, record=altered)

payloads = st.just({"prompt": "hello"})
add(contracts.Contract, schema=st.just({"type": "object"}), rules=st.just({"short": len}))
add(contracts.violations, contract=st.just(CONTRACT), payload=payloads)


def judge(schema: Any, payload: Any) -> list[contracts.Violation]:
    return contracts.violations(contracts.Contract(schema), payload)


KEYWORDS = [
    "multipleOf",
    "maximum",
    "minLength",
    "pattern",
    "enum",
    "const",
    "uniqueItems",
    "items",
]
KEYWORDS += ["properties", "$ref", "anyOf", "type", "format", "required", "$dynamicRef", "$id"]
LIMITS = [0.1, 3, "(", "#", "#/$defs/none", "https://example.org/none.json", True, ["prompt"]]
add(
    judge,
    label="contracts of hostile schemas",
    names=("contract",),
    schema=st.dictionaries(
        st.sampled_from(KEYWORDS), st.sampled_from(LIMITS) | hostile, min_size=1, max_size=3
    ),
    payload=payloads,
)

text = st.just("s")
add(
    checks.number,
    names=("answer",),
    signed=True,
    answer=number,
    expected=number,
    unit=text,
    tolerance=chance,
    mistakes=st.none() | st.just({"twice": 2.0}),
)
answers = hostile | st.lists(number, max_size=3) | st.fixed_dictionaries({"a": number, "b": number})
add(
    checks.numbers,
    names=("answer",),
    signed=True,
    answer=answers,
    expected=st.fixed_dictionaries({"a": number, "b": number}),
    unit=text,
    tolerance=chance,
    mistakes=st.none() | st.just({"twice": [2.0, 4.0]}),
)
options = st.sampled_from(["accept", "block", 2])
add(
    checks.choice,
    signed=True,
    answer=hostile | options,
    expected=options,
    options=st.just(["accept", "block", 2]),
    mistakes=st.none() | st.just({"block": "too strict"}),
)
add(
    checks.choices,
    signed=True,
    answer=answers | st.lists(options, max_size=3),
    expected=st.fixed_dictionaries({"a": options, "b": options}),
    options=st.just(["accept", "block", 2]),
    mistakes=st.none() | st.just({"all blocked": ["block", "block"]}),
)
add(
    checks.function,
    signed=True,
    answer=hostile | st.just(lambda x: 2 * x),
    cases=st.just({"x = 1": (1,)}),
    expected=st.fixed_dictionaries({"x = 1": number}),
    unit=text,
    tolerance=chance,
    mistakes=st.none() | st.just({"not doubled": lambda x: x}),
)
add(checks.missing, answer=hostile)
add(checks.whole, names=("exact",), signed=True, exact=number)
for one in (batching_checks.useful_share, batching_checks.knee, batching_checks.highest_rate):
    add(one, label=f"checks.batching.{one.__name__}", signed=True, answer=number)
add(checks.exercise, x=hostile)
add(checks.revealed)


def revealed_for_a_moment(told: Any) -> None:
    try:
        checks.reveal(told)
    finally:
        checks.reveal(False)


add(revealed_for_a_moment, label="checks.reveal", told=st.booleans())
add(batching_checks.knee.draw, label="a seed", names=("seed",), seed=st.integers(0, 2**53))
add(
    functools.partial(sweep.run, jobs=1),  # test_sweep.py asks what it refuses: 300 are granted
    label="sweep.run",
    signed=True,
    function=st.just(lambda mean, rng: mean),
    grid=st.just({"mean": [0, 10]}),
    seeds=st.just([1, 2]),
    progress=st.just(False),
)


def numbers_in(result: Any) -> Iterator[np.ndarray]:
    """Yield every array of numbers in an answer."""
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        for field in dataclasses.fields(result):
            yield from numbers_in(getattr(result, field.name))
    elif isinstance(result, Mapping):
        for part in result.values():
            yield from numbers_in(part)
    elif isinstance(result, list | tuple):
        for part in result:
            yield from numbers_in(part)
    elif isinstance(result, int | float | np.ndarray | np.generic):
        array = np.asarray(result)
        if array.dtype.kind in "iuf":
            yield array


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Stop what takes more time of the processor than this."""

    def stop(*_: Any) -> None:
        raise AssertionError(f"took more than {seconds} s")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def names_one(problem: str, names: tuple[str, ...]) -> bool:
    return bool(re.search(rf"\b({'|'.join(map(re.escape, names))})\b", problem))


def probe(case: Case, arguments: dict[str, Any]) -> None:
    with within(CPU_SECONDS), warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            result = case.call(**arguments)
        except case.also:
            return
        except ValueError as problem:
            result, refused = None, str(problem)
        else:
            refused = ""
    assert not refused or names_one(refused, case.names), f"names no argument: {refused}"
    for array in numbers_in(result):
        assert case.nan or not np.isnan(array).any(), result
        assert case.signed or not (array < 0).any(), result


@pytest.mark.parametrize("name", CASES)
def test_one_hostile_argument_is_named_or_answered(name: str) -> None:
    case = CASES[name]

    @settings(max_examples=2, database=None)
    @given(st.fixed_dictionaries(case.arguments))
    def once(valid: dict[str, Any]) -> None:
        for wrong, (index, value) in itertools.product(valid, enumerate(HOSTILE)):
            try:
                probe(case, valid | {wrong: value})
            except Exception as problem:
                problem.add_note(f"{wrong} was HOSTILE[{index}]")
                raise

    once()


@pytest.mark.parametrize("name", [name for name in CASES if len(CASES[name].arguments) > 1])
def test_hostile_arguments_together_are_named_or_answered(name: str) -> None:
    mixed = {argument: valid | hostile for argument, valid in CASES[name].arguments.items()}

    @settings(max_examples=40, database=None)
    @given(st.fixed_dictionaries(mixed))
    def once(arguments: dict[str, Any]) -> None:
        probe(CASES[name], arguments)

    once()


MODULES = (
    accelerators,
    caching,
    checks,
    contracts,
    digits,
    distillation,
    economics,
    endpoints,
    engine,
    evidence,
    gateways,
    hardware,
    histogram,
    intervals,
    measured,
    planning,
    precision,
    quantization,
    queueing,
    safety,
    scheduling,
    simulation,
    slo,
    speculation,
    sweep,
    tool_figures,
    wire,
    workload,
)
RESULTS_AND_FACTS = {
    "azure_chat_facts",
    "code_version",
    "environment",
    "mooncake_facts",
    "measure",  # takes seconds a call: test_hardware.py asks it what it refuses
}


def test_no_public_function_is_left_out() -> None:
    fuzzed = {name.rpartition(".")[2].split()[0] for name in CASES}
    for module in MODULES:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("_") or not function.__module__.startswith("labs."):
                continue
            assert name in fuzzed | RESULTS_AND_FACTS, f"{module.__name__}.{name}"
