"""From prepared answers to verdicts: where each is read, one pass, and what the detector says there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tacitly.detect.preparing import PreparedAnswer
from tacitly.detect.records import GivenAnswer, ScoredAnswer
from tacitly.detect.states import AnswerStates, Cell, Wanted, read_wanted
from tacitly.detect.token_scores import NOT_FINITE
from tacitly.engines.torch_engine import TorchEngine
from tacitly.locators.align import align_batch
from tacitly.locators.base import Locator, Passage, locate_all
from tacitly.probes.detector import Detector
from tacitly.probes.reading_place import Place, find_place
from tacitly.probes.verdict import judge
from tacitly.records import Span


@dataclass(frozen=True, slots=True)
class Judging:
    """What judges answers.

    Attributes:
        detector: The detector.
        engine: Reads its model's states.
        locator: Finds exact answers.
        batch_size: The most answers that are read at once.
    """

    detector: Detector
    engine: TorchEngine
    locator: Locator
    batch_size: int

    def judge(
        self, answers: Sequence[PreparedAnswer], *, tokens: bool = False
    ) -> list[tuple[ScoredAnswer, AnswerStates | None]]:
        """Judge answers.

        Args:
            answers: The answers.
            tokens: Whether their tokens are to be scored too.

        Returns:
            Each one's verdict, with the states that were read for it, and for its tokens where these are wanted.
        """
        spans = self._locate(answers)
        places = [
            find_place(
                self.detector,
                span,
                n_tokens=len(one.tokens.token_ids),
                has_end=one.tokens.end_id is not None,
            )
            if one.tokens.text.strip()
            else Place(None, None, "the answer is empty")
            for one, span in zip(answers, spans, strict=True)
        ]
        wanted = {i: self._wanted(one, places[i], tokens=tokens) for i, one in enumerate(answers)}
        states = read_wanted(
            self.engine, {i: one for i, one in wanted.items() if one.indices}, batch_size=self.batch_size
        )
        return [
            (self._verdict(one.given, span, place, states.get(i)), states.get(i))
            for i, (one, span, place) in enumerate(zip(answers, spans, places, strict=True))
        ]

    def _locate(self, answers: Sequence[PreparedAnswer]) -> list[Span]:
        passages = [Passage(one.given.question, one.tokens.text, one.choices) for one in answers]
        return align_batch(
            locate_all(self.locator, passages),
            [one.tokens.token_ids for one in answers],
            self.engine.language_model.tokenizer,
            texts=[one.tokens.text for one in answers],
        )

    def _wanted(self, one: PreparedAnswer, place: Place, *, tokens: bool) -> Wanted:
        """What an answer is judged by: one token in one cell; and its tokens in theirs."""
        cells, indices = set[Cell](), set[int]()
        if place.role is not None and place.index is not None:
            header = self.detector.probes[place.role].header
            cells.add((header.site, header.layer))
            indices.add(place.index)
        if tokens and self.detector.tokens is not None and one.token_indices:
            cells.add((self.detector.tokens.site, self.detector.tokens.layer))
            indices.update(one.token_indices)
        return Wanted(one, frozenset(cells), tuple(sorted(indices)))

    def _verdict(self, given: GivenAnswer, span: Span, place: Place, states: AnswerStates | None) -> ScoredAnswer:
        found = ScoredAnswer(
            id=given.id,
            verdict="abstain",
            exact_answer=span.exact_answer,
            start=span.start,
            end=span.end,
            reason=place.reason,
        )
        if place.role is None or place.index is None or states is None:
            return found
        probe = self.detector.probes[place.role]
        state = states.at(probe.header.site, probe.header.layer, [place.index])
        if not np.isfinite(state).all():
            return replace(found, reason=NOT_FINITE)
        p_correct = float(probe.score(state)[0])
        return replace(
            found,
            p_correct=p_correct,
            verdict=judge(p_correct, threshold=probe.header.threshold, promise=self.detector.abstention),
            scored=place.role,
            site=probe.header.site,
            layer=probe.header.layer,
            position=probe.header.position,
        )
