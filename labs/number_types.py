"""The types a model's weights, its cache and its products are held in, and what each weighs."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from labs import validation as check

#: Bytes an element by type. ``w4`` and ``w8`` are integers with a scale for each group of weights,
#: which makes 4.25 bits of the four; ``mxfp4`` has 8 bits of scale for 32 values, ``nvfp4`` for 16.
BYTES: Mapping[str, float] = MappingProxyType(
    {
        "fp32": 4.0,
        "bf16": 2.0,
        "fp16": 2.0,
        "int8": 1.0,
        "fp8": 1.0,
        "w8": 1.0,
        "fp4": 0.5,
        "int4": 0.5,
        "w4": 4.25 / 8,
        "mxfp4": 17 / 32,
        "nvfp4": 9 / 16,
    }
)


@dataclass(frozen=True)
class Precision:
    """What a model's weights and cache are held in, and what its products are computed in.

    Attributes
    ----------
    weights : str
        A key of `BYTES`.
    cache : str
        Likewise, for keys and values.
    compute : str
        Likewise, for the operands of the products: it decides the peak. The scaled four-bit types
        compute at a device's ``fp4`` rate.

    Raises
    ------
    ValueError
        If a type is unknown.

    Examples
    --------
    >>> awq = Precision(weights="w4", cache="bf16", compute="bf16")
    >>> BYTES[awq.weights] * 8, awq.rate
    (4.25, 'bf16')
    """

    weights: str
    cache: str
    compute: str

    def __post_init__(self) -> None:
        for name in ("weights", "cache", "compute"):
            check.one_of(name, getattr(self, name), tuple(BYTES))

    @property
    def weight_bytes(self) -> float:
        """Return the bytes of a weight."""
        return BYTES[self.weights]

    @property
    def cache_bytes(self) -> float:
        """Return the bytes of a number in the cache."""
        return BYTES[self.cache]

    @property
    def rate(self) -> str:
        """Return the type under which a device lists the peak of these products."""
        return "fp4" if self.compute in ("mxfp4", "nvfp4") else self.compute


#: What a single name stands for: all three alike, but that a cache takes eight bits at least.
PRECISIONS: Mapping[str, Precision] = MappingProxyType(
    {name: Precision(name, name, name) for name in ("fp32", "bf16", "fp16", "fp8", "int8")}
    | {name: Precision(name, "fp8", name) for name in ("fp4", "nvfp4", "mxfp4")}
    | {
        "w4a16": Precision("w4", "bf16", "bf16"),
        "w8a16": Precision("w8", "bf16", "bf16"),
        "fp8-bf16kv": Precision("fp8", "bf16", "fp8"),
    }
)


def precision_of(dtype: Precision | str) -> Precision:
    """Return a precision given by itself or by name.

    Parameters
    ----------
    dtype : Precision or str
        A key of `PRECISIONS`: ``fp32 bf16 fp16 fp8 int8`` hold all three alike, ``fp4 nvfp4 mxfp4``
        too but for a cache in fp8; ``w4a16`` and ``w8a16`` hold weights in 4 or 8 bits and the rest
        in bf16; ``fp8-bf16kv`` is fp8 with a cache in bf16.

    Returns
    -------
    Precision

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> precision_of("nvfp4").cache
    'fp8'
    """
    if isinstance(dtype, Precision):
        return dtype
    return PRECISIONS[check.one_of("dtype", dtype, tuple(PRECISIONS))]
