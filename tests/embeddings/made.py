"""Old and new embeddings of one world, with a known relation between them."""

from dataclasses import dataclass

import numpy as np


@dataclass
class World:
    queries_old: np.ndarray
    queries_new: np.ndarray
    gallery_old: np.ndarray
    gallery_new: np.ndarray
    answers: np.ndarray


def world(
    n=300, gallery=900, d_old=12, d_new=12, *, old_noise=0.55, new_noise=0.3, held_noise=0.0, seed=0
):
    """Items on a sphere; each model sees them turned, and its queries with noise of its own."""
    rng = np.random.default_rng(seed)
    d = max(d_old, d_new)
    items = rng.normal(size=(gallery, d)) / np.sqrt(d)
    answers = rng.permutation(gallery)[:n]
    asked = items[answers]
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]

    def noisy(x, size):
        return x + size * rng.normal(size=x.shape) / np.sqrt(d)

    return World(
        noisy(asked, old_noise)[:, :d_old],
        (noisy(asked, new_noise) @ turn)[:, :d_new],
        noisy(items, held_noise)[:, :d_old],
        (items @ turn)[:, :d_new],
        answers,
    )
