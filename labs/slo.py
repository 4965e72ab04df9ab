"""Service-level objectives: budgets, alerts on how fast they burn, and requests that met them."""

from dataclasses import dataclass

import numpy as np

from labs import validation as check
from labs.engine import Timeline
from labs.intervals import QuantileInterval, quantile_interval
from labs.validation import BoolArray, Real

__all__ = [
    "AlertWindow",
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


def attainment(timeline: Timeline, ttft: float, tpot: float) -> float:
    """Return the fraction of requests within both limits.

    A rejected request is within neither; an answer of one token has no time per token to miss.

    Parameters
    ----------
    timeline : Timeline
        From `labs.engine.Engine.run`, of at least one request.
    ttft, tpot : float
        Limits on time to first token and time per output token, seconds, at least 0.

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
    """
    return float(_within(timeline, ttft, tpot).mean())


def goodput(timeline: Timeline, ttft: float, tpot: float) -> float:
    """Return requests per second that were within both limits.

    Parameters
    ----------
    timeline : Timeline
        From `labs.engine.Engine.run`, of at least one request.
    ttft, tpot : float
        Limits on time to first token and time per output token, seconds, at least 0.

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
    within = _within(timeline, ttft, tpot)
    if not within.any():
        return 0.0
    served = np.isfinite(timeline.finish)
    arrival = timeline.first_token[served] - timeline.ttft[served]
    span = float(timeline.finish[served].max() - arrival.min())
    return float(within.sum()) / span if span > 0 else np.inf


def _within(timeline: Timeline, ttft: float, tpot: float) -> BoolArray:
    check.instance("timeline", timeline, Timeline)
    ttft = check.number("ttft", ttft, least=0, infinite=True)
    tpot = check.number("tpot", tpot, least=0, infinite=True)
    if not timeline.ttft.size:
        raise check.refuse("timeline", "of one request or more", "none")
    in_time: BoolArray = (timeline.ttft <= ttft) & ~(timeline.tpot > tpot)
    return in_time
