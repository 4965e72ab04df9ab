"""What physics allows: the roofline of a device, and the least times of a model on it."""

import numpy as np

from labs import validation as check
from labs.devices import Device, device_of
from labs.models import Model, model_of
from labs.number_types import Precision, precision_of
from labs.validation import Real


def ridge_point(device: Device | str, dtype: str) -> float:
    """Return the arithmetic intensity at which a device's roofline bends: peak over bandwidth.

    Parameters
    ----------
    device : Device or str
        An entry of `labs.devices.DEVICES`, or its name.
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
    return device.peak(dtype) / device.bandwidth


def attainable(intensity: Real, device: Device | str, dtype: str) -> Real:
    """Return the operations per second in reach of a kernel: ``min(peak, intensity · bandwidth)``.

    Parameters
    ----------
    intensity : float or array
        Operations per byte moved, at least 0.
    device : Device or str
        An entry of `labs.devices.DEVICES`, or its name.
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
        return check.plain(np.minimum(device.peak(dtype), intensity * device.bandwidth))


def decode_step(
    model: Model | str,
    device: Device | str,
    batch: int,
    context: float,
    dtype: Precision | str,
    devices: int = 1,
) -> float:
    """Return the least time of a decode step: nothing measured lies below it.

    ``max((weights + cache) / bandwidth, operations / peak) / devices``. Of a mixture of experts
    the weights are those that one token uses, as all sequences may pick the same; an embedding that
    is only looked up is not read. Operations are two for each weight used and sequence, and those
    of attention to the context. Several devices share all evenly, at no cost of communication.

    Parameters
    ----------
    model : Model or str
        An entry of `labs.models.MODELS`, or its name.
    device : Device or str
        An entry of `labs.devices.DEVICES`, or its name.
    batch : int
        Sequences, at least 1.
    context : float
        Mean tokens in a sequence's cache, at least 0.
    dtype : Precision or str
        As in `labs.number_types.precision_of`; the device must compute in it.
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
    Williams, Waterman and Patterson, "Roofline", Communications of the ACM 52 (2009).

    Examples
    --------
    >>> round(1e3 * decode_step("Llama-2-7B", "A100-80", 1, 1000, "bf16"), 2), "ms"
    (6.74, 'ms')
    """
    model, device, precision = model_of(model), device_of(device), precision_of(dtype)
    batch = check.count("batch", batch)
    context = check.number("context", context, least=0)
    devices = check.count("devices", devices)
    peak = device.peak(precision.rate)
    cache = batch * float(model.kv_bytes(context, precision))
    _must_fit(model.parameters * precision.weight_bytes + cache, device, devices)
    read = model.used_parameters * precision.weight_bytes + cache
    each = 2 * model.used_parameters + float(model.attention_operations(context))
    return max(read / device.bandwidth, batch * each / peak) / devices


def prefill_time(
    model: Model | str,
    device: Device | str,
    tokens: float,
    dtype: Precision | str,
    devices: int = 1,
    prompt: float | None = None,
) -> float:
    """Return the least time to read prompt tokens: nothing measured lies below it.

    ``max(weights / bandwidth, operations / peak) / devices``. Operations are two for each weight
    used and token, of the last layer for the last token alone. An embedding that is only looked up
    counts nowhere. Attention among the tokens depends on how long the prompts are that they belong
    to, and counts where that is said.

    Parameters
    ----------
    model : Model or str
        An entry of `labs.models.MODELS`, or its name.
    device : Device or str
        An entry of `labs.devices.DEVICES`, or its name.
    tokens : float
        Prompt tokens, above 0.
    dtype : Precision or str
        As in `labs.number_types.precision_of`; the device must compute in it.
    devices : int
        How many share the model, at least 1.
    prompt : float or None
        Length of the prompts, above 0; None leaves the attention among their tokens out, which is a
        bound too.

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
    Williams, Waterman and Patterson, "Roofline", Communications of the ACM 52 (2009).

    Examples
    --------
    >>> round(1e3 * prefill_time("Llama-2-7B", "A100-80", 1000, "bf16"), 1), "ms"
    (41.5, 'ms')
    >>> round(1e3 * prefill_time("Llama-2-7B", "A100-80", 10_000, "bf16", prompt=10_000), 1)
    499.2
    """
    model, device, precision = model_of(model), device_of(device), precision_of(dtype)
    tokens = check.number("tokens", tokens, above=0, most=check.MOST)
    devices = check.count("devices", devices)
    peak = device.peak(precision.rate)
    cache = float(model.kv_bytes(tokens, precision))
    _must_fit(model.parameters * precision.weight_bytes + cache, device, devices)
    read = model.used_parameters * precision.weight_bytes
    last = model.embedding_parameters
    products = 2 * tokens * (model.used_parameters - last) + 2 * min(tokens, 1.0) * last
    attention = 0.0
    if prompt is not None:
        prompt = check.number("prompt", prompt, above=0, most=check.MOST)
        attention = tokens / prompt * float(model.prompt_operations(prompt))
    operations = products + attention
    return max(read / device.bandwidth, operations / peak) / devices


def largest_batch(
    model: Model | str,
    device: Device | str,
    context: float,
    dtype: Precision | str,
    devices: int = 1,
) -> int:
    """Return the most sequences whose caches fit beside the weights: a bound.

    ``⌊(devices · memory - weights) / KV bytes of a sequence⌋``. Nothing is set aside for
    activations or the runtime; what an engine finds room for is `labs.forecasts.kv_room`.

    Parameters
    ----------
    model : Model or str
        An entry of `labs.models.MODELS`, or its name.
    device : Device or str
        An entry of `labs.devices.DEVICES`, or its name.
    context : float
        Tokens in each sequence's cache, from 1e-30.
    dtype : Precision or str
        As in `labs.number_types.precision_of`; the device must compute in it.
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
    33
    """
    model, device, precision = model_of(model), device_of(device), precision_of(dtype)
    context = check.number("context", context, least=check.LEAST, most=check.MOST)
    devices = check.count("devices", devices)
    device.peak(precision.rate)
    room = devices * device.memory - model.parameters * precision.weight_bytes
    sequence = float(model.kv_bytes(context, precision))
    return max(0, int(min(room / sequence, check.LARGEST_COUNT)))


def _must_fit(needed: float, device: Device, devices: int) -> None:
    room = devices * device.memory
    if needed > room:
        sizes = f"{needed / 1e9:.1f} GB needed, {room / 1e9:.1f} GB on {devices} × {device.name}"
        raise check.refuse("devices", "enough to hold weights and cache", sizes)
