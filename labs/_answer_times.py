"""What the answers of a run took, and what a step must cost for that."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from labs.engine import Engine
from labs.step import law, pairs_before
from labs.validation import BoolArray, FloatArray, IntArray
from labs.workload import Workload

ROUNDS = 8
#: Times that the steps of every answer are made to sum to its tokens, in a round.
SWEEPS = 12
#: How near the costs are held to those they start from: as a share of each.
HELD = 1.0
#: A cost is not identified if what is known of it afterwards is no better than this, of before.
NO_BETTER = 0.7


@dataclass(frozen=True)
class FittedCosts:
    """Costs, and the equations they come from.

    Attributes
    ----------
    costs : array (c,)
        What was found.
    residual : float
        Median of how far answers lie off, relative.
    unidentified : tuple of str
        Names of costs that the equations say next to nothing about.
    rows : array (n, c)
        One answer each: its relative time by cost.
    goal : array (n,)
        What the rows times the costs should be.
    begins : array (n,)
        When its answer began, in seconds.
    held : array (c, c)
        What holds the costs to those they started from.
    start : array (c,)
        Those.
    noise : float
        Standard deviation of an equation.

    Examples
    --------
    See `labs.calibration.Calibration`.
    """

    costs: FloatArray
    residual: float
    unidentified: tuple[str, ...]
    rows: FloatArray
    goal: FloatArray
    begins: FloatArray
    held: FloatArray
    start: FloatArray
    noise: float

    def covariance(self, stretches: int) -> FloatArray:
        """Return the covariance of the costs: of the equations, and as stretches left out tell it.

        Answers that run together share their errors, so each of some stretches of the run is left
        out in turn (a jackknife), and what that moves is added.

        Parameters
        ----------
        stretches : int
            Of as many answers each.

        Returns
        -------
        array (c, c)
            In the costs' units, squared.
        """
        known = np.linalg.inv(self.rows.T @ self.rows + self.held) * self.noise**2
        edges = np.quantile(self.begins, np.linspace(0, 1, stretches + 1)[1:-1])
        part = np.searchsorted(edges, self.begins)
        without = np.array([self._solved(part != left) for left in np.unique(part)])
        spread = without - without.mean(axis=0)
        share = (without.shape[0] - 1) / without.shape[0]
        return np.asarray(known + share * spread.T @ spread)

    def _solved(self, kept: BoolArray) -> FloatArray:
        rows, goal = self.rows[kept], self.goal[kept]
        right = rows.T @ goal + self.held @ self.start
        return np.asarray(np.linalg.solve(rows.T @ rows + self.held, right))


class AnswerTimes:
    """The stretches of a run, in each of which the same sequences decode.

    Parameters
    ----------
    asked : Workload
        What had arrived.
    first_token, finish : array (n,)
        When answers began and ended, seconds.
    scored : array (n,) of bool
        Whose answers count.
    engine : Engine
        Its limits, and the costs to start from.

    Examples
    --------
    See `labs.calibration.Calibration`.
    """

    def __init__(
        self,
        asked: Workload,
        first_token: FloatArray,
        finish: FloatArray,
        scored: BoolArray,
        engine: Engine,
    ) -> None:
        until = finish[scored].max()
        order = np.argsort(first_token, kind="stable")
        order = order[first_token[order] <= until]
        self.engine = engine
        self.prompt = asked.prompt[order].astype(np.float64)
        self.output = asked.output[order].astype(np.float64)
        self.begins, self.ends = first_token[order], finish[order]
        cuts = np.unique(np.concatenate([self.begins, self.ends[self.ends <= until]]))
        self.cuts, self.lasts = cuts, np.diff(cuts)
        self.first = np.searchsorted(cuts, self.begins)
        several = self.output > 1
        #: Whether a sequence would decode in a stretch if none were preempted.
        self.alive = (
            (self.begins[:, None] <= cuts[:-1])
            & (self.ends[:, None] >= cuts[1:])
            & several[:, None]
        )
        self.counted = scored[order] & several & self.alive.any(axis=1)

    def fit(self, start: FloatArray, names: Sequence[str]) -> FittedCosts:
        """Find what a step costs.

        Parameters
        ----------
        start : array (c,)
            Costs to start from, and to be held to.
        names : sequence of str
            Of `labs.step.StepTime`, which of its costs they are.

        Returns
        -------
        FittedCosts
        """
        took, tokens = self.ends - self.begins, self.output - 1
        pace = np.median(took[self.counted] / tokens[self.counted])
        steps, costs = self.lasts / pace, start.astype(np.float64)
        noise = 0.05
        for turn in range(ROUNDS):
            decodes, context, again, kept = self._memory(steps)
            steps = self._agree(steps, decodes, kept)
            read, readings, pairs = self._reading(decodes, context, again, costs, names, turn == 0)
            if turn:
                steps = self._steps(decodes, context, read, readings, pairs, costs, names)
                steps = self._agree(steps, decodes, kept)
            apart = np.minimum(readings, steps)

            def predicted(
                tried: FloatArray,
                decodes: BoolArray = decodes,
                context: FloatArray = context,
                read: FloatArray = read,
                pairs: FloatArray = pairs,
                steps: FloatArray = steps,
                apart: FloatArray = apart,
                kept: BoolArray = kept,
            ) -> FloatArray:
                plain, reading = self._seconds(decodes, context, read, apart, pairs, tried, names)
                return np.asarray(decodes[kept] @ ((steps - apart) * plain + apart * reading))

            weight = 1 / took[kept]
            now = predicted(costs)
            scale = np.maximum(costs, pace / np.maximum(_size(names), 1.0))
            slope = np.empty((now.size, costs.size))
            for place in range(costs.size):
                moved = costs.copy()
                moved[place] += 1e-4 * scale[place]
                slope[:, place] = (predicted(moved) - now) / (1e-4 * scale[place])
            if not turn:
                begun = costs * (took[kept].sum() / max(float(now.sum()), 1e-300))
                felt = slope.mean(axis=0) / tokens[kept].mean()
                # What no answer feels stays where it began.
                unfelt = felt * (begun + scale) < 1e-9 * pace
                loose = np.maximum(HELD * begun, 0.1 * pace / np.where(unfelt, np.inf, felt))
                loose = np.where(loose > 0, loose, scale)
            off = (took[kept] - now) * weight
            if turn:
                noise = max(1.4826 * float(np.median(np.abs(off - np.median(off)))), 1e-5)
            trust = np.sqrt(np.minimum(1, 1.5 * noise / np.maximum(np.abs(off), 1e-12)))
            trust = trust if turn else np.ones(off.size)
            rows = slope * (weight * trust)[:, None]
            goal = (took[kept] - now + slope @ costs) * weight * trust
            held = np.diag((noise / loose) ** 2)
            costs = _non_negative(rows, goal, held, begun)
        known = np.diag(np.linalg.inv(rows.T @ rows + held)) * noise**2
        vague = np.sqrt(known) > NO_BETTER * loose
        return FittedCosts(
            costs,
            float(np.median(np.abs(off))),
            tuple(name for name, is_vague in zip(names, vague, strict=True) if is_vague),
            rows,
            goal,
            self.begins[kept],
            held,
            begun,
            noise,
        )

    def _memory(self, steps: FloatArray) -> tuple[BoolArray, FloatArray, FloatArray, BoolArray]:
        """Return who decodes, their context a step, tokens read again, and whose answers count.

        Where memory is paged and full, those that came last do not decode: they have been
        preempted, and read all they had again when there is room.
        """
        engine = self.engine
        prompt, sizes = self.prompt + 1, np.zeros(self.lasts.size)
        if engine.memory != "paged" or engine.kv_tokens is None:
            passed = np.concatenate([[0.0], np.cumsum(steps)])
            own = np.where(self.alive, (prompt - passed[self._start()])[:, None], 0.0).sum(axis=0)
            many = self.alive.sum(axis=0)
            context = own + many * passed[:-1] + many * (steps - 1) / 2
            return self.alive, context, sizes, self.counted
        room = engine.kv_tokens // engine.block * engine.block
        decodes, again, context = np.zeros_like(self.alive), sizes.copy(), sizes.copy()
        passed, before = np.zeros(prompt.size), np.zeros(prompt.size, dtype=bool)
        for place, lasting in enumerate(steps.tolist()):
            alive, held = self.alive[:, place], prompt + passed
            blocks = np.ceil((held + lasting / 2) / engine.block) * engine.block
            runs = alive & (np.cumsum(np.where(alive, blocks, 0.0)) <= room)
            again[place] = held[runs & ~before & (passed > 0)].sum()
            context[place] = held[runs].sum() + runs.sum() * (lasting - 1) / 2
            decodes[:, place], before = runs, runs
            passed[runs] += lasting
        whole = ~(self.alive & ~decodes).any(axis=1)
        return decodes, context, again, self.counted & whole

    def _start(self) -> IntArray:
        return np.asarray(np.minimum(self.first, self.lasts.size))

    def _agree(self, steps: FloatArray, decodes: BoolArray, kept: BoolArray) -> FloatArray:
        """Stretch the steps until those of every answer are one fewer than its tokens."""
        steps = np.maximum(steps, 1e-6)
        answers = [np.flatnonzero(row) for row in decodes[kept]]
        wanted = (self.output[kept] - 1).tolist()
        for _ in range(SWEEPS):
            for places, want in zip(answers, wanted, strict=True):
                steps[places] *= want / steps[places].sum()
        return steps

    def _reading(
        self,
        decodes: BoolArray,
        context: FloatArray,
        again: FloatArray,
        costs: FloatArray,
        names: Sequence[str],
        at_once: bool,
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the prompt tokens read in each stretch, in how many steps, and their pairs.

        A prompt is read in the steps before its first token, as many as the budget makes of it.
        """
        read, readings, pairs = (np.zeros(self.lasts.size) for _ in range(3))
        many = decodes.sum(axis=0)
        seconds = self._law(costs, names)
        for when in np.unique(self.begins)[1:].tolist():
            place = int(np.searchsorted(self.cuts, when)) - 1
            if not 0 <= place < self.lasts.size:
                continue
            prompts = self.prompt[self.begins == when]
            tokens = float(prompts.sum())
            parts = math.ceil(tokens / max(self.engine.token_budget - many[place], 1))
            share = np.zeros(self.lasts.size)
            if not at_once:
                needs = parts * float(seconds(tokens / parts, many[place], context[place], 0.0))
                share = np.minimum(self.cuts[1:], when) - np.maximum(self.cuts[:-1], when - needs)
                share = np.maximum(share, 0.0)
            if not share.sum():
                share[place] = 1.0
            share = share / share.sum()
            read += share * tokens
            readings += share * parts
            pairs += share * float(pairs_before(prompts).sum())
        read += again
        readings += np.ceil(again / self.engine.token_budget)
        return read, readings, pairs

    def _steps(
        self,
        decodes: BoolArray,
        context: FloatArray,
        read: FloatArray,
        readings: FloatArray,
        pairs: FloatArray,
        costs: FloatArray,
        names: Sequence[str],
    ) -> FloatArray:
        """Return how many steps fill each stretch, at these costs."""
        plain, reading = self._seconds(decodes, context, read, readings, pairs, costs, names)
        apart = np.minimum(readings, self.lasts / np.maximum(reading, 1e-300))
        steps = apart + np.maximum(self.lasts - apart * reading, 0.0) / np.maximum(plain, 1e-300)
        return np.maximum(steps, 0.05)

    def _seconds(
        self,
        decodes: BoolArray,
        context: FloatArray,
        read: FloatArray,
        readings: FloatArray,
        pairs: FloatArray,
        costs: FloatArray,
        names: Sequence[str],
    ) -> tuple[FloatArray, FloatArray]:
        """Return what a step lasts in each stretch, one that reads nothing and one that reads."""
        seconds, none = self._law(costs, names), np.zeros(self.lasts.size)
        many = decodes.sum(axis=0).astype(np.float64)
        apart = np.where(readings > 0, readings, 1.0)
        plain = seconds(none, many, context, none)
        return plain, seconds(read / apart, many, context, pairs / apart)

    def _law(self, costs: FloatArray, names: Sequence[str]):  # type: ignore[no-untyped-def]
        tried = dict(zip(names, np.maximum(costs, 0.0).tolist(), strict=True))
        return law(replace(self.engine.step_time, **tried), most=np.maximum, least=np.minimum)


def _size(names: Sequence[str]) -> FloatArray:
    """Return of what order the tokens or sequences are that a cost is paid for in a step."""
    orders = {"prefill_token": 200.0, "sequence": 50.0, "kv_token": 30_000.0}
    return np.array([orders.get(name, 1.0) for name in names])


def _non_negative(
    rows: FloatArray, goal: FloatArray, held: FloatArray, start: FloatArray
) -> FloatArray:
    """Return the least squares with no cost below 0."""
    from scipy.optimize import nnls  # a second to load, which only a fit needs

    root = np.sqrt(np.diag(held))
    stacked = np.vstack([rows, np.diag(root)])
    wanted = np.concatenate([goal, root * start])
    size = np.linalg.norm(stacked, axis=0)
    found, _ = nnls(stacked / size, wanted)
    return np.asarray(found / size)
