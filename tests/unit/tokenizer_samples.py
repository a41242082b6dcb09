"""Small tokenizers of every family, trained here, without a network."""

import json

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

LINES = [
    "The capital of France is Paris, which lies on the Seine.",
    "Insulin is produced by the pancreas; it isn't made by the liver.",
    "the capital of the land is the capital of the world",
    "Straße, İstanbul, naïve café, 東京 and Ménière’s disease",
    "smile 😀 and heart ❤️ and family 👩‍👩‍👧 are emoji",
    "numbers 1,200 and 12 and 1912",
    "عاصمة فرنسا هي باريس and ﬁsh cost ½ of Ｆｕｌｌ width",
] * 3
SPECIALS = ["<pad>", "<unk>", "<s>", "</s>", "<|im_end|>"]


def _wrap(inner: Tokenizer) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="<|im_end|>", pad_token="<pad>", unk_token="<unk>", bos_token="<s>"
    )


def _byte_level(*, trim: bool = True, prefix: bool = False) -> PreTrainedTokenizerFast:
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    inner.decoder = decoders.ByteLevel()
    inner.post_processor = processors.ByteLevel(trim_offsets=trim)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(
        LINES[:3] * 3,
        trainers.BpeTrainer(vocab_size=400, special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False),
    )
    return _wrap(inner)


def _unigram(*, byte_fallback: bool = True, normalise: bool = False) -> PreTrainedTokenizerFast:
    """Like SentencePiece: a mark for the space, the first space dropped when decoding.

    Characters that it does not know become bytes, or one unknown token; NFKC and lower case are what some models apply.
    """
    learned = Tokenizer(models.Unigram())
    learned.pre_tokenizer = pre_tokenizers.Metaspace()
    learned.train_from_iterator(
        LINES[:3] * 3,
        trainers.UnigramTrainer(vocab_size=120, special_tokens=SPECIALS, unk_token="<unk>", show_progress=False),
    )
    vocab = sorted(learned.get_vocab(), key=learned.get_vocab().__getitem__)
    pieces = [(piece, 0.0 if piece in SPECIALS else -2.0 - len(vocab) / (1 + len(piece))) for piece in vocab]
    if byte_fallback:
        pieces += [(f"<0x{byte:02X}>", -200.0) for byte in range(256)]
    inner = Tokenizer(models.Unigram(pieces, unk_id=vocab.index("<unk>"), byte_fallback=byte_fallback))
    if normalise:
        inner.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    inner.decoder = _metaspace_decoder()
    return _wrap(inner)


def _metaspace_bpe(*, byte_fallback: bool) -> PreTrainedTokenizerFast:
    """Like the SentencePiece BPE of Llama: the mark for the space is put in by the normaliser, words are not split."""
    inner = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=byte_fallback, fuse_unk=True))
    inner.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    inner.decoder = _metaspace_decoder()
    alphabet = [f"<0x{byte:02X}>" for byte in range(256)] if byte_fallback else []
    inner.train_from_iterator(
        LINES[:3] * 3,
        trainers.BpeTrainer(vocab_size=500, special_tokens=[*SPECIALS, *alphabet], show_progress=False),
    )
    plain = Tokenizer.from_str(_without_special_bytes(inner.to_str()))
    return _wrap(plain)


def _without_special_bytes(written: str) -> str:
    """Let the bytes be ordinary tokens, as they are in SentencePiece's models; the trainer knows special ones only."""
    whole = json.loads(written)
    whole["added_tokens"] = [token for token in whole["added_tokens"] if not token["content"].startswith("<0x")]
    return json.dumps(whole)


def _metaspace_decoder() -> decoders.Decoder:
    return decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(content=" ", left=1),
        ]
    )


def _word_piece() -> PreTrainedTokenizerFast:
    inner = Tokenizer(models.WordPiece(unk_token="<unk>"))
    inner.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.decoder = decoders.WordPiece()
    inner.train_from_iterator(
        LINES, trainers.WordPieceTrainer(vocab_size=260, special_tokens=SPECIALS, show_progress=False)
    )
    return _wrap(inner)


TOKENIZERS = {
    "byte-level": _byte_level(),
    "byte-level, untrimmed": _byte_level(trim=False),
    "byte-level, prefix space": _byte_level(prefix=True),
    "unigram": _unigram(),
    "unigram, no bytes": _unigram(byte_fallback=False),
    "unigram, normalising": _unigram(normalise=True),
    "BPE with spaces marked": _metaspace_bpe(byte_fallback=True),
    "BPE with spaces marked, no bytes": _metaspace_bpe(byte_fallback=False),
    "word-piece": _word_piece(),
}
NORMALISING = ("unigram, normalising", "word-piece")
"""Those that do not give back every text that they read."""
LOSSY = (*NORMALISING, "unigram, no bytes", "BPE with spaces marked, no bytes")
