"""What benchmark tools call TTFT, TPOT and ITL: the same run by each tool's own definition."""

import numpy as np

from labs import validation as check
from labs.measured import Run

#: Tools whose figures are known; LLMPerf's "inter-token latency" counts what comes before the first
#: token too, over tokens of a tokenizer of its own, and cannot be had from a run.
TOOLS = ("vllm", "sglang", "guidellm", "genai-perf", "aiperf", "inference-perf")


def figures(run: Run, tool: str) -> dict[str, float]:
    """Return mean TTFT, TPOT, ITL and latency of a run as a tool would print them.

    All average TTFT and latency over requests. They differ in the rest:

    - vLLM and SGLang: TPOT averages ``(latency - ttft)/(output - 1)`` over requests of two tokens
      and more; ITL averages over all gaps of all requests, so that long answers weigh more.
    - inference-perf: the same, latency ending with the last token.
    - genai-perf and AIPerf: ITL is what the others call TPOT; there is no other.
    - GuideLLM: TPOT is all of the latency over all tokens, the first among them; ITL is the time
      after first tokens over the tokens after them. Both weigh requests by tokens.

    Parameters
    ----------
    run : Run
        With lengths, and first and last tokens.
    tool : str
        One of `TOOLS`.

    Returns
    -------
    dict of str to float
        ``ttft``, ``tpot``, ``itl`` and ``latency`` in seconds; NaN for ITL where no gaps were
        recorded.

    Raises
    ------
    ValueError
        If the tool is unknown, or the run holds no request.

    References
    ----------
    vllm/benchmarks/serve.py and sglang/bench_serving.py (``calculate_metrics``); GuideLLM's
    docs/metrics.md; genai-perf's and AIPerf's metric documentation; inference-perf's
    reportgen/base.py.

    Examples
    --------
    >>> run = Run([0.0, 0.0], [9, 9], [2, 5], [0.5, 0.5], [0.75, 1.0])
    >>> figures(run, "vllm")["tpot"], round(figures(run, "guidellm")["tpot"], 3)
    (0.1875, 0.25)
    """
    check.instance("run", run, Run)
    check.one_of("tool", tool, TOOLS)
    if not len(run):
        raise check.refuse("run", "of one request or more", "none")
    several = run.output > 1
    after = run.latency - run.ttft
    each = float(run.tpot[several].mean()) if several.any() else float("nan")
    found = {"ttft": float(run.ttft.mean()), "latency": float(run.latency.mean()), "tpot": each}
    if tool in ("genai-perf", "aiperf"):
        return {**found, "itl": each}
    if tool == "guidellm":
        gaps = float((run.output - 1)[several].sum())
        itl = float(after[several].sum()) / gaps if gaps else float("nan")
        return {**found, "tpot": float(run.latency.sum() / run.output.sum()), "itl": itl}
    return {**found, "itl": float(np.mean(run.itl)) if run.itl.size else float("nan")}
