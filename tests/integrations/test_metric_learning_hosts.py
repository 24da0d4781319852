import numpy as np
import pytest
import torch

from supersede.embeddings.training.losses import CompatibleLoss, NewToOldLoss
from supersede.embeddings.training.prototypes import prototypes

pytestmark = pytest.mark.filterwarnings("ignore")  # of the hosts, at their import


def test_a_loss_of_pytorch_metric_learning():
    from pytorch_metric_learning.losses import MultipleLosses, NormalizedSoftmaxLoss

    from supersede.integrations.pytorch_metric_learning import MetricLoss

    rng = np.random.default_rng(0)
    y = np.arange(40) % 4
    old = rng.normal(size=(4, 6))[y] + 0.1 * rng.normal(size=(40, 6))
    compatible = CompatibleLoss(prototypes(old, y, 4))
    usual = NormalizedSoftmaxLoss(4, 8)
    both = MultipleLosses([usual, MetricLoss(compatible, 2.0)])
    x = torch.randn(10, 8, requires_grad=True, generator=torch.Generator().manual_seed(0))
    target = torch.arange(10) % 4
    value = both(x, target)
    torch.testing.assert_close(value, usual(x, target) + 2 * compatible(x, target))
    value.backward()
    assert bool(x.grad.abs().sum() > 0)


def test_a_loss_of_sentence_transformers():
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.losses import MultipleNegativesRankingLoss
    from sentence_transformers.models import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    from supersede.integrations.sentence_transformers import NewToOldTextLoss

    words = {
        word: at for at, word in enumerate(["[UNK]", "red", "green", "blue", "car", "tree", "sky"])
    }
    tokenizer = Tokenizer(WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    torch.manual_seed(0)
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)], device="cpu")
    texts = ["red car", "green tree", "blue sky"]
    old = torch.eye(3)

    def features():
        return [model.tokenize(texts), model.tokenize(texts)]

    base = MultipleNegativesRankingLoss(model)
    loss = NewToOldTextLoss(model, base, strength=0.5)
    new = model(features()[0])["sentence_embedding"]
    expected = 0.5 * NewToOldLoss(0.05)(new, old) + base(features(), None)
    torch.testing.assert_close(loss(features(), old), expected)
    steps = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(40):
        steps.zero_grad()
        loss(features(), old).backward()
        steps.step()
    found = NewToOldLoss(0.05)(model(features()[0])["sentence_embedding"], old)
    assert found.item() < 0.01
