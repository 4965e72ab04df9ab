"""A teacher and a student on real digits: what they reach, and each step against torch."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from peers import needs_torch, torch
from scipy import stats
from sklearn.datasets import load_digits

from labs import digits, distillation
from labs import validation as check

pytestmark = pytest.mark.filterwarnings("error")

SEEDS = range(8)


@pytest.fixture(scope="module")
def teacher() -> digits.Training:
    return digits.teach((64,), np.random.default_rng(0), epochs=40)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# The data


def test_the_digits_are_scikit_learns_split_once() -> None:
    data = digits.load()
    images, labels = load_digits(return_X_y=True)
    x = np.concatenate([data.train_x, data.test_x])
    y = np.concatenate([data.train_y, data.test_y])
    assert (data.train_x.shape, data.test_x.shape) == ((1297, 64), (500, 64))
    assert (x.min(), x.max()) == (0, 1)
    ours = sorted(zip((x * 16).tolist(), y.tolist(), strict=True))
    assert ours == sorted(zip(images.tolist(), labels.tolist(), strict=True))
    # Every class in both parts, about as often.
    assert np.bincount(data.test_y).min() >= 30
    assert np.bincount(data.train_y).min() >= 100


# Training


def test_a_teacher_knows_its_digits(teacher: digits.Training) -> None:
    assert teacher.accuracy[-1] >= 0.95
    assert teacher.loss.shape == teacher.accuracy.shape == (40,)
    assert teacher.loss[-1] < 0.05 < 1 < teacher.loss[0]


def test_the_confusion_is_that_of_the_last_network(teacher: digits.Training) -> None:
    data = digits.load()
    predicted = teacher.network.predict(data.test_x)
    assert teacher.confusion.sum() == 500
    assert teacher.confusion.trace() / 500 == teacher.accuracy[-1]
    assert (teacher.confusion.sum(axis=1) == np.bincount(data.test_y)).all()
    assert (teacher.confusion.sum(axis=0) == np.bincount(predicted, minlength=10)).all()
    wrong = (data.test_y == 3) & (predicted == 8)
    assert teacher.confusion[3, 8] == wrong.sum()


def test_the_same_seed_gives_the_same_network(teacher: digits.Training) -> None:
    for train in (
        lambda seed: digits.teach((9, 7), rng(seed), epochs=3, labelled=300),
        lambda seed: digits.distill(teacher.network, (9,), rng(seed), epochs=3, labelled=300),
    ):
        first, again, other = train(5), train(5), train(6)
        assert first.loss.tolist() == again.loss.tolist()
        assert first.accuracy.tolist() == again.accuracy.tolist()
        for one, two in zip(first.network.weights, again.network.weights, strict=True):
            assert (one == two).all()
        assert first.loss.tolist() != other.loss.tolist()


def trained_by_public_functions(
    teacher: digits.Network, seed: int, temperature: float, weight: float, epochs: int
) -> digits.Network:
    """Adam as `digits` documents it, with every step through functions that check."""
    data, chance = digits.load(), rng(seed)
    sizes = [(64, 6), (6, 10)]
    parts = [chance.normal(0, np.sqrt(2 / size[0]), size) for size in sizes]
    parts += [np.zeros(6), np.zeros(10)]
    mean, square = ([np.zeros_like(part) for part in parts] for _ in range(2))
    step, target = 0, teacher.logits(data.train_x)
    for _ in range(epochs):
        for rows in np.array_split(chance.permutation(300), 300 // 64):
            step += 1
            network = digits.Network(tuple(parts[:2]), tuple(parts[2:]))
            image, hidden, logits = network.activations(data.train_x[rows])
            slope = distillation.distillation_loss(
                logits, target[rows], data.train_y[rows], temperature, weight
            ).gradient
            back = (slope @ parts[1].T) * (hidden > 0)
            slopes = [image.T @ back, hidden.T @ slope, back.sum(axis=0), slope.sum(axis=0)]
            for index, each in enumerate(slopes):
                mean[index] += (1 - 0.9) * (each - mean[index])
                square[index] += (1 - 0.999) * (each**2 - square[index])
                size = np.sqrt(square[index] / (1 - 0.999**step)) + 1e-8
                parts[index] = parts[index] - 0.003 * (mean[index] / (1 - 0.9**step)) / size
    return digits.Network(tuple(parts[:2]), tuple(parts[2:]))


@pytest.mark.parametrize(("temperature", "weight"), [(1.0, 0.0), (4.0, 0.9), (8.0, 1.0)])
def test_steps_that_are_not_checked_again_are_the_same_to_the_last_bit(
    teacher: digits.Training, temperature: float, weight: float
) -> None:
    mix = {"temperature": temperature, "soft_weight": weight, "epochs": 4, "labelled": 300}
    found = digits.distill(teacher.network, (6,), rng(3), **mix).network
    slow = trained_by_public_functions(teacher.network, 3, temperature, weight, 4)
    for one, other in zip(
        (*found.weights, *found.biases), (*slow.weights, *slow.biases), strict=True
    ):
        assert one.tobytes() == other.tobytes()


def test_training_checks_each_epoch_and_not_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    numbers = check.numbers
    monkeypatch.setattr(
        check, "numbers", lambda name, *a, **k: called.append(name) or numbers(name, *a, **k)
    )

    def checks(labelled: int) -> int:
        called.clear()
        digits.teach((6,), rng(), epochs=3, labelled=labelled)
        return len(called)

    assert checks(1200) == checks(64)


def test_labels_alone_are_taught_without_soft_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(distillation, "_divergence")
    assert digits.teach((6,), rng(), epochs=2, labelled=100).loss.shape == (2,)


def test_a_teacher_that_cannot_teach_digits_is_refused() -> None:
    three = digits.Network((np.ones((64, 3)),), (np.zeros(3),))
    with pytest.raises(ValueError, match=r"^teacher must be of 10 outputs"):
        digits.distill(three, (4,), rng(), epochs=1)
    ten = digits.Network((np.ones((64, 10)),), (np.zeros(10),))
    first = int(digits.load().train_y[0])
    with pytest.raises(ValueError, match=rf"^without must be .*, got {first}$"):
        digits.distill(ten, (4,), rng(), epochs=1, labelled=1, without=first)


def test_layers_are_as_asked() -> None:
    network = digits.teach((12, 5), rng(), epochs=1, labelled=64).network
    assert [weight.shape for weight in network.weights] == [(64, 12), (12, 5), (5, 10)]
    assert [bias.shape for bias in network.biases] == [(12,), (5,), (10,)]
    assert network.parameters == 64 * 12 + 12 + 12 * 5 + 5 + 5 * 10 + 10
    linear = digits.teach((), rng(), epochs=1, labelled=1).network
    assert linear.parameters == 64 * 10 + 10


# Against torch


def as_torch(network: digits.Network) -> list[Any]:
    parts = (*network.weights, *network.biases)
    return [torch.tensor(part, requires_grad=True) for part in parts]


def torch_logits(parts: list[Any], x: Any) -> Any:
    layers = len(parts) // 2
    values = torch.tensor(x)
    for depth in range(layers):
        values = values @ parts[depth] + parts[layers + depth]
        if depth < layers - 1:
            values = torch.relu(values)
    return values


@needs_torch
@pytest.mark.parametrize("hidden", [(), (11,), (13, 6), (8, 7, 5)])
def test_logits_and_gradients_are_torchs(hidden: tuple[int, ...]) -> None:
    network = digits.teach(hidden, rng(3), epochs=2, labelled=200).network
    data = digits.load()
    x, y = data.train_x[:50], data.train_y[:50]
    parts = as_torch(network)
    logits = torch_logits(parts, x)
    values = network.activations(x)
    assert len(values) == len(hidden) + 2
    assert network.logits(x) == pytest.approx(logits.detach().numpy(), rel=1e-10, abs=1e-12)
    torch.nn.functional.cross_entropy(logits, torch.tensor(y)).backward()
    loss = distillation.distillation_loss(values[-1], np.zeros((50, 10)), y, soft_weight=0.0)
    slopes = digits._slopes(network.weights, values, loss.gradient)
    for slope, part in zip(slopes, parts, strict=True):
        assert slope == pytest.approx(part.grad.numpy(), rel=1e-9, abs=1e-13)


def torch_training(
    hidden: tuple[int, ...], seed: int, epochs: int, known: int, loss: Any
) -> tuple[list[Any], list[float]]:
    """Adam by torch from the same first weights and through the same batches."""
    data, chance = digits.load(), rng(seed)
    sizes = [64, *hidden, 10]
    shapes = list(itertools.pairwise(sizes))
    parts = [torch.tensor(chance.normal(0, math.sqrt(2 / a), (a, b))) for a, b in shapes]
    parts += [torch.zeros(b, dtype=torch.float64) for _, b in shapes]
    for part in parts:
        part.requires_grad_(True)
    optimizer = torch.optim.Adam(parts, lr=0.003)
    losses = []
    for _ in range(epochs):
        total = 0.0
        for rows in np.array_split(chance.permutation(known), max(1, known // 64)):
            optimizer.zero_grad()
            found = loss(torch_logits(parts, data.train_x[rows]), rows)
            found.backward()
            optimizer.step()
            total += float(found.detach()) * rows.size
        losses.append(total / known)
    return [part.detach().numpy() for part in parts], losses


@needs_torch
def test_teaching_is_torchs_adam() -> None:
    labels = torch.tensor(digits.load().train_y)
    expected, losses = torch_training(
        (10,), 4, 5, 200, lambda z, rows: torch.nn.functional.cross_entropy(z, labels[rows])
    )
    found = digits.teach((10,), rng(4), epochs=5, labelled=200)
    assert found.loss == pytest.approx(losses, rel=1e-8)
    for part, wanted in zip((*found.network.weights, *found.network.biases), expected, strict=True):
        assert part == pytest.approx(wanted, rel=1e-6, abs=1e-8)


@needs_torch
def test_distilling_is_torchs_adam_on_hintons_loss(teacher: digits.Training) -> None:
    data = digits.load()
    labels, logits = torch.tensor(data.train_y), torch.tensor(teacher.network.logits(data.train_x))

    def loss(z: Any, rows: Any) -> Any:
        soft = torch.nn.functional.kl_div(
            torch.log_softmax(z / 3.0, 1),
            torch.softmax(logits[rows] / 3.0, 1),
            reduction="batchmean",
        )
        return 0.7 * 9 * soft + 0.3 * torch.nn.functional.cross_entropy(z, labels[rows])

    expected, losses = torch_training((10,), 7, 5, 150, loss)
    found = digits.distill(teacher.network, (10,), rng(7), 3.0, 0.7, epochs=5, labelled=150)
    assert found.loss == pytest.approx(losses, rel=1e-7)
    for part, wanted in zip((*found.network.weights, *found.network.biases), expected, strict=True):
        assert part == pytest.approx(wanted, rel=1e-5, abs=1e-7)


# What distilling is for


def test_a_student_with_few_labels_learns_more_from_a_teacher(teacher: digits.Training) -> None:
    gains = []
    for seed in SEEDS:
        alone = digits.teach((16,), rng(seed), epochs=400, labelled=100)
        taught = digits.distill(teacher.network, (16,), rng(seed), epochs=400, labelled=100)
        gains.append(taught.accuracy[-1] - alone.accuracy[-1])
    low, high = stats.t.interval(0.99, len(gains) - 1, np.mean(gains), stats.sem(gains))
    assert 0 < low < high < 0.2


def test_distilling_without_soft_targets_is_teaching(teacher: digits.Training) -> None:
    alone = digits.teach((8,), rng(2), epochs=4, labelled=200)
    taught = digits.distill(teacher.network, (8,), rng(2), 5.0, 0.0, epochs=4, labelled=200)
    assert taught.loss == pytest.approx(alone.loss, rel=1e-12)
    assert taught.accuracy.tolist() == alone.accuracy.tolist()


def test_soft_targets_are_a_softmax_of_the_logits(teacher: digits.Training) -> None:
    x = digits.load().test_x
    sharp, soft = (digits.soft_targets(teacher.network, x, t) for t in (1.0, 8.0))
    assert sharp == pytest.approx(distillation.softmax(teacher.network.logits(x)))
    assert soft.sum(axis=1) == pytest.approx(1)
    assert (soft.max(axis=1) <= sharp.max(axis=1) + 1e-12).all()
    assert (soft.argmax(axis=1) == teacher.network.predict(x)).all()


# A digit never shown


def test_a_student_may_never_see_a_digit(teacher: digits.Training) -> None:
    data = digits.load()
    seen = digits.distill(teacher.network, (16,), rng(3), 4.0, 1.0, epochs=40)
    unseen = digits.distill(teacher.network, (16,), rng(3), 4.0, 1.0, epochs=40, without=3)
    threes = data.test_y == 3
    # Soft targets alone teach it: the teacher gives other images some probability of being a 3.
    assert 0.3 < (unseen.network.predict(data.test_x) == 3)[threes].mean() <= 1
    assert seen.accuracy[-1] > unseen.accuracy[-1] > 0.85
    # Labels alone cannot: no image of a 3 is among them.
    labels = digits.distill(teacher.network, (16,), rng(3), 4.0, 0.0, epochs=40, without=3)
    assert not (labels.network.predict(data.test_x) == 3).any()


def test_the_digit_never_seen_may_be_zero(teacher: digits.Training) -> None:
    labels = digits.distill(teacher.network, (16,), rng(3), 4.0, 0.0, epochs=20, without=0)
    assert not (labels.network.predict(digits.load().test_x) == 0).any()


# Many students side by side


def test_a_sweep_is_distilling_one_by_one(teacher: digits.Training) -> None:
    mixes, seeds, passes = [(1.0, 0.0), (1.0, 0.5), (6.0, 0.9), (20.0, 1.0)], [4, 1], [1, 15, 40]
    found = digits.sweep(teacher.network, 12, mixes, seeds, passes, labelled=80)
    assert found.shape == (3, 4, 2)
    for i, (heat, soft) in enumerate(mixes):
        for j, seed in enumerate(seeds):
            one = digits.distill(
                teacher.network, (12,), rng(seed), heat, soft, epochs=40, labelled=80
            )
            expected = one.accuracy[np.array(passes) - 1]
            # An image on the border may fall either way by rounding.
            assert found[:, i, j] == pytest.approx(expected, abs=0.003)


def test_a_sweep_of_labels_alone_does_not_know_the_teacher(teacher: digits.Training) -> None:
    other = digits.teach((5,), rng(), epochs=1).network
    found = [digits.sweep(t, 8, [(3.0, 0.0)], [0, 1], [20]) for t in (teacher.network, other)]
    assert found[0].tolist() == found[1].tolist()


# Bad input

NAN = math.nan
SMALL = digits.Network((np.zeros((3, 10)),), (np.zeros(10),))
FEW = digits.Network((np.zeros((64, 4)),), (np.zeros(4),))
X = np.zeros((2, 3))


@pytest.mark.parametrize(
    ("call", "argument", "shown"),
    [
        (lambda: digits.teach(16, rng()), "hidden", "()"),
        (lambda: digits.teach("16", rng()), "hidden", "'16'"),
        (lambda: digits.teach((0,), rng()), "hidden", "0"),
        (lambda: digits.teach((8, -2), rng()), "hidden", "-2"),
        (lambda: digits.teach((8.5,), rng()), "hidden", "8.5"),
        (lambda: digits.teach((4097,), rng()), "hidden", "4097"),
        (lambda: digits.teach(((8,),), rng()), "hidden", "(1, 1)"),
        (lambda: digits.teach((NAN,), rng()), "hidden", "nan"),
        (lambda: digits.teach((8,), 3), "rng", "3"),
        (lambda: digits.teach((8,), None), "rng", "None"),
        (lambda: digits.teach((8,), rng(), epochs=0), "epochs", "0"),
        (lambda: digits.teach((8,), rng(), epochs=1.5), "epochs", "1.5"),
        (lambda: digits.teach((8,), rng(), epochs=10_001), "epochs", "10001"),
        (lambda: digits.teach((8,), rng(), labelled=0), "labelled", "0"),
        (lambda: digits.teach((8,), rng(), labelled=1298), "labelled", "1298"),
        (lambda: digits.teach((8,), rng(), labelled="all"), "labelled", "'all'"),
        (lambda: digits.Network((), ()), "weights and biases", "[]"),
        (lambda: digits.Network((X[0],), (X[0],)), "weights and biases", "[(3,)]"),
        (lambda: digits.Network((X[:0],), (X[0],)), "weights and biases", "(0, 3)"),
        (lambda: digits.Network((X, X), (X[0], X[0])), "weights and biases", "(2, 3)"),
        (lambda: digits.Network((X,), (X[:, 0],)), "weights and biases", "[(2,)]"),
        (lambda: digits.Network((X,), ()), "weights and biases", "and []"),
        (lambda: digits.distill("teacher", (8,), rng()), "teacher", "'teacher'"),
        (lambda: digits.distill(FEW, (8,), rng(), epochs=1), "teacher", "4)"),
        (lambda: digits.distill(FEW, (8,), rng(), 0.0), "temperature", "0.0"),
        (lambda: digits.distill(FEW, (8,), rng(), NAN), "temperature", "nan"),
        (lambda: digits.distill(FEW, (8,), rng(), 2.0, 1.5), "soft_weight", "1.5"),
        (lambda: digits.distill(FEW, (8,), rng(), labelled=-1), "labelled", "-1"),
        (lambda: digits.distill(FEW, (8,), rng(), without=10), "without", "10"),
        (lambda: digits.sweep(3, 8, [(1, 0)], [0]), "teacher", "3"),
        (lambda: digits.sweep(FEW, 0, [(1, 0)], [0]), "width", "0"),
        (lambda: digits.sweep(FEW, 8, [], [0]), "mixes", "[]"),
        (lambda: digits.sweep(FEW, 8, [(1, 0, 0)], [0]), "mixes", "[(1, 0, 0)]"),
        (lambda: digits.sweep(FEW, 8, [(0.0, 0)], [0]), "mixes temperature", "0.0"),
        (lambda: digits.sweep(FEW, 8, [(1.0, 1.5)], [0]), "mixes soft_weight", "1.5"),
        (lambda: digits.sweep(FEW, 8, [(1, 0)], []), "seeds", "[]"),
        (lambda: digits.sweep(FEW, 8, [(1, 0)], [-1]), "seeds", "-1"),
        (lambda: digits.sweep(FEW, 8, [(1, 0)], [0], []), "passes", "[]"),
        (lambda: digits.sweep(FEW, 8, [(1, 0)], [0], [5, 5]), "passes", "[5, 5]"),
        (lambda: digits.sweep(FEW, 8, [(1, 0)], [0], labelled=128), "labelled", "128"),
        (lambda: digits.paired_loss([], [], []), "labels", "[]"),
        (lambda: digits.paired_loss([1, 2], [1], [1, 2]), "teacher", "length 1"),
        (lambda: digits.paired_loss([1, 2], [1, 2], [1.5, 2]), "student", "1.5"),
        (lambda: digits.paired_loss([1], [1], [1], level=1.0), "level", "1.0"),
        (lambda: digits.soft_targets(3, X, 1), "network", "3"),
        (lambda: digits.soft_targets(SMALL, X, 0), "temperature", "0"),
        (lambda: digits.soft_targets(SMALL, np.zeros((2, 4)), 1), "x", "(2, 4)"),
        (lambda: digits.soft_targets(SMALL, [[1.0, NAN, 0.0]], 1), "x", "nan"),
        (lambda: SMALL.predict(np.zeros(3)), "x", "(3,)"),
        (lambda: SMALL.logits("abc"), "x", "'abc'"),
        (lambda: SMALL.activations([[1], [1, 2]]), "x", "[[1], [1, 2]]"),
    ],
)
def test_bad_input_is_named(call: Any, argument: str, shown: str) -> None:
    with pytest.raises(ValueError, match=rf"^{argument} must be") as problem:
        call()
    assert shown in str(problem.value).split("got", 1)[1]


def test_one_hidden_unit_is_a_layer() -> None:
    assert digits.teach((1,), rng(), epochs=1, labelled=64).network.parameters == 64 + 1 + 10 + 10


def test_no_images_have_no_logits() -> None:
    assert SMALL.logits(np.zeros((0, 3))).shape == (0, 10)
    assert SMALL.predict(np.zeros((0, 3))).shape == (0,)


def test_results_cannot_be_altered(teacher: digits.Training) -> None:
    for result in (teacher, teacher.network, digits.load()):
        with pytest.raises(AttributeError):
            result.loss = 0
