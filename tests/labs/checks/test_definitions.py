"""Checks of the quantities: right answers found another way pass, usual mistakes are named."""

import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from hostile import HOSTILE
from scipy import integrate, special, stats

from labs import checks
from labs.checks import definitions as check

Answer = dict[str, float]

SEEDS = (7, 1, 2)
RATES, MEAN_SERVICE, LIMIT, SHARE = [20, 200, 2000], 0.1, 0.05, 0.99
LEVELS, FEES = np.array([0.995, 0.997, 0.998, 0.999]), np.array([40e3, 42e3, 44e3, 46e3])
REQUESTS, CREDIT, REACTION, DAYS = 100_000, 0.3, 3, 30


# Data as the sheet draws them


@cache
def log(seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    given = check.service.draw(seed)
    return given.tokens, given.seconds


@cache
def latency(seed: int = 7) -> np.ndarray:
    return 0.04 + np.random.default_rng(seed).lognormal(-2.6, 0.7, size=250)


@cache
def runs(seed: int = 7) -> dict[float, tuple[np.ndarray, np.ndarray]]:
    """One server that needs 10 ms, give or take: its capacity is 100 requests a second."""
    rng = np.random.default_rng(seed)
    found = {}
    for rate in (30, 60, 90, 120, 150):
        arrival = np.sort(rng.uniform(0, 60, size=rng.poisson(60 * rate)))
        free, departure = 0.0, []
        for came in arrival:
            free = max(free, came) + rng.uniform(0.005, 0.015)
            departure.append(free)
        found[float(rate)] = arrival, np.array(departure)
    return found


@cache
def failed(seed: int = 7) -> np.ndarray:
    return np.round(np.random.default_rng(seed).gamma(1.5, 120, size=DAYS))


# Right answers, found without the package


@cache
def stalled(seed: int = 7) -> np.ndarray:
    """Find the slow requests from the line through the quickest for their length."""
    tokens, seconds = log(seed)
    slopes = np.sort((seconds - seconds.min()) / tokens)
    rest = seconds - np.median(slopes) * tokens
    slow = rest > np.median(rest) + 0.4
    for _ in range(5):
        b, a = np.polyfit(tokens[~slow], seconds[~slow], 1)
        slow = seconds - a - b * tokens > 0.3
    return slow


def right_service(seed: int = 7) -> Answer:
    tokens, seconds = log(seed)
    slow = stalled(seed)
    x, y = tokens[~slow], seconds[~slow]
    b = ((x - x.mean()) * y).sum() / ((x - x.mean()) ** 2).sum()
    a = y.mean() - b * x.mean()
    late = seconds[slow].mean() - a - b * tokens[slow].mean()
    return {"a": a, "b": b, "slow": slow.sum() / 500, "extra": late}


def right_tail(seed: int = 7) -> Answer:
    ordered = sorted(latency(seed))
    # The number below p95 is binomial(250, 0.95): 231 to 244 hold 2.5% on either side.
    below = next(k for k in range(251) if stats.binom.cdf(k, 250, 0.95) >= 0.025)
    above = next(k for k in range(251) if stats.binom.cdf(k, 250, 0.95) >= 0.975)
    q = math.exp(math.log(0.95) / 20)
    needed = next(n for n in range(1, 9999) if q**n <= 0.025)
    return {
        "p95": next(t for t in ordered if np.mean(latency(seed) <= t) >= 0.95),
        "low": ordered[below - 1],
        "high": ordered[above],
        "slow": sum(stats.binom.pmf(k, 20, 0.05) for k in range(1, 21)),
        "allowed": 1 - q,
        "needed": needed,
    }


def inside(arrival: np.ndarray, departure: np.ndarray) -> float:
    """Average the number inside over 60 s, step by step of the staircase."""
    times = np.concatenate([arrival, departure, [60.0]])
    steps = np.concatenate([np.ones(arrival.size), -np.ones(departure.size), [0]])
    order = np.argsort(times, kind="stable")
    times, count = times[order], np.cumsum(steps[order])
    lasting = np.diff(np.minimum(times, 60))
    return float((count[:-1] * lasting).sum() / 60)


def right_saturation(seed: int = 7) -> Answer:
    arrival, departure = runs(seed)[150]
    present = inside(arrival, departure)
    return {
        "knee": 90,
        "q": np.searchsorted(departure, 60, side="right") / 60,
        "present": present,
        "little": present / (arrival.size / 60) / np.mean(departure - arrival),
    }


def p99_wait(load: float, servers: int) -> float:
    """Erlang C from the sums of its definition, in logarithms; the quantile from its tail."""
    k = np.arange(servers)
    logs = k * math.log(load) - special.gammaln(k + 1)
    top = servers * math.log(load) - special.gammaln(servers + 1) - math.log1p(-load / servers)
    delayed = 1 / (1 + math.exp(special.logsumexp(logs) - top))
    return max(0.0, MEAN_SERVICE * math.log(delayed / (1 - SHARE)) / (servers - load))


def right_fleet(rate: float) -> tuple[int, float]:
    load = rate * MEAN_SERVICE
    count = next(c for c in range(int(load) + 1, 9999) if p99_wait(load, c) <= LIMIT)
    return count, p99_wait(load + 0.01 * count, count) - p99_wait(load, count)


def right_promise(seed: int = 7) -> Answer:
    bad = failed(seed) / REQUESTS
    mean = sum(bad) / DAYS
    spread = math.sqrt(sum((one - mean) ** 2 for one in bad) / (DAYS - 1))

    def density(t: float) -> float:
        return float((1 + t * t / 29) ** -15 / math.sqrt(29) / special.beta(0.5, 14.5))

    def breach(level: float) -> float:
        reach = (level - 1 + mean) / (spread * math.sqrt(2 / DAYS))
        return integrate.quad(density, -np.inf, reach, epsabs=1e-13)[0]

    income = {
        level: fee * (1 - CREDIT * breach(level)) for level, fee in zip(LEVELS, FEES, strict=True)
    }
    sla = max(income, key=lambda level: income[level])
    fee = dict(zip(LEVELS, FEES, strict=True))[sla]
    return {
        "sla": sla,
        "breach": breach(sla),
        "penalty": fee - income[sla],
        "slo": 1 - ((1 - sla) * DAYS - max(bad) * REACTION) / DAYS,
    }


# The checks on those data


def service(answer: object, seed: int = 7) -> checks.Verdict:
    return check.service.judge(answer, checks.Givens(tokens=log(seed)[0], seconds=log(seed)[1]))


def tail(answer: object, seed: int = 7) -> checks.Verdict:
    return check.tail.judge(answer, checks.Givens(latency=latency(seed), fan_out=20))


def saturation(answer: object, seed: int = 7) -> checks.Verdict:
    return check.saturation.judge(answer, checks.Givens(runs=runs(seed), run_seconds=60))


def fleet(answer: object, seed: int = 7) -> checks.Verdict:
    return check.fleet(answer)


def offered(answer: object, failed: np.ndarray, fees: np.ndarray) -> checks.Verdict:
    given = checks.Givens(
        failed=failed,
        requests=REQUESTS,
        levels=LEVELS,
        fees=fees,
        credit=CREDIT,
        reaction=REACTION,
    )
    return check.promise.judge(answer, given)


def promise(answer: object, seed: int = 7) -> checks.Verdict:
    return offered(answer, failed(seed), FEES)


DICTS: dict[str, tuple[Callable[..., checks.Verdict], Callable[..., Answer]]] = {
    "service": (service, right_service),
    "tail": (tail, right_tail),
    "saturation": (saturation, right_saturation),
    "promise": (promise, right_promise),
}
CHECKS = {name: given for name, (given, _) in DICTS.items()} | {"fleet": fleet}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("exercise", DICTS)
def test_the_right_answer_passes_by_name_and_in_order(exercise: str, seed: int) -> None:
    checked, right = DICTS[exercise]
    answer = right(seed)
    for kind in (answer, list(answer.values()), np.array(list(answer.values()))):
        verdict = checked(kind, seed)
        assert verdict.passed, verdict


@pytest.mark.parametrize("exercise", DICTS)
def test_each_number_of_an_answer_is_checked(exercise: str) -> None:
    checked, right = DICTS[exercise]
    for name, value in right().items():
        verdict = checked(right() | {name: value * 1.234})
        assert not verdict
        assert f"{name}: got {value * 1.234:.6g}, expected {value:.6g}" in verdict.message


@pytest.mark.parametrize("kind", [tuple, list, np.array], ids=lambda kind: kind.__name__)
def test_the_right_fleet_passes_as_any_pair(kind: Any) -> None:
    verdict = fleet(lambda rate: kind(right_fleet(rate)))
    assert verdict.passed, verdict


def test_both_parts_of_a_fleet_are_checked_at_every_rate() -> None:
    for rate in RATES:
        for wrong in ((1, 1.0), (0, 1.234)):

            def answer(
                given: float, rate: float = rate, wrong: tuple[int, float] = wrong
            ) -> tuple[int, float]:
                count, rise = right_fleet(given)
                return (count + wrong[0], rise * wrong[1]) if given == rate else (count, rise)

            verdict = fleet(answer)
            assert not verdict
            assert f"at {rate}/s: got" in verdict.message


# The log of exercise 6


def test_the_log_is_drawn_from_its_seed() -> None:
    again = check.service.draw(7)
    assert (log(7)[0] == again.tokens).all()
    assert (log(7)[1] == again.seconds).all()
    assert (log(7)[1] != log(1)[1]).all()


@pytest.mark.parametrize("seed", range(50))
def test_the_modes_of_any_log_are_far_apart(seed: int) -> None:
    tokens, seconds = log(seed)
    b, a = np.polyfit(tokens, seconds, 1)
    residual = np.sort(seconds - a - b * tokens)
    gaps = np.sort(np.diff(residual))
    assert gaps[-1] > 3 * gaps[-2]
    assert seconds.min() > 0
    assert 0.04 < stalled(seed).mean() < 0.2


# Mistakes


def each(mistakes: list[tuple[Answer, str]]) -> Iterator[tuple[Answer, str]]:
    """Yield the mistakes, each of which has a sentence of its own."""
    assert len({words for _, words in mistakes}) == len(mistakes)
    yield from mistakes


@pytest.mark.parametrize("seed", SEEDS)
def test_each_mistake_about_the_service_time_is_named(seed: int) -> None:
    tokens, seconds = log(seed)
    right, slow = right_service(seed), stalled(seed)
    b, a = np.polyfit(tokens, seconds, 1)
    beyond = seconds - a - b * tokens
    b_slow, a_slow = np.polyfit(tokens[slow], seconds[slow], 1)
    over = beyond > 0
    b_under, a_under = np.polyfit(tokens[~over], seconds[~over], 1)
    halved = {
        "a": a_under,
        "b": b_under,
        "slow": over.mean(),
        "extra": (seconds - a_under - b_under * tokens)[over].mean(),
    }
    from_both = beyond[slow].mean()
    for wrong, diagnosis in each(
        [
            (right | {"a": a, "b": b}, "fit it again to the fast"),
            (right | {"a": a, "b": b, "extra": from_both}, "both line and extra"),
            (right | {"extra": from_both}, "extra is measured"),
            (right | {"a": right["b"], "b": right["a"]}, "swapped"),
            (right | {"a": a_slow, "b": b_slow}, "fitted to the slow"),
            (right | {"slow": slow.sum()}, "not their number"),
            (halved, "half of the noise"),
            (right | {"slow": 1 - right["slow"]}, "complement"),
            (right | {"a": 1000 * right["a"]}, "milliseconds"),
        ]
    ):
        assert diagnosis in service(wrong, seed).message, diagnosis


@pytest.mark.parametrize("seed", SEEDS)
def test_each_mistake_about_the_tail_is_named(seed: int) -> None:
    sample, right = latency(seed), right_tail(seed)
    mean, error = sample.mean(), sample.std(ddof=1) / math.sqrt(250)
    low, high = np.percentile(sample, [2.5, 97.5])
    for wrong, diagnosis in each(
        [
            ({"p95": np.quantile(sample, 0.95)}, "interpolates"),
            ({"p95": mean}, "that is the mean"),
            ({"low": mean - 1.959964 * error, "high": mean + 1.959964 * error}, "for the mean"),
            ({"low": low, "high": high}, "holds 95% of the requests"),
            ({"slow": 20 * 0.05}, "do not add up"),
            ({"slow": 0.05**20}, "every server"),
            ({"slow": 0.95**20}, "complement"),
            ({"allowed": 0.05, "needed": 72}, "own p95"),
            ({"allowed": 0.0025, "needed": 1474}, "union bound"),
            ({"needed": 391}, "one request is expected"),
            ({"needed": 1169}, "half of what it misses"),
            ({"needed": 1438}, "one too few"),
        ]
    ):
        assert diagnosis in tail(right | wrong, seed).message, diagnosis


@pytest.mark.parametrize("seed", SEEDS)
def test_each_mistake_about_saturation_is_named(seed: int) -> None:
    right = right_saturation(seed)
    arrival, departure = runs(seed)[150]
    time, offered = departure - arrival, arrival.size / 60
    done = departure <= 60
    left = arrival.size - done.sum()
    came, went = runs(seed)[90]
    at_knee = inside(came, went)
    knee_run = {
        "q": (went <= 60).sum() / 60,
        "present": at_knee,
        "little": at_knee / (came.size / 60 * (went - came).mean()),
    }
    for wrong, diagnosis in each(
        [
            ({"knee": 120}, "no longer follows: the one before"),
            ({"q": offered}, "repeats the offered rate"),
            ({"knee": 150, "q": offered}, "follows every rate"),
            ({"present": offered * time.mean(), "little": 1.0}, "trivially"),
            ({"present": left, "little": left / (offered * time.mean())}, "inside at the end"),
            ({"little": right["present"] / offered / time[done].mean()}, "leaves out"),
            ({"little": right["present"] / right["q"] / time.mean()}, "not the throughput"),
            (knee_run, "the run at the knee"),
            ({"little": 1 / right["little"]}, "reciprocal"),
        ]
    ):
        assert diagnosis in saturation(right | wrong, seed).message, diagnosis


def test_the_largest_throughput_is_told_from_the_knee() -> None:
    seed = next(seed for seed in range(9) if most_through(seed) == 150)
    assert "largest beyond" in saturation(right_saturation(seed) | {"knee": 150}, seed).message


def most_through(seed: int) -> float:
    return max(runs(seed), key=lambda rate: (runs(seed)[rate][1] <= 60).sum())


def test_each_mistake_about_the_fleet_is_named() -> None:
    def mean_wait(load: float, servers: int) -> float:
        k = np.arange(servers)
        terms = np.exp(k * math.log(load) - special.gammaln(k + 1) - load)
        top = math.exp(servers * math.log(load) - special.gammaln(servers + 1) - load)
        top /= 1 - load / servers
        return MEAN_SERVICE * top / (terms.sum() + top) / (servers - load)

    def by(count: Callable[[float], int]) -> Callable[[float], tuple[int, float]]:
        return lambda rate: (count(rate * MEAN_SERVICE), 0.0)

    def least(fits: Callable[[float, int], bool]) -> Callable[[float], tuple[int, float]]:
        return by(lambda load: next(c for c in range(int(load) + 1, 9999) if fits(load, c)))

    def rises(
        rise: Callable[[float, int], float],
    ) -> Callable[[float], tuple[int, float]]:
        return lambda rate: (right_fleet(rate)[0], rise(rate / 10, right_fleet(rate)[0]))

    for wrong, diagnosis in (
        (by(math.ceil), "keeps no limit"),
        (by(lambda load: math.ceil(load / 0.8)), "80%"),
        (least(lambda load, c: mean_wait(load, c) <= LIMIT), "mean wait within"),
        (least(lambda load, c: p99_wait(load, c) == 0), "nobody wait"),
        (by(lambda load: right_fleet(10 * load)[0] + 1), "one too many"),
        (rises(lambda a, c: p99_wait(1.01 * a, c) - p99_wait(a, c)), "one percent of ρ"),
        (rises(lambda a, c: mean_wait(a + 0.01 * c, c) - mean_wait(a, c)), "of the mean wait"),
        (rises(lambda a, c: p99_wait(a + 0.01 * c, c)), "afterwards"),
        (rises(p99_wait), "before ρ rises"),
        (rises(lambda a, c: p99_wait(a + 0.01 * c, c) / p99_wait(a, c) - 1), "as a share"),
        (rises(lambda a, c: 1e3 * right_fleet(10 * a)[1]), "milliseconds"),
    ):
        verdict = fleet(wrong)
        assert not verdict
        assert diagnosis in verdict.message, (diagnosis, verdict)


def test_what_is_no_pair_is_told() -> None:
    for wrong, said in (
        (lambda rate: 208, "a pair of servers and rise, got 208"),
        (lambda rate: (208, 0.02, 0.96), "a pair"),
        (lambda rate: None, "returned nothing"),
        (lambda rate: (None, 0.02), "returned nothing"),
        (lambda: (208, 0.02), "raised TypeError"),
        (lambda rate: ("208", 0.02), "what it returns must be"),
    ):
        message = fleet(wrong).message
        assert message.startswith("servers at 2000/s: ")
        assert said in message


@pytest.mark.parametrize("seed", SEEDS)
def test_each_mistake_about_the_promise_is_named(seed: int) -> None:
    right = right_promise(seed)
    good = 1 - failed(seed) / REQUESTS
    margin = (1 - good.min()) * 3 / 30
    spread = np.std(good, ddof=1)

    def offer(breach: np.ndarray, at: int | None = None, back: float = CREDIT) -> Answer:
        paid = back * FEES * breach
        at = int(np.argmax(FEES - paid)) if at is None else at
        return {
            "sla": LEVELS[at],
            "breach": breach[at],
            "penalty": paid[at],
            "slo": LEVELS[at] + margin,
        }

    def chance(error: float) -> np.ndarray:
        return stats.t(29, loc=good.mean(), scale=error).cdf(LEVELS)

    error = spread * math.sqrt(2 / 30)
    assert offer(chance(error)) == pytest.approx(right, rel=1e-9)
    mean_margin = (1 - good.mean()) * 3 / 30
    for wrong, diagnosis in each(
        [
            (offer(chance(error), 3), "highest fee"),
            (offer(chance(error), 0), "safest promise"),
            (offer(chance(spread / math.sqrt(30))), "this month's mean"),
            (offer(chance(spread)), "single days"),
            (offer(chance(np.std(good) * math.sqrt(2 / 30))), "ddof=1"),
            (offer(stats.norm.cdf((LEVELS - good.mean()) / error)), "Student's t"),
            (offer(1 - chance(error)), "chance of keeping"),
            (offer(chance(error), back=1), "whole fee"),
            (right | {"penalty": right["penalty"] / right["breach"]}, "weigh it by its chance"),
            (right | {"slo": right["sla"] - margin}, "looser"),
            (right | {"slo": right["sla"] + mean_margin}, "plan for the worst"),
            (right | {"slo": right["sla"] + sum(np.sort(1 - good)[-3:]) / 30}, "may repeat"),
            (right | {"slo": right["sla"] + 30 * margin}, "the budget is the month's"),
            (right | {"sla": 100 * right["sla"]}, "percentage"),
        ]
    ):
        assert diagnosis in promise(wrong, seed).message, diagnosis


def test_the_safest_agreement_is_best_where_all_earn_the_same() -> None:
    equal = np.full(4, 40e3)
    verdict = offered([0.995] * 4, failed(), equal)
    assert verdict.message.startswith("breach: ")


# Hostile answers


@pytest.mark.parametrize("exercise", CHECKS)
@pytest.mark.parametrize("answer", HOSTILE, ids=lambda a: type(a).__name__)
def test_no_answer_makes_a_check_stumble(exercise: str, answer: Any) -> None:
    verdict = CHECKS[exercise](answer)
    assert not verdict
    assert verdict.message
    assert len(verdict.message) < 300
    assert "\n" not in verdict.message
    if answer is None or answer is ...:
        assert "no answer yet" in verdict.message


@pytest.mark.parametrize("exercise", CHECKS)
@pytest.mark.parametrize("held", HOSTILE, ids=lambda a: type(a).__name__)
def test_nothing_in_an_answer_makes_a_check_stumble(exercise: str, held: Any) -> None:
    if exercise == "fleet":
        answers: list[Any] = [lambda rate: held, lambda rate: (held, held)]
    else:
        right = DICTS[exercise][1]()
        answers = [right | {name: held} for name in right] + [[held] * len(right)]
    for answer in answers:
        verdict = CHECKS[exercise](answer)
        assert not verdict
        assert len(verdict.message) < 300
        assert "\n" not in verdict.message
