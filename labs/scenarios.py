"""Whole services from plain values: what a gate can record and replay."""

from collections import OrderedDict
from dataclasses import MISSING, dataclass, fields
from heapq import heappop, heappush

import numpy as np

from labs import validation as check
from labs.engine import Engine, StepTime
from labs.intervals import percentile
from labs.validation import FloatArray
from labs.workload import MOST_REQUESTS, Workload, azure_chat, zipf

#: What a router may count of a line, as `serve_tenants` says.
COUNTS = ("prompts", "requests", "tokens")


@dataclass(frozen=True)
class ChatService:
    """How one replica serves chat traffic: tails in seconds, and how busy it is.

    Attributes
    ----------
    p50_ttft : float
        Median over requests of the time to first token.
    p99_ttft : float
        Its 99th percentile.
    p50_tpot : float
        Median over requests of the time per output token.
    p99_tpot : float
        Its 99th percentile.
    p99_tbt : float
        Quantile over tokens of the time since the token before.
    output_rate : float
        Output tokens per second, from the first arrival to the last token.
    busy : float
        Fraction of that time spent in steps.
    mean_batch : float
        Sequences per step.

    Examples
    --------
    >>> idle = serve_chat(rate=0.001, requests=50, seed=1, step_time=StepTime(0.01, 0, 0, 0))
    >>> round(idle.p50_ttft, 6), round(idle.p99_tpot, 6), idle.mean_batch, idle.busy < 0.01
    (0.01, 0.01, 1.0, True)
    """

    p50_ttft: float
    p99_ttft: float
    p50_tpot: float
    p99_tpot: float
    p99_tbt: float
    output_rate: float
    busy: float
    mean_batch: float


@dataclass(frozen=True)
class TenantService:
    """How requests fared behind a router that follows their prefixes.

    Attributes
    ----------
    mean : float
        Mean time from arrival until a prompt is prefilled, seconds, the first tenth left out.
    p99 : float
        The 99th percentile of that time, seconds.
    hits : float
        Fraction of requests whose prefix was found.
    busiest : float
        Work of the busiest server over the mean server's.

    Examples
    --------
    >>> alone = serve_tenants(1.0, 100, 1, token_time=1e-6, slack=0, servers=1, tenants=1)
    >>> alone.hits, alone.busiest
    (0.99, 1.0)
    """

    mean: float
    p99: float
    hits: float
    busiest: float


def serve_chat(
    rate: float,
    requests: int,
    seed: int,
    step_time: StepTime | dict[str, float],
    kv_tokens: int | None = None,
    policy: str = "mixed",
    token_budget: int = 512,
    max_batch: int = 256,
) -> ChatService:
    """Serve requests drawn by `labs.workload.azure_chat` and return the tails that an SLO names.

    Everything it takes is a plain value, so a gate can record its inputs and replay it.

    Parameters
    ----------
    rate : float
        Requests per second.
    requests : int
        How many, at least 2.
    seed : int
        Seed of the generator they are drawn with.
    step_time : StepTime or dict
        What a step costs.
    kv_tokens : int or None
        As in `Engine`, and what follows too.
    policy : str
        ``mixed``, ``prefill_first`` or ``chunked``.
    token_budget : int
        Tokens of a step under ``chunked``.
    max_batch : int
        Most sequences running at once.

    Returns
    -------
    ChatService

    Raises
    ------
    ValueError
        If an argument is out of range, or some requests can never fit.

    Examples
    --------
    >>> step = StepTime(base=7e-3, prefill_token=90e-6, sequence=30e-6, kv_token=0.25e-6)
    >>> service = serve_chat(rate=1.0, requests=200, seed=1, step_time=step, kv_tokens=110_000)
    >>> service.p50_ttft < service.p99_ttft
    True
    """
    if isinstance(step_time, dict):
        costs = {field.name: field.default is MISSING for field in fields(StepTime)}
        needed = {name for name, required in costs.items() if required}
        if odd := (set(step_time) - set(costs)) | (needed - set(step_time)):
            wanted = f"costs named {', '.join(sorted(needed))} and, if need be, others of StepTime"
            raise check.refuse("step_time", wanted, sorted(map(str, odd)))
        step_time = StepTime(**step_time)
    requests = check.count("requests", requests, least=2, most=MOST_REQUESTS)
    rng = np.random.default_rng(check.count("seed", seed, least=0))
    workload = azure_chat(requests, rate, rng)
    timeline = Engine(step_time, max_batch, kv_tokens, policy, token_budget=token_budget).run(
        workload
    )
    if timeline.rejected.size:
        raise check.refuse("kv_tokens", "enough for the longest request", kv_tokens)
    span = float(timeline.finish.max() - workload.arrival[0])
    several = timeline.tpot[np.isfinite(timeline.tpot)]
    tpot = [percentile(several, p) if several.size else np.nan for p in (0.5, 0.99)]
    return ChatService(
        p50_ttft=percentile(timeline.ttft, 0.5),
        p99_ttft=percentile(timeline.ttft, 0.99),
        p50_tpot=tpot[0],
        p99_tpot=tpot[1],
        p99_tbt=timeline.tbt_quantile(0.99),
        output_rate=float(workload.output.sum()) / span,
        busy=timeline.busy / span,
        mean_batch=timeline.mean_batch,
    )


