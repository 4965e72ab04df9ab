"""A teacher and a student on real handwritten digits, trained in seconds by plain numpy."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from labs import validation as check
from labs.distillation import Distillation, distillation_loss, softmax
from labs.validation import FloatArray, IntArray

CLASSES = 10
TEST = 500
BATCH = 64


@dataclass(frozen=True)
class Digits:
    """Scikit-learn's 1,797 digits of 8 × 8 pixels, scaled to 0 … 1, split once and for all.

    Attributes
    ----------
    train_x, test_x : array (n, 64)
    train_y, test_y : array (n,) of int
    """

    train_x: FloatArray
    train_y: IntArray
    test_x: FloatArray
    test_y: IntArray


@dataclass(frozen=True)
class Network:
    """A multilayer perceptron with rectified linear units.

    Attributes
    ----------
    weights : tuple of array (inputs, outputs)
    biases : tuple of array (outputs,)
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
        """Return the input of every layer, and last the logits."""
        images, inputs = check.numbers("x", x), self.weights[0].shape[0]
        if images.ndim != 2 or images.shape[1] != inputs:
            raise check.refuse("x", f"of shape (n, {inputs})", f"shape {images.shape}")
        values = [images]
        for depth, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            value = values[-1] @ weight + bias
            values.append(value if depth == len(self.weights) - 1 else np.maximum(value, 0.0))
        return values

    def logits(self, x: FloatArray) -> FloatArray:
        """Return the scores (n, 10) of images (n, 64)."""
        return self.activations(x)[-1]

    def predict(self, x: FloatArray) -> IntArray:
        """Return the most likely class of each image."""
        best: IntArray = self.logits(x).argmax(axis=1)
        return best


@dataclass(frozen=True)
class Training:
    """A trained network and how it got there.

    Attributes
    ----------
    network : Network
    loss : array (epochs,)
        Mean training loss of each epoch.
    accuracy : array (epochs,)
        Test accuracy after each epoch.
    confusion : array (10, 10) of int
        Test images by true class (row) and predicted class (column).
    """

    network: Network
    loss: FloatArray
    accuracy: FloatArray
    confusion: IntArray


@cache
def load() -> Digits:
    """Return the digits: 1,297 to train on and 500 to test, shuffled by a fixed seed.

    References
    ----------
    Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI (1998); shipped with
    scikit-learn.

    Examples
    --------
    >>> load().train_x.shape, load().test_x.shape
    ((1297, 64), (500, 64))
    """
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

    Parameters
    ----------
    hidden : tuple of int
        Units of each hidden layer.
    rng : numpy.random.Generator
        Initial weights and order of the images.
    epochs : int
        Passes over the images.
    labelled : int, optional
        How many training images to use, the first ones; None for all.

    Returns
    -------
    Training

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> teach((16,), np.random.default_rng(1), epochs=10).accuracy[-1] > 0.8
    np.True_
    """
    data = load()
    known = _labelled(labelled, data)
    blank = np.zeros((known, CLASSES))

    def loss(logits: FloatArray, rows: IntArray) -> Distillation:
        return distillation_loss(logits, blank[rows], data.train_y[rows], soft_weight=0.0)

    return _train(hidden, rng, epochs, known, loss)


def distill(
    teacher: Network,
    hidden: tuple[int, ...],
    rng: np.random.Generator,
    temperature: float = 4.0,
    soft_weight: float = 0.9,
    epochs: int = 60,
    labelled: int | None = None,
) -> Training:
    """Train a student on a teacher's soft targets mixed with labels.

    Parameters
    ----------
    teacher : Network
        Gives the soft targets.
    hidden : tuple of int
        Units of each hidden layer of the student.
    rng : numpy.random.Generator
        Initial weights and order of the images.
    temperature, soft_weight : float
        As in `labs.distillation.distillation_loss`.
    epochs : int
        Passes over the images.
    labelled : int, optional
        How many training images to use, the first ones; None for all.

    Returns
    -------
    Training

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    check.instance("teacher", teacher, Network)
    temperature = check.number("temperature", temperature, above=0)
    soft_weight = check.number("soft_weight", soft_weight, least=0, most=1)
    data = load()
    known = _labelled(labelled, data)
    target = teacher.logits(data.train_x[:known])

    def loss(logits: FloatArray, rows: IntArray) -> Distillation:
        return distillation_loss(logits, target[rows], data.train_y[rows], temperature, soft_weight)

    return _train(hidden, rng, epochs, known, loss)


def soft_targets(network: Network, x: FloatArray, temperature: float) -> FloatArray:
    """Return the probabilities (n, 10) a network gives images (n, 64) at a temperature."""
    return softmax(check.instance("network", network, Network).logits(x), temperature)


def _labelled(labelled: int | None, data: Digits) -> int:
    if labelled is None:
        return data.train_y.size
    return check.count("labelled", labelled, most=data.train_y.size)


def _train(
    hidden: tuple[int, ...],
    rng: np.random.Generator,
    epochs: int,
    known: int,
    loss: Callable[[FloatArray, IntArray], Distillation],
) -> Training:
    """Minimise a loss by Adam over shuffled batches."""
    data = load()
    widths = check.sequence("hidden", hidden, whole=True, least=1, most=4096).astype(int).tolist()
    epochs = check.count("epochs", epochs, most=10_000)
    check.generator("rng", rng)
    sizes = [data.train_x.shape[1], *widths, CLASSES]
    parts = [
        rng.normal(0, np.sqrt(2 / inputs), (inputs, outputs))
        for inputs, outputs in itertools.pairwise(sizes)
    ]
    parts += [np.zeros(outputs) for outputs in sizes[1:]]
    layers = len(sizes) - 1
    mean = [np.zeros_like(part) for part in parts]
    square = [np.zeros_like(part) for part in parts]
    losses, accuracies, step = [], [], 0
    for _ in range(epochs):
        order = rng.permutation(known)
        total = 0.0
        for rows in np.array_split(order, max(1, known // BATCH)):
            step += 1
            network = Network(tuple(parts[:layers]), tuple(parts[layers:]))
            values = network.activations(data.train_x[rows])
            found = loss(values[-1], rows)
            total += found.loss * rows.size
            for index, slope in enumerate(_slopes(network, values, found.gradient)):
                mean[index] += 0.1 * (slope - mean[index])
                square[index] += 0.001 * (slope**2 - square[index])
                unbiased = mean[index] / (1 - 0.9**step)
                size = np.sqrt(square[index] / (1 - 0.999**step)) + 1e-8
                parts[index] = parts[index] - 0.003 * unbiased / size
        network = Network(tuple(parts[:layers]), tuple(parts[layers:]))
        losses.append(total / known)
        accuracies.append(float((network.predict(data.test_x) == data.test_y).mean()))
    confusion = np.zeros((CLASSES, CLASSES), np.int64)
    np.add.at(confusion, (data.test_y, network.predict(data.test_x)), 1)
    return Training(network, np.array(losses), np.array(accuracies), confusion)


def _slopes(network: Network, values: list[FloatArray], gradient: FloatArray) -> list[FloatArray]:
    """Return the loss's gradient by weights, then by biases, from that by logits."""
    weights: list[FloatArray] = []
    biases: list[FloatArray] = []
    for depth in range(len(network.weights) - 1, -1, -1):
        weights.insert(0, values[depth].T @ gradient)
        biases.insert(0, gradient.sum(axis=0))
        gradient = (gradient @ network.weights[depth].T) * (values[depth] > 0)
    return [*weights, *biases]
