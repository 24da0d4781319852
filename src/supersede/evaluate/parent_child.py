r"""The parent/child sample of the article: a child reuses the parent's labels where they overlap.

For a parent's sample SP, a simple random sample of the parent's set A_0, and a child's set A_k
with the overlap I = A_0 ∩ A_k and the rest D = A_k \ A_0:

1. S+ = SP ∩ A_k;
2. S- = a random part of D with ``|S-| / |S+| = |D| / |I|``;
3. S_remain = a random part of what is left of A_k, if S+ and S- are fewer than the n_k wanted;
4. mix them: *reshuffle* (random order) or *resample* (n_k draws with replacement).

Each child is paired with the parent's sample, never with labels of other children, whose union is
not a random sample of anything. The method needs two corrections. S+ and S- together are capped at
n_k, in proportion, because a child much larger than the parent would otherwise need more labels
than its own sample; and sizes are rounded at random, because rounding to the nearest biases small
strata (by 36 standard errors where D has 9 items of 4000).

The result is a proportionally stratified sample, with at most the variance of a simple random
sample, so the latter's interval is conservative. Resampling doubles the variance and its repeated
labels are mistaken for new ones: the usual 95 % interval then covers about 82 %. Intervals here
count each label once instead, since the distinct items of a resample are a random part of the
sample.

References:
    Estimating Precisions for Multiple Binary Classifiers Under Limited Samples, ECML PKDD 2020,
    DOI 10.1007/978-3-030-67667-4_15. The full text was not available: the steps follow its abstract
    and the authors' article.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from supersede.evaluate.design import Mix

__all__ = ["Child", "draw_child", "expected_saving"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Child:
    """A child's sample.

    Attributes:
        members: Its distinct items, in random order.
        repeats: For ``"resample"``, the n_k draws with replacement; None otherwise.
    """

    members: Ints
    repeats: Ints | None


def draw_child(
    shared: Ints,
    own: Ints,
    everything: Ints,
    overlap: int,
    rest: int,
    take: int,
    mix: Mix,
    rng: np.random.Generator,
) -> Child:
    """Draw one child's sample.

    Args:
        shared: The parent's sample within the child's set, S+ before the cap.
        own: Items of D in random order, as many as can be needed (at most `take`).
        everything: Items of A_k in random order, drawn independently of `own`; at most
            ``3 * take``.
        overlap: Number of items of I.
        rest: Number of items of D.
        take: Sample size wanted, n_k, at most ``overlap + rest``.
        mix: ``"reshuffle"`` or ``"resample"``.
        rng: Random generator for cap, rounding and mixing.

    Returns:
        n_k distinct items, or for ``"resample"`` a draw from them.

    Example:
        >>> rng = np.random.default_rng(7)
        >>> items = np.arange(100)
        >>> child = draw_child(items[:12], items[60:], rng.permutation(100), 60, 40, 20,
        ...                    "reshuffle", rng)
        >>> len(set(child.members.tolist()))
        20
    """
    plus = rng.permutation(shared)
    minus = 0
    if len(plus):  # with an empty overlap, all items come from the remainder
        wanted = len(plus) * rest / overlap
        if len(plus) + wanted > take:
            plus = plus[: _round(take * overlap / (overlap + rest), rng)]
            minus = min(take - len(plus), rest)
        else:
            minus = min(_round(wanted, rng), rest)
    chosen = np.concatenate([plus, own[:minus]])
    left = everything[~np.isin(everything, chosen)]
    members = np.concatenate([chosen, left[: take - len(chosen)]])
    members = rng.permutation(members)
    if mix == "reshuffle":
        return Child(members, None)
    repeats = rng.choice(members, take)
    return Child(np.unique(repeats), repeats)


def expected_saving(parent_ratio: float, child_ratio: float, mix: Mix = "reshuffle") -> float:
    """The share of labels saved for two models of equal sample size n, in large sets.

    The article states that no closed form exists, but there is one: the child needs
    ``n (1 - min(r_P, r_C))`` new labels with the overlap as share of the parent's set, r_P, and of
    the child's, r_C.

    Args:
        parent_ratio: The overlap as a share of the parent's set.
        child_ratio: The overlap as a share of the child's set.
        mix: Resampling also drops the share 1/e of every part, which is never drawn.

    Example:
        >>> expected_saving(0.5, 0.8)
        0.25
    """
    shared = min(parent_ratio, child_ratio)
    new = 1 - shared
    if mix == "resample":
        new *= 1 - np.exp(-1)
    return float((1 - new) / 2)


def _round(real: float, rng: np.random.Generator) -> int:
    """Randomised rounding: an integer whose expectation is the real number."""
    return int(np.floor(real + rng.random()))
