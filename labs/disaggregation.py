"""Prompts read by one pool of replicas and answered by another, with a link between them."""

from dataclasses import dataclass

import numpy as np

from labs import validation as check
from labs.cluster import Cluster, Served, start
from labs.engine import Engine
from labs.routers import Router
from labs.simulation import fcfs
from labs.validation import FloatArray
from labs.workload import Workload


@dataclass(frozen=True)
class Handed:
    """What became of a workload on two pools; arrays in the workload's order, seconds.

    Attributes
    ----------
    first_token : array (n,)
        When the prompt was read, by the first pool.
    arrived : array (n,)
        When its cache was with the second pool.
    finish : array (n,)
        When the last token came out.
    ttft : array (n,)
        As in `labs.timeline.Timeline`.
    tpot : array (n,)
        Likewise.
    latency : array (n,)
        Likewise.
    prefill : Served
        What the first pool did.
    decode : Served
        What the second did, with answers of more than one token.

    Examples
    --------
    >>> from labs.engine import StepTime
    >>> step = StepTime(1.0, 0.0, 0.0, 0.0)
    >>> pools = Disaggregated(
    ...     Engine(step), Engine(step, policy="chunked", memory="paged"), link=1e9, kv_bytes=1e7
    ... )
    >>> handed = pools.run(Workload([0.0], [100], [3]))
    >>> handed.first_token.tolist(), handed.arrived.tolist(), handed.finish.tolist()
    ([1.0], [2.0], [4.0])
    """

    first_token: FloatArray
    arrived: FloatArray
    finish: FloatArray
    ttft: FloatArray
    tpot: FloatArray
    latency: FloatArray
    prefill: Served
    decode: Served


@dataclass(frozen=True)
class Disaggregated:
    """A pool that reads prompts and a pool that decodes; the cache goes over a link.

    Each replica that reads sends one cache after the other. The first token comes from the pool
    that reads, the others from the pool that decodes, which has to read the whole prompt itself if
    it preempts an answer.

    Attributes
    ----------
    prefill : Engine
        Each replica of the first pool.
    decode : Engine
        Each replica of the second, with ``memory="paged"``.
    prefill_replicas : int
        At least 1.
    decode_replicas : int
        At least 1.
    link : float
        Bytes per second out of a replica that reads, above 0.
    kv_bytes : float
        Bytes of cache for a token, at least 0.

    Raises
    ------
    ValueError
        If an attribute is out of range.

    References
    ----------
    Zhong et al., "DistServe", OSDI 2024; Patel et al., "Splitwise", ISCA 2024.

    Examples
    --------
    >>> from labs.engine import StepTime
    >>> paged = Engine(StepTime(1.0, 0.0, 0.0, 0.0), policy="chunked", memory="paged")
    >>> Disaggregated(paged, paged, prefill_replicas=2).link
    50000000000.0
    """

    prefill: Engine
    decode: Engine
    prefill_replicas: int = 1
    decode_replicas: int = 1
    link: float = 50e9
    kv_bytes: float = 131_072.0

    def __post_init__(self) -> None:
        check.instance("prefill", self.prefill, Engine)
        check.instance("decode", self.decode, Engine)
        if self.decode.memory != "paged":
            raise check.refuse("decode", "an engine with memory='paged'", self.decode.memory)
        check.count("prefill_replicas", self.prefill_replicas, most=10_000)
        check.count("decode_replicas", self.decode_replicas, most=10_000)
        check.number("link", self.link, least=check.LEAST, most=check.MOST)
        check.number("kv_bytes", self.kv_bytes, least=0, most=check.MOST)

    def run(self, workload: Workload) -> Handed:
        """Serve a workload from empty replicas until the last request is out.

        Parameters
        ----------
        workload : Workload
            Requests.

        Returns
        -------
        Handed

        Raises
        ------
        ValueError
            If ``workload`` is none.

        Examples
        --------
        >>> from labs.engine import StepTime
        >>> step = StepTime(1.0, 0.0, 0.0, 0.0)
        >>> paged = Engine(step, policy="chunked", memory="paged")
        >>> Disaggregated(paged, paged, kv_bytes=0).run(Workload([0.0], [9], [1])).finish.tolist()
        [1.0]
        """
        check.instance("workload", workload, Workload)
        ones = np.ones(len(workload), dtype=np.int64)
        asked = Workload(workload.arrival, workload.prompt, ones, workload.blocks)
        readers = Cluster(self.prefill, self.prefill_replicas, Router("least_tokens"))
        read = readers.run(asked)
        arrived = np.full(len(workload), np.nan)
        sends = np.asarray(workload.prompt * (self.kv_bytes / self.link), dtype=np.float64)
        for replica in range(self.prefill_replicas):
            ours = np.flatnonzero((read.replica == replica) & np.isfinite(read.finish))
            ours = ours[np.argsort(read.finish[ours], kind="stable")]
            arrived[ours] = fcfs(read.finish[ours], sends[ours]).finish
        more = np.flatnonzero((workload.output > 1) & np.isfinite(arrived))
        more = more[np.argsort(arrived[more], kind="stable")]
        work = start(Cluster(self.decode, self.decode_replicas, Router("least_requests")))
        for index in more.tolist():
            prompt, output = int(workload.prompt[index]), int(workload.output[index])
            work.arrive(float(arrived[index]), prompt + 1, output - 1, (), held=prompt)
        handed = Workload(arrived[more], workload.prompt[more] + 1, workload.output[more] - 1)
        decoded = work.served(handed)
        finish = np.where(workload.output > 1, np.nan, read.finish)
        finish[more] = decoded.finish
        several = np.where(workload.output > 1, workload.output - 1, np.nan)
        return Handed(
            first_token=read.first_token,
            arrived=arrived,
            finish=finish,
            ttft=read.ttft,
            tpot=(finish - read.first_token) / several,
            latency=finish - workload.arrival,
            prefill=read,
            decode=decoded,
        )
