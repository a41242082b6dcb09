"""Read many texts that begin alike: what they share is computed once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tacitly.activations.capture import PassStates, Recorder, StepBuffer, TokenStates
from tacitly.engines.forward import Forward, PrefixCache
from tacitly.engines.passes import PASS_TOKENS, in_passes
from tacitly.models.load import LanguageModel

MASK_BUDGET_BYTES = 200_000_000  # of a pass's masks, and again of its logits
_CLOSE = {torch.float32: 0.02}  # log-probabilities of the same token, read together and apart
_CLOSE_ENOUGH = 0.5  # in half precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """One of several texts that begin alike, and what is wanted where it ends.

    Attributes:
        token_ids: The whole text, at least one token.
        next_ids: Tokens whose log-probabilities as the next one are wanted.
        keeps_state: Whether the state of the last token is wanted.
    """

    token_ids: tuple[int, ...]
    next_ids: tuple[int, ...] = ()
    keeps_state: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Branches:
    """Texts that begin alike; the key is the caller's."""

    key: str
    endings: tuple[Ending, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchesRead:
    """What was read of them.

    Attributes:
        logprobs: For each ending, in nats, those of its `next_ids`.
        states: By site `[layer, ending, width]`, of the endings that keep their state, in their order.
    """

    key: str
    logprobs: tuple[tuple[float, ...], ...]
    states: TokenStates


class BranchReader:
    """Reads branching texts with a Hugging Face causal language model.

    All texts of a key go through the model as one sequence, in which a token attends to what stands before it in its
    own text only. Where a model cannot be told so, or does not do as it is told, each text is read alone.

    Args:
        language_model: The model.
    """

    def __init__(self, language_model: LanguageModel) -> None:
        self._language_model = language_model
        self._forward = Forward(language_model)
        self._agrees: bool | None = None

    @torch.inference_mode()
    def read(
        self, texts: Sequence[Branches], *, sites: Sequence[str] = ("residual",), batch_size: int = 96
    ) -> Iterator[list[BranchesRead]]:
        """Read the ends of texts, longest first.

        Args:
            texts: What is read.
            sites: Where states are read.
            batch_size: How many keys are read before what was read of them is handed out.

        Yields:
            What was read of the texts of one batch.

        Raises:
            CaptureError: If a site does not exist in this model.
        """
        recorder = Recorder(self._language_model.sites, tuple(sites))
        prefix = self._forward.prefix([e.token_ids for text in texts for e in text.endings])
        trees = sorted((_Tree.of(text, prefix.length) for text in texts), key=lambda t: (-len(t.tokens), t.text.key))
        together = bool(trees) and self._reads_trees(trees, prefix, recorder)
        for start in range(0, len(trees), batch_size):
            batch = trees[start : start + batch_size]
            if together:
                yield [
                    read for some in self._passes(batch, prefix) for read in self._read_together(some, prefix, recorder)
                ]
            else:
                yield self._read_apart([tree.text for tree in batch], prefix, recorder, batch_size)

    def _reads_trees(self, trees: Sequence["_Tree"], prefix: PrefixCache, recorder: Recorder) -> bool:
        """Whether the model can be told what to attend to, and does as told: one tree is read both ways."""
        longest = max(len(e.token_ids) for tree in trees for e in tree.text.endings)
        if self._agrees is None and self._forward.reads_trees(longest):
            tree = max(trees, key=lambda t: (len(t.text.endings), -len(t.tokens)))
            [both] = self._read_together([tree], prefix, recorder)
            [alone] = self._read_apart([tree.text], prefix, recorder, len(tree.text.endings))
            pairs = zip(both.logprobs, alone.logprobs, strict=True)
            off = max((abs(a - b) for one, other in pairs for a, b in zip(one, other, strict=True)), default=0.0)
            self._agrees = off <= _CLOSE.get(self._language_model.model.dtype, _CLOSE_ENOUGH)
        return bool(self._agrees) and self._forward.reads_trees(longest)

    def _passes(self, trees: Sequence["_Tree"], prefix: PrefixCache) -> Iterator[list["_Tree"]]:
        """Trees, longest first, in passes of not too many tokens, whose masks and logits fit into memory."""
        vocabulary: int = self._language_model.model.config.get_text_config(decoder=True).vocab_size
        ends = max(len(tree.text.endings) for tree in trees)
        width = len(trees[0].tokens)
        bytes_of_one = 4 * max(width * (width + prefix.length), ends * vocabulary)
        most = max(1, MASK_BUDGET_BYTES // bytes_of_one)
        return in_passes(trees, lambda tree: len(tree.tokens), most=most, tokens=PASS_TOKENS)

    def _read_together(self, batch: Sequence["_Tree"], prefix: PrefixCache, recorder: Recorder) -> list[BranchesRead]:
        rows, width = len(batch), max(len(tree.tokens) for tree in batch)
        tokens = torch.zeros(rows, width, dtype=torch.long)
        positions = torch.zeros(rows, width, dtype=torch.long)
        attends = torch.zeros(rows, width, prefix.length + width, dtype=torch.bool)
        attends[:, :, prefix.length :] = torch.eye(width, dtype=torch.bool)  # padding attends to itself, not to nothing
        for row, tree in enumerate(batch):  # padded on the left, so that every row ends in its endings
            start = width - len(tree.tokens)
            tokens[row, start:] = torch.tensor(tree.tokens)
            positions[row, start:] = torch.tensor(tree.depths) + prefix.length
            attends[row, start:, : prefix.length] = True
            attends[row, start:, prefix.length + start :] = torch.from_numpy(tree.attends())
        endings = [tree.text.endings for tree in batch]
        kept = [[width - len(some) + i for i, e in enumerate(some) if e.keeps_state] for some in endings]
        states = PassStates(recorder, kept)
        most = max(map(len, endings))
        with recorder.attached(), recorder.picking(states.pick):
            logits = self._forward.tree(prefix, tokens, attends=attends, positions=positions, keep=most)
        return [
            BranchesRead(
                key=tree.text.key,
                logprobs=_logprobs(logits[row, most - len(tree.text.endings) :], tree.text.endings),
                states=states.take(row),
            )
            for row, tree in enumerate(batch)
        ]

    def _read_apart(
        self, texts: Sequence[Branches], prefix: PrefixCache, recorder: Recorder, batch_size: int
    ) -> list[BranchesRead]:
        flat = [(t, i) for t, text in enumerate(texts) for i in range(len(text.endings))]
        flat.sort(key=lambda place: len(texts[place[0]].endings[place[1]].token_ids))
        logprobs: list[dict[int, tuple[float, ...]]] = [{} for _ in texts]
        states: list[dict[int, TokenStates]] = [{} for _ in texts]
        while flat:
            lengths = [len(texts[t].endings[i].token_ids) for t, i in flat[:batch_size]]
            alike = lengths.count(lengths[0]) if self._forward.needs_equal_lengths(lengths[-1]) else len(lengths)
            some, flat = flat[:alike], flat[alike:]
            endings = [texts[t].endings[i] for t, i in some]
            buffer = StepBuffer(recorder, rows=len(some), columns=1)
            rows = torch.arange(len(some), device=self._language_model.device)
            with recorder.attached(), recorder.picking(buffer.picker(rows, torch.zeros_like(rows))):
                logits = self._forward.prompts(prefix, [e.token_ids for e in endings]).logits
            for row, ((t, i), found) in enumerate(zip(some, _logprobs(logits, endings), strict=True)):
                logprobs[t][i] = found
                states[t][i] = buffer.take(row, 1)
        return [
            BranchesRead(
                key=text.key,
                logprobs=tuple(logprobs[t][i] for i in range(len(text.endings))),
                states={
                    site: _joined(
                        [states[t][i][site] for i, e in enumerate(text.endings) if e.keeps_state], recorder, site
                    )
                    for site in recorder.names
                },
            )
            for t, text in enumerate(texts)
        ]


@dataclass(frozen=True, slots=True)
class _Tree:
    """The texts of one key after a prefix: every token once, the last token of each text at the end.

    Attributes:
        parents: The token that each one goes on from; -1 for the prefix.
        depths: How many tokens after the prefix each one stands.
    """

    text: Branches
    tokens: list[int]
    parents: list[int]
    depths: list[int]

    @classmethod
    def of(cls, text: Branches, skipped: int) -> "_Tree":
        tokens: list[int] = []
        parents: list[int] = []
        depths: list[int] = []
        places: dict[tuple[int, int], int] = {}
        lasts = []
        for ending in text.endings:
            *inner, last = ending.token_ids[skipped:]
            at = -1
            for depth, token in enumerate(inner):
                if (at, token) not in places:
                    places[at, token] = len(tokens)
                    tokens.append(token)
                    parents.append(at)
                    depths.append(depth)
                at = places[at, token]
            lasts.append((last, at, len(inner)))
        for last, parent, depth in lasts:
            tokens.append(last)
            parents.append(parent)
            depths.append(depth)
        return cls(text, tokens, parents, depths)

    def attends(self) -> Bool[np.ndarray, "token token"]:
        """Every token attends to itself and to what it goes on from."""
        found = np.eye(len(self.tokens), dtype=bool)
        for token, parent in enumerate(self.parents):
            if parent >= 0:
                found[token] |= found[parent]
        return found


def _logprobs(logits: Float[Tensor, "ending vocabulary"], endings: Sequence[Ending]) -> tuple[tuple[float, ...], ...]:
    logits = logits.float()
    totals = logits.logsumexp(-1).tolist()
    return tuple(
        tuple((row[list(ending.next_ids)] - total).tolist()) if ending.next_ids else ()
        for row, total, ending in zip(logits, totals, endings, strict=True)
    )


def _joined(
    states: Sequence[Float[np.ndarray, "layer 1 width"]], recorder: Recorder, site: str
) -> Float[np.ndarray, "layer ending width"]:
    empty = np.zeros((len(recorder.layers(site)), 0, recorder.width(site)), np.float32)
    return np.concatenate([empty, *states], axis=1)
