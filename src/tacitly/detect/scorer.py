"""From answers that exist already to probabilities: prompts as in the detector's study, one pass per batch."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

import numpy as np
from jaxtyping import Float

from tacitly.detect.locating import load_own_locator
from tacitly.detect.preparing import PreparedAnswer, Preparer
from tacitly.detect.reading import RefusedRow
from tacitly.detect.records import GivenAnswer, ScoredAnswer
from tacitly.detect.rows import read_given, row_of
from tacitly.engines.base import Reading
from tacitly.engines.torch_engine import TorchEngine
from tacitly.errors import DetectorError, SettingsError, TaskError
from tacitly.locators.align import align_batch
from tacitly.locators.base import Passage, locate_all
from tacitly.locators.catalog import ASKING, CHAIN
from tacitly.models.load import LanguageModel
from tacitly.probes.asking import Asking
from tacitly.probes.detector import Detector
from tacitly.probes.detector_folder import open_detector
from tacitly.probes.own_model import Note, open_own_model
from tacitly.probes.reading_place import Place, find_place
from tacitly.probes.verdict import judge
from tacitly.records import Span

BATCHES_AT_ONCE = 8  # so that texts of like length are read together

Given = GivenAnswer | RefusedRow | Mapping[str, object]


class Scorer:
    """Scores answers that a detector's model wrote elsewhere.

    Questions are put as the detector's study put them, exact answers located as it located them, and one token of each
    answer is read: what comes after it is not computed.

    Args:
        detector: A detector, or the folder of one, or of a run that has one.
        model: Where its model is now, or the loaded model; by default what the detector names.
        batch_size: The most answers that the model reads at once.
        note: Hears what the user should know.

    Raises:
        DetectorError: If the detector is not there, is damaged, or was made for another model.
        ModelError: If the model is not there.
        SettingsError: If the batch size makes no sense.
    """

    def __init__(
        self,
        detector: str | Path | Detector,
        model: str | Path | LanguageModel | None = None,
        *,
        batch_size: int = 64,
        note: Note | None = None,
    ) -> None:
        if batch_size < 1:
            raise SettingsError(f"batch_size is {batch_size}", allowed="1 or more")
        self.detector = detector if isinstance(detector, Detector) else open_detector(detector)
        self.language_model = open_own_model(self.detector, model, note=note)
        self.batch_size = batch_size
        self.asking = self.detector.header.asking or Asking(locator=CHAIN, max_new_tokens=1, whole=False)
        self._preparer = Preparer.of(self.asking, self.language_model)
        self._locator = load_own_locator(self.asking, self.language_model, batch_size=batch_size)
        self._engine = TorchEngine(self.language_model)
        _require_cells(self.detector, self.language_model)

    @cached_property
    def cautions(self) -> tuple[str, ...]:
        """Why the scores may mean less than the detector's card says."""
        learned = self.detector.header.asking
        if learned is None:
            return ("the detector does not say how its answers were asked for (it was made by an older tacitly)",)
        lines = []
        if not learned.whole and learned.wording is None:
            lines.append("the detector learned on questions that came with more than it remembers, such as a passage")
        if ASKING.intersection(learned.locator) and not learned.locates_itself:
            lines.append("the detector learned on exact answers that another model located, which is not asked here")
        return tuple(lines)

    def score(self, answers: Iterable[Given]) -> Iterator[ScoredAnswer]:
        """Score answers, in their order.

        Args:
            answers: Each a `GivenAnswer`, or a mapping with its attributes: `question`, and `answer` or `token_ids`.
                They are taken as they are needed, `8 * batch_size` at a time, or one by one for a batch size of 1.

        Returns:
            What the detector says of each, as it is asked for; one that cannot be looked at has an `error`.
        """
        return chain.from_iterable(self.score_together(answers))

    def score_together(self, answers: Iterable[Given]) -> Iterator[list[ScoredAnswer]]:
        """The same, with answers that were scored together in one list."""
        at_once = self.batch_size * BATCHES_AT_ONCE if self.batch_size > 1 else 1
        read = (_read(answer, number) for number, answer in enumerate(answers, start=1))
        while window := list(islice(read, at_once)):
            yield self._score(window)

    def _score(self, answers: Sequence[GivenAnswer | ScoredAnswer]) -> list[ScoredAnswer]:
        scored: dict[int, ScoredAnswer] = {}
        ready: dict[int, PreparedAnswer] = {}
        for i, answer in enumerate(answers):
            if isinstance(answer, ScoredAnswer):
                scored[i] = answer
                continue
            try:
                ready[i] = self._preparer.prepare(answer)
            except TaskError as error:
                scored[i] = ScoredAnswer(id=answer.id, error=str(error))
        scored |= dict(zip(ready, self._judge(list(ready.values())), strict=True))
        return [scored[i] for i in range(len(answers))]

    def _judge(self, answers: Sequence[PreparedAnswer]) -> list[ScoredAnswer]:
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
        states = self._read_states(answers, places)
        return [
            self._verdict(one.given, span, place, states.get(i))
            for i, (one, span, place) in enumerate(zip(answers, spans, places, strict=True))
        ]

    def _locate(self, answers: Sequence[PreparedAnswer]) -> list[Span]:
        passages = [Passage(one.given.question, one.tokens.text, one.choices) for one in answers]
        return align_batch(
            locate_all(self._locator, passages),
            [one.tokens.token_ids for one in answers],
            self.language_model.tokenizer,
            texts=[one.tokens.text for one in answers],
        )

    def _read_states(
        self, answers: Sequence[PreparedAnswer], places: Sequence[Place]
    ) -> dict[int, Float[np.ndarray, " width"]]:
        """The state that each answer is judged by: texts end with the token that is read, passes with its layer."""
        readings: dict[tuple[str, int], list[Reading]] = {}
        for i, (one, place) in enumerate(zip(answers, places, strict=True)):
            if place.role is None or place.index is None:
                continue
            ids, header = one.up_to(place.index), self.detector.probes[place.role].header
            reading = Reading(key=str(i), token_ids=ids, indices=(len(ids) - 1,))
            readings.setdefault((header.site, header.layer), []).append(reading)
        return {
            int(key): states[site][0, 0]
            for (site, layer), wanted in readings.items()
            for batch in self._engine.read_states(wanted, sites=[site], layers=[layer], batch_size=self.batch_size)
            for key, states in batch
        }

    def _verdict(
        self, given: GivenAnswer, span: Span, place: Place, state: Float[np.ndarray, " width"] | None
    ) -> ScoredAnswer:
        found = ScoredAnswer(
            id=given.id,
            verdict="abstain",
            exact_answer=span.exact_answer,
            start=span.start,
            end=span.end,
            reason=place.reason,
        )
        if place.role is None or state is None:
            return found
        if not np.isfinite(state).all():
            return replace(found, reason="the model's state there is not finite")
        probe = self.detector.probes[place.role]
        p_correct = float(probe.score(state[None])[0])
        return replace(
            found,
            p_correct=p_correct,
            verdict=judge(p_correct, threshold=probe.header.threshold, promise=self.detector.abstention),
            scored=place.role,
            site=probe.header.site,
            layer=probe.header.layer,
            position=probe.header.position,
        )


def _read(answer: Given, number: int) -> GivenAnswer | ScoredAnswer:
    if isinstance(answer, GivenAnswer):
        return answer
    if isinstance(answer, RefusedRow):
        return ScoredAnswer(id=answer.id, error=answer.error)
    try:
        return read_given(row_of(answer, number))
    except TaskError as error:
        return ScoredAnswer(id=None, error=str(error))


def _require_cells(detector: Detector, model: LanguageModel) -> None:
    """Refuse a detector that reads where the model has nothing."""
    for probe in detector.probes.values():
        site, layer, width = probe.header.site, probe.header.layer, probe.header.width
        layers = sorted(model.sites.of(site))
        if layer not in layers or model.sites.widths[site] != width:
            raise DetectorError(
                f"the detector reads layer {layer} of {site!r}, {width} wide; {model.identity.name!r} has layers "
                f"{layers[0]} to {layers[-1]}, {model.sites.widths[site]} wide",
                allowed=f"the model {detector.header.model.name!r}",
            )
