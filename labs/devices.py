"""Accelerators by their datasheets, and what an hour of each costs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources

from labs import validation as check


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
        Bytes, as the driver reports them: an "80 GB" card has 80 GiB, less a little.
    price : float or None
        US dollars an hour on demand, in the first market of `PRICES`; None where it does not list
        the device.
    source : str
        Where the figures were read.
    note : str
        What sources disagree on.
    usable : float or None
        Bytes of memory that a program is told it has; None where no report of it was found.
    link : float or None
        Bytes per second from one card of a node to the others, in one direction; None where
        there is no link, or none is known.
    power : float or None
        Watts the maker allows.
    year : int or None
        Of release.

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
    price: float | None
    source: str
    note: str = ""
    usable: float | None = None
    link: float | None = None
    power: float | None = None
    year: int | None = None

    def __post_init__(self) -> None:
        for name in ("name", "source", "note"):
            check.instance(name, getattr(self, name), str)
        if not isinstance(self.flops, Mapping):
            raise check.refuse("flops", "a mapping of types to rates", self.flops)
        for dtype, peak in self.flops.items():
            check.number(f"flops[{dtype!r}]", peak, least=check.LEAST, most=check.MOST)
        for name in ("bandwidth", "memory"):
            check.number(name, getattr(self, name), least=check.LEAST, most=check.MOST)
        for name in ("usable", "link", "power", "year"):
            if getattr(self, name) is not None:
                check.number(name, getattr(self, name), least=check.LEAST, most=check.MOST)
        if self.price is not None:
            check.number("price", self.price, least=0, most=check.MOST)

    def peak(self, dtype: str) -> float:
        """Return the dense peak of a type.

        Parameters
        ----------
        dtype : str
            A type the device computes in.

        Returns
        -------
        float
            Operations per second.

        Raises
        ------
        ValueError
            If the device does not compute in that type.

        Examples
        --------
        >>> DEVICES["H100"].peak("fp8")
        1979000000000000.0
        """
        return self.flops[check.one_of("dtype", dtype, tuple(self.flops))]


@dataclass(frozen=True)
class PriceList:
    """What an hour of each device costs on one market at one date.

    Attributes
    ----------
    market : str
        Whose list it is.
    date : str
        When it was read.
    what : str
        What the prices are of.
    source : str
        Where it was read.
    note : str
        What is left out, and why.
    prices : mapping of str to float
        US dollars an hour of one device, by its name.

    Examples
    --------
    >>> next(iter(PRICES.values())).prices["H100"] > 0
    True
    """

    market: str
    date: str
    what: str
    source: str
    note: str = ""
    prices: Mapping[str, float] = field(default_factory=dict)


def _read(name: str) -> dict[str, dict[str, object]]:
    known: dict[str, dict[str, object]] = json.loads(
        resources.files("labs").joinpath(name).read_text("utf-8")
    )
    return known


#: Price lists by market; prices of two markets are not compared. ``Device.price`` is of the first.
#:
#: :meta hide-value:
PRICES: dict[str, PriceList] = {
    market: PriceList(market, **fields)  # type: ignore[arg-type]
    for market, fields in _read("prices.json").items()
}
#: The accelerators by name, their peaks dense, from ``devices.json``.
#:
#: :meta hide-value:
DEVICES: dict[str, Device] = {
    name: Device(name=name, price=next(iter(PRICES.values())).prices.get(name), **fields)  # type: ignore[arg-type]
    for name, fields in _read("devices.json").items()
}


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
