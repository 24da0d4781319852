import numpy as np
import pytest
import torch
from torch.nn import functional

from supersede.embeddings.training.losses import (
    BoundaryLoss,
    CompatibleLoss,
    NeighbourLoss,
    NewToOldLoss,
    old_part,
)
from supersede.embeddings.training.prototypes import (
    PrototypeWarning,
    head_agreement,
    head_with_new_classes,
    prototypes,
)
from supersede.errors import ArgumentError, VectorError


@pytest.fixture
def classes():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 6))
    labels = np.arange(80) % 4
    return centres[labels] + 0.2 * rng.normal(size=(80, 6)), labels


def test_the_loss_is_cross_entropy_of_scaled_cosines(classes):
    old, labels = classes
    made = prototypes(old, labels, 4)
    x = torch.randn(10, 6, generator=torch.Generator().manual_seed(0))
    y = torch.arange(10) % 4
    expected = functional.cross_entropy(7 * functional.normalize(x) @ torch.tensor(made).T, y)
    torch.testing.assert_close(CompatibleLoss(made, scale=7)(x, y), expected)
    assert CompatibleLoss(made, scale=7, margin=0.2)(x, y) > expected


@pytest.mark.parametrize("width", [4, 6, 9])
def test_other_dimensions_are_cut_or_padded(classes, width):
    old, labels = classes
    x = torch.randn(8, width, requires_grad=True, generator=torch.Generator().manual_seed(0))
    part = old_part(x, 6)
    assert part.shape == (8, 6)
    torch.testing.assert_close(part.norm(dim=1), torch.ones(8))
    CompatibleLoss(prototypes(old, labels, 4))(x, torch.arange(8) % 4).backward()
    assert bool((x.grad[:, 6:] == 0).all())


def test_a_batch_of_unknown_classes_gives_zero_with_a_gradient(classes):
    old, labels = classes
    made = prototypes(old, labels, 4)
    for loss in (
        CompatibleLoss(made, ignore_index=-1),
        BoundaryLoss(made, old, labels, ignore_index=-1),
    ):
        x = torch.randn(3, 6, requires_grad=True)
        value = loss(x, torch.full((3,), -1))
        value.backward()
        assert value.item() == 0
        assert bool((x.grad == 0).all())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened(classes, dtype):
    old, labels = classes
    loss = CompatibleLoss(prototypes(old, labels, 4))
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    y = torch.arange(5) % 4
    torch.testing.assert_close(loss(x.to(dtype), y), loss(x, y), atol=0.05, rtol=0.05)


def test_the_boundary_is_free_inside_and_paid_outside(classes):
    old, labels = classes
    made = prototypes(old, labels, 4)
    loss = BoundaryLoss(made, old, labels, quantile=0.5, reduction="none")
    each = loss(torch.tensor(old), torch.tensor(labels))
    assert (each == 0).float().mean() == pytest.approx(0.5, abs=0.05)
    wider = BoundaryLoss(made, old, labels, quantile=1.0, slack=1e-6)
    assert wider(torch.tensor(old), torch.tensor(labels)).item() == 0


def test_contrast_with_old_embeddings():
    new, old = torch.eye(3, 5), torch.eye(3)
    loss = NewToOldLoss(0.1)
    expected = functional.cross_entropy(torch.eye(3) * 10, torch.arange(3))
    torch.testing.assert_close(loss(new, old), expected)
    torch.testing.assert_close(NewToOldLoss(0.1, symmetric=True)(new, old), expected)
    twice = torch.tensor([[1.0, 0], [1, 0]])
    assert loss(twice, twice, torch.tensor([5, 5])).item() == pytest.approx(0, abs=1e-6)
    with pytest.raises(ArgumentError, match="one old one per row"):
        loss(new, old[:2])


def test_a_loss_survives_a_state_dict_and_moves_with_a_model(classes):
    old, labels = classes
    loss = CompatibleLoss(prototypes(old, labels, 4))
    other = CompatibleLoss(np.ones((4, 6)))
    other.load_state_dict(loss.state_dict())
    torch.testing.assert_close(other.weights, loss.weights)
    assert loss.double().weights.dtype == torch.float64
    assert not list(loss.parameters())


def test_head_and_means_that_disagree_are_told(classes):
    old, labels = classes
    means = prototypes(old, labels, 4)
    assert head_agreement(means, means).min() > 0.999
    with pytest.warns(PrototypeWarning, match="use the class means"):
        head_agreement(means[::-1], means)
    head = head_with_new_classes(means[:2], old, labels, [0, 1], range(4))
    np.testing.assert_allclose(head, means, atol=1e-6)


def test_bad_input_is_refused(classes):
    old, labels = classes
    with pytest.raises(ArgumentError, match="no old embedding of class 4"):
        prototypes(old, labels, 5)
    with pytest.raises(ArgumentError, match="3 rows and there are 2 old classes"):
        head_with_new_classes(old[:3], old, labels, [0, 1], range(4))
    with pytest.raises(VectorError, match="NaN"):
        prototypes(np.full((2, 2), np.nan), [0, 1], 2)
    with pytest.raises(ArgumentError, match="all zeros"):
        CompatibleLoss(np.zeros((2, 3)))
    with pytest.raises(ArgumentError, match="scale=0"):
        CompatibleLoss(np.eye(2), scale=0)
    with pytest.raises(ArgumentError, match="margin"):
        CompatibleLoss(np.eye(2), margin=3)
    with pytest.raises(ArgumentError, match="reduction"):
        CompatibleLoss(np.eye(2), reduction="max")
    with pytest.raises(ArgumentError, match="class 1 has no old embedding"):
        BoundaryLoss(np.eye(2), np.eye(2)[:1], [0])
    with pytest.raises(ArgumentError, match="expected \\(n, d\\)"):
        old_part(torch.ones(3), 2)


def test_neighbours_are_of_the_own_class(classes):
    old, labels = classes
    loss = NeighbourLoss(old, labels, temperature=0.1)
    x = torch.randn(6, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
    y = torch.tensor([0, 1, 2, 3, 0, 1])
    near = torch.exp(
        functional.normalize(x) @ functional.normalize(torch.tensor(old).float()).T / 0.1
    )
    share = torch.stack([near[i, labels == int(c)].sum() / near[i].sum() for i, c in enumerate(y)])
    torch.testing.assert_close(loss(x, y), -share.log().mean())
    loss(x, y).backward()
    assert bool(torch.isfinite(x.grad).all())


def test_neighbours_of_an_unknown_class_do_not_count(classes):
    old, labels = classes
    loss = NeighbourLoss(old, labels)
    x = torch.randn(3, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
    some = loss(x, torch.tensor([0, -100, 9]))  # 9: no old embedding has it
    torch.testing.assert_close(some, loss(x[:1], torch.tensor([0])))
    none = loss(x, torch.tensor([-100, -100, 9]))
    none.backward()
    assert float(none.detach()) == 0
    assert bool((x.grad == 0).all())


def test_neighbours_need_a_label_each(classes):
    old, labels = classes
    with pytest.raises(ArgumentError, match="one per old embedding"):
        NeighbourLoss(old, labels[:-1])
    with pytest.raises(ArgumentError, match="above 0"):
        NeighbourLoss(old, labels, temperature=0)
