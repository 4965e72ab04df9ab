"""What devices can do at most, what models weigh, and the roofline that follows."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import resources
from typing import Any

import numpy as np

from labs import validation as check
from labs.slo import QuantileInterval, quantile_interval
from labs.validation import Real

BYTES = {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "int8": 1.0, "fp8": 1.0, "fp4": 0.5}


@dataclass(frozen=True)
class Device:
    """An accelerator by its datasheet.

    Attributes
    ----------
    name : str
        As in `DEVICES`.
    flops : mapping of str to float
        Dense peak operations per second by type: fp32, bf16, fp16, int8, fp8, fp4.
    bandwidth : float
        Bytes per second to and from memory.
    memory : float
        Bytes.
    price : float
        US dollars an hour on demand, where and when ``source`` says.
    source : str
        Where the figures were read.
    note : str
        What sources disagree on.

    Raises
    ------
    ValueError
        If a figure is out of range or a text none.

    Examples
    --------
    >>> DEVICES["A100-80"].flops["bf16"] / 1e12, "TFLOP/s"
    (312.0, 'TFLOP/s')
    """

    name: str
    flops: Mapping[str, float]
    bandwidth: float
    memory: float
    price: float
    source: str
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("name", "source", "note"):
            check.instance(name, getattr(self, name), str)
        if not isinstance(self.flops, Mapping):
            raise check.refuse("flops", "a mapping of types to rates", self.flops)
        for dtype, peak in self.flops.items():
            check.number(f"flops[{dtype!r}]", peak, least=check.LEAST, most=check.MOST)
        for name in ("bandwidth", "memory"):
            check.number(name, getattr(self, name), least=check.LEAST, most=check.MOST)
        check.number("price", self.price, least=0, most=check.MOST)


@dataclass(frozen=True)
class Model:
    """A decoder-only language model by its configuration.

    Attributes
    ----------
    name : str
        As in `MODELS`.
    layers : int
        Each with a KV cache.
    kv_heads : int
        Heads of keys and values in a layer.
    head_dim : int
        Numbers in a key or a value.
    parameters : float
        Number of weights.
    source : str
        Where the figures were read.

    Raises
    ------
    ValueError
        If a figure is out of range or a text none.

    Examples
    --------
    >>> MODELS["Llama-2-7B"].layers
    32
    """

    name: str
    layers: int
    kv_heads: int
    head_dim: int
    parameters: float
    source: str

    def __post_init__(self) -> None:
        for name in ("name", "source"):
            check.instance(name, getattr(self, name), str)
        for name in ("layers", "kv_heads", "head_dim"):
            check.count(name, getattr(self, name), most=1_000_000)
        check.number("parameters", self.parameters, least=1, most=check.MOST)


@dataclass(frozen=True)
class Rate:
    """A measured rate.

    Attributes
    ----------
    dtype : str
        ``fp32`` or ``fp64``.
    size : int
        Elements copied, or rows and columns of the square matrices multiplied.
    rate : QuantileInterval
        Median over runs with its 95% interval: bytes or operations per second.

    Examples
    --------
    >>> Rate("fp32", 64, QuantileInterval(2e9, 1e9, 3e9, 0.95)).rate.quantile
    2000000000.0
    """

    dtype: str
    size: int
    rate: QuantileInterval


@dataclass(frozen=True)
class Machine:
    """What the present machine was measured to do.

    Attributes
    ----------
    copy : tuple of Rate
        Bytes per second read and written by copying arrays, by size.
    matmul : tuple of Rate
        Operations per second of square matrix products, by type and size.

    Examples
    --------
    >>> copied = Rate("fp32", 2**24, QuantileInterval(1e10, 1e10, 1e10, 0.95))
    >>> multiplied = Rate("fp32", 768, QuantileInterval(1e11, 1e11, 1e11, 0.95))
    >>> Machine((copied,), (multiplied,)).ridge_point("fp32")
    10.0
    """

    copy: tuple[Rate, ...]
    matmul: tuple[Rate, ...]

    def ridge_point(self, dtype: str) -> float:
        """Return operations per byte at which arithmetic and memory take equally long.

        The best median rate of a type over the median rate of the largest copy.

        Parameters
        ----------
        dtype : str
            A type that was measured.

        Returns
        -------
        float
            Operations per byte.

        Raises
        ------
        ValueError
            If it was not.

        Examples
        --------
        >>> present = measure(0.01)
        >>> present.ridge_point("fp32") > 0
        True
        """
        check.instance("dtype", dtype, str)
        rates = [found.rate.quantile for found in self.matmul if found.dtype == dtype]
        if not rates:
            raise check.refuse("dtype", "one that was measured", dtype)
        return max(rates) / max(self.copy, key=lambda found: found.size).rate.quantile


def _catalogue() -> tuple[dict[str, Device], dict[str, Model]]:
    text = resources.files("labs").joinpath("hardware.json").read_text("utf-8")
    known = json.loads(text)
    devices = {name: Device(name=name, **fields) for name, fields in known["devices"].items()}
    models = {name: Model(name=name, **fields) for name, fields in known["models"].items()}
    return devices, models


_known = _catalogue()
#: The accelerators by name, their peaks dense, from ``hardware.json``.
DEVICES: dict[str, Device] = _known[0]
#: The language models by name.
MODELS: dict[str, Model] = _known[1]


def ridge_point(device: Device | str, dtype: str) -> float:
    """Return the arithmetic intensity at which a device's roofline bends: peak over bandwidth.

    Parameters
    ----------
    device : Device or str
        An entry of `DEVICES`, or its name.
    dtype : str
        A type the device computes in.

    Returns
    -------
    float
        Operations per byte.

    Raises
    ------
    ValueError
        If the device is unknown or does not compute in that type.

    References
    ----------
    Williams, Waterman and Patterson, "Roofline", Communications of the ACM 52 (2009).

    Examples
    --------
    >>> round(ridge_point("A100-80", "bf16"))
    153
    """
    device = device_of(device)
    return _peak(device, dtype) / device.bandwidth


def attainable(intensity: Real, device: Device | str, dtype: str) -> Real:
    """Return the operations per second in reach of a kernel: ``min(peak, intensity · bandwidth)``.

    Parameters
    ----------
    intensity : float or array
        Operations per byte moved, at least 0.
    device : Device or str
        An entry of `DEVICES`, or its name.
    dtype : str
        A type the device computes in.

    Returns
    -------
    float or array
        Operations per second.

    Raises
    ------
    ValueError
        If an argument is out of range or unknown.

    References
    ----------
    Williams, Waterman and Patterson, "Roofline", Communications of the ACM 52 (2009).

    Examples
    --------
    >>> attainable([1.0, 1e6], "H100", "bf16").tolist()
    [3350000000000.0, 989000000000000.0]
    """
    device = device_of(device)
    intensity = check.numbers("intensity", intensity, least=0)
    with np.errstate(over="ignore"):
        return check.plain(np.minimum(_peak(device, dtype), intensity * device.bandwidth))


def decode_step(
    model: Model | str,
    device: Device | str,
    batch: int,
    context: float,
    dtype: str,
    devices: int = 1,
) -> float:
    """Return the least time of a decode step on the roofline.

    ``batch · KV / bandwidth + max(weights / bandwidth, 2 · batch · parameters / peak)``: attention
    reads each sequence's cache, which always waits for memory; the weights are read once for all.
    Weights and cache are held in ``dtype``. Several devices share both evenly, at no cost of
    communication, so the figure is a bound and not a forecast.

    Parameters
    ----------
    model : Model or str
        An entry of `MODELS`, or its name.
    device : Device or str
        An entry of `DEVICES`, or its name.
    batch : int
        Sequences, at least 1.
    context : float
        Mean tokens in a sequence's cache, at least 0.
    dtype : str
        A type the device computes in.
    devices : int
        How many share the model, at least 1.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    ValueError
        If an argument is unknown or out of range, or weights and cache do not fit.

    References
    ----------
    Austin et al., How to Scale Your Model (2025), part 7.

    Examples
    --------
    >>> round(1e3 * decode_step("Llama-2-7B", "A100-80", 1, 1000, "bf16"), 2), "ms"
    (6.87, 'ms')
    """
    model, device = model_of(model), device_of(device)
    batch = check.count("batch", batch)
    context = check.number("context", context, least=0)
    devices = check.count("devices", devices)
    peak = _peak(device, dtype)
    weights = model.parameters * BYTES[dtype]
    cache = batch * context * _kv_bytes(model, dtype)
    _must_fit(weights + cache, device, devices)
    moved = max(weights / device.bandwidth, 2 * batch * model.parameters / peak)
    return float((cache / device.bandwidth + moved) / devices)


def prefill_time(
    model: Model | str, device: Device | str, tokens: float, dtype: str, devices: int = 1
) -> float:
    """Return the least time to prefill a prompt on the roofline.

    ``max(weights / bandwidth, 2 · tokens · parameters / peak)``. Attention among the tokens, which
    grows as their square, is left out: small below some ten thousand tokens.

    Parameters
    ----------
    model : Model or str
        An entry of `MODELS`, or its name.
    device : Device or str
        An entry of `DEVICES`, or its name.
    tokens : float
        Prompt tokens, above 0.
    dtype : str
        A type the device computes in.
    devices : int
        How many share the model, at least 1.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    ValueError
        If an argument is unknown or out of range, or weights and cache do not fit.

    References
    ----------
    Austin et al., How to Scale Your Model (2025), part 7.

    Examples
    --------
    >>> round(1e3 * prefill_time("Llama-2-7B", "A100-80", 1000, "bf16"), 1), "ms"
    (43.2, 'ms')
    """
    model, device = model_of(model), device_of(device)
    tokens = check.number("tokens", tokens, above=0)
    devices = check.count("devices", devices)
    peak = _peak(device, dtype)
    weights = model.parameters * BYTES[dtype]
    _must_fit(weights + tokens * _kv_bytes(model, dtype), device, devices)
    return float(max(weights / device.bandwidth, 2 * tokens * model.parameters / peak) / devices)


def largest_batch(
    model: Model | str, device: Device | str, context: float, dtype: str, devices: int = 1
) -> int:
    """Return the most sequences whose caches fit beside the weights.

    ``⌊(devices · memory - weights) / (context · KV bytes a token)⌋``. Nothing is set aside for
    activations or the runtime, which take some of it in practice.

    Parameters
    ----------
    model : Model or str
        An entry of `MODELS`, or its name.
    device : Device or str
        An entry of `DEVICES`, or its name.
    context : float
        Tokens in each sequence's cache, from 1e-30.
    dtype : str
        Type of weights and cache, one the device computes in.
    devices : int
        How many share the model, at least 1.

    Returns
    -------
    int
        0 where not even one fits.

    Raises
    ------
    ValueError
        If an argument is unknown or out of range.

    Examples
    --------
    >>> largest_batch("Llama-2-7B", "A100-80", 4096, "bf16")
    30
    """
    model, device = model_of(model), device_of(device)
    context = check.number("context", context, least=check.LEAST, most=check.MOST)
    devices = check.count("devices", devices)
    _peak(device, dtype)
    room = devices * device.memory - model.parameters * BYTES[dtype]
    return max(0, int(min(room / (context * _kv_bytes(model, dtype)), check.LARGEST_COUNT)))


def measure(seconds: float = 3.0) -> Machine:
    """Measure the present machine: copy bandwidth by size, matrix products by type and size.

    Each case runs at least nine times, one after the other in rounds, so that a change of the
    machine's speed falls on all; the median is given with an interval that assumes no distribution.

    Parameters
    ----------
    seconds : float
        About how long to measure, above 0, at most 3600.

    Returns
    -------
    Machine

    Raises
    ------
    ValueError
        If ``seconds`` is out of range.

    Examples
    --------
    >>> [(found.dtype, found.size) for found in measure(0.01).copy]
    [('fp32', 65536), ('fp32', 1048576), ('fp32', 16777216)]
    """
    seconds = check.number("seconds", seconds, above=0, most=3600)
    cases = _cases()
    times: dict[tuple[str, str, int], list[float]] = {case: [] for case in cases}
    deadline = time.perf_counter() + seconds
    rounds = 0
    while rounds < 10 or time.perf_counter() < deadline:
        for case, (run, _) in cases.items():
            start = time.perf_counter()
            run()
            times[case].append(time.perf_counter() - start)
        rounds += 1
    found: dict[str, list[Rate]] = {"copy": [], "matmul": []}
    for (kind, dtype, size), (_, work) in cases.items():
        rates = work / np.maximum(times[kind, dtype, size][1:], 1e-9)
        found[kind].append(Rate(dtype, size, quantile_interval(rates, 0.5)))
    return Machine(copy=tuple(found["copy"]), matmul=tuple(found["matmul"]))


def device_of(device: Device | str) -> Device:
    """Return a device given by itself or by name.

    Parameters
    ----------
    device : Device or str
        An entry of `DEVICES`, or its name.

    Returns
    -------
    Device

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> device_of("H100") is DEVICES["H100"]
    True
    """
    if isinstance(device, Device):
        return device
    return DEVICES[check.one_of("device", device, tuple(DEVICES))]


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


def _peak(device: Device, dtype: str) -> float:
    check.one_of("dtype", dtype, tuple(BYTES))
    return device.flops[check.one_of("dtype", dtype, tuple(device.flops))]


def _kv_bytes(model: Model, dtype: str) -> float:
    return 2 * model.layers * model.kv_heads * model.head_dim * BYTES[dtype]


def _must_fit(needed: float, device: Device, devices: int) -> None:
    room = devices * device.memory
    if needed > room:
        sizes = f"{needed / 1e9:.1f} GB needed, {room / 1e9:.1f} GB on {devices} × {device.name}"
        raise check.refuse("devices", "enough to hold weights and cache", sizes)


def _cases() -> dict[tuple[str, str, int], tuple[Callable[[], Any], float]]:
    """Return what to run and the bytes or operations of each run."""
    cases: dict[tuple[str, str, int], tuple[Callable[[], Any], float]] = {}
    for size in (2**16, 2**20, 2**24):
        source = np.ones(size, np.float32)
        target = np.empty_like(source)
        cases["copy", "fp32", size] = partial(np.copyto, target, source), 2.0 * source.nbytes
    for dtype, kind in (("fp32", np.float32), ("fp64", np.float64)):
        for size in (64, 256, 768):
            square = np.ones((size, size), kind)
            out = np.empty_like(square)
            product = partial(np.matmul, square, square, out=out)
            cases["matmul", dtype, size] = product, 2.0 * size**3
    return cases
