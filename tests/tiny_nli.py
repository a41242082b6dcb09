"""A tiny randomly initialised model of natural language inference."""

from pathlib import Path

import torch
import transformers as tf

from tests.tiny import tokenizer

LABELS = ("entailment", "neutral", "contradiction")


def save_nli(folder: Path, *, labels: tuple[str, ...] = LABELS, logits: tuple[float, ...] | None = None) -> Path:
    """Write a tiny classifier and its tokenizer; with `logits` it gives these to everything."""
    torch.manual_seed(0)
    config = tf.BertConfig(
        vocab_size=261,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=128,
        pad_token_id=0,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
    )
    model = tf.BertForSequenceClassification(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8)
        if logits is not None:
            model.classifier.weight.zero_()
            model.classifier.bias.copy_(torch.tensor(logits))
    model.save_pretrained(folder)
    tokenizer(chat=False).save_pretrained(folder)
    return folder
