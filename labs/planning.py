"""Plans on forecasts: replicas and what they cost, fleets and what they carry."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from labs import validation as check
from labs.bounds import decode_step
from labs.devices import Device, device_of
from labs.economics import dollars_per_million, replicas_for
from labs.engine import Engine
from labs.forecasts import Forecast, forecast, kv_room, step_time
from labs.models import Model, model_of
from labs.number_types import Precision
from labs.profiles import Profile, profile
from labs.scheduling import Placement, place
from labs.slo import Objective
from labs.step import StepTime
from labs.validation import FloatArray, IntArray
from labs.workload import Workload

ENDS = ("low", "mid", "high")
#: What engines' own counts of KV tokens lay off `labs.forecasts.kv_room`, on cards of 80 GB.
ROOM_ERROR = 0.03


@dataclass(frozen=True)
class Plan:
    """How many replicas an objective takes, and what they cost.

    Attributes
    ----------
    replicas : Forecast
        Whole replicas; ``inf`` where no number of them keeps to the objective.
    dollars_per_hour : Forecast
        US dollars.
    dollars_per_million : Forecast
        US dollars for a million output tokens.
    narrow : str
        The one measurement that would narrow the plan most.

    Examples
    --------
    >>> from labs.workload import azure_chat
    >>> hour = azure_chat(2000, 20.0, np.random.default_rng(1))
    >>> found = plan(hour, "Llama-3.1-8B", "H100", "bf16", Objective(ttft=1.0, tpot=0.05))
    >>> found.replicas.low <= found.replicas.mid <= found.replicas.high
    True
    """

    replicas: Forecast
    dollars_per_hour: Forecast
    dollars_per_million: Forecast
    narrow: str


@dataclass(frozen=True)
class Fleet:
    """The cheapest mixes of devices for a demand, at the ends of what each device serves.

    Attributes
    ----------
    low : Placement
        If every device serves as fast as is likely at best.
    mid : Placement
        If each serves as is likely.
    high : Placement
        If each serves as slowly as is likely at worst.
    cost : Forecast
        US dollars an hour of the three.
    carried : Forecast
        What share of the demand of the class worst off the likely mix carries: at the slow end, in
        the middle and at the fast end.

    Examples
    --------
    >>> found = fleet([10.0], [[Forecast(3.0, 4.0, 6.0)]], [1.0], available=[9])
    >>> found.cost, found.carried.low
    (Forecast(low=2.0, mid=3.0, high=4.0), 0.9)
    """

    low: Placement
    mid: Placement
    high: Placement
    cost: Forecast
    carried: Forecast


def plan(
    workload: Workload,
    model: Model | str,
    device: Device | str,
    dtype: Precision | str,
    objective: Objective,
    devices: int = 1,
    engine: str | None = None,
    *,
    profile: Profile | None = None,
    max_batch: int = 256,
    token_budget: int = 2048,
    utilization: float = 0.9,
    routing: str = "round_robin",
    max_replicas: int = 256,
) -> Plan:
    """Return how many replicas an objective takes, what they cost, and what is best measured next.

    The workload is simulated on replicas that chunk prompts and have the memory of
    `labs.forecasts.kv_room`, three times: with the step times that nine of ten measurements lay
    above, half of them, and nine of ten below. An objective below a bound is refused at once.

    Parameters
    ----------
    workload : Workload
        At least two requests, not all at once.
    model : Model or str
        An entry of `labs.models.MODELS`, or its name.
    device : Device or str
        An entry of `labs.devices.DEVICES` that has a price, or its name.
    dtype : Precision or str
        As in `labs.number_types.precision_of`.
    objective : Objective
        What is promised.
    devices : int
        How many share a replica, at least 1.
    engine : str or None
        As in `labs.profiles.profile`.
    profile : Profile or None
        What the engine reaches, such as one that own measurements were fitted to; None: the best
        there is of ``engine`` on ``device``.
    max_batch : int
        As in `labs.engine.Engine`.
    token_budget : int
        Likewise.
    utilization : float
        As in `labs.forecasts.kv_room`.
    routing : str
        As in `labs.economics.replicas_for`.
    max_replicas : int
        Likewise.

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        If an argument is out of range, the weights leave no room for a cache, or the device has no
        price.

    Examples
    --------
    >>> from labs.workload import azure_chat
    >>> hour = azure_chat(2000, 20.0, np.random.default_rng(1))
    >>> found = plan(hour, "Llama-3.1-8B", "H100", "bf16", Objective(ttft=1.0, tpot=1e-6))
    >>> found.replicas.mid, found.narrow
    (inf, 'none: below what physics allows')
    """
    model, device = model_of(model), device_of(device)
    check.instance("workload", workload, Workload)
    check.instance("objective", objective, Objective)
    if device.price is None:
        raise check.refuse("device", "one that the price list has", device.name)
    if len(workload) < 2 or np.ptp(workload.arrival) == 0:
        raise check.refuse("workload", "of requests that arrive at more than one time", workload)
    found = _profile(device, engine, profile)
    room = kv_room(model, device, dtype, devices, utilization)
    if not room:
        raise check.refuse("devices", "enough to hold the weights and some cache", devices)
    replica = _Replica(workload, objective, room, max_batch, token_budget, routing, max_replicas)
    typical = float(workload.prompt.mean() + workload.output.mean() / 2)
    likely = step_time(model, device, dtype, devices, found, context=typical)
    if (workload.output > 1).mean() > 1 - objective.quantile and objective.tpot < decode_step(
        model, device, 1, 0, dtype, devices
    ):
        never = Forecast(math.inf, math.inf, math.inf)
        return Plan(never, never, never, "none: below what physics allows")
    needed = [replica.needed(_scaled(likely, end, end)) for end in (found.low, 1.0, found.high)]
    replicas = Forecast(*np.maximum.accumulate(needed).tolist())
    hourly = replicas * (devices * device.price)
    span = float(np.ptp(workload.arrival)) * len(workload) / (len(workload) - 1)
    million = float(dollars_per_million(1.0, float(workload.output.sum()) / span))
    where = f"{model.name} on {devices} × {device.name}"
    return Plan(replicas, hourly, hourly * million, replica.narrow(likely, found, needed[1], where))


def service_rate(
    model: Model | str,
    device: Device | str,
    prompt: float,
    answer: float,
    dtype: Precision | str,
    objective: Objective,
    devices: int = 1,
    profile: Profile | None = None,
    max_batch: int = 256,
) -> Forecast:
    """Return the requests a second that a replica serves within limits on their means.

    ``b / (m · TPOT(b))`` at the largest batch b whose caches fit (`labs.forecasts.kv_room`) and for
    which ``TPOT(b) = step(b) + b · prefill / m`` is within the objective, m being the tokens of an
    answer; 0 where even one prompt takes longer than the objective on the first token.

    Parameters
    ----------
    model : Model or str
        An entry of `labs.models.MODELS`, or its name.
    device : Device or str
        An entry of `labs.devices.DEVICES`, or its name.
    prompt : float
        Mean tokens of a prompt, from 1e-30.
    answer : float
        Mean tokens of an answer, from 1e-30.
    dtype : Precision or str
        As in `labs.number_types.precision_of`.
    objective : Objective
        What is promised; its quantile plays no part, as means are compared.
    devices : int
        How many share the replica, at least 1.
    profile : Profile or None
        What the engine reaches; None: the best there is of the device.
    max_batch : int
        Most sequences at once, at least 1.

    Returns
    -------
    Forecast
        Low where steps are slow.

    Raises
    ------
    ValueError
        If an argument is out of range, or the weights do not fit.

    Examples
    --------
    >>> found = service_rate("Llama-3.1-8B", "H100", 1000, 200, "bf16", Objective(1.0, 0.04))
    >>> bool(0 < found.low < found.mid < found.high)
    True
    """
    check.instance("objective", objective, Objective)
    answer = check.number("answer", answer, least=check.LEAST, most=check.MOST)
    prompt = check.number("prompt", prompt, least=check.LEAST, most=check.MOST)
    most = check.count("max_batch", max_batch, most=100_000)
    fits = min(most, int(kv_room(model, device, dtype, devices) / (prompt + answer)))
    batch = np.arange(1.0, fits + 1)
    given = {"dtype": dtype, "devices": devices, "profile": profile}
    step = forecast(model, device, batch, prompt + answer / 2, **given)  # type: ignore[arg-type]
    read = forecast(model, device, 0, 0, prefill=prompt, **given)  # type: ignore[arg-type]

    def rate(end: str) -> float:
        tpot = np.asarray(getattr(step, end)) + batch * getattr(read, end) / answer
        kept = batch[(tpot <= objective.tpot) & (getattr(read, end) <= objective.ttft)]
        return float(kept[-1] / (answer * tpot[kept.size - 1])) if kept.size else 0.0

    return Forecast(*sorted(rate(end) for end in ENDS))


def fleet(
    demand: FloatArray,
    rates: Sequence[Sequence[Forecast]],
    price: FloatArray,
    available: IntArray,
) -> Fleet:
    """Return the cheapest mixes of devices, and what the likely one carries if it is slow.

    `labs.scheduling.place` at the fast end of the rates, in their middle and at their slow end.

    Parameters
    ----------
    demand : array (k,)
        Requests per second of each class.
    rates : sequence of sequence of Forecast, (m, k)
        What one device of each type serves of each class, as `service_rate` gives it.
    price : array (m,)
        US dollars an hour.
    available : array (m,)
        Devices to be had.

    Returns
    -------
    Fleet

    Raises
    ------
    ValueError
        If an argument is out of range or shapes do not fit.

    Examples
    --------
    >>> found = fleet([10.0], [[Forecast(3.0, 4.0, 6.0)]], [1.0], available=[9])
    >>> found.mid.devices.tolist(), found.high.devices.tolist()
    ([[3]], [[4]])
    """
    try:
        at = {end: np.array([[getattr(one, end) for one in row] for row in rates]) for end in ENDS}
    except (AttributeError, TypeError):
        raise check.refuse("rates", "rows of Forecasts", rates) from None
    wanted = check.sequence("demand", demand, least=0, most=check.MOST)
    fast, likely, slow = (
        place(demand, at[end], price, available) for end in ("high", "mid", "low")
    )
    asked = wanted > 0

    def carried(end: str) -> float:
        given = (likely.devices * at[end]).sum(axis=0)
        with np.errstate(over="ignore"):
            return float(np.min(given[asked] / wanted[asked])) if asked.any() else math.inf

    cost = np.maximum.accumulate([fast.cost, likely.cost, slow.cost]).tolist()
    return Fleet(fast, likely, slow, Forecast(*cost), Forecast(*(carried(end) for end in ENDS)))


@dataclass(frozen=True)
class _Replica:
    """A replica of an engine, a workload for several of it, and what is promised."""

    workload: Workload
    objective: Objective
    room: int
    max_batch: int
    token_budget: int
    routing: str
    max_replicas: int

    def engine(self, step: StepTime, room: float = 1.0) -> Engine:
        return Engine(
            step,
            self.max_batch,
            int(self.room * room),
            "chunked",
            token_budget=self.token_budget,
        )

    def needed(self, step: StepTime) -> float:
        limits = (self.objective.ttft, self.objective.tpot, self.objective.quantile)
        found = replicas_for(
            self.workload, self.engine(step), *limits, self.routing, self.max_replicas
        )
        return float(found.replicas) if found.feasible else math.inf

    def strain(self, step: StepTime, replicas: int, room: float = 1.0) -> float:
        """Return how near so many replicas come to their limits: 1 is at one of them."""
        limits = (self.objective.ttft, self.objective.tpot, self.objective.quantile)
        share = self.workload[np.arange(len(self.workload)) % replicas == 0]
        found = replicas_for(share, self.engine(step, room), *limits, max_replicas=1)
        return max(found.ttft / self.objective.ttft, found.tpot / self.objective.tpot, 1e-12)

    def narrow(self, likely: StepTime, found: Profile, replicas: float, where: str) -> str:
        """Return the measurement whose ends move the replicas' strain furthest apart."""
        count = int(replicas) if math.isfinite(replicas) else self.max_replicas
        moved = {
            "decode": [(_scaled(likely, end, 1.0), 1.0) for end in (found.low, found.high)],
            "prefill": [(_scaled(likely, 1.0, end), 1.0) for end in (found.low, found.high)],
            "room": [(likely, 1 - ROOM_ERROR), (likely, 1 + ROOM_ERROR)],
        }
        spread = {}
        for name, ends in moved.items():
            strains = [self.strain(step, count, room) for step, room in ends]
            spread[name] = max(strains) / min(strains)
        prompt, answer = self.workload.prompt.mean(), self.workload.output.mean()
        return {
            "decode": f"a decode step of {where} at {prompt + answer / 2:.0f} tokens of context",
            "prefill": f"reading a prompt of {prompt:.0f} tokens with {where}",
            "room": f"the KV tokens that the engine finds room for, {where}",
        }[max(spread, key=lambda name: spread[name])]


def _scaled(step: StepTime, decode: float, prefill: float) -> StepTime:
    """Return the costs with those of decoding and those of reading prompts multiplied."""
    return replace(
        step,
        base=step.base * decode,
        weights=step.weights * decode,
        experts=step.experts * decode,
        sequence=step.sequence * decode,
        kv_token=step.kv_token * decode,
        prefill_token=step.prefill_token * prefill,
        prefill_kv=step.prefill_kv * prefill,
    )


def _profile(device: Device, engine: str | None, given: Profile | None) -> Profile:
    if given is None:
        return profile(device, engine)
    if engine is not None:
        raise check.refuse("engine", "left out where there is a profile", engine)
    return check.instance("profile", given, Profile)