def serve_tenants(
    rate: float,
    requests: int,
    seed: int,
    token_time: float,
    slack: int,
    servers: int = 8,
    tenants: int = 200,
    exponent: float = 0.9,
    prefix: int = 2000,
    room: int = 30,
    counts: str = "prompts",
    answer_token: float = 0.0,
) -> TenantService:
    """Prefill chat requests of many tenants, each of whom puts a prefix of its own before them.

    The prompts are those of `labs.workload.azure_chat`, each with its tenant's prefix in front;
    tenants are drawn by Zipf's law. A server keeps the ``room`` prefixes it used last. The router
    sends a request to the shortest line of a server that keeps its prefix, unless that line is
    more than ``slack`` requests longer than the shortest of all, which then gets the request and
    keeps the prefix too. Prefill takes time in proportion to tokens; a prefix found takes none.

    A line's length is what the router counts. ``prompts`` that are not yet read, which a router
    seldom knows; ``requests`` in flight, which stay for ``answer_token`` seconds a token of their
    answer after they are read (answers take nothing from prefill); or ``tokens`` that are still to
    be read, and ``slack`` is of the same.

    Parameters
    ----------
    rate : float
        Requests per second.
    requests : int
        How many, at least 20.
    seed : int
        Seed of the generator they are drawn with.
    token_time : float
        Seconds to prefill one token, above 0.
    slack : int
        At least 0, which is join the shortest queue with ties to a server that keeps the prefix; a
        large number is pure affinity.
    servers, tenants : int
        At least 1.
    exponent : float
        Zipf's, at least 0.
    prefix : int
        Tokens of each prefix, at least 0.
    room : int
        Prefixes that a server keeps, at least 1.
    counts : str
        ``prompts``, ``requests`` or ``tokens``.
    answer_token : float
        Seconds that a request is in flight for each token of its answer, at least 0; only what
        counts ``requests`` sees it.

    Returns
    -------
    TenantService

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Srivatsa et al., "Preble: Efficient distributed prompt scheduling for LLM serving",
    arXiv:2407.00023, routes by the same trade.

    Examples
    --------
    >>> load = dict(rate=20.0, requests=2000, seed=1, token_time=130e-6)
    >>> serve_tenants(**load, slack=0).hits < serve_tenants(**load, slack=4).hits
    True
    """
    requests = check.count("requests", requests, least=20, most=MOST_REQUESTS)
    token_time = check.number("token_time", token_time, least=check.LEAST, most=check.MOST)
    slack = check.count("slack", slack, least=0)
    servers = check.count("servers", servers, most=1_000_000)
    tenants = check.count("tenants", tenants, most=MOST_REQUESTS)
    prefix = check.count("prefix", prefix, least=0)
    room = check.count("room", room)
    check.one_of("counts", counts, COUNTS)
    answers = check.number("answer_token", answer_token, least=0, most=check.MOST)
    if counts != "requests" and answers:
        raise check.refuse("answer_token", "0 where requests are not counted", answer_token)
    rng = np.random.default_rng(check.count("seed", seed, least=0))
    chat = azure_chat(requests, rate, rng)
    tenant = zipf(tenants, exponent, requests, rng)
    sojourn, found, work = _follow_prefixes(
        chat,
        tenant.tolist(),
        token_time,
        token_time * prefix,
        servers,
        room,
        slack,
        counts == "tokens",
        (answers * chat.output).tolist(),
    )
    warm = sojourn[requests // 10 :]
    return TenantService(
        mean=float(warm.mean()),
        p99=percentile(warm, 0.99),
        hits=found / requests,
        busiest=float(work.max() / work.mean()),
    )


def _follow_prefixes(
    chat: Workload,
    tenant: list[int],
    token_time: float,
    prefix_time: float,
    servers: int,
    room: int,
    slack: int,
    by_work: bool,
    answers: list[float],
) -> tuple[FloatArray, int, FloatArray]:
    """Return sojourns, prefixes found, and the work of each server."""
    kept: list[OrderedDict[int, None]] = [OrderedDict() for _ in range(servers)]
    present: list[float] = [0.0] * servers
    free, work = [-np.inf] * servers, np.zeros(servers)
    leaving: list[tuple[float, int]] = []
    sojourn: list[float] = []
    found = 0
    own = (token_time * chat.prompt).tolist()
    for now, who, lasts, stays in zip(chat.arrival.tolist(), tenant, own, answers, strict=True):
        if by_work:
            present = [max(0.0, end - now) / token_time for end in free]
        while leaving and leaving[0][0] <= now:
            present[heappop(leaving)[1]] -= 1
        shortest = min(present)
        near = [s for s in range(servers) if who in kept[s] and present[s] <= shortest + slack]
        server = min(near, key=present.__getitem__) if near else present.index(shortest)
        if near:
            found += 1
        else:
            lasts += prefix_time
        kept[server][who] = None
        kept[server].move_to_end(who)
        if len(kept[server]) > room:
            kept[server].popitem(last=False)
        free[server] = max(now, free[server]) + lasts
        work[server] += lasts
        if not by_work:
            present[server] += 1
            heappush(leaving, (free[server] + stays, server))
        sojourn.append(free[server] - now)
    return np.array(sojourn), found, work
