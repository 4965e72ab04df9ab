"""What serving costs: an answer, a million tokens, and the replicas that an objective takes."""

from dataclasses import dataclass
from heapq import heapreplace

import numpy as np

from labs import _moved
from labs import validation as check
from labs.engine import Engine
from labs.intervals import percentile
from labs.validation import IntArray, Real
from labs.workload import Workload

__all__ = [
    "Plan",  # noqa: F822
    "Prices",
    "ReplicaPlan",
    "answer_cost",
    "dollars_per_million",
    "plan",  # noqa: F822
    "replicas_for",
]

__getattr__ = _moved.moved(__name__, Plan="planning", plan="planning")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


ROUTINGS = ("round_robin", "least_tokens")


@dataclass(frozen=True)
class Prices:
    """What tokens and time cost.

    Attributes
    ----------
    input_token : float
        US dollars for an input token, at least 0.
    output_token : float
        US dollars for an output token, at least 0.
    gpu_second : float
        US dollars for a second of GPU, at least 0.

    Raises
    ------
    ValueError
        If a price is negative or not finite.

    Examples
    --------
    >>> Prices(input_token=1e-6, output_token=4e-6, gpu_second=0).gpu_second
    0.0
    """

    input_token: float
    output_token: float
    gpu_second: float

    def __post_init__(self) -> None:
        for name in ("input_token", "output_token", "gpu_second"):
            object.__setattr__(self, name, check.number(name, getattr(self, name), least=0))


@dataclass(frozen=True)
class ReplicaPlan:
    """The fewest replicas that meet an objective on a workload.

    Attributes
    ----------
    replicas : int
        How many; the most that was tried where none suffices.
    feasible : bool
        Whether they meet the objective.
    binding : str
        What one replica fewer would break (or, of a single replica, is nearest to its limit;
        or, where none suffices, is broken still): ``ttft``, ``tpot``, ``both`` or ``kv_tokens``.
    ttft : float
        Quantile of the time to first token at that number, seconds.
    tpot : float
        Quantile of the time per output token at that number, seconds.

    Examples
    --------
    >>> from labs.engine import StepTime
    >>> one = Engine(StepTime(0.1, 0, 0, 0))
    >>> plan = replicas_for(Workload([0.0], [10], [5]), one, ttft=0.3, tpot=0.2)
    >>> plan.replicas, plan.feasible, plan.binding, plan.ttft
    (1, True, 'tpot', 0.1)
    """

    replicas: int
    feasible: bool
    binding: str
    ttft: float
    tpot: float


def answer_cost(input_tokens: Real, output_tokens: Real, gpu_seconds: Real, prices: Prices) -> Real:
    """Return the cost of an answer: ``c_in · n_in + c_out · n_out + c_gpu · T``.

    Parameters
    ----------
    input_tokens, output_tokens : float or array
        Lengths in tokens, at least 0.
    gpu_seconds : float or array
        GPU time spent on the answer, at least 0.
    prices : Prices
        What each costs.

    Returns
    -------
    float or array
        US dollars.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> round(answer_cost(1000, 200, 0.5, Prices(1e-6, 4e-6, 0.001)), 6)
    0.0023
    """
    check.instance("prices", prices, Prices)
    read, written, seconds = check.broadcast(
        input_tokens=check.numbers("input_tokens", input_tokens, least=0),
        output_tokens=check.numbers("output_tokens", output_tokens, least=0),
        gpu_seconds=check.numbers("gpu_seconds", gpu_seconds, least=0),
    )
    with np.errstate(over="ignore"):
        return check.plain(
            prices.input_token * read + prices.output_token * written + prices.gpu_second * seconds
        )


def dollars_per_million(price_per_hour: Real, tokens_per_second: Real) -> Real:
    """Return the cost of a million tokens: ``price / 3600 / rate · 10⁶``.

    Parameters
    ----------
    price_per_hour : float or array
        US dollars for an hour of the machine, at least 0.
    tokens_per_second : float or array
        Tokens it makes, above 0.

    Returns
    -------
    float or array
        US dollars.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> round(dollars_per_million(2.0, 1000), 3)
    0.556
    """
    price, rate = check.broadcast(
        price_per_hour=check.numbers("price_per_hour", price_per_hour, least=0),
        tokens_per_second=check.numbers("tokens_per_second", tokens_per_second, above=0),
    )
    with np.errstate(over="ignore"):
        return check.plain(price / 3600 / rate * 1e6)


