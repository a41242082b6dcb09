"""Ask a model questions; a detector marks the answers that it doubts."""

import json
import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tacitly.appraisal import Appraiser
from tacitly.engines.base import Generation, Request, Sampling
from tacitly.engines.torch_engine import TorchEngine
from tacitly.errors import SettingsError, TaskError
from tacitly.finetune.record import FILE as RECORD
from tacitly.locators.catalog import ASKING, CHAIN
from tacitly.models.load import LanguageModel, load_model
from tacitly.probes.asking import Asking
from tacitly.probes.detector import Detector, Role
from tacitly.probes.detector_folder import open_detector
from tacitly.probes.own_model import Note, ask_alike, open_own_model
from tacitly.probes.verdict import Verdict
from tacitly.records import Span

MAX_NEW_TOKENS = 256  # where no detector says how long its answers were


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer, and what the detector makes of it.

    Attributes:
        question: As it was asked.
        answer: As the model wrote it.
        span: The exact answer in it, or None where none was looked for or found.
        p_correct: The calibrated probability that the answer is right, or None where it has no score.
        verdict: What that comes to (`tacitly.probes.verdict`): `trust`, `doubt` or `abstain`. The thresholds may be
            under one half. None without a detector.
        scored: What the score was read from: the exact answer, or the last token of an answer without one.
        reason: Why there is no score; None where there is one, and where there is no detector.
        cut: Whether the answer was cut at the most tokens.

    Example:
        >>> span = Span(start=6, end=11, exact_answer="liver", given="liver", locator="choices")
        >>> reply = Reply(question="Which organ?", answer="It is liver.", span=span, p_correct=0.23,
        ...               verdict="doubt", scored="exact_answer")
        >>> reply.doubtful, reply.marked()
        (True, 'It is [liver?].')
    """

    question: str
    answer: str
    span: Span | None = None
    p_correct: float | None = None
    verdict: Verdict | None = None
    scored: Role | None = None
    reason: str | None = None
    cut: bool = False

    @property
    def doubtful(self) -> bool:
        """Whether the estimate is under the detector's threshold."""
        return self.verdict == "doubt"

    @property
    def scored_part(self) -> tuple[int, int] | None:
        """First character and one past the last of what the score is about; None without a score."""
        if self.scored is None:
            return None
        if self.scored == "exact_answer" and self.span and self.span.start is not None and self.span.end is not None:
            return self.span.start, self.span.end
        kept = self.answer.strip()
        start = self.answer.find(kept)
        return start, start + len(kept)

    def marked(self) -> str:
        """The answer in plain text, with `[` and `?]` around what is doubtful."""
        part = self.scored_part
        if not self.doubtful or part is None:
            return self.answer
        return f"{self.answer[: part[0]]}[{self.answer[part[0] : part[1]]}?]{self.answer[part[1] :]}"


