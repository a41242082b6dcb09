"""What `detector.json` holds: strict, with a schema version, and readable by a person."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tacitly.probes.asking import Asking

Role = Literal["exact_answer", "any_answer"]
SCHEMA_VERSIONS = (1, 2, 3, 4)
"""The versions that can be read; the last one is written.

Version 1 knew Platt scaling only, and no abstention. Version 2 said neither how layers are counted, nor which chat
template the model had, nor how a question was put that came with more than its text. Version 3 had no probes of tokens.
"""
LAYERS = "0 is the embedding output, i the output of block i before the final norm"
"""How layers are counted here; detectors of the versions before 3 were made so too."""

Probability = Annotated[float, Field(ge=0, le=1)]


REMEDY = "train it again with `tacitly study`, or get an undamaged copy"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DetectorModel(_Strict):
    """Whose activations the detector reads.

    Attributes:
        name: The model's name,
        revision: its commit on the hub, where it came from there,
        weights_hash: and what tells its weights from others.
        chat_template_sha256: Of its own chat template, empty where it had none; None where that was not kept.
    """

    name: str
    revision: str | None = None
    weights_hash: str | None = None
    chat_template_sha256: str | None = None


class ProbeHeader(_Strict):
    """One linear probe of a detector.

    Attributes:
        role: `exact_answer` for answers with a span; `any_answer` for every answer, read at its last token.
        site: Where it reads: the site,
        layer: the layer (0 is the embedding output),
        position: and the token position.
        width: Length of the states.
        C: Inverse strength of the penalty it was fitted with.
        calibrator: Which one the training part preferred. `platt` is `expit(slope * log_odds + intercept)`;
            `temperature` is the same with an intercept of 0; `isotonic` is Platt's probability, corrected by the knots
            that stand in the weights.
        slope: See `calibrator`.
        intercept: See `calibrator`.
        threshold: The probability from which on an answer is called right.
        rows: Answers that it learned from.
        rows_correct: Those of them that were right.
        grouping: The grouping of the folds that chose its cell and penalty.
        cv_auroc: The AUROC of those folds. It was used to choose, and so is too high; the card has the nested one.
    """

    role: Role
    site: str
    layer: int = Field(ge=0)
    position: str
    width: int = Field(ge=1)
    C: float = Field(gt=0)
    calibrator: Literal["temperature", "platt", "isotonic"] = "platt"
    slope: float = Field(gt=0)
    intercept: float
    threshold: float
    rows: int = Field(ge=1)
    rows_correct: int = Field(ge=0)
    grouping: str
    cv_auroc: float


class TokenHeader(_Strict):
    """The probes of answer tokens.

    Attributes:
        site: Where they read: the site,
        layer: the layer whose probe scores answers, that of the probe for exact answers,
        layers: and every layer that has a probe, in order.
        width: Length of the states.
        C: Inverse strength of the penalty, that of the probe for exact answers.
        before: How much the tokens before an exact answer counted in training, against 1 for the exact answer's,
        after: and those after it.
        slopes: Platt scaling of each layer's log-odds: the slope,
        intercepts: and the intercept.
        answers: Answers that they learned from,
        tokens: and tokens of those.
        grouping: The grouping of the folds that weights and calibration come from.
    """

    site: str
    layer: int = Field(ge=0)
    layers: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)
    width: int = Field(ge=1)
    C: float = Field(gt=0)
    before: Probability
    after: Probability
    slopes: tuple[Annotated[float, Field(gt=0)], ...]
    intercepts: tuple[float, ...]
    answers: int = Field(ge=1)
    tokens: int = Field(ge=1)
    grouping: str

    @model_validator(mode="after")
    def _one_per_layer(self) -> Self:
        if not len(self.layers) == len(self.slopes) == len(self.intercepts):
            raise ValueError("slopes and intercepts must be as many as the layers")
        if list(self.layers) != sorted(set(self.layers)) or self.layer not in self.layers:
            raise ValueError("layers must rise and hold the layer that scores answers")
        return self


class AbstentionTrial(_Strict):
    """One threshold on the answers that were kept for it: how many it accepts, how many of those are wrong."""

    threshold: Probability
    accepted: int = Field(ge=0)
    errors: int = Field(ge=0)
    bound: Probability


class Abstention(_Strict):
    """From which probability on an answer may be accepted, so that few of the accepted ones are wrong.

    Attributes:
        alpha: At most this share of the accepted answers is wrong,
        delta: save with this chance, over the draw of the answers that were kept for it.
        threshold: The probability from which on an answer is accepted; None where none keeps the promise.
        reason: Why there is none; None where there is one.
        groups: Entities that were kept from everything else.
        answers: Answers that the promise rests on: one of each entity that has one that could be judged.
        accepted: How many of those the threshold accepts; None where there is none.
        errors: How many of the accepted ones are wrong.
        trials: Every threshold that was tried, the most lenient first.
    """

    alpha: float = Field(gt=0, lt=1)
    delta: float = Field(gt=0, lt=1)
    threshold: Probability | None
    reason: str | None
    groups: int = Field(ge=0)
    answers: int = Field(ge=0)
    accepted: int | None = Field(ge=0)
    errors: int | None = Field(ge=0)
    trials: tuple[AbstentionTrial, ...]

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        found = [value is not None for value in (self.threshold, self.accepted, self.errors)]
        if len({*found, self.reason is None}) > 1:
            raise ValueError("either a threshold with its counts or a reason")
        return self


class DetectorHeader(_Strict):
    """What `detector.json` holds.

    Attributes:
        layers: How its layers are counted.
        asking: How its answers were asked for, where that was kept.
        abstention: The promise that was asked for; None where none was.
        tokens: The probes of answer tokens; None where none could be trained.
    """

    schema_version: Literal[1, 2, 3, 4] = 4
    kind: Literal["tacitly-detector"] = "tacitly-detector"
    tacitly: str
    model: DetectorModel
    task: str
    seed: int
    layers: str = LAYERS
    asking: Asking | None = None
    abstention: Abstention | None = None
    probes: tuple[ProbeHeader, ...] = Field(min_length=1)
    tokens: TokenHeader | None = None

    @model_validator(mode="after")
    def _as_its_version_knew(self) -> Self:
        newer = self.abstention is not None or any(probe.calibrator != "platt" for probe in self.probes)
        if self.schema_version == 1 and newer:
            raise ValueError("schema version 1 has neither calibrators nor abstention")
        newer = self.model.chat_template_sha256 is not None or (self.asking is not None and self.asking.names_more)
        if self.schema_version < 3 and (newer or self.layers != LAYERS):
            raise ValueError("schema version 2 counts layers in one way and tells neither template nor wording")
        if self.schema_version < 4 and self.tokens is not None:
            raise ValueError("schema version 3 has no probes of tokens")
        return self


class SavedHeader(DetectorHeader):
    """The header as it is written, with the digest of the weights beside it."""

    weights_sha256: str
