"""Teaching a small model by a large one's outputs, and drafting for it: losses and speed-ups."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from labs import validation as check
from labs.validation import FloatArray, IntArray, Real


@dataclass(frozen=True)
class Distillation:
    """A loss and its gradient.

    Attributes
    ----------
    loss : float
        Nats, averaged over the batch.
    gradient : array (n, k)
        Of the loss with respect to the student's logits.

    Examples
    --------
    >>> distillation_loss([[0.0, 0.0]], [[0.0, 0.0]], labels=[0], soft_weight=0.0).gradient.tolist()
    [[-0.5, 0.5]]
    """

    loss: float
    gradient: FloatArray


def softmax(logits: FloatArray, temperature: float = 1.0) -> FloatArray:
    """Return ``exp(z / T) / Σ exp(z / T)`` along the last axis.

    Parameters
    ----------
    logits : array (..., k)
        Finite, at least one class.
    temperature : float
        T above 0: higher is softer.

    Returns
    -------
    array (..., k)
        Probabilities.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> softmax([2.0, 0.0], temperature=2.0).round(4).tolist()
    [0.7311, 0.2689]
    """
    scores = _logits("logits", logits)
    temperature = check.number("temperature", temperature, above=0)
    probabilities: FloatArray = special.softmax(_over(scores, temperature), axis=-1)
    return probabilities


def distillation_loss(
    student: FloatArray,
    teacher: FloatArray,
    labels: IntArray | None = None,
    temperature: float = 1.0,
    soft_weight: float = 1.0,
) -> Distillation:
    """Return Hinton's loss for a batch, and its gradient.

    ``w · T² · KL(softmax(teacher / T) ‖ softmax(student / T)) + (1 - w) · cross-entropy(labels)``,
    both averaged over the batch. The gradient of the first is ``w · T · (s - t) / n``: without the
    factor T² it would shrink as 1/T² and a hotter teacher would teach less.

    Parameters
    ----------
    student, teacher : array (n, k)
        Logits.
    labels : array (n,) of int, optional
        Classes from 0 to k - 1; needed where ``soft_weight`` is below 1.
    temperature : float
        T above 0.
    soft_weight : float
        w, from 0 to 1.

    Returns
    -------
    Distillation

    Raises
    ------
    ValueError
        If shapes do not fit, or labels are missing or out of range.

    References
    ----------
    Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network" (2015), §2.

    Examples
    --------
    >>> distillation_loss([[1.0, 2.0]], [[1.0, 2.0]]).loss
    0.0
    """
    pupil, master = _logits("student", student), _logits("teacher", teacher)
    if pupil.ndim != 2:
        raise check.refuse("student", "of shape (n, k)", f"shape {pupil.shape}")
    if master.shape != pupil.shape:
        raise check.refuse("teacher", f"of shape {pupil.shape}", f"shape {master.shape}")
    temperature = check.number("temperature", temperature, above=0)
    weight = check.number("soft_weight", soft_weight, least=0, most=1)
    n, classes = pupil.shape
    if not n:
        raise check.refuse("student", "of one row or more", "none")
    if weight == 1:
        return _loss(pupil, master, None, temperature, weight)
    if labels is None:
        raise check.refuse("labels", "given where soft_weight is below 1", None)
    known = check.sequence("labels", labels, size=n, least=0, most=classes - 1, whole=True)
    return _loss(pupil, master, known.astype(np.int64), temperature, weight)


def expected_tokens(acceptance: Real, draft: Real) -> Real:
    """Return the mean tokens that a pass of the large model yields under speculative decoding.

    ``(1 - α^(γ+1)) / (1 - α)``: each drafted token is accepted with probability α, independently,
    until the first that is not; one more comes from the large model itself.

    Parameters
    ----------
    acceptance : float or array
        α, from 0 to 1.
    draft : int or array
        γ ≥ 0, tokens drafted.

    Returns
    -------
    float or array

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Leviathan, Kalman and Matias, "Fast inference from transformers via speculative decoding",
    ICML 2023, equation 1.

    Examples
    --------
    >>> round(expected_tokens(0.8, 4), 3)
    3.362
    """
    alpha, gamma = check.broadcast(
        acceptance=check.numbers("acceptance", acceptance, least=0, most=1),
        draft=check.counts("draft", draft, least=0),
    )
    return check.plain(_expected_tokens(alpha, gamma))


def speculative_speedup(acceptance: Real, draft: Real, cost: Real) -> Real:
    """Return how much faster speculative decoding is than decoding alone.

    ``(1 - α^(γ+1)) / ((1 - α)(γ c + 1))``, where a pass of the draft model costs c passes of the
    large one. It assumes that verifying γ + 1 tokens takes as long as making one: true while
    decoding waits for memory, false once a batch has filled the arithmetic units.

    Parameters
    ----------
    acceptance : float or array
        α, from 0 to 1.
    draft : int or array
        γ ≥ 0, tokens drafted.
    cost : float or array
        c ≥ 0.

    Returns
    -------
    float or array

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Leviathan, Kalman and Matias (2023), theorem 3.8.

    Examples
    --------
    >>> round(speculative_speedup(0.8, 8, 0.05), 4)
    3.0921
    """
    alpha, gamma, price = check.broadcast(
        acceptance=check.numbers("acceptance", acceptance, least=0, most=1),
        draft=check.counts("draft", draft, least=0),
        cost=check.numbers("cost", cost, least=0),
    )
    with np.errstate(over="ignore"):
        return check.plain(_expected_tokens(alpha, gamma) / (gamma * price + 1))


def best_draft(acceptance: Real, cost: Real, max_draft: int = 64) -> Real:
    """Return the draft length with the largest speed-up; 0 where it is best not to speculate.

    The γ that maximises `speculative_speedup`, which says when it holds; of equals, the least.

    Parameters
    ----------
    acceptance : float or array
        α, from 0 to 1.
    cost : float or array
        c ≥ 0.
    max_draft : int
        Longest draft considered, from 0 to 10,000.

    Returns
    -------
    int, or array of whole numbers

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> best_draft(0.8, 0.05), best_draft(0.3, 0.5)
    (8, 0)
    """
    alpha, price = check.broadcast(
        acceptance=check.numbers("acceptance", acceptance, least=0, most=1),
        cost=check.numbers("cost", cost, least=0),
    )
    longest = check.count("max_draft", max_draft, least=0, most=10_000)
    lengths = np.arange(longest + 1, dtype=np.float64)
    gain = np.asarray(speculative_speedup(alpha[..., None], lengths, price[..., None]))
    # Speeds that differ by rounding alone are equal: the shorter draft does the same for less.
    best = gain.max(axis=-1, keepdims=True)
    found = (gain >= best * (1 - 1e-12)).argmax(axis=-1)
    return int(found) if found.ndim == 0 else found


def _loss(
    student: FloatArray,
    teacher: FloatArray,
    labels: IntArray | None,
    temperature: float,
    weight: float,
) -> Distillation:
    """Return what `distillation_loss` does, of arguments checked before; a weight of 0 costs none.

    Training calls this at every step.
    """
    n = len(student)
    loss, gradient = 0.0, np.zeros_like(student)
    if weight:
        divergence, slope = _divergence(student, teacher, temperature)
        loss, gradient = weight * divergence / n, weight * slope / n
    if labels is not None and weight < 1:
        rows = np.arange(n)
        log_p = special.log_softmax(_over(student, 1.0), axis=-1)
        loss += (1 - weight) * float(-log_p[rows, labels].mean())
        hard = np.exp(log_p)
        hard[rows, labels] -= 1
        gradient = gradient + (1 - weight) * hard / n
    return Distillation(loss=float(loss), gradient=gradient)


def _divergence(
    student: FloatArray, teacher: FloatArray, temperature: float
) -> tuple[float, FloatArray]:
    """Return ``T² KL(t ‖ s)`` summed over rows and its slope ``T (s - t)`` by the student's logits.

    Where logits differ by little beside T, s - t is lost to rounding, so a series takes over: with
    x the differences over T, less their mean under t, ``KL = log Σ t exp(x)``, and
    ``s = t exp(x) / Σ t exp(x)``.
    """
    log_t = special.log_softmax(_over(teacher, temperature), axis=-1)
    target = np.exp(log_t)
    with np.errstate(over="ignore"):
        apart = student - teacher
        if np.abs(apart).max() < temperature / 500:
            apart -= (target * apart).sum(axis=-1, keepdims=True)
            x = apart / temperature
            series = target * np.polyval([1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2], x)
            y = (series * x**2).sum(axis=-1, keepdims=True)
            scaled = (series * apart**2).sum(axis=-1, keepdims=True) * (1 - y / 2)
            return float(scaled.sum()), temperature * (target * np.expm1(x - np.log1p(y)))
        log_s = special.log_softmax(_over(student, temperature), axis=-1)
        divergence = max(float((target * (log_t - log_s)).sum()), 0.0)
        return temperature * (temperature * divergence), temperature * (np.exp(log_s) - target)


def _expected_tokens(alpha: FloatArray, gamma: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore", under="ignore"):
        log_alpha = np.log(alpha)
        partial = np.maximum(-np.expm1((gamma + 1) * log_alpha) / (1 - alpha), 1.0)
    tokens: FloatArray = np.where(alpha == 1, gamma + 1, np.where(alpha == 0, 1.0, partial))
    return tokens


def _logits(name: str, logits: FloatArray) -> FloatArray:
    scores = check.numbers(name, logits)
    if not scores.ndim or not scores.shape[-1]:
        raise check.refuse(name, "of one class or more", f"shape {scores.shape}")
    return scores


def _over(scores: FloatArray, temperature: float) -> FloatArray:
    """Return logits over temperature, relative to the largest, so that nothing overflows."""
    with np.errstate(over="ignore"):
        centred = scores - scores.max(axis=-1, keepdims=True)
        scaled: FloatArray = np.maximum(centred / temperature, -1e300)
    return scaled
