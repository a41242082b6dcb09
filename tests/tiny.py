"""Tiny randomly initialised models with a real tokenizer, for tests without network or the embedded model."""

from pathlib import Path

import torch
import transformers as tf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from tacitly.models.load import LanguageModel, load_model

TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]


def tokenizer(*, chat: bool = True) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer without merges: 256 bytes and a few special tokens."""
    vocabulary = {token: i for i, token in enumerate(SPECIAL)}
    for letter in sorted(pre_tokenizers.ByteLevel.alphabet()):
        vocabulary[letter] = len(vocabulary)
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<|pad|>", eos_token="<|end|>", additional_special_tokens=SPECIAL[2:]
    )
    made.chat_template = TEMPLATE if chat else None
    return made


_SIZES = {
    "vocab_size": 261,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": 1,
}
_GPT2_SIZES = {"vocab_size": 261, "n_embd": 16, "n_layer": 3, "n_head": 2, "n_positions": 256}
_ENDS = {"pad_token_id": 0, "bos_token_id": None, "eos_token_id": 1}

ARCHITECTURES = {
    "llama": lambda: tf.LlamaConfig(**_SIZES),
    "mistral": lambda: tf.MistralConfig(**_SIZES, sliding_window=16),
    "qwen2": lambda: tf.Qwen2Config(**_SIZES),
    "qwen3": lambda: tf.Qwen3Config(**_SIZES, head_dim=8),
    "gemma2": lambda: tf.Gemma2Config(**_SIZES, head_dim=8, sliding_window=16),
    "phi3": lambda: tf.Phi3Config(**_SIZES),
    "gpt2": lambda: tf.GPT2Config(**_GPT2_SIZES, **_ENDS),
    "gpt_neox": lambda: tf.GPTNeoXConfig(**{k: v for k, v in _SIZES.items() if k != "num_key_value_heads"}),
    "olmo2": lambda: tf.Olmo2Config(**_SIZES),
    "mixtral": lambda: tf.MixtralConfig(**_SIZES, num_local_experts=4),
    "bloom": lambda: tf.BloomConfig(vocab_size=261, hidden_size=16, n_layer=3, n_head=2, **_ENDS),
}
MIXTURES = ("mixtral",)


def make_model(architecture: str = "llama", *, seed: int = 0) -> PreTrainedModel:
    """A random model whose outputs are varied enough to tell tokens apart."""
    torch.manual_seed(seed)
    model = tf.AutoModelForCausalLM.from_config(ARCHITECTURES[architecture](), dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                parameter.mul_(8)
    return model.eval()


def save_model(folder: Path, architecture: str = "llama", *, seed: int = 0, chat: bool = True) -> Path:
    """Write a tiny model and its tokenizer as a folder that any loader reads."""
    make_model(architecture, seed=seed).save_pretrained(folder)
    tokenizer(chat=chat).save_pretrained(folder)
    return folder


def language_model(folder: Path, architecture: str = "llama", **kwargs: object) -> LanguageModel:
    """A tiny model, saved and loaded as a user's would be."""
    return load_model(str(save_model(folder, architecture, **kwargs)))
