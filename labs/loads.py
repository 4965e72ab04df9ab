"""Arrivals and conversations as load tools and people make them, besides a plain Poisson stream."""

import numpy as np

from labs import validation as check
from labs.validation import FloatArray, IntArray
from labs.workload import MOST_REQUESTS, Workload

#: Most tokens of a prompt's beginning, of a question and of an answer.
LONGEST = 1_000_000


def bursts(rate: float, n: int, variation: float, rng: np.random.Generator) -> FloatArray:
    """Return arrivals whose gaps are gamma distributed: in bursts where they vary much.

    Parameters
    ----------
    rate : float
        Mean arrivals per second, from 1e-30.
    n : int
        How many.
    variation : float
        Standard deviation of a gap over its mean, from 0.01 to 100: 1 is a Poisson stream, above it
        come bursts. vLLM's benchmark calls ``1 / variation²`` burstiness.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    array (n,)
        Seconds.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> times = bursts(2.0, 20_000, 3.0, np.random.default_rng(1))
    >>> gaps = np.diff(times)
    >>> bool(abs(gaps.mean() - 0.5) < 0.05), bool(abs(gaps.std() / gaps.mean() - 3) < 0.3)
    (True, True)
    """
    rate = check.number("rate", rate, least=check.LEAST, most=check.MOST)
    n = check.count("n", n, least=0, most=MOST_REQUESTS)
    variation = check.number("variation", variation, least=0.01, most=100)
    shape = 1 / variation**2
    return np.cumsum(check.generator("rng", rng).gamma(shape, 1 / (shape * rate), n))


def conversations(
    starts: FloatArray,
    turns: int,
    first: int,
    asked: IntArray,
    answered: IntArray,
    pause: FloatArray,
    block: int = 16,
) -> Workload:
    """Return the requests of conversations, each of which sends all that was said before again.

    Turn t of a conversation has a prompt of ``first`` tokens (a system prompt that all share), all
    that was asked and answered in its turns before, and what it asks now. So prompts grow, as an
    agent's do, and all of them but the last turn's words can be found in a prefix cache.

    Parameters
    ----------
    starts : array (c,)
        When each conversation starts, seconds.
    turns : int
        Turns of each, at least 1.
    first : int
        Tokens that all begin with, at least 0.
    asked, answered : array (c, turns) of int
        Tokens of each question and answer, at least 1.
    pause : array (c, turns - 1)
        Seconds from a question to the next, at least 0.
    block : int
        Tokens of a block whose identity is given.

    Returns
    -------
    Workload
        In order of arrival, with ``blocks``: equal where what came before is.

    Raises
    ------
    ValueError
        If an argument is out of range or shapes do not fit.

    Examples
    --------
    >>> agent = conversations([0.0], 2, 32, [[16, 16]], [[16, 8]], [[5.0]])
    >>> agent.prompt.tolist(), agent.blocks
    ([48, 80], ((0, 1, 2), (0, 1, 2, 3, 4)))
    """
    begun = check.sequence("starts", starts, least=-check.MOST, most=check.MOST)
    turns = check.count("turns", turns, most=100_000)
    first = check.count("first", first, least=0, most=LONGEST)
    block = check.count("block", block)
    shape = (begun.size, turns)
    questions, answers = (
        _table(name, table, shape, least=1, most=LONGEST, whole=True).astype(np.int64)
        for name, table in (("asked", asked), ("answered", answered))
    )
    pauses = _table("pause", pause, (begun.size, turns - 1), least=0, most=check.MOST)
    said = np.cumsum(questions + answers, axis=1)
    prompt = first + said - answers
    when = begun[:, None] + np.concatenate(
        [np.zeros((begun.size, 1)), np.cumsum(pauses, axis=1)], axis=1
    )
    shared = first // block
    longest = int(prompt.max(initial=0)) // block + 1
    names = [
        tuple(
            place if place < shared else shared + talk * longest + place - shared
            for place in range(int(tokens) // block)
        )
        for talk in range(begun.size)
        for tokens in prompt[talk]
    ]
    order = np.argsort(when.ravel(), kind="stable")
    return Workload(
        when.ravel()[order],
        prompt.ravel()[order],
        answers.ravel()[order],
        tuple(names[place] for place in order.tolist()),
    )


def _table(name: str, value: object, shape: tuple[int, int], **bounds: float | bool) -> FloatArray:
    table = check.numbers(name, value, **bounds)  # type: ignore[arg-type]
    if table.shape != shape and not (table.size == 0 and 0 in shape):
        raise check.refuse(name, f"of shape {shape}", f"shape {table.shape}")
    return table.reshape(shape)
