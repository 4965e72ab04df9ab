"""A teacher and a student on real handwritten digits, trained in seconds by plain numpy."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import special

from labs import _extras
from labs import validation as check
from labs.distillation import Distillation, _loss, softmax
from labs.intervals import PairedLoss, paired_loss
from labs.validation import FloatArray, IntArray

__all__ = [
    "Digits",
    "Network",
    "PairedLoss",
    "Training",
    "distill",
    "load",
    "paired_loss",
    "soft_targets",
    "sweep",
    "teach",
]

CLASSES = 10
TEST = 500
BATCH = 64
RATE, MOMENTUM, SPREAD, LEAST = 0.003, 0.9, 0.999, 1e-8  # of Adam


@dataclass(frozen=True)
class Digits:
    """Scikit-learn's 1,797 digits of 8 × 8 pixels, scaled to 0 … 1, split once and for all.

    Attributes
    ----------
    train_x : array (1297, 64)
        Ink of each pixel, from 0 (none) to 1.
    train_y : array (1297,) of int
        The digit drawn, 0 to 9.
    test_x : array (500, 64)
        As ``train_x``.
    test_y : array (500,) of int
        As ``train_y``.

    Examples
    --------
    >>> float(load().test_x.max()), sorted(set(load().test_y.tolist()))
    (1.0, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """

    train_x: FloatArray
    train_y: IntArray
    test_x: FloatArray
    test_y: IntArray


@dataclass(frozen=True)
class Network:
    """A multilayer perceptron with rectified linear units.

    Layer by layer ``x ← max(0, x W + b)``; the last layer is linear and gives the logits.

    Attributes
    ----------
    weights : tuple of array (inputs, outputs)
        Of each layer, the first for 64 pixels in this course.
    biases : tuple of array (outputs,)
        Of each layer.

    References
    ----------
    Goodfellow, Bengio and Courville, Deep Learning (2016), chapter 6.

    Examples
    --------
    >>> double = Network((np.array([[2.0]]), np.array([[1.0, -1.0]])), (np.zeros(1), np.ones(2)))
    >>> double.logits([[3.0], [-3.0]]).tolist(), double.parameters
    ([[7.0, -5.0], [1.0, 1.0]], 6)
    """

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]

    def __post_init__(self) -> None:
        for name in ("weights", "biases"):
            parts = check.instance(name, getattr(self, name), tuple)
            for index, part in enumerate(parts):
                check.numbers(f"{name}[{index}]", part)
        ends = [part.shape for part in self.weights]
        fits = bool(ends) and all(len(shape) == 2 and shape[0] for shape in ends)
        fits = fits and all(a[1] == b[0] for a, b in itertools.pairwise(ends))
        if not fits or [(shape[1],) for shape in ends] != [part.shape for part in self.biases]:
            given = f"shapes {ends} and {[np.shape(part) for part in self.biases]}"
            raise check.refuse("weights and biases", "of layers that follow each other", given)

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return sum(part.size for part in (*self.weights, *self.biases))

    def activations(self, x: FloatArray) -> list[FloatArray]:
        """Return the input of every layer, and last the logits.

        Parameters
        ----------
        x : array (n, inputs)
            Images, a row each.

        Returns
        -------
        list of array
            Each (n, width of the layer).

        Raises
        ------
        ValueError
            If ``x`` is not of that shape.

        Examples
        --------
        >>> shift = Network((np.eye(2), np.eye(2)), (np.array([0.0, -5.0]), np.ones(2)))
        >>> [value.tolist() for value in shift.activations([[3.0, 4.0]])]
        [[[3.0, 4.0]], [[3.0, 0.0]], [[4.0, 1.0]]]
        """
        images, inputs = check.numbers("x", x), self.weights[0].shape[0]
        if images.ndim != 2 or images.shape[1] != inputs:
            raise check.refuse("x", f"of shape (n, {inputs})", f"shape {images.shape}")
        return _forward(self.weights, self.biases, images)

    def logits(self, x: FloatArray) -> FloatArray:
        """Return the scores (n, outputs) of images.

        Parameters
        ----------
        x : array (n, inputs)
            Images, a row each.

        Returns
        -------
        array (n, outputs)

        Raises
        ------
        ValueError
            If ``x`` is not of that shape.

        Examples
        --------
        >>> Network((np.eye(2),), (np.array([0.0, 1.0]),)).logits([[3.0, 4.0]]).tolist()
        [[3.0, 5.0]]
        """
        return self.activations(x)[-1]

    def predict(self, x: FloatArray) -> IntArray:
        """Return the most likely class of each image.

        Parameters
        ----------
        x : array (n, inputs)
            Images, a row each.

        Returns
        -------
        array (n,) of int
            The first of those that tie.

        Raises
        ------
        ValueError
            If ``x`` is not of that shape.

        Examples
        --------
        >>> Network((np.eye(2),), (np.zeros(2),)).predict([[3.0, 4.0], [2.0, 2.0]]).tolist()
        [1, 0]
        """
        best: IntArray = self.logits(x).argmax(axis=1)
        return best


@dataclass(frozen=True)
class Training:
    """A trained network and how it got there.

    Attributes
    ----------
    network : Network
        As it was after the last epoch.
    loss : array (epochs,)
        Mean training loss of each epoch, in nats.
    accuracy : array (epochs,)
        Share of test images classified rightly after each epoch.
    confusion : array (10, 10) of int
        Test images by true class (row) and predicted class (column).

    Examples
    --------
    >>> trained = teach((8,), np.random.default_rng(1), epochs=3)
    >>> trained.loss.shape, int(trained.confusion.sum())
    ((3,), 500)
    """

    network: Network
    loss: FloatArray
    accuracy: FloatArray
    confusion: IntArray


@cache
def load() -> Digits:
    """Return the digits: 1,297 to train on and 500 to test, shuffled by a fixed seed.

    Returns
    -------
    Digits

    References
    ----------
    Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI (1998); shipped with
    scikit-learn.

    Examples
    --------
    >>> load().train_x.shape, load().test_x.shape
    ((1297, 64), (500, 64))
    """
    with _extras.needed_by(__name__):
        from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(labels.size)
    x, y = images[order] / 16.0, labels[order].astype(np.int64)
    return Digits(x[TEST:], y[TEST:], x[:TEST], y[:TEST])


def teach(
    hidden: tuple[int, ...],
    rng: np.random.Generator,
    epochs: int = 60,
    labelled: int | None = None,
) -> Training:
    """Train a network on labels.

    Cross-entropy is minimised by Adam at a rate of 0.003 over batches of about 64 images.

    Parameters
    ----------
    hidden : tuple of int
        Units of each hidden layer.
    rng : numpy.random.Generator
        Initial weights and order of the images.
    epochs : int
        Passes over the images. With 100 images a pass is a single step: take some 400.
    labelled : int, optional
        How many training images to use, the first ones; None for all.

    Returns
    -------
    Training

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1.

    Examples
    --------
    >>> teach((16,), np.random.default_rng(1), epochs=10).accuracy[-1] > 0.8
    np.True_
    """
    data = load()
    known = np.arange(_labelled(labelled, data))
    blank = np.zeros((known.size, CLASSES))

    def loss(logits: FloatArray, rows: IntArray) -> Distillation:
        return _loss(logits, blank[rows], data.train_y[rows], 1.0, 0.0)

    return _train(hidden, rng, epochs, known, loss)


def distill(
    teacher: Network,
    hidden: tuple[int, ...],
    rng: np.random.Generator,
    temperature: float = 4.0,
    soft_weight: float = 0.9,
    epochs: int = 60,
    labelled: int | None = None,
    without: int | None = None,
) -> Training:
    """Train a student on a teacher's soft targets mixed with labels.

    Minimises ``w · T² · KL(teacher ‖ student) + (1 - w) · cross-entropy(labels)`` as `teach` does;
    with w of 1 no label is used. The teacher may have seen more labels than the student does.

    Parameters
    ----------
    teacher : Network
        Gives the soft targets.
    hidden : tuple of int
        Units of each hidden layer of the student.
    rng : numpy.random.Generator
        Initial weights and order of the images.
    temperature : float
        T above 0, as in `labs.distillation.distillation_loss`.
    soft_weight : float
        w, from 0 (labels alone) to 1 (no labels).
    epochs : int
        Passes over the images. With 100 images a pass is a single step: take some 400.
    labelled : int, optional
        How many training images to use, the first ones; None for all.
    without : int, optional
        A digit whose images the student never sees.

    Returns
    -------
    Training

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network" (2015), §2 and §3.

    Examples
    --------
    >>> teacher = teach((32,), np.random.default_rng(0), epochs=20).network
    >>> student = distill(teacher, (16,), np.random.default_rng(1), epochs=20)
    >>> student.accuracy[-1] > 0.8
    np.True_
    """
    check.instance("teacher", teacher, Network)
    temperature = check.number("temperature", temperature, above=0)
    soft_weight = check.number("soft_weight", soft_weight, least=0, most=1)
    data = load()
    known = np.arange(_labelled(labelled, data))
    if without is not None:
        unseen = check.count("without", without, least=0, most=CLASSES - 1)
        known = known[data.train_y[known] != unseen]
        if not known.size:
            raise check.refuse("without", "a digit that leaves images of others", without)
    target = check.numbers("teacher logits", teacher.logits(data.train_x))
    if target.shape[1] != CLASSES:
        raise check.refuse("teacher", f"of {CLASSES} outputs", f"shape {target.shape}")

    def loss(logits: FloatArray, rows: IntArray) -> Distillation:
        return _loss(logits, target[rows], data.train_y[rows], temperature, soft_weight)

    return _train(hidden, rng, epochs, known, loss)


def sweep(
    teacher: Network,
    width: int,
    mixes: Sequence[tuple[float, float]],
    seeds: Sequence[int],
    passes: Sequence[int] = (400,),
    labelled: int = 100,
) -> FloatArray:
    """Return the test accuracy of many students of one hidden layer, trained side by side.

    Each is what ``distill(teacher, (width,), default_rng(seed), temperature, soft_weight, passes,
    labelled)`` reaches, up to rounding, some eight times sooner: with so few images a pass is one
    step, so all students take it together.

    Parameters
    ----------
    teacher : Network
        Gives the soft targets.
    width : int
        Hidden units of every student.
    mixes : sequence of (temperature, soft_weight)
        What to train with; a soft weight of 0 is training on labels alone.
    seeds : sequence of int
        One student of every mix for each.
    passes : sequence of int
        Increasing numbers of passes after which to test.
    labelled : int
        How many training images to use, at most 127, which is one batch.

    Returns
    -------
    array (passes, mixes, seeds)
        Shares of the test images.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network" (2015), §2.

    Examples
    --------
    >>> teacher = teach((32,), np.random.default_rng(0), epochs=20).network
    >>> sweep(teacher, 8, [(1.0, 0.0), (4.0, 0.9)], seeds=[1, 2], passes=[10, 20]).shape
    (2, 2, 2)
    """
    check.instance("teacher", teacher, Network)
    width = check.count("width", width, most=4096)
    pairs = check.numbers("mixes", mixes)
    if pairs.ndim != 2 or not pairs.size or pairs.shape[1] != 2:
        raise check.refuse("mixes", "pairs of temperature and soft weight", mixes)
    check.numbers("mixes temperature", pairs[:, 0], above=0)
    check.numbers("mixes soft_weight", pairs[:, 1], least=0, most=1)
    starts = (
        check.sequence("seeds", seeds, whole=True, least=0, most=check.LARGEST_COUNT)
        .astype(int)
        .tolist()
    )
    ends = check.sequence("passes", passes, whole=True, least=1, most=10_000).astype(int).tolist()
    for name, given in (("seeds", starts), ("passes", ends)):
        if not given:
            raise check.refuse(name, "of one or more", given)
    if ends != sorted(set(ends)):
        raise check.refuse("passes", "increasing", passes)
    data, known = load(), check.count("labelled", labelled, most=2 * BATCH - 1)
    x, truth = data.train_x[:known], np.eye(CLASSES)[data.train_y[:known]]
    runs = [(mix, seed) for mix in range(len(pairs)) for seed in range(len(starts))]
    mix = np.array([pairs[mix] for mix, _ in runs])
    heat, soft = mix[:, :1, None], mix[:, 1:, None]
    target = np.array([softmax(teacher.logits(x), t) for t in pairs[:, 0]])
    target = target.repeat(len(starts), axis=0)
    sizes = [x.shape[1], width, CLASSES]
    first = [_initial(sizes, np.random.default_rng(seed)) for seed in starts]
    parts = [np.array([first[seed][i] for _, seed in runs]) for i in range(4)]
    parts[2:] = [bias[:, None, :] for bias in parts[2:]]
    mean, square = ([np.zeros_like(part) for part in parts] for _ in range(2))
    found = []
    for step in range(1, ends[-1] + 1):
        hidden = np.maximum(x @ parts[0] + parts[2], 0.0)
        logits = hidden @ parts[1] + parts[3]
        slope = soft * heat * (special.softmax(logits / heat, axis=-1) - target)
        slope = (slope + (1 - soft) * (special.softmax(logits, axis=-1) - truth)) / known
        back = (slope @ parts[1].swapaxes(1, 2)) * (hidden > 0)
        slopes = [x.T @ back, hidden.swapaxes(1, 2) @ slope]
        slopes += [part.sum(axis=1, keepdims=True) for part in (back, slope)]
        _adam(parts, slopes, mean, square, step)
        if step in ends:
            shown = np.maximum(data.test_x @ parts[0] + parts[2], 0.0) @ parts[1] + parts[3]
            right = (shown.argmax(axis=-1) == data.test_y).mean(axis=1)
            found.append(right.reshape(len(pairs), len(starts)))
    return np.array(found)


def soft_targets(network: Network, x: FloatArray, temperature: float) -> FloatArray:
    """Return the probabilities a network gives images at a temperature.

    Parameters
    ----------
    network : Network
        Such as `teach` trains.
    x : array (n, inputs)
        Images, a row each.
    temperature : float
        T above 0.

    Returns
    -------
    array (n, outputs)
        Rows sum to 1.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network" (2015), equation 1.

    Examples
    --------
    >>> even = Network((np.zeros((64, 10)),), (np.zeros(10),))
    >>> soft_targets(even, np.zeros((1, 64)), 4.0)[0, 3].round(3)
    np.float64(0.1)
    """
    return softmax(check.instance("network", network, Network).logits(x), temperature)


def _labelled(labelled: int | None, data: Digits) -> int:
    if labelled is None:
        return data.train_y.size
    return check.count("labelled", labelled, most=data.train_y.size)


def _train(
    hidden: tuple[int, ...],
    rng: np.random.Generator,
    epochs: int,
    known: IntArray,
    loss: Callable[[FloatArray, IntArray], Distillation],
) -> Training:
    """Minimise a loss by Adam over shuffled batches of the known images.

    What a step computes from checked arguments is not checked again; the network is, every epoch.
    """
    data = load()
    widths = check.sequence("hidden", hidden, whole=True, least=1, most=4096).astype(int).tolist()
    epochs = check.count("epochs", epochs, most=10_000)
    check.generator("rng", rng)
    parts = _initial([data.train_x.shape[1], *widths, CLASSES], rng)
    layers = len(widths) + 1
    mean, square = ([np.zeros_like(part) for part in parts] for _ in range(2))
    losses, accuracies, step = [], [], 0
    for _ in range(epochs):
        order = known[rng.permutation(known.size)]
        total = 0.0
        for rows in np.array_split(order, max(1, known.size // BATCH)):
            step += 1
            values = _forward(parts[:layers], parts[layers:], data.train_x[rows])
            found = loss(values[-1], rows)
            total += found.loss * rows.size
            _adam(parts, _slopes(parts[:layers], values, found.gradient), mean, square, step)
        network = Network(tuple(parts[:layers]), tuple(parts[layers:]))
        losses.append(total / known.size)
        accuracies.append(float((network.predict(data.test_x) == data.test_y).mean()))
    confusion = np.zeros((CLASSES, CLASSES), np.int64)
    np.add.at(confusion, (data.test_y, network.predict(data.test_x)), 1)
    return Training(network, np.array(losses), np.array(accuracies), confusion)


def _initial(sizes: list[int], rng: np.random.Generator) -> list[FloatArray]:
    """Return weights drawn for rectified linear units, layer by layer, then zero biases."""
    weights = [
        rng.normal(0, np.sqrt(2 / inputs), (inputs, outputs))
        for inputs, outputs in itertools.pairwise(sizes)
    ]
    return [*weights, *(np.zeros(outputs) for outputs in sizes[1:])]


def _adam(
    parts: list[FloatArray],
    slopes: list[FloatArray],
    mean: list[FloatArray],
    square: list[FloatArray],
    step: int,
) -> None:
    """Replace every part, and move the means of its slopes and of their squares, by one step."""
    for index, slope in enumerate(slopes):
        mean[index] += (1 - MOMENTUM) * (slope - mean[index])
        square[index] += (1 - SPREAD) * (slope**2 - square[index])
        unbiased = mean[index] / (1 - MOMENTUM**step)
        size = np.sqrt(square[index] / (1 - SPREAD**step)) + LEAST
        parts[index] = parts[index] - RATE * unbiased / size


def _forward(
    weights: Sequence[FloatArray], biases: Sequence[FloatArray], images: FloatArray
) -> list[FloatArray]:
    """Return the input of every layer, and last the logits."""
    values = [images]
    for depth, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        value = values[-1] @ weight + bias
        values.append(value if depth == len(weights) - 1 else np.maximum(value, 0.0))
    return values


def _slopes(
    layers: Sequence[FloatArray], values: list[FloatArray], gradient: FloatArray
) -> list[FloatArray]:
    """Return the loss's gradient by weights, then by biases, from that by logits."""
    weights: list[FloatArray] = []
    biases: list[FloatArray] = []
    for depth in range(len(layers) - 1, -1, -1):
        weights.insert(0, values[depth].T @ gradient)
        biases.insert(0, gradient.sum(axis=0))
        gradient = (gradient @ layers[depth].T) * (values[depth] > 0)
    return [*weights, *biases]
