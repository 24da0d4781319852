"""The Trainer mix-in, with a small real model."""

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from supersede.errors import ArgumentError
from supersede.integrations.transformers import PositiveCongruentTrainerMixin
from supersede.train.flips import OldOutputs

TOKENS = torch.randint(3, 30, (32, 6), generator=torch.Generator().manual_seed(0))
LABELS = torch.randint(2, (32,), generator=torch.Generator().manual_seed(1))
OLD = 3 * torch.randn(32, 2, generator=torch.Generator().manual_seed(2))
ROWS = [{"item": i, "input_ids": TOKENS[i], "labels": int(LABELS[i])} for i in range(32)]


class OurTrainer(PositiveCongruentTrainerMixin, Trainer):
    pass


def trained(folder, kind=OurTrainer, rows=ROWS, **settings):
    config = BertConfig(
        vocab_size=30, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, num_labels=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BertForSequenceClassification(config)
    arguments = TrainingArguments(
        output_dir=str(folder), num_train_epochs=4, per_device_train_batch_size=8,
        learning_rate=0.02, report_to=[], save_strategy="no", use_cpu=True, disable_tqdm=True,
        remove_unused_columns=kind is Trainer, dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = kind(model=model, args=arguments, train_dataset=rows, eval_dataset=rows, **settings)
    trainer.train()
    model.eval()
    with torch.inference_mode():
        return trainer, model(TOKENS).logits


@pytest.mark.filterwarnings("ignore")  # the hosts' own deprecations
def test_training_stays_near_the_old_model(tmp_path):
    old = OldOutputs.of(range(32), OLD.numpy(), kind="logits")
    plain_rows = [{k: v for k, v in row.items() if k != "item"} for row in ROWS]
    _, plain = trained(tmp_path, Trainer, plain_rows)
    _, zero = trained(tmp_path, old_outputs=old, strength=0)
    assert torch.equal(plain, zero)
    trainer, near = trained(tmp_path, old_outputs=old, strength=5.0)

    def apart(logits):
        return (logits.softmax(-1) - OLD.softmax(-1)).abs().mean()

    assert apart(near) < 0.9 * apart(plain)
    usual = torch.nn.functional.cross_entropy(near, LABELS).item()
    assert trainer.evaluate()["eval_loss"] == pytest.approx(usual, rel=1e-3)
    trainer._signature_columns = None
    trainer._set_signature_columns_if_needed()
    assert "item" in trainer._signature_columns  # so the Trainer keeps the column
    with pytest.raises(ArgumentError, match="batches have no 'item'"):
        trained(tmp_path, rows=plain_rows, old_outputs=old, strength=1.0)