def replicas_for(
    workload: Workload,
    engine: Engine,
    ttft: float,
    tpot: float,
    quantile: float = 0.99,
    routing: str = "round_robin",
    max_replicas: int = 256,
) -> ReplicaPlan:
    """Return the fewest replicas whose TTFT and TPOT quantiles meet an objective.

    Each candidate number is simulated: the requests are routed, every replica runs its own, and
    the quantiles are taken over all of them. Dividing the rate by the replicas would be wrong,
    because a routed stream is not a thinned Poisson stream and the tail is not linear.

    Parameters
    ----------
    workload : Workload
        At least one request.
    engine : Engine
        One replica.
    ttft, tpot : float
        Limits in seconds, above 0.
    quantile : float
        Which quantile of each must be within its limit, between 0 and 1.
    routing : str
        ``round_robin``, or ``least_tokens``: to the replica given fewest tokens so far, which
        takes a router that knows how long answers will be.
    max_replicas : int
        Most replicas to consider, at least 1.

    Returns
    -------
    ReplicaPlan
        Infeasible where no number up to ``max_replicas`` meets the objective. Where even requests
        that are alone would miss it, only the last is simulated, to say by how much. Else each is
        tried, as more can be worse: a round robin of 3 may send one replica all that is long.

    Raises
    ------
    ValueError
        If an argument is out of range or the routing unknown.

    Examples
    --------
    >>> from labs.engine import StepTime
    >>> requests = Workload([0.0, 0.1, 0.2, 0.3], [10] * 4, [5] * 4)
    >>> one = Engine(StepTime(0.1, 0, 0, 0), max_batch=1)
    >>> replicas_for(requests, one, ttft=0.3, tpot=0.2).replicas
    3
    """
    check.instance("workload", workload, Workload)
    check.instance("engine", engine, Engine)
    limits = {
        "ttft": check.number("ttft", ttft, above=0),
        "tpot": check.number("tpot", tpot, above=0),
    }
    quantile = check.number("quantile", quantile, above=0, below=1)
    check.one_of("routing", routing, ROUTINGS)
    max_replicas = check.count("max_replicas", max_replicas, most=100_000)
    if not len(workload):
        raise check.refuse("workload", "of one request or more", "none")

    def tails(replicas: int) -> dict[str, float]:
        return _tails(workload, engine, _route(workload, replicas, routing), quantile)

    apart = min(max_replicas, len(workload))
    if apart == len(workload) or _hopeless(workload, engine, limits, quantile):
        found = tails(apart)
        if broken := _broken(found, limits):
            return ReplicaPlan(max_replicas, False, _name(broken, found), **found)
    binding = ""
    for replicas in range(1, apart + 1):
        found = tails(replicas)
        if not (broken := _broken(found, limits)):
            nearest = max(limits, key=lambda name: found[name] / limits[name])
            return ReplicaPlan(replicas, True, binding or nearest, **found)
        binding = _name(broken, found)
    return ReplicaPlan(max_replicas, False, binding, **found)


def _hopeless(
    workload: Workload, engine: Engine, limits: dict[str, float], quantile: float
) -> bool:
    """Return whether requests would miss a limit even if each were alone."""
    ttft, tpot = engine.alone(workload)
    several = tpot[np.isfinite(tpot)]
    # A simulated time is a difference of moments, and rounding may leave it a little shorter.
    work = ttft[np.isfinite(ttft)].sum() + several @ (workload.output[np.isfinite(tpot)] - 1.0)
    slack = 1e-12 * float(np.abs(workload.arrival).max() + work)
    return percentile(ttft, quantile) > limits["ttft"] * (1 + 1e-9) + slack or bool(
        several.size and percentile(several, quantile) > limits["tpot"] * (1 + 1e-9) + slack
    )


def _broken(tails: dict[str, float], limits: dict[str, float]) -> list[str]:
    return [name for name, limit in limits.items() if tails[name] > limit]


def _name(broken: list[str], tails: dict[str, float]) -> str:
    if tails["ttft"] == np.inf:
        return "kv_tokens"
    return broken[0] if len(broken) == 1 else "both"


def _route(workload: Workload, replicas: int, routing: str) -> IntArray:
    """Return the replica of each request."""
    if routing == "round_robin":
        return np.arange(len(workload)) % replicas
    given = [(0, replica) for replica in range(replicas)]
    chosen = []
    for tokens in (workload.prompt + workload.output).tolist():
        least, replica = given[0]
        heapreplace(given, (least + tokens, replica))
        chosen.append(replica)
    return np.array(chosen)


def _tails(
    workload: Workload, engine: Engine, replica: IntArray, quantile: float
) -> dict[str, float]:
    """Return the quantiles over all replicas; a rejected request waits for ever."""
    ttft = np.full(len(workload), np.inf)
    tpot = np.full(len(workload), np.nan)
    for number in np.unique(replica):
        mine = replica == number
        timeline = engine.run(workload[mine])
        ttft[mine] = np.where(np.isnan(timeline.ttft), np.inf, timeline.ttft)
        tpot[mine] = timeline.tpot
    several = tpot[np.isfinite(tpot)]
    return {
        "ttft": percentile(ttft, quantile),
        "tpot": percentile(several, quantile) if several.size else 0.0,
    }
