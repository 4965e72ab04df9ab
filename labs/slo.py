"""Service-level objectives: budgets, alerts on how fast they burn, and requests that met them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from labs import validation as check
from labs.intervals import QuantileInterval, quantile_interval
from labs.validation import BoolArray, FloatArray, Real

__all__ = [
    "AlertWindow",
    "Objective",
    "QuantileInterval",
    "alert_windows",
    "attainment",
    "burn_rate",
    "error_budget",
    "goodput",
    "quantile_interval",
]

DAY = 86_400.0
HOUR = 3_600.0
WINDOWS = ((1 * HOUR, 0.02, "page"), (6 * HOUR, 0.05, "page"), (72 * HOUR, 0.10, "ticket"))


@dataclass(frozen=True)
class AlertWindow:
    """One row of a multiwindow burn-rate alert.

    Attributes
    ----------
    long_window : float
        Seconds; the alert fires while both windows burn faster than ``burn_rate``.
    short_window : float
        Seconds.
    burn_rate : float
        Multiple of the rate that would spend the whole budget in the whole period.
    budget_share : float
        Share of the budget spent when the long window has burned at that rate.
    action : str
        ``page`` or ``ticket``.

    Examples
    --------
    >>> first = alert_windows()[0]
    >>> first.long_window, first.short_window, first.budget_share, first.action
    (3600.0, 300.0, 0.02, 'page')
    """

    long_window: float
    short_window: float
    burn_rate: float
    budget_share: float
    action: str


def error_budget(slo: Real, days: Real) -> Real:
    """Return how long a service may fail in a period: ``(1 - slo) · period``.

    Parameters
    ----------
    slo : float or array
        Fraction of good time promised, between 0 and 1.
    days : float or array
        Length of the period, above 0.

    Returns
    -------
    float or array
        Seconds.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Beyer et al., Site Reliability Engineering (2016), appendix A.

    Examples
    --------
    >>> round(error_budget(0.999, 30) / 60, 1), "minutes"
    (43.2, 'minutes')
    """
    objective, period = check.broadcast(
        slo=check.numbers("slo", slo, above=0, below=1),
        days=check.numbers("days", days, above=0),
    )
    with np.errstate(over="ignore"):
        return check.plain((1 - objective) * period * DAY)


def burn_rate(error_rate: Real, slo: Real) -> Real:
    """Return how many times faster than sustainable errors spend the budget.

    ``error rate / (1 - slo)``: at 1 the budget lasts exactly its period, at 14.4 a thirty-day
    budget is gone in 50 hours.

    Parameters
    ----------
    error_rate : float or array
        Fraction of requests that fail, 0 to 1.
    slo : float or array
        Fraction of good requests promised, between 0 and 1.

    Returns
    -------
    float or array

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Beyer et al., The Site Reliability Workbook (2018), chapter 5.

    Examples
    --------
    >>> round(burn_rate(0.0144, 0.999), 6)
    14.4
    """
    errors, objective = check.broadcast(
        error_rate=check.numbers("error_rate", error_rate, least=0, most=1),
        slo=check.numbers("slo", slo, above=0, below=1),
    )
    return check.plain(errors / (1 - objective))


def alert_windows(days: float = 30) -> tuple[AlertWindow, ...]:
    """Return the recommended alerts on burn rate for a budget of a given period.

    Each spends a chosen share of the budget in its long window: 2% in an hour and 5% in six
    page, 10% in three days opens a ticket. ``burn rate = share · period / long window``; the
    short window is a twelfth of the long one, so that an alert ends soon after its cause.

    Parameters
    ----------
    days : float
        Length of the period; at least 3.

    Returns
    -------
    tuple of AlertWindow

    Raises
    ------
    ValueError
        If the period is shorter than the longest window.

    References
    ----------
    Beyer et al., The Site Reliability Workbook (2018), chapter 5, table 5-8.

    Examples
    --------
    >>> [round(row.burn_rate, 6) for row in alert_windows(30)]
    [14.4, 6.0, 1.0]
    """
    days = check.number("days", days, least=3)
    return tuple(
        AlertWindow(
            long_window=window,
            short_window=window / 12,
            burn_rate=share * days * DAY / window,
            budget_share=share,
            action=action,
        )
        for window, share, action in WINDOWS
    )


@dataclass(frozen=True)
class Objective:
    """What a service promises of its answers.

    Attributes
    ----------
    ttft : float
        Most seconds to the first token, at least 0; infinite where nothing is promised.
    tpot : float
        Most seconds for each token after it, likewise.
    quantile : float
        Share of the answers that keep to each of the two, above 0, at most 1.

    Raises
    ------
    ValueError
        If a figure is out of range.

    Examples
    --------
    >>> Objective(ttft=2.0, tpot=0.05).quantile
    0.99
    """

    ttft: float
    tpot: float
    quantile: float = 0.99

    def __post_init__(self) -> None:
        for name in ("ttft", "tpot"):
            check.number(name, getattr(self, name), least=0, infinite=True)
        check.number("quantile", self.quantile, above=0, most=1)


def attainment(
    timeline: Any,
    objective: Objective | float | None = None,
    tpot: float | None = None,
    *,
    ttft: float | None = None,
) -> float:
    """Return the fraction of requests within both limits.

    A rejected request is within neither; an answer of one token has no time per token to miss.

    Parameters
    ----------
    timeline : Timeline, Run or mapping
        What has arrays ``ttft`` and ``tpot``, of at least one request: a
        `labs.timeline.Timeline`, a run that was measured, or a mapping with both. NaN in ``ttft``
        is a request that was not answered.
    objective : Objective or float
        The limits; or that on the time to first token alone, in seconds.
    tpot : float
        The limit on the time per output token, seconds, where ``objective`` does not say it.
    ttft : float
        That on the time to first token, by name.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    ValueError
        If an argument is out of range or nothing was requested.

    Examples
    --------
    >>> from labs.engine import Engine, StepTime
    >>> from labs.workload import Workload
    >>> timeline = Engine(StepTime(1.0, 0, 0, 0)).run(Workload([0, 0.5], [1, 1], [1, 1]))
    >>> attainment(timeline, ttft=1.2, tpot=1.0)
    0.5
    >>> attainment({"ttft": [0.1, 0.3], "tpot": [0.02, 0.02]}, Objective(0.2, 0.05))
    0.5
    """
    within, _ = _within(timeline, _objective(objective, ttft, tpot))
    return float(within.mean())


def goodput(
    timeline: Any,
    objective: Objective | float | None = None,
    tpot: float | None = None,
    *,
    ttft: float | None = None,
) -> float:
    """Return requests per second that were within both limits.

    Parameters
    ----------
    timeline : Timeline, Run or mapping
        As in `attainment`. A mapping also has ``seconds``, how long the requests took together.
    objective : Objective or float
        As in `attainment`.
    tpot : float
        As in `attainment`.
    ttft : float
        As in `attainment`.

    Returns
    -------
    float
        Counted over the time from the first arrival served to the last token.

    Raises
    ------
    ValueError
        If an argument is out of range or nothing was requested.

    References
    ----------
    Zhong et al., "DistServe: Disaggregating prefill and decoding for goodput-optimized LLM
    serving", OSDI 2024.

    Examples
    --------
    >>> from labs.engine import Engine, StepTime
    >>> from labs.workload import Workload
    >>> timeline = Engine(StepTime(1.0, 0, 0, 0)).run(Workload([0, 0.5], [1, 1], [1, 1]))
    >>> goodput(timeline, ttft=1.2, tpot=1.0)
    0.5
    """
    within, waits = _within(timeline, _objective(objective, ttft, tpot))
    if isinstance(timeline, Mapping):
        if "seconds" not in timeline:
            raise check.refuse("timeline", "given seconds", sorted(timeline))
        span = check.number("timeline['seconds']", timeline["seconds"], above=0)
    else:
        served = np.isfinite(timeline.finish)
        arrival = timeline.first_token[served] - waits[served]
        span = float(timeline.finish[served].max() - arrival.min()) if served.any() else np.inf
    if not within.any():
        return 0.0
    return float(within.sum()) / span if span > 0 else np.inf


def _objective(
    objective: Objective | float | None, ttft: float | None, tpot: float | None
) -> Objective:
    """Return the limits, however they were given."""
    if isinstance(objective, Objective):
        if ttft is not None or tpot is not None:
            raise check.refuse("objective", "all there is of limits", (objective, ttft, tpot))
        return objective
    if objective is not None and ttft is not None:
        raise check.refuse("ttft", "given once", (objective, ttft))
    first = objective if ttft is None else ttft
    for name, limit in (("ttft", first), ("tpot", tpot)):
        if limit is None:
            raise check.refuse(name, "given where there is no Objective", limit)
        check.number(name, limit, least=0, infinite=True)
    return Objective(float(first), float(tpot))  # type: ignore[arg-type]


def _within(timeline: Any, objective: Objective) -> tuple[BoolArray, FloatArray]:
    """Return which requests were within both limits, and how long each waited."""
    if isinstance(timeline, Mapping):
        if missing := {"ttft", "tpot"} - set(timeline):
            raise check.refuse("timeline", f"given {', '.join(sorted(missing))}", sorted(timeline))
        given = timeline["ttft"], timeline["tpot"]
    elif hasattr(timeline, "ttft") and hasattr(timeline, "tpot"):
        given = timeline.ttft, timeline.tpot
    else:
        raise check.refuse("timeline", "a Timeline, a Run or a mapping of ttft and tpot", timeline)
    ttft, tpot = _times("timeline's ttft", given[0]), _times("timeline's tpot", given[1])
    if ttft.shape != tpot.shape:
        raise check.refuse("timeline's tpot", f"of length {ttft.size}", tpot.size)
    if not ttft.size:
        raise check.refuse("timeline", "of one request or more", "none")
    in_time: BoolArray = (ttft <= objective.ttft) & ~(tpot > objective.tpot)
    return in_time, ttft


def _times(name: str, values: Any) -> FloatArray:
    """Return times of which some may be missing."""
    try:
        times = np.array(values, dtype=np.float64, ndmin=1)
    except (TypeError, ValueError):
        raise check.refuse(name, "an array of seconds", values) from None
    check.sequence(name, times[~np.isnan(times)], least=0, infinite=True)
    if times.ndim != 1:
        raise check.refuse(name, "one-dimensional", f"shape {times.shape}")
    return times
