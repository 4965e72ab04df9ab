"""What devices can do at most, what models weigh, and the roofline that follows."""

import numpy as np

from labs import catalogue
from labs import validation as check
from labs.catalogue import BYTES, Device, Model, device_of, kv_bytes_per_token, model_of
from labs.intervals import QuantileInterval as QuantileInterval
from labs.machine import Machine, Rate, measure
from labs.validation import Real

__all__ = [
    "BYTES",
    "DEVICES",
    "MODELS",
    "Device",
    "Machine",
    "Model",
    "Rate",
    "attainable",
    "decode_step",
    "device_of",
    "largest_batch",
    "measure",
    "model_of",
    "prefill_time",
    "ridge_point",
]

#: The accelerators by name, their peaks dense, from ``hardware.json``.
DEVICES: dict[str, catalogue.Device] = catalogue.DEVICES
#: The language models by name.
MODELS: dict[str, catalogue.Model] = catalogue.MODELS


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
    cache = batch * context * kv_bytes_per_token(model, BYTES[dtype])
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
    _must_fit(weights + tokens * kv_bytes_per_token(model, BYTES[dtype]), device, devices)
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
    sequence = context * kv_bytes_per_token(model, BYTES[dtype])
    return max(0, int(min(room / sequence, check.LARGEST_COUNT)))


def _peak(device: Device, dtype: str) -> float:
    check.one_of("dtype", dtype, tuple(BYTES))
    return device.flops[check.one_of("dtype", dtype, tuple(device.flops))]


def _must_fit(needed: float, device: Device, devices: int) -> None:
    room = devices * device.memory
    if needed > room:
        sizes = f"{needed / 1e9:.1f} GB needed, {room / 1e9:.1f} GB on {devices} × {device.name}"
        raise check.refuse("devices", "enough to hold weights and cache", sizes)
