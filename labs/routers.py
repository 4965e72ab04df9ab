"""Who gets a request, and how the number of replicas follows the load."""

from dataclasses import dataclass

from labs import validation as check

ROUTERS = (
    "random",
    "round_robin",
    "least_requests",
    "least_tokens",
    "prefix_score",
    "prefix_threshold",
)


@dataclass(frozen=True)
class Router:
    """How a request finds its replica.

    ``random`` draws one; ``round_robin`` takes the next; ``least_requests`` the one with fewest
    requests in flight, ``least_tokens`` the one whose requests in flight have fewest prompt tokens.
    ``prefix_score`` takes the highest ``prefix · share found - load · requests / most requests``,
    as llm-d's scorers add up; ``prefix_threshold`` the replica that has most of the prompt, if that
    is more than ``threshold`` of it, else the one that keeps fewest blocks, as SGLang's router
    does; where the most loaded has ``apart`` more requests than the least and ``times`` as many,
    the least loaded. The first of equals.

    Attributes
    ----------
    name : str
        One of the six above.
    prefix : float
        Weight of what is found, in ``prefix_score``.
    load : float
        Weight of what is in flight, in ``prefix_score``.
    threshold : float
        Share of a prompt, from 0 to 1.
    apart : int
        Requests in flight.
    times : float
        At least 1.
    memory : int
        Blocks of prompts that are remembered for each replica, those sent last.

    Raises
    ------
    ValueError
        If an attribute is out of range or the name unknown.

    References
    ----------
    llm-d inference scheduler (scorers' weights prefix 3, queue 2); SGLang router, ``cache_aware``
    (``--cache-threshold 0.3``, ``--balance-abs-threshold 64``, ``--balance-rel-threshold 1.5``).

    Examples
    --------
    >>> Router("prefix_threshold").threshold
    0.3
    """

    name: str = "round_robin"
    prefix: float = 3.0
    load: float = 2.0
    threshold: float = 0.3
    apart: int = 64
    times: float = 1.5
    memory: int = 100_000

    def __post_init__(self) -> None:
        check.one_of("name", self.name, ROUTERS)
        for weight in ("prefix", "load"):
            check.number(weight, getattr(self, weight), least=0, most=check.MOST)
        check.number("threshold", self.threshold, least=0, most=1)
        check.number("times", self.times, least=1, most=check.MOST)
        check.count("apart", self.apart, least=0)
        check.count("memory", self.memory)


@dataclass(frozen=True)
class Scaling:
    """How the number of replicas follows the load.

    Every ``every`` seconds there should be ``requests in flight / target`` replicas, rounded up. A
    replica that is missing is started and takes ``cold_start`` seconds to come; of those that are
    too many the emptiest get no more requests, and go once they are empty.

    Attributes
    ----------
    target : float
        Requests in flight for each replica, above 0.
    least : int
        Fewest replicas.
    most : int
        Most replicas.
    every : float
        Seconds between two looks.
    cold_start : float
        Seconds until a new replica serves.

    Raises
    ------
    ValueError
        If an attribute is out of range.

    Examples
    --------
    >>> Scaling(target=20, most=4).cold_start
    60.0
    """

    target: float
    least: int = 1
    most: int = 16
    every: float = 10.0
    cold_start: float = 60.0

    def __post_init__(self) -> None:
        check.number("target", self.target, above=0, most=check.MOST)
        check.count("least", self.least, most=10_000)
        check.count("most", self.most, least=self.least, most=10_000)
        check.number("every", self.every, least=1e-3, most=check.MOST)
        check.number("cold_start", self.cold_start, least=0, most=check.MOST)