class Chat:
    """A model that is asked one question at a time, each alone.

    What a detector knows of how its own answers were asked for is used: system prompt, worked examples, locators,
    closed sets, length. Without a detector, a fine-tuned model is asked with the system prompt that it was trained
    with. `Chat("embedded", "runs/demo").ask("Which organ does hepatitis affect?").marked()` asks the
    embedded model and marks what the detector of that run doubts.

    Args:
        model: A model's name (`embedded`, hub id, folder), or a loaded one. By default the detector's model, or
            `embedded` without a detector.
        detector: A detector, or the folder of one, or of a run that has one.
        max_new_tokens: The most tokens of an answer; by default as many as the detector's answers had.
        system_prompt: Takes the place of that; empty for none.
        temperature: 0 for the most likely answer; above it answers are drawn, another one each time.
        note: Hears what the user should know.

    Raises:
        ModelError: If the model is not there.
        DetectorError: If the detector is not there, is damaged, or belongs to another model.
        SettingsError: If a number makes no sense.
    """

    def __init__(
        self,
        model: str | Path | LanguageModel | None = None,
        detector: str | Path | Detector | None = None,
        *,
        max_new_tokens: int | None = None,
        system_prompt: str | None = None,
        temperature: float = 0.0,
        note: Note | None = None,
    ) -> None:
        if max_new_tokens is not None and max_new_tokens < 1:
            raise SettingsError(f"max_new_tokens is {max_new_tokens}", allowed="1 or more")
        if not 0 <= temperature < math.inf:
            raise SettingsError(f"temperature is {temperature}", allowed="0 (the most likely answer) or more")
        self.detector = open_detector(detector) if isinstance(detector, str | Path) else detector
        self.language_model = _open_model(model, self.detector, note)
        self.asking = _asking(self.detector, self.language_model, system_prompt, max_new_tokens)
        self.form = ask_alike(self.asking, self.language_model)
        self.temperature = temperature
        self.appraiser = None if self.detector is None else Appraiser(self.detector, self.asking, self.language_model)
        self._asked = 0

    @cached_property
    def cautions(self) -> tuple[str, ...]:
        """Why the detector's scores may mean less here than its card says."""
        if self.detector is None:
            return ()
        learned = self.detector.header.asking
        lines = []
        if learned is None:
            lines.append("the detector does not say how its answers were asked for (it was made by an older tacitly)")
        elif not learned.whole:
            lines.append("the detector learned on questions that came with more than a question, such as a passage")
        if learned is not None and ASKING.intersection(learned.locator):
            lines.append("the detector learned on exact answers that another model located, which is not asked here")
        if learned is not None and learned.system_prompt != self.asking.system_prompt:
            lines.append("the detector learned on answers to another system prompt")
        if self.temperature > 0:
            lines.append("the detector learned on the most likely answers, not on drawn ones")
        return tuple(lines)

    def ask(self, question: str) -> Reply:
        """Ask one question, alone.

        Returns:
            The answer, scored where there is a detector; where scoring fails, with the reason.

        Raises:
            TaskError: If the question is empty, or leaves no room for an answer in the model's context.
        """
        if not question.strip():
            raise TaskError("the question is empty")
        written = self._write(question)
        reply = Reply(question=question, answer=written.text, cut=written.finish_reason == "length")
        if self.appraiser is None:
            return reply
        said = self.appraiser.appraise(question, written)
        return replace(
            reply,
            span=said.span,
            p_correct=said.p_correct,
            verdict=said.verdict,
            scored=said.scored,
            reason=said.reason if said.p_correct is None else None,
        )

    def prompt(self, question: str) -> tuple[int, ...]:
        """The tokens with which a question is asked."""
        choices = self.asking.choices(question)
        return tuple(self.form.token_ids(self.form.render(self.asking.messages(question, choices=choices))))

    def _write(self, question: str) -> Generation:
        form, ids = self.form, self.prompt(question)
        context = self.language_model.context_length
        room = self.asking.max_new_tokens if context is None else context - len(ids)
        if room < 1:
            raise TaskError(
                f"the question takes {len(ids)} tokens with its prompt, which leaves no room for an answer",
                allowed=f"{context} tokens in all",
                remedy="shorten it",
            )
        self._asked += 1
        request = Request(key=f"question {self._asked}", prompt_ids=ids, sample=int(self.temperature > 0))
        sampling = Sampling(
            max_new_tokens=min(room, self.asking.max_new_tokens),
            temperature=self.temperature or 1.0,
            stop=tuple(dict.fromkeys((*self.asking.stop, *form.stop))),
        )
        probes = self.detector.probes.values() if self.detector else ()
        sites = sorted({probe.header.site for probe in probes})
        [written] = next(TorchEngine(self.language_model).generate([request], sampling=sampling, capture=sites))
        return written


def _open_model(
    model: str | Path | LanguageModel | None, detector: Detector | None, note: Note | None
) -> LanguageModel:
    if detector is not None:
        return open_own_model(detector, model, note=note)
    return model if isinstance(model, LanguageModel) else load_model(str(model or "embedded"), note=note)


def _asking(
    detector: Detector | None, model: LanguageModel, system_prompt: str | None, max_new_tokens: int | None
) -> Asking:
    if detector is None:
        asking = Asking(locator=CHAIN, max_new_tokens=MAX_NEW_TOKENS, system_prompt=_trained_prompt(model))
    else:
        asking = detector.header.asking or Asking(locator=CHAIN, max_new_tokens=MAX_NEW_TOKENS)
    prompt = asking.system_prompt if system_prompt is None else system_prompt or None
    length = max_new_tokens or asking.max_new_tokens
    return asking.model_copy(update={"system_prompt": prompt, "max_new_tokens": length})


def _trained_prompt(model: LanguageModel) -> str | None:
    """The system prompt that a model was fine-tuned with, where its folder says so."""
    try:
        data = json.loads((Path(model.identity.name) / RECORD).read_text(encoding="utf-8"))["data"]
        return str(data["system_prompt"]) if data["system_prompt"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
