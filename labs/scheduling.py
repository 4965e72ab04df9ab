"""Who goes first, and what runs where: orders of service, prefix routing, the cheapest fleet."""

from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np

from labs import _moved
from labs import validation as check
from labs.validation import FloatArray, IntArray

__all__ = [
    "POLICIES",
    "Placement",
    "Schedule",
    "TenantService",  # noqa: F822
    "order",
    "place",
    "serve_tenants",  # noqa: F822
]

POLICIES = ("fcfs", "sjf", "priority", "edf", "srpt")

__getattr__ = _moved.moved(__name__, TenantService="scenarios", serve_tenants="scenarios")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


@dataclass(frozen=True)
class Schedule:
    """When jobs ran.

    Attributes
    ----------
    start : array (n,)
        When each job first started, in arrival order, seconds.
    finish : array (n,)
        When it finished, seconds.

    Examples
    --------
    >>> run = order([0, 0], [2.0, 1.0], "sjf")
    >>> run.start.tolist(), run.finish.tolist()
    ([1.0, 0.0], [3.0, 1.0])
    """

    start: FloatArray
    finish: FloatArray


@dataclass(frozen=True)
class Placement:
    """The cheapest fleet for a demand.

    Attributes
    ----------
    devices : array (m, k) of int
        Whole devices of each type given to each class; zeros where nothing is feasible.
    cost : float
        US dollars an hour; ``inf`` where nothing is feasible.
    feasible : bool
        Whether the devices to be had can carry the demand.

    Examples
    --------
    >>> place([10.0], [[4.0]], [1.0], available=[2])
    Placement(devices=array([[0]]), cost=inf, feasible=False)
    """

    devices: IntArray
    cost: float
    feasible: bool


def order(
    arrival: FloatArray,
    service: FloatArray,
    policy: str,
    servers: int = 1,
    priority: FloatArray | None = None,
    deadline: FloatArray | None = None,
) -> Schedule:
    """Serve jobs in an order of your choosing, on identical servers that share one line.

    A server that falls idle takes, of those waiting, the first to arrive (``fcfs``), the shortest
    (``sjf``), the one with the smallest priority number (``priority``) or with the earliest
    deadline (``edf``), and finishes it. ``srpt`` instead keeps the jobs with the least remaining
    work running at every moment, and interrupts and resumes others at no cost. Equals go in order
    of arrival, then index.

    Parameters
    ----------
    arrival, service : array (n,)
        Arrival times, never decreasing, and service times, at least 0, in seconds.
    policy : str
        One of the five.
    servers : int
        From 1 to one million.
    priority : array (n,), optional
        Smaller goes first; needed by ``priority``.
    deadline : array (n,), optional
        Seconds; needed by ``edf``.

    Returns
    -------
    Schedule

    Raises
    ------
    ValueError
        If an argument is out of range, the policy unknown or what it needs missing.

    References
    ----------
    Schrage, Operations Research 16 (1968): SRPT minimises the mean sojourn on one server.

    Examples
    --------
    >>> order([0, 1, 1], [5.0, 4.0, 1.0], "sjf").finish.tolist()
    [5.0, 10.0, 6.0]
    >>> order([0, 1, 1], [5.0, 4.0, 1.0], "srpt").finish.tolist()
    [6.0, 10.0, 2.0]
    """
    arrival = check.ascending("arrival", arrival)
    service = check.sequence("service", service, size=arrival.size, least=0, most=check.MOST)
    policy = check.one_of("policy", policy, POLICIES)
    servers = check.count("servers", servers, most=1_000_000)
    given = {"priority": priority, "deadline": deadline}
    keys = {
        name: check.sequence(name, values, size=arrival.size)
        for name, values in given.items()
        if values is not None
    }
    needed = {"priority": "priority", "edf": "deadline"}.get(policy)
    if needed and needed not in keys:
        raise check.refuse(needed, f"given for the policy {policy}", None)
    if policy == "srpt":
        return _least_remaining(arrival, service, servers)
    key = service if policy == "sjf" else keys[needed] if needed else np.zeros(arrival.size)
    return _by_key(arrival, service, key, servers)


