"""Steady states from the balance equations alone: no formula of queueing theory in here."""

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass
class Chain:
    """What a solved queue says."""

    utilization: float
    prob_wait: float
    mean_wait: float
    mean_sojourn: float
    mean_waiting: float
    mean_present: float
    blocking: float


def stationary(moves: np.ndarray) -> np.ndarray:
    """Solve ``p = p P`` by Grassmann, Taksar and Heyman: every entry exact, nothing subtracted.

    Only what is off the diagonal counts, so rates serve as well as probabilities.
    """
    moves = moves.astype(float)
    np.fill_diagonal(moves, 0.0)
    for last in range(len(moves) - 1, 0, -1):
        moves[:last, last] /= moves[last, :last].sum()
        moves[:last, :last] += np.outer(moves[:last, last], moves[last, :last])
    p = np.zeros(len(moves))
    p[0] = 1.0
    for state in range(1, len(moves)):
        p[state] = p[:state] @ moves[:state, state]
    return p / p.sum()


def markov_queue(rate: float, service: float, servers: int, capacity: int) -> Chain:
    """Return M/M/c/K; a capacity far above what is ever present makes it M/M/c."""
    states = capacity + 1
    generator = np.zeros((states, states))
    for n in range(states):
        if n < capacity:
            generator[n, n + 1] = rate
        if n:
            generator[n, n - 1] = service * min(n, servers)
    p = stationary(generator)
    n = np.arange(states)
    accepted = rate * (1 - p[-1])
    waiting = float(p @ np.maximum(n - servers, 0))
    present = float(p @ n)
    return Chain(
        utilization=float(p @ np.minimum(n, servers)) / servers,
        prob_wait=float(p[servers:-1].sum() / p[:-1].sum()),
        mean_wait=waiting / accepted,
        mean_sojourn=present / accepted,
        mean_waiting=waiting,
        mean_present=present,
        blocking=float(p[-1]),
    )


def _moves(left: np.ndarray, mean: np.ndarray, states: int) -> np.ndarray:
    """From each state ``left`` remain and Poisson(mean) arrive; what overflows stays at the top."""
    moves = np.zeros((states, states))
    for state in range(states):
        kept = int(left[state])
        arrivals = stats.poisson.pmf(np.arange(states - kept), mean[state])
        moves[state, kept:] = arrivals
        moves[state, -1] += 1 - arrivals.sum()
    return moves


def constant_service(load: float, servers: int, states: int = 700) -> tuple[float, float]:
    """Return mean number waiting and P(wait) in M/D/c, service 1, looked at once a service."""
    present = np.arange(states)
    p = stationary(_moves(np.maximum(present - servers, 0), np.full(states, load), states))
    return float(p @ np.maximum(present - servers, 0)), float(1 - p[:servers].sum())


def batch_server(
    rate: float, per_item: float, setup: float, most: int, states: int = 500
) -> tuple[float, float, float]:
    """Return mean latency, mean batch and busy fraction; looked at as batches end.

    A cycle that finds nobody waiting begins with an idle spell, until one arrives.
    """
    left = np.arange(states)
    present = np.maximum(left, 1)
    batch = np.minimum(present, most)
    lasts = per_item * batch + setup
    p = stationary(_moves(present - batch, rate * lasts, states))
    cycle = p @ (lasts + (left == 0) / rate)
    area = p @ (present * lasts + rate * lasts**2 / 2)
    return float(area / cycle / rate), float(p @ batch), float(p @ lasts / cycle)
