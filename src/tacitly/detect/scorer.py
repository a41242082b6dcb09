"""From answers that exist already to probabilities: prompts as in the detector's study, one pass per batch."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

from tacitly.detect.judging import Judging
from tacitly.detect.locating import load_own_locator
from tacitly.detect.pieces import Piece, pieces_of
from tacitly.detect.preparing import PreparedAnswer, Preparer
from tacitly.detect.reading import RefusedRow
from tacitly.detect.records import GivenAnswer, ScoredAnswer
from tacitly.detect.rows import read_given, row_of
from tacitly.detect.states import AnswerStates, Wanted, read_wanted
from tacitly.detect.token_scores import (
    NO_TOKEN_SCORES,
    LayerScores,
    TokenScores,
    score_tokens,
    scored_pieces,
)
from tacitly.engines.torch_engine import TorchEngine
from tacitly.errors import DetectorError, SettingsError, TaskError
from tacitly.locators.catalog import ASKING, CHAIN
from tacitly.models.load import LanguageModel
from tacitly.probes.asking import Asking
from tacitly.probes.detector import Detector
from tacitly.probes.detector_folder import open_detector
from tacitly.probes.own_model import Note, open_own_model

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
        self._engine = TorchEngine(self.language_model)
        locator = load_own_locator(self.asking, self.language_model, batch_size=batch_size)
        self._judging = Judging(self.detector, self._engine, locator, batch_size)
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

    def score_tokens(self, answers: Iterable[Given]) -> list[TokenScores]:
        """Score answers and every token of them, in one pass for each.

        Args:
            answers: As for `score`; they are all looked at together.

        Returns:
            What the detector says of each. Where it has no probes of tokens, or an answer cannot be looked at, tokens
            have no scores, and there is the reason.
        """
        read = [_read(answer, number) for number, answer in enumerate(answers, start=1)]
        ready, refused = self._prepare(read)
        found = dict(zip(ready, self.judge(list(ready.values()), tokens=True), strict=True))
        return [found.get(i) or TokenScores(refused[i], error=refused[i].error) for i in range(len(read))]

    def prepare(self, answer: GivenAnswer) -> PreparedAnswer:
        """Put an answer as the model will read it.

        Raises:
            TaskError: It cannot be looked at.
        """
        return self._preparer.prepare(answer)

    def judge(self, answers: Sequence[PreparedAnswer], *, tokens: bool = False) -> list[TokenScores]:
        """Score prepared answers together.

        Args:
            answers: The answers.
            tokens: Whether every token is scored too.
        """
        judged = self._judging.judge(answers, tokens=tokens)
        if not tokens:
            return [TokenScores(answer) for answer, _ in judged]
        return [self._token_scores(one, *found) for one, found in zip(answers, judged, strict=True)]

    def score_layers(self, answer: PreparedAnswer) -> LayerScores:
        """Score every token of an answer at every layer that the detector has a probe of tokens for.

        Raises:
            DetectorError: The detector has no probes of tokens.
            TaskError: The answer is empty.
        """
        probes = self.detector.tokens
        if probes is None:
            raise DetectorError(NO_TOKEN_SCORES)
        indices = answer.token_indices
        if not indices:
            raise TaskError(f"{answer.given.where} is empty", allowed="an answer with at least one token")
        cells = frozenset((probes.site, layer) for layer in probes.layers)
        found = read_wanted(self._engine, {0: Wanted(answer, cells, indices)}, batch_size=1)[0]
        return LayerScores(
            site=probes.site,
            layers=probes.layers,
            layer=probes.layer,
            tokens=tuple(self._pieces(answer)),
            p_correct=tuple(
                tuple(score_tokens(probes, found.at(probes.site, layer, indices), layer=layer))
                for layer in probes.layers
            ),
        )

    def _score(self, answers: Sequence[GivenAnswer | ScoredAnswer]) -> list[ScoredAnswer]:
        ready, refused = self._prepare(answers)
        judged = (answer for answer, _ in self._judging.judge(list(ready.values())))
        scored = refused | dict(zip(ready, judged, strict=True))
        return [scored[i] for i in range(len(answers))]

    def _prepare(
        self, answers: Sequence[GivenAnswer | ScoredAnswer]
    ) -> tuple[dict[int, PreparedAnswer], dict[int, ScoredAnswer]]:
        """Those that can be looked at, and what is said of the others."""
        ready: dict[int, PreparedAnswer] = {}
        refused: dict[int, ScoredAnswer] = {}
        for i, answer in enumerate(answers):
            if isinstance(answer, ScoredAnswer):
                refused[i] = answer
                continue
            try:
                ready[i] = self._preparer.prepare(answer)
            except TaskError as error:
                refused[i] = ScoredAnswer(id=answer.id, error=str(error))
        return ready, refused

    def _token_scores(self, one: PreparedAnswer, answer: ScoredAnswer, states: AnswerStates | None) -> TokenScores:
        probes, pieces = self.detector.tokens, self._pieces(one)
        if probes is None or states is None:
            return scored_pieces(answer, pieces, (), NO_TOKEN_SCORES if probes is None else answer.reason)
        scores = score_tokens(probes, states.at(probes.site, probes.layer, one.token_indices))
        return scored_pieces(answer, pieces, scores, None)

    def _pieces(self, one: PreparedAnswer) -> list[Piece]:
        return pieces_of(one.tokens.text, one.tokens.token_ids, self.language_model.tokenizer)


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
    cells = [(probe.header.site, probe.header.layer, probe.header.width) for probe in detector.probes.values()]
    if detector.tokens is not None:
        header = detector.tokens.header
        cells += [(header.site, layer, header.width) for layer in header.layers]
    for site, layer, width in cells:
        layers = sorted(model.sites.of(site))
        if layer not in layers or model.sites.widths[site] != width:
            raise DetectorError(
                f"the detector reads layer {layer} of {site!r}, {width} wide; {model.identity.name!r} has layers "
                f"{layers[0]} to {layers[-1]}, {model.sites.widths[site]} wide",
                allowed=f"the model {detector.header.model.name!r}",
            )
