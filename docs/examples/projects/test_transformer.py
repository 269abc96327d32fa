"""A model that takes tokens and returns an object with logits, as transformers' models do; trained on its own loss."""

from dataclasses import dataclass

import torch
from torch import nn

KEEP_ALL_HIDDEN_STATES = False


@dataclass
class Output:
    """What transformers calls a ModelOutput."""

    logits: torch.Tensor
    loss: torch.Tensor | None = None
    hidden_states: tuple = ()


class Classifier(nn.Module):
    """Classes of a text from its tokens, ``(N, T) int64``; with ``labels`` the loss as well."""

    def __init__(self, vocabulary=100, width=32, classes=3):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList([nn.TransformerEncoderLayer(width, 4, 64, batch_first=True) for _ in range(2)])
        self.classify = nn.Linear(width, classes)

    def forward(self, input_ids, labels=None):
        hidden = [self.embed(input_ids)]
        for block in self.blocks:
            hidden.append(block(hidden[-1]))
        logits = self.classify(hidden[-1].mean(1))
        loss = None if labels is None else nn.functional.cross_entropy(logits.float(), labels)
        return Output(logits, loss, tuple(hidden) if KEEP_ALL_HIDDEN_STATES else ())


def tokens(batch_size, generator):
    return {"input_ids": torch.randint(100, (batch_size, 16), generator=generator)}


def labelled_tokens(batch_size, generator):
    return {**tokens(batch_size, generator), "labels": torch.randint(3, (batch_size,), generator=generator)}


def test_inference(build_model, modelbench):
    model = build_model(Classifier, inputs=tokens, batch_size=4)
    modelbench.peak_memory(model)
    modelbench.numerics(model)


def test_training(build_model, modelbench):
    modelbench.train_peak(build_model(Classifier, inputs=labelled_tokens, batch_size=4))
