"""The reward by the cross test equals a search written out by hand."""

import numpy as np
import pytest
import torch

from supersede.errors import ArgumentError
from supersede.search.architecture import Candidate, Classifier, Stage, block_space
from supersede.search.architecture.tasks.cross_test import CrossTest
from supersede.search.architecture.tasks.training import Recipe


def made(**changes):
    rng = np.random.default_rng(0)
    labels = np.arange(160) % 4
    images = labels[:, None, None, None] + rng.normal(0, 0.6, (160, 1, 8, 8))
    old = np.eye(4)[labels] + rng.normal(0, 0.5, (160, 4))
    seen, queries, test, gallery = np.split(np.arange(160), 4)
    parts = {"seen": seen, "queries": queries, "test": test, "gallery": gallery} | changes
    return CrossTest(images.astype("float32"), labels, old, **parts, recipe=Recipe(epochs=2))


@pytest.mark.parametrize("part", ["validation", "test"])
def test_the_error_is_the_share_of_queries_whose_nearest_old_vector_is_of_another_class(part):
    task = made()
    space = block_space([Stage((8,))], Classifier(4), resolutions=(8,), image_channels=1)
    candidate = Candidate(space, space.sample(np.random.default_rng(0)))
    trained = task.train(candidate.network, 0)
    asked = task.queries if part == "validation" else task.test
    with torch.no_grad():
        new = trained.module(torch.from_numpy(task.images[asked])).numpy()
    held = task.old[task.gallery]
    cosines = (new @ held.T) / np.linalg.norm(held, axis=1)
    right = task.labels[task.gallery][cosines.argmax(axis=1)] == task.labels[asked]
    error, spread = task.error(trained, part)
    assert error == pytest.approx(1 - right.mean())
    assert 0 < error < 1
    assert spread == pytest.approx(right.std(ddof=1) / len(asked) ** 0.5)


def test_queries_that_are_in_the_gallery_are_refused():
    with pytest.raises(ArgumentError, match="neither trained on, nor in the gallery"):
        made(gallery=np.arange(40, 80))
