"""The Lightning callback, in real fits."""

import lightning
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from supersede.errors import ArgumentError, ItemError
from supersede.integrations.lightning import PositiveCongruentCallback
from supersede.train.flips import FocalDistillation, OldOutputs

X = torch.randn(64, 5, generator=torch.Generator().manual_seed(0))
Y = torch.randint(3, (64,), generator=torch.Generator().manual_seed(1))
OLD = 2 * X @ torch.randn(5, 3, generator=torch.Generator().manual_seed(2))


class Net(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net, self.criterion = nn.Linear(5, 3), nn.CrossEntropyLoss()
        with torch.no_grad():
            for p in self.net.parameters():
                p.zero_()

    def training_step(self, batch):
        _, x, y = batch
        return self.criterion(self.net(x), y)

    def validation_step(self, batch):
        _, x, y = batch
        self.seen = self.criterion(self.net(x), y)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.5)


def fitted(*callbacks, epochs=3):
    net = Net()
    loader = DataLoader(TensorDataset(torch.arange(64), X, Y), batch_size=16)
    trainer = lightning.Trainer(
        max_epochs=epochs, callbacks=list(callbacks), accelerator="cpu", logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(net, loader, loader)
    return net


def apart(net):
    return (net.net(X).softmax(-1) - OLD.softmax(-1)).abs().mean().item()


def callback(strength, **settings):
    old = OldOutputs.of(range(64), OLD.numpy(), kind="logits")
    return PositiveCongruentCallback(old, lambda batch: batch[0], strength, **settings)


@pytest.mark.filterwarnings("ignore")  # Lightning's advice on workers and Python's own forks
def test_training_stays_near_the_old_model_and_leaves_no_trace():
    plain, zero = fitted(), fitted(callback(0))
    assert torch.equal(plain.net.weight, zero.net.weight)
    near = fitted(callback(3.0, distillation=FocalDistillation(1, 1)))
    assert apart(near) < 0.9 * apart(plain)
    assert isinstance(near.criterion, nn.CrossEntropyLoss)
    last = nn.functional.cross_entropy(near.net(X[48:]), Y[48:])
    assert near.seen == pytest.approx(last.item(), rel=1e-5)  # validation saw the usual loss
    with pytest.raises(ArgumentError, match="no loss module 'loss'"):
        fitted(callback(1.0, criterion="loss"))
    few = OldOutputs.of(range(8), OLD[:8].numpy())
    with pytest.raises(ItemError, match="8 of 16 items have no old output"):
        fitted(PositiveCongruentCallback(few, lambda batch: batch[0], 1.0))
    with pytest.raises(ArgumentError, match="strength"):
        callback(-1)
