"""What a product, a network and a transformer block lose when they are held in fewer bits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from labs import _arrays, quantization
from labs import validation as check
from labs.digits import Network
from labs.quantization import Quantized
from labs.validation import FloatArray, IntArray

FLOAT = "float32"
INTEGERS = tuple(f"int{bits}" for bits in range(2, 9))
STORED_BITS = {
    "float16": 16.0,
    "bfloat16": 16.0,
    "float8_e4m3": 8.0,
    "float8_e5m2": 8.0,
    "float4_e2m1": 4.0,
    "mxfp4": 4 + 8 / 32,
    "nvfp4": 4 + 8 / 16,
}
SCALED = ("float8_e4m3", "float8_e5m2", "float4_e2m1")
KINDS = (FLOAT, *INTEGERS, *STORED_BITS)
LARGEST = 1e12
SHAPES = {
    "query": (1, 1),
    "key": (1, 1),
    "value": (1, 1),
    "out": (1, 1),
    "up": (1, 4),
    "down": (4, 1),
}

Held = Quantized | npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Scheme:
    """How a product ``x @ weight`` holds its two operands.

    Attributes
    ----------
    weight : str
        ``float32``, ``int2`` … ``int8`` (symmetric), or a format of `labs.small_floats.cast`.
        Integers, 8-bit floats and ``float4_e2m1`` have a float32 scale that takes the largest
        magnitude to the end of their range.
    activation : str
        Likewise. Scales are found from the activations at hand.
    per_channel : bool
        Whether weights have a scale for each output channel, rather than one for all.
    per_token : bool
        Whether activations have a scale for each row, rather than one for all.
    group : int or None
        Input channels that share a scale within an output channel; excludes ``per_channel``.
    clip : str or float
        Largest magnitude kept of integer weights, as in `labs.quantization.quantize`.
    alpha : float or None
        SmoothQuant's share of difficulty moved from activations to weights, 0 to 1; None: none.

    Raises
    ------
    ValueError
        If a kind is unknown or an option does not fit it.

    Examples
    --------
    >>> Scheme("int4", "float16", group=128).weight
    'int4'
    """

    weight: str = "int8"
    activation: str = "int8"
    per_channel: bool = False
    per_token: bool = False
    group: int | None = None
    clip: str | float = "absmax"
    alpha: float | None = None

    def __post_init__(self) -> None:
        for name in ("weight", "activation"):
            check.one_of(name, getattr(self, name), KINDS)
        for name in ("per_channel", "per_token"):
            check.instance(name, getattr(self, name), bool)
        if self.group is not None:
            check.count("group", self.group)
            if self.per_channel:
                raise check.refuse("group", "None where per_channel is True", self.group)
            if self.weight not in INTEGERS:
                raise check.refuse("group", f"None for {self.weight} weights", self.group)
        if isinstance(self.clip, str):
            check.one_of("clip", self.clip, ("absmax", "percentile", "mse"))
        else:
            least, most = quantization.LEAST_CLIP, float(_arrays.LARGEST)
            check.number("clip", self.clip, least=least, most=most)
        if self.alpha is not None:
            check.number("alpha", self.alpha, least=0, most=1)


@dataclass(frozen=True)
class NetworkLoss:
    """What a network lost to a scheme, on labelled images.

    Attributes
    ----------
    accuracy : float
        Fraction of images that the quantized network gets right.
    float_accuracy : float
        Fraction that the original gets right.
    agreement : float
        Fraction of images on which both say the same.
    sqnr_db : float
        Of the logits, in decibels.
    nbytes : float
        Bytes of the weights as held, scales included, and of the biases in float32.
    float_nbytes : float
        Bytes of both in float32.
    predictions : array (n,) of int
        The class that the quantized network gives each image.

    Examples
    --------
    >>> network = Network((np.eye(2),), (np.zeros(2),))
    >>> loss = quantize_network(network, Scheme("int8", "float32"), np.eye(2), [0, 1])
    >>> loss.agreement, loss.sqnr_db, loss.nbytes, loss.float_nbytes
    (1.0, inf, 16.0, 24.0)
    """

    accuracy: float
    float_accuracy: float
    agreement: float
    sqnr_db: float
    nbytes: float
    float_nbytes: float
    predictions: IntArray


@dataclass(frozen=True)
class Block:
    """A synthetic pre-norm transformer block: attention and a GELU feed-forward layer.

    A few channels of both norms have a large gain, which is where the outliers of real models
    come from; weights are scaled so that every product keeps unit variance.

    Attributes
    ----------
    gain : array (width,)
        Gain of both norms.
    heads : int
        Attention heads.
    weights : mapping of str to array
        ``query``, ``key``, ``value``, ``out`` (width, width), ``up`` (width, 4 width), ``down``
        (4 width, width).

    Raises
    ------
    ValueError
        If a weight is missing or shapes do not fit.

    Examples
    --------
    >>> nothing = {name: np.zeros((2, 2)) for name in ("query", "key", "value", "out")}
    >>> nothing |= {"up": np.zeros((2, 8)), "down": np.zeros((8, 2))}
    >>> Block(np.ones(2), 1, nothing).run(np.ones((1, 2)), lambda name, x: x @ nothing[name])
    array([[1., 1.]])
    """

    gain: FloatArray
    heads: int
    weights: Mapping[str, FloatArray]

    def __post_init__(self) -> None:
        width = check.sequence("gain", self.gain).size
        heads = check.count("heads", self.heads)
        if not width or width % heads:
            raise check.refuse("gain", f"of a multiple of {heads} heads", f"length {width}")
        if not isinstance(self.weights, Mapping) or not set(SHAPES) <= set(self.weights):
            raise check.refuse("weights", "a mapping of " + ", ".join(SHAPES), self.weights)
        for name, (rows, columns) in SHAPES.items():
            matrix = _matrix(f"weights[{name!r}]", self.weights[name])
            if matrix.shape != (rows * width, columns * width):
                wanted = f"of shape {rows * width, columns * width}"
                raise check.refuse(f"weights[{name!r}]", wanted, f"shape {matrix.shape}")

    def run(self, x: FloatArray, multiply: Callable[[str, FloatArray], FloatArray]) -> FloatArray:
        """Return the block's output (tokens, width).

        ``y = x + attention(norm(x))``, then ``y + down · gelu(up · norm(y))``; attention is causal.

        Parameters
        ----------
        x : array (tokens, width)
            What enters the block.
        multiply : callable
            Called as ``multiply(name, x)`` for the product of ``x`` with each weight.

        Returns
        -------
        array (tokens, width)

        Examples
        --------
        >>> block = outlier_block(np.random.default_rng(0), width=8)
        >>> block.run(np.ones((3, 8)), lambda name, x: x @ block.weights[name]).shape
        (3, 8)
        """
        tokens, width = x.shape
        normed = _norm(x) * self.gain
        query, key, value = (
            multiply(name, normed).reshape(tokens, self.heads, -1).transpose(1, 0, 2)
            for name in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
        scores = np.where(np.tri(tokens, dtype=bool), scores, -np.inf)
        mixed = (special.softmax(scores, axis=-1) @ value).transpose(1, 0, 2)
        x = x + multiply("out", mixed.reshape(tokens, width))
        hidden = multiply("up", _norm(x) * self.gain)
        return x + multiply("down", hidden * special.ndtr(hidden))


@dataclass(frozen=True)
class BlockLoss:
    """What a transformer block lost to a scheme.

    Attributes
    ----------
    error : float
        Norm of the error of the block's output over the norm of what the block adds to its input.
    sqnr_db : float
        The same in decibels.
    products : mapping of str to float
        Relative error of each product alone, its activations exact.
    nbytes : float
        Bytes of the weights as held, scales included.

    Examples
    --------
    >>> block = outlier_block(np.random.default_rng(0), width=64)
    >>> loss = quantize_block(block, np.ones((2, 64)), Scheme("int4", "float32"))
    >>> sorted(loss.products), loss.nbytes
    (['down', 'key', 'out', 'query', 'up', 'value'], 24600.0)
    """

    error: float
    sqnr_db: float
    products: Mapping[str, float]
    nbytes: float


def product(x: FloatArray, weight: FloatArray, scheme: Scheme) -> FloatArray:
    """Return ``x @ weight`` as hardware would compute it under a scheme.

    Two integer operands are multiplied as integers, exactly, and scaled afterwards; anything else
    is restored to floating point first. Sums are in float64, so that what differs from the
    exact product is the rounding of the operands alone.

    Parameters
    ----------
    x : array (n, k)
        Activations, a row a token.
    weight : array (k, m)
        Weights, a row an input channel.
    scheme : Scheme
        How both are held.

    Returns
    -------
    array (n, m)

    Raises
    ------
    ValueError
        If shapes do not fit, or a value is not finite.

    Examples
    --------
    >>> x, weight = np.array([[1.0, 0.5]]), np.array([[2.0], [1.0]])
    >>> product(x, weight, Scheme("int8", "int8")).round(4).tolist()
    [[2.5079]]
    """
    x, weight = _matrix("x", x), _matrix("weight", weight)
    check.instance("scheme", scheme, Scheme)
    if weight.shape[0] != x.shape[1]:
        raise check.refuse("weight", f"of {x.shape[1]} rows", f"shape {weight.shape}")
    if scheme.alpha is not None:
        smooth = quantization.smooth_scales(np.abs(x).max(axis=0), weight, scheme.alpha)
        x, weight = x / smooth, weight * smooth[:, None]
    left = _activations(x, scheme)
    right = _weights(weight, scheme)
    if isinstance(left, Quantized) and isinstance(right, Quantized) and scheme.group is None:
        exact = quantization.int_matmul(left.values, right.values.T)
        scale = left.scale.astype(np.float64) * right.scale.reshape(-1)
        return np.asarray(exact * scale, dtype=np.float64)
    return _restored(left) @ _restored(right).T


def stored_bytes(weight: FloatArray, scheme: Scheme) -> float:
    """Return the bytes of a weight matrix as a scheme holds it, scales included.

    Packed bits, and a float32 scale for the tensor, channel or group where the kind has one.
    ``mxfp4``: 4 bits and a byte for each 32; ``nvfp4``: 4 bits and a byte for each 16.

    Parameters
    ----------
    weight : array (k, m)
        A row an input channel.
    scheme : Scheme
        How it is held.

    Returns
    -------
    float
        Bytes.

    Raises
    ------
    ValueError
        If ``weight`` is not a matrix of finite numbers.

    Examples
    --------
    >>> stored_bytes(np.ones((128, 4)), Scheme("int4", "float32", group=32))
    320.0
    """
    weight = _matrix("weight", weight)
    check.instance("scheme", scheme, Scheme)
    held = _weights(weight, scheme)
    if isinstance(held, Quantized):
        return float(held.nbytes)
    scales = weight.shape[1] if scheme.per_channel else 1
    own = 4 * scales if scheme.weight in SCALED else 0
    return own + weight.size * STORED_BITS.get(scheme.weight, 32.0) / 8


def quantize_network(
    network: Network, scheme: Scheme, images: FloatArray, labels: IntArray
) -> NetworkLoss:
    """Run a network with every layer's product held in a scheme, and compare it with the original.

    Parameters
    ----------
    network : Network
        Such as `labs.digits.teach` trains.
    scheme : Scheme
        How every layer's product is held.
    images : array (n, inputs)
        At least one.
    labels : array (n,) of int
        Their classes.

    Returns
    -------
    NetworkLoss

    Raises
    ------
    ValueError
        If shapes do not fit or a value is out of range.

    Examples
    --------
    >>> from labs import digits
    >>> data = digits.load()
    >>> network = digits.teach((16,), np.random.default_rng(1), epochs=10).network
    >>> loss = quantize_network(network, Scheme("int8", "int8"), data.test_x, data.test_y)
    >>> loss.agreement > 0.95, round(loss.float_nbytes / loss.nbytes, 1)
    (True, 3.7)
    """
    check.instance("network", network, Network)
    check.instance("scheme", scheme, Scheme)
    value, inputs = _matrix("images", images), network.weights[0].shape[0]
    if value.shape[1] != inputs:
        raise check.refuse("images", f"of {inputs} columns", f"shape {value.shape}")
    known = check.sequence("labels", labels, size=value.shape[0], whole=True, least=0)
    exact = network.logits(value)
    for depth, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        value = value if depth == 0 else np.maximum(value, 0.0)
        value = product(value, weight, scheme) + bias
    said, meant = value.argmax(axis=1), exact.argmax(axis=1)
    biases = 4.0 * sum(bias.size for bias in network.biases)
    return NetworkLoss(
        accuracy=float((said == known).mean()),
        float_accuracy=float((meant == known).mean()),
        agreement=float((said == meant).mean()),
        sqnr_db=quantization.sqnr_db(exact, value),
        nbytes=biases + sum(stored_bytes(weight, scheme) for weight in network.weights),
        float_nbytes=4.0 * network.parameters,
        predictions=said,
    )


def outlier_block(
    rng: np.random.Generator,
    width: int = 512,
    heads: int = 8,
    outliers: int = 3,
    magnitude: float = 100.0,
) -> Block:
    """Draw a transformer block whose norms amplify a few channels.

    Parameters
    ----------
    rng : numpy.random.Generator
        Chooses the channels and draws the weights.
    width : int
        Channels, a multiple of ``heads``, at most 4096.
    heads : int
        Attention heads.
    outliers : int
        Channels with a large gain, at most ``width``.
    magnitude : float
        Their gain; the others' is 1.

    Returns
    -------
    Block

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Dettmers et al., "LLM.int8()", NeurIPS 2022, §4: a few channels hold values up to 20 times
    the others', in every layer and most tokens.

    Examples
    --------
    >>> block = outlier_block(np.random.default_rng(0), width=64)
    >>> int((block.gain > 1).sum()), block.weights["up"].shape
    (3, (64, 256))
    """
    check.generator("rng", rng)
    width = check.count("width", width, most=4096)
    heads = check.count("heads", heads, most=width)
    if width % heads:
        raise check.refuse("width", f"a multiple of {heads} heads", width)
    outliers = check.count("outliers", outliers, least=0, most=width)
    magnitude = check.number("magnitude", magnitude, least=1, most=1e6)
    gain = np.ones(width)
    gain[rng.choice(width, outliers, replace=False)] = magnitude
    normed, plain = np.sqrt((gain**2).sum()), np.sqrt(width)

    weights = {
        name: rng.normal(size=(rows * width, columns * width))
        / (np.sqrt(rows) * plain if name in ("out", "down") else normed)
        for name, (rows, columns) in SHAPES.items()
    }
    return Block(gain, heads, MappingProxyType(weights))


def quantize_block(block: Block, x: FloatArray, scheme: Scheme) -> BlockLoss:
    """Run a block with every weight product held in a scheme, and compare it with the original.

    Attention's own products stay in floating point, as most servers keep them.

    Parameters
    ----------
    block : Block
        Such as `outlier_block` draws.
    x : array (tokens, width)
        What enters the block.
    scheme : Scheme
        How every weight product is held.

    Returns
    -------
    BlockLoss

    Raises
    ------
    ValueError
        If shapes do not fit or a value is not finite.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> block, x = outlier_block(rng, width=128), rng.normal(size=(32, 128))
    >>> plain, smoothed = Scheme("int8", "int8"), Scheme("int8", "int8", alpha=0.5)
    >>> quantize_block(block, x, plain).error > 1.5 * quantize_block(block, x, smoothed).error
    True
    """
    check.instance("block", block, Block)
    check.instance("scheme", scheme, Scheme)
    x, width = _matrix("x", x), block.gain.size
    if x.shape[1] != width:
        raise check.refuse("x", f"of {width} columns", f"shape {x.shape}")
    products = {}

    def exactly(name: str, values: FloatArray) -> FloatArray:
        exact = values @ block.weights[name]
        products[name] = _error(exact, product(values, block.weights[name], scheme))
        return exact

    exact = block.run(x, exactly)
    held = block.run(x, lambda name, values: product(values, block.weights[name], scheme))
    error = _error(exact - x, held - x)
    return BlockLoss(
        error=error,
        sqnr_db=quantization.sqnr_db(exact - x, held - x),
        products=MappingProxyType(products),
        nbytes=sum(stored_bytes(weight, scheme) for weight in block.weights.values()),
    )


def _activations(x: FloatArray, scheme: Scheme) -> Held:
    return _held(x, scheme.activation, 0 if scheme.per_token else None)


def _weights(weight: FloatArray, scheme: Scheme) -> Held:
    """Return the weights transposed, so that groups and blocks run along the input channels."""
    axis = 0 if scheme.per_channel else None
    return _held(weight.T, scheme.weight, axis, scheme.group, scheme.clip)


def _held(
    x: FloatArray,
    kind: str,
    axis: int | None,
    group: int | None = None,
    clip: str | float = "absmax",
) -> Held:
    if kind == FLOAT:
        return x.astype(np.float32)
    if kind in INTEGERS:
        return quantization.quantize(x, int(kind[3:]), axis, group, clip=clip)
    if kind not in SCALED:
        return quantization.cast(x, kind)
    reach = np.abs(x).max(axis=None if axis is None else 1, keepdims=True)
    scale = np.where(reach > 0, reach, 1.0) / quantization.FORMATS[kind].largest
    return quantization.cast(x / scale, kind) * scale


def _restored(held: Held) -> FloatArray:
    array = held.dequantize() if isinstance(held, Quantized) else held
    return array.astype(np.float64)


def _norm(x: FloatArray) -> FloatArray:
    """Return each row over its root mean square."""
    scaled: FloatArray = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-12)
    return scaled


def _error(exact: FloatArray, approximation: FloatArray) -> float:
    """Return the norm of the difference over the norm of the exact."""
    size = np.linalg.norm(exact)
    return float(np.linalg.norm(exact - approximation) / size) if size else 0.0


def _matrix(name: str, value: FloatArray) -> FloatArray:
    array = check.numbers(name, value, least=-LARGEST, most=LARGEST)
    if array.ndim != 2 or not array.size:
        raise check.refuse(name, "a matrix of one entry or more", f"shape {array.shape}")
    return array
