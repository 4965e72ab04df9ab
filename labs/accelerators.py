"""What two accelerators were measured to do, by this project: rates, steps, layers of experts.

An H200 and an H100 of 80 GB, each a card to itself, with PyTorch 2.11 on 27 November 2026. What is
timed is the work of a step and no server: no requests come, nothing is scheduled, sampled or sent.
Weights and inputs are random numbers. ``python -m benchmarks.accelerator`` repeats it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from labs import validation as check
from labs.devices import Device, device_of
from labs.intervals import QuantileInterval
from labs.machine import Machine, Rate
from labs.models import MODELS
from labs.number_types import Precision

#: The devices that were measured.
MEASURED = ("H100", "H200")
#: What the names of types in the data hold. Weights and products within layers are of the type
#: named; the cache, the embedding and the last layer have 16 bits, as servers keep them.
TYPES: Mapping[str, Precision] = {
    "bf16": Precision("bf16", "bf16", "bf16"),
    "fp8": Precision("fp8", "bf16", "fp8"),
    "int8": Precision("int8", "bf16", "int8"),
}


@dataclass(frozen=True)
class Step:
    """A step of a Llama-like stack of layers, measured.

    Attributes
    ----------
    device : str
        A key of `labs.devices.DEVICES`.
    model : str
        A key of `labs.models.MODELS`: whose layers they are.
    dtype : Precision
        Of weights, cache and products.
    batch : int
        Sequences that decode.
    context : int
        Tokens in the cache of each.
    prefill : int
        Tokens of one prompt that is read in the same step.
    graph : bool
        Whether it was replayed as a CUDA graph; else Python queued each kernel.
    layers : int
        How many were measured. Where they are fewer than the model's, a stack of none tells what
        comes beside them, and the rest is multiplied.
    seconds : QuantileInterval
        Median over repetitions with its 95% interval.
    repeats : int
        How many.

    Examples
    --------
    >>> replayed, queued = accelerator("H200").chosen("Llama-3.1-8B", "bf16", batch=1, context=128)
    >>> [f"{1e3 * step.seconds.quantile:.1f} ms" for step in (replayed, queued)]
    ['5.0 ms', '19.2 ms']
    """

    device: str
    model: str
    dtype: Precision
    batch: int
    context: int
    prefill: int
    graph: bool
    layers: int
    seconds: QuantileInterval
    repeats: int

    @property
    def asked(self) -> dict[str, Any]:
        """Return what was asked of the device: arguments of `labs.forecasts.forecast`."""
        names = ("model", "device", "batch", "context", "dtype", "prefill")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Experts:
    """The routed experts of one layer, in bf16, measured.

    Attributes
    ----------
    model : str
        A key of `labs.models.MODELS`.
    tokens : int
        How many passed at once.
    touched : float
        Experts that at least one of them chose, in the mean over 20 draws of an even router.
    graph : bool
        Whether it was replayed as a CUDA graph.
    seconds : QuantileInterval
        Median over repetitions, each with tokens of its own, with its 95% interval.

    Examples
    --------
    >>> accelerator("H200").experts[-1].touched
    256.0
    """

    model: str
    tokens: int
    touched: float
    graph: bool
    seconds: QuantileInterval


@dataclass(frozen=True)
class Accelerator(Machine):
    """What an accelerator was measured to do.

    Its copies are those that Python queued, its products those replayed in graphs: of either the
    way that is faster where there is much to do.

    Attributes
    ----------
    device : str
        A key of `labs.devices.DEVICES`.
    about : mapping
        Card, driver, versions, date and script.
    launches : mapping of bool to QuantileInterval
        Seconds of a kernel that does next to nothing, replayed in a graph (True) or not.
    steps : tuple of Step
        Steps of a stack of layers.
    experts : tuple of Experts
        Layers of experts.

    Examples
    --------
    What the H200's memory reads and writes in a second, and the roofline's bend as measured:

    >>> h200 = accelerator("H200")
    >>> f"{max(found.rate.quantile for found in h200.copy):.2e}", round(h200.ridge_point("bf16"))
    ('4.27e+12', 186)
    """

    device: str
    about: Mapping[str, Any]
    launches: Mapping[bool, QuantileInterval]
    steps: tuple[Step, ...]
    experts: tuple[Experts, ...]

    def chosen(
        self,
        model: str,
        dtype: str,
        batch: int | None = None,
        context: int | None = None,
        prefill: int | None = None,
        graph: bool | None = None,
    ) -> tuple[Step, ...]:
        """Return the steps of a model in a type, of all or of some batches, contexts, prompts.

        Parameters
        ----------
        model : str
            A model that was measured.
        dtype : str
            A key of `TYPES`.
        batch, context, prefill : int or None
            What they must be, at least 0; None: whatever they are.
        graph : bool or None
            Likewise.

        Returns
        -------
        tuple of Step
            In the order they were measured; empty if there is none.

        Raises
        ------
        ValueError
            If an argument is unknown or out of range.

        Examples
        --------
        >>> [step.prefill for step in accelerator("H100").chosen(
        ...     "Llama-3.1-8B", "bf16", batch=0, graph=True)][-2:]
        [8192, 16384]
        """
        check.one_of("model", model, tuple(dict.fromkeys(step.model for step in self.steps)))
        precision = TYPES[check.one_of("dtype", dtype, tuple(TYPES))]
        wanted: dict[str, Any] = {"model": model, "dtype": precision}
        for name, value in (("batch", batch), ("context", context), ("prefill", prefill)):
            if value is not None:
                wanted[name] = check.count(name, value, least=0)
        if graph is not None:
            wanted["graph"] = check.instance("graph", graph, bool)
        return tuple(
            step
            for step in self.steps
            if all(getattr(step, name) == value for name, value in wanted.items())
        )


def accelerator(device: Device | str) -> Accelerator:
    """Return what was measured of a device.

    Parameters
    ----------
    device : Device or str
        One of `MEASURED`.

    Returns
    -------
    Accelerator

    Raises
    ------
    ValueError
        If it was not measured.

    Examples
    --------
    >>> accelerator("H100").about["card"]
    'NVIDIA H100 80GB HBM3'
    """
    return _read(check.one_of("device", device_of(device).name, MEASURED))


@cache
def _read(device: str) -> Accelerator:
    text = resources.files("labs").joinpath(f"accelerator_{device.lower()}.json").read_text("utf-8")
    found = json.loads(text)
    products = [
        Rate(case["dtype"], case["size"], _rate(case, 2.0 * case["size"] ** 3))
        for case in found["products"]
        if case["graph"]
    ]
    copies = [
        Rate("uint8", case["bytes"], _rate(case, 2.0 * case["bytes"]))
        for case in found["copies"]
        if not case["graph"]
    ]
    return Accelerator(
        copy=tuple(copies),
        matmul=tuple(products),
        device=device,
        about=found["machines"][-1],
        launches={case["graph"]: _seconds(case) for case in found["launches"]},
        steps=tuple(_steps(device, found["steps"])),
        experts=tuple(
            Experts(case["model"], case["tokens"], case["touched"], case["graph"], _seconds(case))
            for case in found["experts"]
        ),
    )


def _steps(device: str, cases: list[dict[str, Any]]) -> Iterable[Step]:
    """Yield the steps; those of fewer layers than the model has as long as all would take."""
    beside = {
        (*_kind(case), case["batch"], case["prefill"]): case["seconds"]
        for case in cases
        if not case["layers"]
    }
    for case in cases:
        if not (layers := case["layers"]):
            continue
        seconds, all_layers = _seconds(case), MODELS[case["model"]].layers
        if layers < all_layers:
            # With a prompt beside them, the sequences that decode have the last layer alone.
            read = case["prefill"] if not case["batch"] else 0
            rest = beside[*_kind(case), case["batch"], read]
            median, low, high = (
                rest + (end - rest) * all_layers / layers
                for end in (seconds.quantile, seconds.low, seconds.high)
            )
            seconds = QuantileInterval(median, low, high, seconds.level)
        yield Step(
            device,
            case["model"],
            TYPES[case["dtype"]],
            case["batch"],
            case["context"],
            case["prefill"],
            case["graph"],
            layers,
            seconds,
            case["repeats"],
        )


def _kind(case: Mapping[str, Any]) -> tuple[Any, ...]:
    return case["model"], case["dtype"], case["graph"]


def _seconds(case: Mapping[str, Any]) -> QuantileInterval:
    return QuantileInterval(case["seconds"], case["low"], case["high"], 0.95)


def _rate(case: Mapping[str, Any], work: float) -> QuantileInterval:
    return QuantileInterval(work / case["seconds"], work / case["high"], work / case["low"], 0.95)
