"""What systems do, with an interval: a step's time and an engine's room for its cache."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from labs import law as laws
from labs import validation as check
from labs.devices import Device, device_of
from labs.models import Model, model_of
from labs.number_types import Precision, precision_of
from labs.profiles import Profile, profile
from labs.step import StepTime
from labs.validation import FloatArray, Real
from labs.work import Work, work_of

#: Bytes a card sets aside beside weights and cache, for each token of the vocabulary: what sampling
#: over it takes while an engine probes its memory, and with it graphs and buffers. Fitted to counts
#: of tokens that vLLM printed (`kv_room`).
SET_ASIDE = 9_300.0


@dataclass(frozen=True, eq=False)
class Forecast:
    """What is to be expected: between ``low`` and ``high`` in nine of ten cases.

    Forecasts add, each end to its like, and multiply by numbers of at least 0.

    Attributes
    ----------
    low : float or array
        Below it lies 5% of what was measured.
    mid : float or array
        As often too long as too short.
    high : float or array
        Above it lies 5% of what was measured.

    Raises
    ------
    ValueError
        If they are not in this order.

    Examples
    --------
    >>> 2 * Forecast(1.0, 2.0, 3.0) + Forecast(0.5, 0.5, 0.5)
    Forecast(low=2.5, mid=4.5, high=6.5)
    """

    low: Any
    mid: Any
    high: Any

    def __post_init__(self) -> None:
        parts = check.broadcast(
            **{
                name: check.numbers(name, getattr(self, name), least=0, infinite=True)
                for name in ("low", "mid", "high")
            }
        )
        if not ((parts[0] <= parts[1]) & (parts[1] <= parts[2])).all():
            raise check.refuse(
                "low, mid and high", "in this order", (self.low, self.mid, self.high)
            )
        for name, part in zip(("low", "mid", "high"), parts, strict=True):
            object.__setattr__(self, name, check.plain(part))

    def __add__(self, other: "Forecast | float") -> "Forecast":
        if isinstance(other, Forecast):
            return Forecast(self.low + other.low, self.mid + other.mid, self.high + other.high)
        extra = check.numbers("other", other)
        return Forecast(self.low + extra, self.mid + extra, self.high + extra)

    __radd__ = __add__

    def __mul__(self, factor: Real) -> "Forecast":
        by = check.numbers("factor", factor, least=0)
        return Forecast(self.low * by, self.mid * by, self.high * by)

    __rmul__ = __mul__

    def __truediv__(self, divisor: Real) -> "Forecast":
        return self * (1 / check.numbers("divisor", divisor, above=0))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Forecast):
            return NotImplemented
        ours, theirs = (self.low, self.mid, self.high), (other.low, other.mid, other.high)
        return all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))

    __hash__ = None  # type: ignore[assignment]
    __array_ufunc__ = None  # an array times a forecast is a forecast of arrays


def forecast(
    model: Model | str,
    device: Device | str,
    batch: Real,
    context: Real,
    dtype: Precision | str,
    devices: int = 1,
    prefill: Real = 0.0,
    prompt: Real | None = None,
    profile: Profile | None = None,
) -> Forecast:
    """Return how long a step will take, in nine of ten cases.

    In it ``batch`` sequences decode and ``prefill`` prompt tokens are read. The middle is the law
    of `labs.step.StepTime` with the costs that the profile reaches; the ends are where 5% of the
    measurements that its fit had not seen lay below and above. None lies below the bound.

    Parameters
    ----------
    model : Model or str
        An entry of `labs.models.MODELS`, or its name.
    device : Device or str
        An entry of `labs.devices.DEVICES`, or its name.
    batch : float or array
        Sequences that decode; 0 for a step that only reads.
    context : float or array
        Mean tokens in their caches, at least 0.
    dtype : Precision or str
        As in `labs.number_types.precision_of`; the device must compute in it.
    devices : int
        How many share the model by tensor parallelism, at least 1.
    prefill : float or array
        Prompt tokens read, whole or not.
    prompt : float, array or None
        Length of the prompts they belong to; None: all are one prompt.
    profile : Profile or None
        What the engine reaches; None: `labs.profiles.profile` of the device.

    Returns
    -------
    Forecast
        Seconds.

    Raises
    ------
    ValueError
        If an argument is unknown or out of range, or the weights do not fit.

    Examples
    --------
    >>> step = forecast("Llama-3.1-8B", "H100", 32, 1000, "bf16")
    >>> bool(0.006 < step.low < step.mid < step.high < 0.03)
    True
    """
    model, device = model_of(model), device_of(device)
    devices = check.count("devices", devices)
    work = work_of(model, device, dtype, devices, batch, context, prefill, prompt)
    found = _profile(profile, device)
    _weights_fit(model, device, precision_of(dtype), devices)
    mid = np.asarray(found.factor * laws.seconds(found.law.vector(), work))
    least = np.minimum(_bound(work), mid)
    return Forecast(
        check.plain(np.maximum(mid * found.low, least)),
        check.plain(mid),
        check.plain(mid * found.high),
    )


def step_time(
    model: Model | str,
    device: Device | str,
    dtype: Precision | str,
    devices: int = 1,
    profile: Profile | None = None,
    context: float = 0.0,
) -> StepTime:
    """Return the costs of a step for `labs.engine.Engine`: the middle of the forecast.

    Parameters
    ----------
    model : Model or str
        An entry of `labs.models.MODELS`, or its name.
    device : Device or str
        An entry of `labs.devices.DEVICES`, or its name.
    dtype : Precision or str
        As in `labs.number_types.precision_of`; the device must compute in it.
    devices : int
        How many share the model, at least 1.
    profile : Profile or None
        What the engine reaches; None: `labs.profiles.profile` of the device.
    context : float
        Tokens at which the cost of one is taken: it matters where layers have windows, which fill.

    Returns
    -------
    StepTime

    Raises
    ------
    ValueError
        If an argument is unknown or out of range, or the weights do not fit.

    Examples
    --------
    >>> step = step_time("Llama-3.1-8B", "H100", "bf16")
    >>> whole = forecast("Llama-3.1-8B", "H100", 32, 1000, "bf16").mid
    >>> bool(abs(step.seconds(decoding=32, kv=32 * 1000) / whole - 1) < 1e-9)
    True
    """
    model, device = model_of(model), device_of(device)
    context = check.number("context", context, least=0)
    devices = check.count("devices", devices)
    work = work_of(model, device, dtype, devices, context=context, prefill=context)
    found = _profile(profile, device)
    _weights_fit(model, device, precision_of(dtype), devices)
    cost = laws.costs(found.law.vector(), work)
    ratios = {"overlap": float(cost.overlap), "share": float(cost.share)}
    times = {name: found.factor * float(part) for name, part in vars(cost).items()}
    return StepTime(**(times | ratios))


def kv_room(
    model: Model | str,
    device: Device | str,
    dtype: Precision | str,
    devices: int = 1,
    utilization: float = 0.9,
) -> int:
    """Return the tokens of KV cache that an engine finds room for.

    Of the memory that a program is told it has (``Device.usable``, else all of it) an
    engine takes ``utilization``; the weights go off, and on each card what sampling, graphs and
    buffers take (`SET_ASIDE`). Devices beyond the KV heads hold the same cache again.

    Parameters
    ----------
    model : Model or str
        An entry of `labs.models.MODELS`, or its name.
    device : Device or str
        An entry of `labs.devices.DEVICES`, or its name.
    dtype : Precision or str
        As in `labs.number_types.precision_of`; the device must compute in it.
    devices : int
        How many share the model, at least 1.
    utilization : float
        Share of the memory the engine may take (``gpu_memory_utilization``), above 0, at most 1.

    Returns
    -------
    int
        Tokens, whole blocks of 16; 0 where there is no room.

    Raises
    ------
    ValueError
        If an argument is unknown or out of range.

    Examples
    --------
    >>> kv_room("Llama-3.1-70B", "H100", "bf16", devices=4)
    488960
    """
    model, device, precision = model_of(model), device_of(device), precision_of(dtype)
    devices = check.count("devices", devices)
    share = check.number("utilization", utilization, above=0, most=1)
    device.peak(precision.rate)
    card = share * (device.usable or device.memory) - SET_ASIDE * model.vocabulary
    room = card - model.parameters * precision.weight_bytes / devices
    each = sum(cache.layers * cache.elements / min(devices, cache.parts) for cache in model.caches)
    return max(0, int(room / (each * precision.cache_bytes)) // 16 * 16)


def _profile(given: Profile | None, device: Device) -> Profile:
    if given is None:
        return profile(device)
    return check.instance("profile", given, Profile)


def _bound(work: Work) -> FloatArray:
    """Return the least seconds of steps: what is read, or what is computed."""
    read = work.dense + work.routed * work.share + work.cache * work.context
    tokens = work.prefill + work.decoding
    computed = work.token * tokens + work.head * work.decoding
    computed = computed + work.context_work * work.context + work.pair * work.pairs
    return np.maximum(read, computed)


def _weights_fit(model: Model, device: Device, precision: Precision, devices: int) -> None:
    needed, room = model.parameters * precision.weight_bytes, devices * device.memory
    if needed > room:
        sizes = f"{needed / 1e9:.1f} GB needed, {room / 1e9:.1f} GB on {devices} × {device.name}"
        raise check.refuse("devices", "enough to hold the weights", sizes)
