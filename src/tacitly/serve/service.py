"""A model and its detector, ready to answer and to score."""

import asyncio
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float
from torch import Tensor

from tacitly.activations.capture import Recorder
from tacitly.appraisal import Appraisal, Appraiser
from tacitly.chat import Chat
from tacitly.detect.scorer import Scorer
from tacitly.detect.token_scores import NO_TOKEN_SCORES
from tacitly.engines.base import MEMORY, Generation, Request, Sampling
from tacitly.engines.continuous import ContinuousBatch
from tacitly.engines.forward import Forward, PrefixCache
from tacitly.engines.room import Room
from tacitly.errors import ModelError
from tacitly.models.load import LanguageModel
from tacitly.probes.detector import Detector
from tacitly.probes.own_model import Note
from tacitly.probes.token_probes import TokenProbes
from tacitly.serve.errors import ApiError
from tacitly.serve.limits import Limits
from tacitly.serve.metrics import Metrics
from tacitly.serve.orders import Order
from tacitly.serve.turns import Turns
from tacitly.serve.writing import Writer

SCORES_AT_ONCE = 8  # existing answers that are read in one pass, between two tokens of those being written
UNLIKE = ("Aye", "never", "Über", "12")  # questions that share nothing with one another


class Service:
    """All that the routes need: the model, its detector, and the thread that writes.

    Args:
        detector: A detector, or the folder of one, or of a run that has one.
        model: Where its model is now, or the loaded model; by default what the detector names.
        limits: How much may be asked.
        memory: GB that answers may take while they are written, the model apart.
        note: Hears what the user should know.

    Raises:
        DetectorError: If the detector is not there, is damaged, or was made for another model.
        ModelError: If the model is not there.
    """

    def __init__(
        self,
        detector: str | Path | Detector,
        model: str | Path | LanguageModel | None = None,
        *,
        limits: Limits,
        memory: float = MEMORY,
        note: Note | None = None,
    ) -> None:
        self.limits = limits
        self.scorer = Scorer(detector, model, batch_size=SCORES_AT_ONCE, note=note)
        self.detector = self.scorer.detector
        self.language_model = self.scorer.language_model
        self.chat = Chat(self.language_model, self.detector)
        self.model_lock = Turns()
        self.model_name = _public_name(self.language_model.identity.name)
        self.recorder = Recorder(self.language_model.sites, self._sites, only=self._layers)
        self.writer = Writer(
            self._batch,
            recording=self.recorder.attached,
            site=self._sites[0] if self.tokens is None else self.tokens.site,
            score=self.score_tokens,
            turns=self.model_lock,
            streams=limits.streams,
            waiting=limits.waiting,
            fits=self._fits(memory),
        )
        self.metrics = Metrics()
        self.metrics.watch(active=lambda: self.writer.active, waiting=lambda: self.writer.waiting)

    @property
    def cautions(self) -> tuple[str, ...]:
        """Why the detector's scores may mean less here than its card says."""
        return self.chat.cautions

    @cached_property
    def appraiser(self) -> Appraiser:
        """What judges finished answers."""
        return Appraiser(self.detector, self.chat.asking, self.language_model)

    @property
    def tokens(self) -> TokenProbes | None:
        """What scores the tokens of an answer while it is written."""
        return self.detector.tokens

    def start(self) -> None:
        """Begin to write."""
        self.writer.start()

    def warm(self) -> None:
        """Write one short answer for nobody, after which the first client need not wait longer than others.

        Raises:
            ModelError: The model cannot write.
        """

        async def write() -> None:
            sampling = Sampling(max_new_tokens=2)
            request = Request(key="warm", prompt_ids=self.chat.prompt(UNLIKE[0]), sampling=sampling)
            order = Order([request], asyncio.get_running_loop())
            self.writer.submit(order)
            async for _ in order.news():
                pass

        try:
            asyncio.run(write())
        except ApiError as error:
            name = self.language_model.identity.name
            raise ModelError(f"the model {name!r} cannot write an answer: {error.message}") from None

    def stop(self) -> None:
        """Break off all that is being written."""
        self.writer.stop()

    def appraise(self, question: str, written: Generation) -> Appraisal:
        """What the detector says of a finished answer; whatever goes wrong with it, in words."""
        try:
            return self.appraiser.appraise(question, written, layers=self.recorder.layers)
        except Exception as error:  # its words may quote the answer
            self.metrics.failed()
            return Appraisal(reason=f"scoring failed ({type(error).__name__})")

    def score_tokens(self, states: Float[Tensor, "row layer width"]) -> Sequence[tuple[float | None, str | None]]:
        """The probability at one token of each of several answers, or why there is none."""
        if self.tokens is None:
            return [(None, NO_TOKEN_SCORES)] * len(states)
        try:
            row = self.recorder.layers(self.tokens.site).index(self.tokens.layer)
            scores = self.tokens.score(states[:, row].float().cpu().numpy())
            return [
                (p, None) if known else (None, "the model's state there is not finite")
                for p, known in zip(scores.tolist(), np.isfinite(scores).tolist(), strict=True)
            ]
        except Exception as error:
            return [(None, f"the token scores failed ({type(error).__name__})")] * len(states)

    @property
    def _sites(self) -> list[str]:
        sites = {probe.header.site for probe in self.detector.probes.values()}
        return sorted(sites if self.tokens is None else sites | {self.tokens.site})

    @property
    def _layers(self) -> list[int]:
        layers = {probe.header.layer for probe in self.detector.probes.values()}
        return sorted(layers if self.tokens is None else layers | {self.tokens.layer})

    @cached_property
    def _forward(self) -> Forward:
        return Forward(self.language_model)

    @cached_property
    def _prefix(self) -> PrefixCache:
        """What the detector's own questions begin with; read when the first answer is written."""
        prompts = [self.chat.prompt(question) for question in UNLIKE]
        return self._forward.prefix(prompts)

    def _batch(self) -> ContinuousBatch:
        limits = self.limits
        return ContinuousBatch(
            self.language_model,
            self._forward,
            self._prefix,
            slots=limits.streams,
            columns=limits.prompt_tokens + limits.new_tokens,
            sampling=Sampling(max_new_tokens=limits.new_tokens),
            recorder=self.recorder,
            grows=True,
        )

    def _fits(self, memory: float) -> Callable[[int, int], bool]:
        room = Room(self.language_model, self.recorder, new_tokens=self.limits.new_tokens, memory=memory)
        return lambda rows, columns: rows * room.bytes_of(columns) <= memory * 1e9


def _public_name(name: str) -> str:
    """A model's name as clients see it: of one that is a folder here, only the folder's."""
    path = Path(name)
    return path.resolve().name if path.exists() else name
