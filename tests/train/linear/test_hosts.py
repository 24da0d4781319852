"""Hosts: Hugging Face models, timm-style models, scikit-learn."""

import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from tests.train.linear.cases import cnn, digits
from torch import nn
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    ViTConfig,
    ViTForImageClassification,
)

from supersede.errors import ArgumentError
from supersede.train.linear import (
    LQF,
    LastBlocks,
    Linearized,
    LowRank,
    LQFClassifier,
    with_new_head,
)

SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


def bert(kind=BertForSequenceClassification, attention="sdpa"):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = BertConfig(vocab_size=60, max_position_embeddings=16, num_labels=3,
                            attn_implementation=attention, **SMALL)  # fmt: skip
        return kind(config).double().eval()


def batch(n=12, length=8):
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(1, 60, (n, length), generator=generator)
    mask = (torch.arange(length) < torch.randint(2, length + 1, (n, 1), generator=generator)).long()
    return {"input_ids": ids * mask, "attention_mask": mask}


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_transformer_with_masks_and_padding(attention):
    network, X = bert(attention=attention), batch()
    linear = Linearized(network)
    with torch.no_grad():
        assert torch.allclose(linear(**X), network(**X).logits, atol=1e-12)
        step = {k: torch.randn(v.shape, dtype=v.dtype, generator=torch.Generator().manual_seed(1)) for k, v in linear.change.items()}  # fmt: skip
        _, slope = linear.expand(step, **X)
        sides = []
        for sign in (1, -1):
            moved = copy.deepcopy(network)
            for d in linear.directions:
                moved.get_parameter(d.name).add_(sign * 1e-5 * step[d.key])
            sides.append(moved(**X).logits)
    assert torch.allclose(slope, (sides[0] - sides[1]) / 2e-5, rtol=1e-4, atol=1e-6)
    padded = {k: torch.cat([v, torch.zeros_like(v[:, :3])], 1) for k, v in X.items()}
    with torch.no_grad():
        assert torch.allclose(linear(**padded), linear(**X), atol=1e-10)


def test_fits_answers_and_merges_a_transformer():
    X, y = batch(), np.arange(12) % 3
    for choice in ("head", LastBlocks(1), LowRank(2)):
        fit = LQF(bert(), parameters=choice, regularization=1e-2).fit(X, y)
        assert np.mean(fit.predict(X) == y) > 0.8
    one = {k: v[:1] for k, v in X.items()}
    found = fit.influence(one)
    assert found.taught.sum() == pytest.approx(found.after - found.before, rel=1e-6)
    assert fit.forget([4]).distance < 1e-6
    merged = fit.merge(X)
    assert merged.network(**X).logits.shape == (12, 3)
    assert "bert.encoder.layer.1" not in str(
        [d.name for d in Linearized(bert(), parameters="head").directions]
    )


def test_an_encoder_by_its_hidden_states_leaves_the_pooler_alone():
    linear = Linearized(bert(BertModel), output=_mean)
    assert linear(**batch()).shape == (12, 16)


def _mean(made):
    return made.last_hidden_state.mean(1)


def test_images_in_a_vision_transformer():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = ViTConfig(image_size=8, patch_size=4, num_channels=1, num_labels=10, **SMALL)
        network = ViTForImageClassification(config).double().eval()
    X, y = digits(20)
    fit = LQF(network, parameters=LastBlocks(1)).fit({"pixel_values": X}, y)
    assert np.mean(fit.predict({"pixel_values": X}) == y) > 0.7


class TimmStyle(nn.Module):
    """Blocks, a pooled representation, and a classifier that can be replaced."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.blocks = nn.Sequential(*(nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.BatchNorm2d(4), nn.ReLU6(inplace=True)) for _ in range(3)))  # fmt: skip
        self.classifier = nn.Linear(4 * 16, 5)

    def forward_features(self, x):
        return self.blocks(self.stem(x))

    def forward(self, x):
        return self.classifier(nn.functional.avg_pool2d(self.forward_features(x), 2).flatten(1))


def test_a_timm_style_model_with_a_new_head():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = TimmStyle().eval()
    X, y = digits(60, dtype=torch.float32)
    made = LQFClassifier(network, parameters=LastBlocks(2)).fit(X, y)
    names = [d.name for d in made.fit_.linear.directions]
    assert names[0].startswith("blocks.1")
    assert names[-1] == "classifier.bias"
    assert made.score(X, y) > 0.6
    assert network.classifier.out_features == 5


def test_the_estimator_in_scikit_learn():
    X, y = digits(150, dtype=torch.float32)
    names = np.array(["zero", "one", "two", "three", "four"])
    chosen = y < 5
    X, y = X[chosen].numpy(), names[y[chosen]]
    made = LQFClassifier(cnn(dtype=torch.float32))
    assert clone(made).get_params()["scale"] == 15
    assert cross_val_score(made, X, y, cv=3).mean() > 0.8
    made.fit(X, y)
    assert made.predict(X[:3]).dtype.kind == "U"
    chances = made.predict_proba(X)
    assert np.allclose(chances.sum(1), 1)
    assert np.array_equal(made.classes_[chances.argmax(1)], made.predict(X))
    again = pickle.loads(pickle.dumps(made))
    assert np.array_equal(again.predict(X), made.predict(X))
    with pytest.raises(ArgumentError, match="10 outputs and the labels 5 classes"):
        LQFClassifier(cnn(dtype=torch.float32), head="keep").fit(X, y)
    with pytest.raises(ArgumentError, match="two classes or more"):
        LQFClassifier(cnn(dtype=torch.float32)).fit(X[:4], ["a"] * 4)
    with pytest.raises(ArgumentError, match="head='old'"):
        LQFClassifier(cnn(dtype=torch.float32), head="old").fit(X, y)


def test_a_frame_of_features_is_one_input():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
    net = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)).eval()
    made = LQFClassifier(net, regularization=1e-3).fit(X, ["x", "x", "y", "y"])
    assert made.predict(X).tolist() == ["x", "x", "y", "y"]


def test_new_heads_need_a_linear_layer():
    assert with_new_head(nn.Linear(4, 2), 7).out_features == 7
    with pytest.raises(ArgumentError, match="is Conv2d and not"):
        with_new_head(nn.Sequential(nn.Conv2d(1, 2, 3)), 2)
