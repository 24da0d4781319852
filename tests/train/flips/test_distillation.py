"""The torch losses: shapes, classes that come and go, bad input, and what strengths do."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn import functional

from supersede.errors import ArgumentError
from supersede.train.flips.distillation import (
    FocalDistillation,
    PositiveCongruentLoss,
    class_map,
    focal_distillation,
)


def logits(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def labels(*shape, classes, seed=1):
    return torch.randint(classes, shape, generator=torch.Generator().manual_seed(seed))


def trained(loss, steps=60, seed=0, **settings):
    """A small network trained on random data with a loss of (input, target, old)."""
    x, y = logits(64, 6, seed=2), labels(64, classes=3)
    old = nn.Linear(6, 3)
    net = nn.Linear(6, 3)
    with torch.no_grad():
        for p, s in zip([*old.parameters(), *net.parameters()], range(4), strict=True):
            p.copy_(logits(*p.shape, seed=seed + s))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05, **settings)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(net(x), y, old(x).detach()).backward()
        optimizer.step()
    return net, old, x, y


def test_strength_zero_is_plain_training_to_the_last_bit():
    plain, *_ = trained(lambda z, y, _: functional.cross_entropy(z, y))
    ours, *_ = trained(PositiveCongruentLoss(0))
    for a, b in zip(plain.parameters(), ours.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("strength", [1e4, float("inf")])
def test_large_strengths_end_at_the_old_model(strength):
    net, old, x, _ = trained(PositiveCongruentLoss(strength), steps=500)
    apart = (net(x).softmax(-1) - old(x).softmax(-1)).abs().max()
    assert apart < 0.01


def test_old_as_new_gives_no_term_and_no_gradient():
    z = logits(8, 4).requires_grad_()
    for distance in ("kl", "logits"):
        term = focal_distillation(z, labels(8, classes=4), z.detach(), distance=distance)
        (grad,) = torch.autograd.grad(term, z)
        assert term.item() == pytest.approx(0, abs=1e-6)
        assert grad.abs().max() < 1e-6


def test_an_old_model_that_is_right_nowhere_still_counts_by_alpha_alone():
    y = labels(16, classes=3)
    old = -10.0 * functional.one_hot(y, 3)  # anything but the label
    z = logits(16, 3)
    assert focal_distillation(z, y, old, alpha=0, beta=5) == 0
    both = [focal_distillation(z, y, old, alpha=1, beta=b) for b in (0, 5)]
    assert both[0] == both[1] > 0


@pytest.mark.parametrize("temperature", [1.0, 4.0, 100.0])
def test_the_gradient_keeps_its_size_at_any_temperature(temperature):
    z, old, y = logits(64, 10).requires_grad_(), logits(64, 10, seed=3), labels(64, classes=10)
    size = []
    for t in (1.0, temperature):
        term = focal_distillation(z, y, old, alpha=1, beta=0, temperature=t)
        size.append(torch.autograd.grad(term, z)[0].norm())
    assert 0.3 < size[1] / size[0] < 3  # without T² it would be 1 / T² of it


def test_high_temperature_is_logit_matching_of_centred_logits():
    z, old, y = logits(5, 7).double(), logits(5, 7, seed=3).double(), labels(5, classes=7)
    centred = [v - v.mean(-1, keepdim=True) for v in (z, old)]
    hot = focal_distillation(z, y, old, temperature=1000.0, alpha=1, beta=0)
    assert hot.item() == pytest.approx(
        focal_distillation(centred[0], y, centred[1], distance="logits", alpha=1, beta=0).item(),
        rel=1e-2,
    )  # Hinton et al. 2015, section 2.1


def test_a_new_class_in_the_middle_moves_the_others():
    places = class_map(["a", "b", "d"], ["a", "b", "c", "d"])
    assert places == (0, 1, 3)
    z, y = logits(6, 4), torch.tensor([0, 1, 3, 2, 3, 0])
    old = z[:, [0, 1, 3]]
    assert focal_distillation(z, y, old, class_map=places).item() == pytest.approx(0, abs=1e-6)
    each = focal_distillation(z, y, logits(6, 3, seed=9), class_map=places, reduction="none")
    assert each[3] == 0  # the old model has no word for "c"
    assert (each[[0, 1, 2, 4, 5]] > 0).all()


def test_removed_and_reordered_classes():
    places = class_map([2, 0, 9], [0, 1, 2])
    assert places == (2, 0, -1)
    z, y = logits(4, 3), torch.tensor([0, 2, 0, 2])
    says_removed = torch.tensor([[0.0, 0.0, 9.0]]).expand(4, 3)
    each = focal_distillation(
        z, y, says_removed, class_map=places, alpha=0, beta=1, reduction="none"
    )
    assert (each == 0).all()  # never right


@pytest.mark.parametrize("distance", ["kl", "logits"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("places", [(0, 1, -1), (-1, -1, -1)])
def test_a_batch_without_any_old_class_gives_zero_and_a_path(distance, reduction, places):
    z = logits(5, 4).requires_grad_()
    y = torch.full((5,), 3)
    term = focal_distillation(
        z, y, logits(5, 3, seed=1), class_map=places, distance=distance, reduction=reduction
    )
    (grad,) = torch.autograd.grad(term, z)
    assert term == 0
    assert torch.equal(grad, torch.zeros_like(z))


def test_ignored_items_do_not_count_even_where_old_outputs_are_missing():
    z, old, y = logits(6, 3), logits(6, 3, seed=1), labels(6, classes=3)
    kept = focal_distillation(z[:4], y[:4], old[:4])
    y[4:], old[4:] = -100, float("nan")
    assert focal_distillation(z, y, old) == pytest.approx(kept)
    assert focal_distillation(z, torch.full_like(y, -100), old) == 0


def test_tokens_are_items():
    z, old, y = logits(2, 5, 7), logits(2, 5, 7, seed=1), labels(2, 5, classes=7)
    y[0, 0] = -100
    loss = PositiveCongruentLoss(1.0, FocalDistillation(class_dim=-1))
    flat = PositiveCongruentLoss(1.0)(z.reshape(10, 7), y.reshape(10), old.reshape(10, 7))
    assert loss(z, y, old) == pytest.approx(flat)
    images = PositiveCongruentLoss(1.0)(z.movedim(-1, 1), y, old.movedim(-1, 1))
    assert images == pytest.approx(flat)
    each = focal_distillation(z, y, old, class_dim=-1, reduction="none")
    assert each.shape == (2, 5)


def test_tokens_of_as_many_classes_as_places_are_not_confused():
    z, old, y = logits(2, 5, 5), logits(2, 5, 5, seed=1), labels(2, 5, classes=5)
    last = focal_distillation(z, y, old, class_dim=-1)
    first = focal_distillation(z.movedim(-1, 1), y, old.movedim(-1, 1))
    assert last == pytest.approx(first)
    assert last != pytest.approx(focal_distillation(z, y, old))


def test_soft_labels_grade_the_old_answer_by_their_share_of_it():
    z, old = logits(4, 3), logits(4, 3, seed=1)
    hard = labels(4, classes=3)
    as_soft = functional.one_hot(hard, 3).float()
    for places in (None, (0, 1, 2)):
        assert focal_distillation(z, as_soft, old, class_map=places) == pytest.approx(
            focal_distillation(z, hard, old, class_map=places)
        )
    mixed = torch.full((4, 3), 1 / 3)
    each = [
        focal_distillation(z, mixed, old, alpha=a, beta=b, reduction="none")
        for a, b in ((1, 0), (0, 3))
    ]
    torch.testing.assert_close(*each)
    assert PositiveCongruentLoss(1.0)(z, mixed, old) > 0


def test_classes_alone_say_what_they_can_do():
    z, y = logits(4, 3), torch.tensor([0, 1, 2, 1])
    said = torch.tensor([0, 1, 0, -1])  # right, right, wrong, not known
    each = focal_distillation(z, y, said, alpha=0, beta=1, reduction="none")
    torch.testing.assert_close(
        each, functional.cross_entropy(z, y, reduction="none") * torch.tensor([1.0, 1, 0, 0])
    )
    with_alpha = focal_distillation(z, y, said, alpha=1, beta=0, reduction="none")
    assert with_alpha[2] == pytest.approx(-functional.log_softmax(z, -1)[2, 0])
    assert with_alpha[3] == 0
    for wrong in ({"temperature": 2.0}, {"distance": "logits"}):
        with pytest.raises(ArgumentError, match="classes only"):
            focal_distillation(z, y, said, **wrong)
    mapped = focal_distillation(z, y, said, class_map=(0, 1, -1), reduction="none")
    assert mapped[2] == 0  # its label is a class that the old model does not know
    assert torch.isfinite(mapped).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("temperature", [1.0, 100.0])
def test_half_precision_is_computed_in_single(dtype, temperature):
    z, old, y = logits(8, 5) * 20, logits(8, 5, seed=1) * 20, labels(8, classes=5)
    term = focal_distillation(z.to(dtype), y, old.to(dtype), temperature=temperature)
    assert term.dtype == torch.float32
    assert term == pytest.approx(
        focal_distillation(z, y, old, temperature=temperature).item(), rel=0.05
    )


def test_broken_old_outputs_are_named_and_broken_new_ones_show():
    z, old, y = logits(3, 2), logits(3, 2, seed=1), labels(3, classes=2)
    old[1, 0] = float("nan")
    with pytest.raises(ArgumentError, match="not finite for 1 items"):
        focal_distillation(z, y, old)
    z[0, 0] = float("nan")
    assert focal_distillation(z, y, logits(3, 2)).isnan()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"alpha": -1}, "alpha=-1"),
        ({"beta": float("nan")}, "beta=nan"),
        ({"temperature": 0}, "above 0"),
        ({"distance": "l1"}, "'kl' or 'logits'"),
        ({"reduction": "avg"}, "'mean', 'sum' or 'none'"),
    ],
)
def test_values_that_cannot_be(wrong, words):
    with pytest.raises(ArgumentError, match=words):
        FocalDistillation(**wrong)
    with pytest.raises(ArgumentError, match=words):
        focal_distillation(logits(2, 2), labels(2, classes=2), logits(2, 2), **wrong)


def test_shapes_that_do_not_fit():
    z, y = logits(4, 3), labels(4, classes=3)
    with pytest.raises(ArgumentError, match="same items"):
        focal_distillation(z, y, logits(5, 3))
    with pytest.raises(ArgumentError, match="class_map"):
        focal_distillation(z, y, logits(4, 2))
    with pytest.raises(ArgumentError, match="class_dim=-1"):
        focal_distillation(logits(2, 5, 7), labels(2, 5, classes=7), logits(2, 5, 7))
    with pytest.raises(ArgumentError, match="occurs twice"):
        class_map(["a", "a"], ["a"])
    with pytest.raises(ArgumentError, match="strength"):
        PositiveCongruentLoss(-1)


def test_modules_are_saved_copied_and_shown():
    loss = PositiveCongruentLoss(2.0, FocalDistillation(1, 3, class_map=(0, 2), temperature=4.0))
    assert not loss.state_dict()
    z, y, old = logits(4, 3), labels(4, classes=3), logits(4, 2)
    for other in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert other(z, y, old) == loss(z, y, old)
    assert "strength=2.0" in repr(loss)
    assert "beta=3" in repr(loss)
    assert "temperature=4.0" in repr(loss)


def test_no_gradient_reaches_the_old_model():
    old = logits(4, 3).requires_grad_()
    z = logits(4, 3, seed=1).requires_grad_()
    focal_distillation(z, labels(4, classes=3), old).backward()
    assert old.grad is None
    assert z.grad is not None
