"""The catalogue: accelerators by their datasheets, language models by their configurations."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from labs import validation as check

BYTES = {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "int8": 1.0, "fp8": 1.0, "fp4": 0.5}


@dataclass(frozen=True)
class Device:
    """An accelerator by its datasheet.

    Attributes
    ----------
    name : str
        As in `DEVICES`.
    flops : mapping of str to float
        Dense peak operations per second by type: fp32, bf16, fp16, int8, fp8, fp4.
    bandwidth : float
        Bytes per second to and from memory.
    memory : float
        Bytes.
    price : float
        US dollars an hour on demand, where and when ``source`` says.
    source : str
        Where the figures were read.
    note : str
        What sources disagree on.

    Raises
    ------
    ValueError
        If a figure is out of range or a text none.

    Examples
    --------
    >>> DEVICES["A100-80"].flops["bf16"] / 1e12, "TFLOP/s"
    (312.0, 'TFLOP/s')
    """

    name: str
    flops: Mapping[str, float]
    bandwidth: float
    memory: float
    price: float
    source: str
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("name", "source", "note"):
            check.instance(name, getattr(self, name), str)
        if not isinstance(self.flops, Mapping):
            raise check.refuse("flops", "a mapping of types to rates", self.flops)
        for dtype, peak in self.flops.items():
            check.number(f"flops[{dtype!r}]", peak, least=check.LEAST, most=check.MOST)
        for name in ("bandwidth", "memory"):
            check.number(name, getattr(self, name), least=check.LEAST, most=check.MOST)
        check.number("price", self.price, least=0, most=check.MOST)


@dataclass(frozen=True)
class Model:
    """A decoder-only language model by its configuration.

    Attributes
    ----------
    name : str
        As in `MODELS`.
    layers : int
        Each with a KV cache.
    kv_heads : int
        Heads of keys and values in a layer.
    head_dim : int
        Numbers in a key or a value.
    parameters : float
        Number of weights.
    source : str
        Where the figures were read.

    Raises
    ------
    ValueError
        If a figure is out of range or a text none.

    Examples
    --------
    >>> MODELS["Llama-2-7B"].layers
    32
    """

    name: str
    layers: int
    kv_heads: int
    head_dim: int
    parameters: float
    source: str

    def __post_init__(self) -> None:
        for name in ("name", "source"):
            check.instance(name, getattr(self, name), str)
        for name in ("layers", "kv_heads", "head_dim"):
            check.count(name, getattr(self, name), most=1_000_000)
        check.number("parameters", self.parameters, least=1, most=check.MOST)


def _catalogue() -> tuple[dict[str, Device], dict[str, Model]]:
    text = resources.files("labs").joinpath("hardware.json").read_text("utf-8")
    known = json.loads(text)
    devices = {name: Device(name=name, **fields) for name, fields in known["devices"].items()}
    models = {name: Model(name=name, **fields) for name, fields in known["models"].items()}
    return devices, models


_known = _catalogue()
#: The accelerators by name, their peaks dense, from ``hardware.json``.
DEVICES: dict[str, Device] = _known[0]
#: The language models by name.
MODELS: dict[str, Model] = _known[1]


def device_of(device: Device | str) -> Device:
    """Return a device given by itself or by name.

    Parameters
    ----------
    device : Device or str
        An entry of `DEVICES`, or its name.

    Returns
    -------
    Device

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> device_of("H100") is DEVICES["H100"]
    True
    """
    if isinstance(device, Device):
        return device
    return DEVICES[check.one_of("device", device, tuple(DEVICES))]


def model_of(model: Model | str) -> Model:
    """Return a model given by itself or by name.

    Parameters
    ----------
    model : Model or str
        An entry of `MODELS`, or its name.

    Returns
    -------
    Model

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> model_of("Llama-2-7B").kv_heads
    32
    """
    if isinstance(model, Model):
        return model
    return MODELS[check.one_of("model", model, tuple(MODELS))]


def kv_bytes_per_token(model: Model | str, bytes_per_element: float = 2) -> float:
    """Return the KV cache of one token: ``2 · layers · KV heads · head dimension · bytes``.

    Parameters
    ----------
    model : Model or str
        An entry of `labs.hardware.MODELS`, or its name.
    bytes_per_element : float
        2 for 16-bit, 1 for 8-bit, 0.5 for 4-bit values; above 0.

    Returns
    -------
    float
        Bytes.

    Raises
    ------
    ValueError
        If the model is unknown or the size not positive.

    Examples
    --------
    >>> kv_bytes_per_token("Llama-2-7B")
    524288.0
    """
    model = model_of(model)
    size = check.number("bytes_per_element", bytes_per_element, above=0)
    return 2 * model.layers * model.kv_heads * model.head_dim * size