def place(
    demand: FloatArray, rate: FloatArray, price: FloatArray, available: IntArray
) -> Placement:
    """Return the cheapest whole devices that carry a demand, class by class.

    Minimise ``Σ price_i n_ij`` so that ``Σ_i rate_ij n_ij ≥ demand_j`` for each class j and
    ``Σ_j n_ij ≤ available_i`` for each type i, with n whole: an integer programme.

    Parameters
    ----------
    demand : array (k,)
        Requests per second of each class, at least 0.
    rate : array (m, k)
        Requests per second of each class that one device of each type serves within its
        objective, at least 0.
    price : array (m,)
        US dollars an hour of each type, at least 0.
    available : array (m,) of int
        Devices to be had of each type, at least 0.

    Returns
    -------
    Placement

    Raises
    ------
    ValueError
        If an argument is out of range or shapes do not fit.

    References
    ----------
    Griggs et al., "Mélange: Cost efficient large language model serving by exploiting GPU
    heterogeneity", arXiv:2404.14527.

    Examples
    --------
    >>> fleet = place([10.0], [[4.0], [9.0]], [1.0, 2.5], [10, 10])
    >>> fleet.devices.ravel().tolist(), fleet.cost
    ([3, 0], 3.0)
    """
    wanted = check.sequence("demand", demand, least=0, most=check.MOST)
    serves = check.numbers("rate", rate, least=0, most=check.MOST)
    if serves.ndim != 2 or serves.shape[1] != wanted.size:
        raise check.refuse("rate", f"of shape (m, {wanted.size})", f"shape {serves.shape}")
    types, classes = serves.shape
    cost = check.sequence("price", price, size=types, least=0, most=check.MOST)
    room = check.sequence("available", available, size=types, least=0, whole=True, most=1e6)
    nothing = Placement(np.zeros((types, classes), np.int64), float("inf"), feasible=False)
    if not wanted.any():
        return Placement(nothing.devices, 0.0, feasible=True)
    with np.errstate(over="ignore"):
        share = np.divide(serves, wanted, out=np.zeros_like(serves), where=wanted > 0)
    # A device that carries a class alone many times over is no better than one that does once.
    share = np.minimum(share, 1)
    if ((share * room[:, None]).sum(axis=0)[wanted > 0] < 1e-9).any():
        return nothing
    from scipy import optimize, sparse

    carried = sparse.csr_array(
        (share.ravel(), (np.tile(np.arange(classes), types), np.arange(types * classes))),
        shape=(classes, types * classes),
    )
    used = sparse.kron(sparse.eye_array(types), np.ones((1, classes)), format="csr")
    scale = cost.max() if cost.any() else 1.0
    solved = optimize.milp(
        np.repeat(cost / scale, classes),
        integrality=np.ones(types * classes),
        bounds=optimize.Bounds(0, (room[:, None] * (share > 0)).ravel()),
        options={"mip_rel_gap": 0.0},
        constraints=[
            optimize.LinearConstraint(carried, lb=(wanted > 0).astype(float)),
            optimize.LinearConstraint(used, ub=room),
        ],
    )
    if solved.x is None:
        return nothing
    devices = np.rint(solved.x).astype(np.int64).reshape(types, classes)
    return Placement(devices, float((devices.sum(axis=1) * cost).sum()), feasible=True)


def _by_key(arrival: FloatArray, service: FloatArray, key: FloatArray, servers: int) -> Schedule:
    times, lasts, keys = arrival.tolist(), service.tolist(), key.tolist()
    start = [0.0] * len(times)
    free = [-np.inf] * servers
    waiting: list[tuple[float, int]] = []
    coming = 0
    for _ in times:
        idle = heappop(free)
        if not waiting and times[coming] > idle:
            idle = times[coming]
        while coming < len(times) and times[coming] <= idle:
            heappush(waiting, (keys[coming], coming))
            coming += 1
        job = heappop(waiting)[1]
        start[job] = max(idle, times[job])
        heappush(free, start[job] + lasts[job])
    began = np.array(start)
    return Schedule(start=began, finish=began + service)


def _least_remaining(arrival: FloatArray, service: FloatArray, servers: int) -> Schedule:
    times, lasts = arrival.tolist(), service.tolist()
    start = [np.nan] * len(times)
    finish = [np.nan] * len(times)
    running: list[tuple[float, int]] = []
    waiting: list[tuple[float, int]] = []
    coming = 0
    while coming < len(times) or running:
        arrives = times[coming] if coming < len(times) else np.inf
        now = min(arrives, running[0][0]) if running else arrives
        while running and running[0][0] == now:
            finish[heappop(running)[1]] = now
        while coming < len(times) and times[coming] == now:
            heappush(waiting, (lasts[coming], coming))
            coming += 1
        while waiting:
            if len(running) == servers:
                # The running job with most left gives way to a waiting one with less.
                ends, longest = max(running)
                if now + waiting[0][0] >= ends:
                    break
                running.remove((ends, longest))
                heapify(running)
                heappush(waiting, (ends - now, longest))
            left, job = heappop(waiting)
            if np.isnan(start[job]):
                start[job] = now
            heappush(running, (now + left, job))
    return Schedule(start=np.array(start), finish=np.array(finish))
