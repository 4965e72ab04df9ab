"""What a step costs on a server, found from a run that was measured there.

The requests of an engine decode together, so that first and last tokens cut a run into stretches
in which the same sequences decode. How many steps a stretch has is in no log; but every answer says
how many its own have together, one fewer than its tokens. With the steps of each stretch known, the
time that an answer took is what its steps cost, and the costs are found by least squares.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from labs import validation as check
from labs._answer_times import AnswerTimes
from labs.engine import Engine
from labs.forecasts import Forecast
from labs.intervals import percentile
from labs.step import StepTime
from labs.timeline import Timeline
from labs.validation import BoolArray, FloatArray
from labs.workload import Workload

#: Answers of two tokens or more that a run must have, and that a fit looks at.
FEWEST, MOST = 12, 1_000
#: Standard deviations either side of the middle that hold 90%.
SIGMAS = 1.645
#: Stretches of a run that are left out one by one, to see how much the costs move.
STRETCHES = 10
METRICS = ("ttft", "tpot", "latency")
QUANTILES = (0.5, 0.9, 0.99)
#: A forecast is not held to be nearer than this, in relative terms.
NEAREST = 0.01
#: By how much the costs are scaled at most, and in how many tries.
WIDEST, HALVES = 1.5, 10


@dataclass(frozen=True)
class Calibration:
    """What a step costs on a server, and how far that can be relied on.

    Attributes
    ----------
    step_time : StepTime
        The costs found; what was not fitted is the engine's.
    front : float
        Seconds that a request spends in front of the engine.
    interval : dict of str to (float, float)
        By cost and for ``front``, what encloses it with 90%.
    residual : float
        Half of the answers took longer or shorter than the costs say, by more than this share.
    engine : Engine
        The engine with these costs; another batch limit or memory is ``replace(engine, …)``.
    unidentified : tuple of str
        Costs that the run says next to nothing about: their values are the engine's, to scale.
    others : array (w, 2, k)
        Costs and front end that would do as well: pairs, either way along what may be off.
    misfit : dict of str to float
        By metric, the relative error of the fitted requests' own quantiles.

    Examples
    --------
    >>> from labs.measured import Run
    >>> from labs.workload import azure_chat
    >>> asked = azure_chat(150, 4.0, np.random.default_rng(1))
    >>> truth = Engine(StepTime(7e-3, 60e-6, 40e-6, 1e-7), policy="chunked", front=0.01)
    >>> seen = truth.run(asked)
    >>> run = Run(asked.arrival, asked.prompt, asked.output, seen.first_token, seen.finish)
    >>> found = fit(run, Engine(StepTime(5e-3, 80e-6, 30e-6, 2e-7), policy="chunked"))
    >>> low, high = found.interval["base"]
    >>> round(1e3 * low, 1), round(1e3 * found.step_time.base, 1), round(1e3 * high, 1)
    (7.0, 7.0, 7.0)
    """

    step_time: StepTime
    front: float
    interval: dict[str, tuple[float, float]]
    residual: float
    engine: Engine
    unidentified: tuple[str, ...] = ()
    others: FloatArray = field(default_factory=lambda: np.zeros((0, 2, 0)), repr=False)
    misfit: dict[str, float] = field(default_factory=dict, repr=False)

    def forecast(self, workload: Workload) -> Timeline:
        """Return what becomes of a workload, the costs being those found.

        Parameters
        ----------
        workload : Workload
            What arrives; for one of ``r`` replicas that take turns, ``workload[i::r]``.

        Returns
        -------
        Timeline

        Raises
        ------
        ValueError
            As `labs.engine.Engine.run` does.

        Examples
        --------
        >>> from labs.measured import Run
        >>> from labs.workload import azure_chat
        >>> asked = azure_chat(60, 4.0, np.random.default_rng(1))
        >>> truth = Engine(StepTime(7e-3, 60e-6, 40e-6, 1e-7), policy="chunked")
        >>> seen = truth.run(asked)
        >>> run = Run(asked.arrival, asked.prompt, asked.output, seen.first_token, seen.finish)
        >>> found = fit(run, Engine(StepTime(5e-3, 80e-6, 30e-6, 2e-7), policy="chunked"))
        >>> later = azure_chat(60, 4.0, np.random.default_rng(2))
        >>> error = found.forecast(later).latency.mean() / truth.run(later).latency.mean() - 1
        >>> bool(abs(error) < 0.01)
        True
        """
        return self.engine.run(workload)

    def tails(
        self, workload: Workload, quantiles: Sequence[float] = QUANTILES
    ) -> dict[str, Forecast]:
        """Return quantiles of what users see, with what encloses them with 90%.

        The workload is simulated with the costs found and with each way in which they may be off;
        how far the fitted requests' own quantiles lay off is added.

        Parameters
        ----------
        workload : Workload
            What arrives.
        quantiles : sequence of float, (q,)
            Between 0 and 1; the ⌈pn⌉-th smallest of each, a rejected request counting as infinite.

        Returns
        -------
        dict of str to Forecast
            ``ttft``, ``tpot`` and ``latency`` in seconds, arrays (q,).

        Raises
        ------
        ValueError
            If an argument is out of range.

        Examples
        --------
        >>> from labs.measured import Run
        >>> from labs.workload import azure_chat
        >>> asked = azure_chat(60, 4.0, np.random.default_rng(1))
        >>> seen = Engine(StepTime(7e-3, 60e-6, 40e-6, 1e-7), policy="chunked").run(asked)
        >>> run = Run(asked.arrival, asked.prompt, asked.output, seen.first_token, seen.finish)
        >>> found = fit(run, Engine(StepTime(5e-3, 80e-6, 30e-6, 2e-7), policy="chunked"))
        >>> latency = found.tails(asked)["latency"]
        >>> bool((latency.low <= latency.mid).all() and (latency.mid <= latency.high).all())
        True
        """
        asked = check.sequence("quantiles", quantiles, least=check.LEAST, most=1)
        sizes = (workload, asked)
        middle = _quantiles(self.engine.run(workload), *sizes)
        above = {name: np.zeros(asked.size) for name in METRICS}
        below = {name: np.zeros(asked.size) for name in METRICS}
        for pair in self.others:
            ends = [_quantiles(_with(self.engine, end).run(workload), *sizes) for end in pair]
            for name in METRICS:
                with np.errstate(invalid="ignore"):
                    off = np.nan_to_num([end[name] - middle[name] for end in ends], nan=0.0)
                above[name] += np.maximum(off, 0).max(axis=0) ** 2
                below[name] += np.minimum(off, 0).min(axis=0) ** 2
        found = {}
        for name in METRICS:
            off = SIGMAS * max(self.misfit.get(name, 0.0), NEAREST) * middle[name]
            low = middle[name] - np.sqrt(below[name] + off**2)
            high = middle[name] + np.sqrt(above[name] + off**2)
            low = np.where(np.isfinite(middle[name]), np.maximum(low, 0.0), middle[name])
            found[name] = Forecast(low, middle[name], high)
        return found


def fit(run: Any, engine: Engine, requests: int | None = None) -> Calibration:
    """Return what a step costs on the server where a run was measured.

    Fitted are ``base``, ``prefill_token``, ``sequence``, ``kv_token`` and ``front``, and
    ``weights`` where the engine's is above 0. Costs that the run cannot tell apart stay in
    the proportions that the engine's have.

    Parameters
    ----------
    run : labs.measured.Run
        With arrivals, lengths, and first and last tokens.
    engine : Engine
        Its limits are the server's: batch, budget, memory. Its costs are where to start.
    requests : int or None
        Only the requests that finished first, so many, are looked at, and what had arrived until
        they were out; None: all, at most 1,000.

    Returns
    -------
    Calibration

    Raises
    ------
    ValueError
        If an argument is out of range, the run lacks a time or a length, or has fewer than
        12 answers of two tokens or more.

    Notes
    -----
    Memory that fills makes a server preempt, which no log tells: answers that were preempted, by
    the engine's own rule, are left out of the least squares. What is found is scaled, all costs
    alike, until the simulation of these requests takes as long as they did.

    Examples
    --------
    >>> from labs.measured import Run
    >>> from labs.workload import azure_chat
    >>> asked = azure_chat(60, 4.0, np.random.default_rng(1))
    >>> seen = Engine(StepTime(7e-3, 60e-6, 40e-6, 1e-7), policy="chunked").run(asked)
    >>> run = Run(asked.arrival, asked.prompt, asked.output, seen.first_token, seen.finish)
    >>> found = fit(run, Engine(StepTime(5e-3, 80e-6, 30e-6, 2e-7), policy="chunked"))
    >>> round(1e3 * found.step_time.base, 1), round(1e6 * found.step_time.prefill_token)
    (7.0, 60)
    """
    check.instance("engine", engine, Engine)
    limit = MOST if requests is None else check.count("requests", requests)
    asked, seen, scored = _first(run, min(limit, MOST))
    times = AnswerTimes(asked, *seen, scored, engine)
    names = _names(engine)[:-1]
    fitted = times.fit(np.array([getattr(engine.step_time, name) for name in names]), names)
    found, spread = _settle(_with(engine, np.append(fitted.costs, 0.0)), asked, seen, scored)
    values = _values(found)
    covariance = np.zeros((values.size, values.size))
    covariance[:-1, :-1] = fitted.covariance(STRETCHES)
    covariance[-1, -1] = spread**2
    deviation = np.sqrt(np.diag(covariance))
    interval = {
        name: (max(0.0, value - SIGMAS * off), value + SIGMAS * off)
        for name, value, off in zip(
            _names(engine), values.tolist(), deviation.tolist(), strict=True
        )
    }
    return Calibration(
        step_time=found.step_time,
        front=found.front,
        interval=interval,
        residual=fitted.residual,
        engine=found,
        unidentified=fitted.unidentified,
        others=_others(values, covariance, fitted.rows.mean(axis=0)),
        misfit=_misfit(found, asked, seen, scored),
    )


def _names(engine: Engine) -> list[str]:
    weights = ["weights"] if engine.step_time.weights > 0 else []
    return ["base", "prefill_token", "sequence", "kv_token", *weights, "front"]


def _values(engine: Engine) -> FloatArray:
    costs = [getattr(engine.step_time, name) for name in _names(engine)[:-1]]
    return np.array([*costs, engine.front])


def _with(engine: Engine, values: FloatArray) -> Engine:
    """Return the engine with other costs, those of `_names`, none below 0."""
    kept = np.maximum(values, 0.0).tolist()
    costs = dict(zip(_names(engine)[:-1], kept[:-1], strict=True))
    return replace(engine, step_time=replace(engine.step_time, **costs), front=kept[-1])


def _first(run: Any, limit: int) -> tuple[Workload, tuple[FloatArray, FloatArray], BoolArray]:
    """Return what arrived until the first answers were out, their times, and which are scored."""
    given = {}
    for name in ("arrival", "prompt", "output", "first_token", "finish"):
        if not hasattr(run, name):
            raise check.refuse("run", "a run with arrivals, lengths and times of tokens", run)
        given[name] = np.asarray(getattr(run, name), dtype=np.float64)
        if np.isnan(given[name]).any():
            raise check.refuse("run", f"one that records {name} of every request", "NaN")
    several = np.flatnonzero(given["output"] > 1)
    if several.size < FEWEST:
        raise check.refuse(
            "run", f"of at least {FEWEST} answers of two tokens or more", f"{several.size}"
        )
    order = np.argsort(given["arrival"], kind="stable")
    given = {name: value[order] for name, value in given.items()}
    first = np.argsort(given["finish"], kind="stable")[:limit]
    if (given["output"][first] > 1).sum() < FEWEST:
        got = f"{(given['output'][first] > 1).sum()}"
        raise check.refuse("requests", f"to hold {FEWEST} answers of two tokens or more", got)
    arrived = given["arrival"] <= given["finish"][first].max()
    scored = np.zeros(arrived.size, dtype=bool)
    scored[first] = True
    blocks = getattr(run, "blocks", None)
    kept = None if blocks is None else tuple(blocks[i] for i in order[arrived].tolist())
    asked = Workload(
        given["arrival"][arrived],
        given["prompt"][arrived],
        given["output"][arrived],
        kept,
    )
    return asked, (given["first_token"][arrived], given["finish"][arrived]), scored[arrived]


def _others(values: FloatArray, covariance: FloatArray, felt: FloatArray) -> FloatArray:
    """Return pairs of costs along what may be off, which make answers take as long together.

    What the answers took together is known best: costs that cannot be below 0 must not change it.
    """
    turned, axes = np.linalg.eigh(covariance)
    pairs = []
    for size, axis in zip(np.sqrt(np.maximum(turned, 0.0)).tolist(), axes.T, strict=True):
        pair = []
        for sign in (SIGMAS, -SIGMAS):
            moved = np.maximum(values + sign * size * axis, 0.0)
            moved[:-1] *= (felt @ values[:-1]) / max(float(felt @ moved[:-1]), 1e-300)
            pair.append(moved)
        pairs.append(pair)
    return np.array(pairs)


def _settle(
    engine: Engine, asked: Workload, seen: tuple[FloatArray, FloatArray], scored: BoolArray
) -> tuple[Engine, float]:
    """Find the front end, and scale the costs until these requests take as long as they did.

    Requests take longer the dearer a step is: the scale is looked for between halves.
    """
    waited, took = (end - asked.arrival for end in seen)
    costs, theirs = _values(engine)[:-1], np.sort(took[scored])

    def tried(scale: float) -> tuple[float, float, float]:
        timeline = _with(engine, np.append(costs * scale, 0.0)).run(asked)
        soon = scored & (timeline.ttft <= percentile(timeline.ttft[scored], 1 / 3))
        off = waited[soon] - timeline.ttft[soon]
        front = max(0.0, float(np.median(off)))
        spread = 1.4826 * float(np.median(np.abs(off - np.median(off)))) / math.sqrt(off.size)
        ours = np.sort(timeline.latency[scored]) + front
        return float(np.mean(np.log(ours / theirs))), front, spread

    low, high, scale = math.log(1 / WIDEST), math.log(WIDEST), 0.0
    over, front, spread = tried(1.0)
    for _ in range(HALVES):
        if abs(over) < NEAREST / 20:
            break
        low, high = (low, scale) if over > 0 else (scale, high)
        # As far as is over, if latency goes as the scale does; half way where that is too far.
        scale = scale - over if low < scale - over < high else (low + high) / 2
        over, front, spread = tried(math.exp(scale))
    return _with(engine, np.append(costs * math.exp(scale), front)), spread


def _misfit(
    engine: Engine, asked: Workload, seen: tuple[FloatArray, FloatArray], scored: BoolArray
) -> dict[str, float]:
    """Return, by metric, the relative error of quantiles of the requests that were fitted."""
    tried = engine.run(asked)
    first_token, finish = seen
    several = scored & (asked.output > 1)
    found = {}
    for name, observed, kept in (
        ("ttft", first_token - asked.arrival, scored),
        ("tpot", (finish - first_token) / np.maximum(asked.output - 1, 1), several),
        ("latency", finish - asked.arrival, scored),
    ):
        typical, off = float(observed[kept].mean()), []
        for p in QUANTILES:
            was = percentile(observed[kept], p)
            off.append((percentile(getattr(tried, name)[kept], p) - was) / max(was, typical))
        found[name] = math.sqrt(float(np.mean(np.square(off))))
    return found


def _quantiles(seen: Timeline, workload: Workload, asked: FloatArray) -> dict[str, FloatArray]:
    found = {}
    for name in METRICS:
        values = getattr(seen, name)
        kept = values[workload.output > 1] if name == "tpot" else values
        filled = np.where(np.isnan(kept), math.inf, kept)
        found[name] = np.array(
            [percentile(filled, p) if filled.size else math.nan for p in asked.tolist()]
        )
    return found
