"""What a detector makes of an answer that its model has just written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tacitly.engines.base import Generation
from tacitly.errors import UserError
from tacitly.locators.align import align
from tacitly.locators.base import Locator
from tacitly.locators.catalog import ASKING, load_locator
from tacitly.models.load import LanguageModel
from tacitly.probes.asking import Asking
from tacitly.probes.detector import Detector, Role
from tacitly.probes.reading_place import find_place
from tacitly.probes.verdict import Verdict, judge
from tacitly.records import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Appraisal:
    """What a detector says of one answer.

    Attributes:
        span: The exact answer in it, or None where none was found.
        p_correct: The calibrated probability that the answer is right, or None where it has no score.
        verdict: What that comes to (`tacitly.probes.verdict`).
        scored: What the score was read from: the exact answer, or the last token of an answer without one.
        reason: Why there is no exact answer, or no score; None where nothing is missing.
    """

    span: Span | None = None
    p_correct: float | None = None
    verdict: Verdict = "abstain"
    scored: Role | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Appraiser:
    """Judges finished answers by the states that were read while they were written.

    Attributes:
        detector: The detector.
        asking: How its questions are asked.
        language_model: Its model.
    """

    detector: Detector
    asking: Asking
    language_model: LanguageModel

    @cached_property
    def _locator(self) -> Locator:
        """The study's locators, but for those that ask a model."""
        return load_locator([name for name in self.asking.locator if name not in ASKING])

    def appraise(
        self, question: str, written: Generation, *, layers: Callable[[str], Sequence[int]] | None = None
    ) -> Appraisal:
        """Find the exact answer, and read what the detector says there.

        Args:
            question: What was asked.
            written: The answer, with its states at the detector's sites.
            layers: Which layers of a site these are; by default all of them.

        Returns:
            The verdict; where scoring fails in a way that the user can mend, with the reason.
        """
        try:
            return self._appraise(question, written, layers or self._all_layers)
        except UserError as error:
            return Appraisal(reason=str(error))

    def _appraise(self, question: str, written: Generation, layers: Callable[[str], Sequence[int]]) -> Appraisal:
        found = self._locator.locate(question, written.text, self.asking.choices(question))
        span = align(found, written.token_ids, self.language_model.tokenizer, text=written.text)
        said = Appraisal(span=span if span.found else None)
        place = find_place(self.detector, span, n_tokens=len(written.token_ids), has_end=written.end is not None)
        if place.role is None or place.index is None or written.states is None:
            return replace(said, reason=place.reason if written.text.strip() else "the answer is empty")
        probe = self.detector.probes[place.role]
        site, layer = probe.header.site, probe.header.layer
        if layer not in layers(site):
            return replace(said, reason=f"the model has no layer {layer}")
        state = written.states[site][list(layers(site)).index(layer), place.index][None]
        if not np.isfinite(state).all():
            return replace(said, reason="the model's state there is not finite")
        p_correct = float(probe.score(state)[0])
        verdict = judge(p_correct, threshold=probe.header.threshold, promise=self.detector.abstention)
        return replace(said, p_correct=p_correct, verdict=verdict, scored=place.role, reason=place.reason)

    def _all_layers(self, site: str) -> Sequence[int]:
        return sorted(self.language_model.sites.of(site))
