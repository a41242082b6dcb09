"""The tokens of answers as rows to learn from, and how much each of them counts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

import numpy as np
from jaxtyping import Bool, Float, Int

from tacitly.activations.base import StateTable
from tacitly.activations.positions import token_indices
from tacitly.evaluation.folds import Fold
from tacitly.experiments.answer_table import AnswerTable
from tacitly.records import Span

MOST_TOKENS = 20_000
"""Tokens that are learned from; of more, those inside an answer but outside its exact answer are thinned."""

Moment = Literal["first", "middle", "end"]
MOMENTS: tuple[Moment, ...] = get_args(Moment)
"""When a score of an answer that is being written is tested: after its first token, at the middle, and at its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRows:
    """Answer tokens whose states are there.

    Attributes:
        answer: The row of the table that each token is of.
        place: Which of the answer's tokens it is, from 1.
        column: The position at which its state was kept; -1 where every token of the layer was kept.
        exact: Whether it is part of the exact answer.
        before: Whether it stands before the exact answer.
    """

    answer: Int[np.ndarray, " token"]
    place: Int[np.ndarray, " token"]
    column: Int[np.ndarray, " token"]
    exact: Bool[np.ndarray, " token"]
    before: Bool[np.ndarray, " token"]

    @classmethod
    def of(
        cls,
        table: AnswerTable,
        states: StateTable,
        *,
        whole: bool = False,
        most: int = MOST_TOKENS,
        rng: np.random.Generator,
    ) -> Self:
        """List the tokens of the located answers in play.

        Args:
            table: The answers.
            states: Their states.
            whole: Whether every token is there (`capture.token_layers`); else those at a position that was kept.
            most: The most tokens.
            rng: Thins what is beyond that.
        """
        rows = np.flatnonzero(table.sets["located"].rows)
        lengths = table.rows["n_tokens"].to_numpy(dtype=np.int64)
        spans = table.rows[["first_token", "last_token"]].fillna(-1).to_numpy(dtype=np.int64)
        kept = None if whole else states.positions
        found = [
            _places(int(first), int(last), int(length), positions=kept)
            for (first, last), length in zip(spans[rows], lengths[rows], strict=True)
        ]
        answer = np.repeat(rows, [len(one) for one in found])
        place, column = (np.array([pair[i] for one in found for pair in one], dtype=np.int64) for i in (0, 1))
        first, last = spans[answer].T + 1
        tokens = cls(
            answer=answer,
            place=place,
            column=column,
            exact=(place >= first) & (place <= last),
            before=place < first,
        )
        return tokens._thinned(table, most, rng)

    @property
    def after(self) -> Bool[np.ndarray, " token"]:
        """Which tokens stand after the exact answer."""
        found: Bool[np.ndarray, " token"] = ~(self.exact | self.before)
        return found

    def at(self, moment: Moment, n_tokens: Int[np.ndarray, " row"]) -> Bool[np.ndarray, " token"]:
        """Which tokens are the ones after which a score is tested; an answer may lack the middle one."""
        length = n_tokens[self.answer]
        wanted = {"first": np.ones_like(length), "middle": (length + 1) // 2, "end": length}[moment]
        found: Bool[np.ndarray, " token"] = self.place == wanted
        return found

    def states(self, states: StateTable, site: str, layer: int) -> Float[np.ndarray, "token width"]:
        """Their states at one site and layer."""
        if len(self.column) and self.column[0] < 0:
            kept = states.token_states(site, layer)
            found = [kept[answer][place - 1] for answer, place in zip(self.answer, self.place, strict=True)]
            return np.stack(found).astype(np.float32)
        of_tokens: Float[np.ndarray, "token width"] = states.layer_states(site, layer)[self.answer, self.column]
        return of_tokens

    def fold(self, fold: Fold) -> Fold:
        """A fold of answers as one of their tokens."""
        return Fold(number=fold.number, train=fold.train[self.answer], test=fold.test[self.answer])

    def weights(self, *, before: float, after: float) -> Float[np.ndarray, " token"]:
        """How much each token counts, so that long answers count no more than short ones.

        Args:
            before: What the tokens before an exact answer count together, against 1 for its own,
            after: and those after it.

        Example:
            >>> one = np.zeros(4, dtype=np.int64)
            >>> tokens = TokenRows(answer=one, place=np.arange(1, 5), column=one,
            ...                    exact=np.array([False, True, True, False]),
            ...                    before=np.array([True, False, False, False]))
            >>> tokens.weights(before=0.0, after=0.5).tolist()
            [0.0, 0.5, 0.5, 0.5]
        """
        counted = np.zeros(len(self.answer))
        for part, share in ((self.exact, 1.0), (self.before, before), (self.after, after)):
            number = np.bincount(self.answer[part], minlength=int(self.answer.max(initial=0)) + 1)
            counted[part] = share / number[self.answer[part]]
        return counted

    def _thinned(self, table: AnswerTable, most: int, rng: np.random.Generator) -> Self:
        if len(self.answer) <= most:
            return self
        lengths = table.rows["n_tokens"].to_numpy(dtype=np.int64)
        kept = self.exact | np.logical_or.reduce([self.at(moment, lengths) for moment in MOMENTS])
        others = np.flatnonzero(~kept)
        room = max(0, most - int(kept.sum()))
        kept[rng.choice(others, size=min(room, len(others)), replace=False)] = True
        columns = {name: getattr(self, name)[kept] for name in ("answer", "place", "column", "exact", "before")}
        return replace(self, **columns)


def _places(first: int, last: int, length: int, *, positions: Sequence[str] | None) -> list[tuple[int, int]]:
    """Each token of an answer whose state is there, with the position at which it was kept; None for every token."""
    if positions is None:
        return [(place, -1) for place in range(1, length + 1)]
    span = Span(start=0, end=0, exact_answer=None, given=None, locator="", first_token=first, last_token=last)
    indices = token_indices(span, n_tokens=length, has_end=False, positions=positions)
    found: dict[int, int] = {}
    for column, index in enumerate(indices):
        if index is not None and 1 <= index <= length:
            found.setdefault(index, column)
    return sorted(found.items())
