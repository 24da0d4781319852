import pytest
import torch
from torch.nn import functional

from supersede.embeddings.training.adversary import AdversaryLoss
from supersede.errors import ArgumentError


def test_the_model_climbs_what_its_adversary_descends():
    torch.manual_seed(0)
    loss = AdversaryLoss(3, hidden=8, strength=0.5)
    new, old = torch.randn(6, 5, requires_grad=True), torch.randn(4, 3)
    made = loss(new, old)
    made.backward()
    plain = new.detach().clone().requires_grad_()
    seen = functional.normalize(plain[:, :3], dim=1)
    of_new = loss.discriminator(seen)
    of_old = loss.discriminator(functional.normalize(old, dim=1))
    bce = functional.binary_cross_entropy_with_logits
    expected = (bce(of_new, torch.ones(6, 1)) + bce(of_old, torch.zeros(4, 1))) / 2
    (grad,) = torch.autograd.grad(expected, plain)
    assert made.item() == pytest.approx(expected.item())
    torch.testing.assert_close(new.grad, -0.5 * grad)
    assert loss.discriminator[0].weight.grad is not None


def test_training_brings_the_distributions_together():
    torch.manual_seed(0)
    old = torch.randn(400, 4) * 0.3 + torch.tensor([1.0, 1.0, 0.0, 0.0])
    given, model = torch.randn(400, 6), torch.nn.Linear(6, 4)
    loss = AdversaryLoss(4)
    steps = torch.optim.Adam([*model.parameters(), *loss.parameters()], lr=0.01)
    mean = functional.normalize(old, dim=1).mean(0)

    def apart():
        return (functional.normalize(model(given), dim=1).mean(0) - mean).norm().item()

    before = apart()
    for _ in range(150):
        steps.zero_grad()
        loss(model(given), old).backward()
        steps.step()
    assert apart() < before / 2


def test_bad_input_is_refused():
    with pytest.raises(ArgumentError, match="strength=0"):
        AdversaryLoss(3, strength=0)
    with pytest.raises(ArgumentError, match="dimensions=-1"):
        AdversaryLoss(-1)
    with pytest.raises(ArgumentError, match=r"expected \(m, 3\)"):
        AdversaryLoss(3)(torch.ones(2, 3), torch.ones(2, 4))
