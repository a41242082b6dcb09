"""The settings of a study: one small class per stage (`tacitly.recipes` reads them)."""

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

SITES = ("residual", "mlp", "mlp_hidden", "attention")
POSITIONS = (
    "last_q_token",
    "first_answer_token",
    "second_answer_token",
    "exact_answer_before_first_token",
    "exact_answer_first_token",
    "exact_answer_last_token",
    "exact_answer_after_last_token",
    *(str(i) for i in range(-8, 0)),
)
TRACKERS = ("trackio", "wandb", "mlflow", "tensorboard")

FAMILIES = (
    "logistic",
    "mean_difference",
    "lda",
    "nearest_centroid",
    "mlp",
    "layer_ensemble",
    "attention",
    "contrast_consistent",
)
"""The families of probes that a study compares unless told otherwise; `probes/catalog.py` has more."""


class Group(BaseModel):
    """Settings that belong together: nothing unknown, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def as_names(value: object) -> object:
    """Accept one name where a list of names is meant."""
    return (value,) if isinstance(value, str) else value


def _known(values: tuple[str, ...], allowed: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if value not in allowed:
            raise ValueError(f"{value!r} is not one of {', '.join(allowed)}")
    return tuple(dict.fromkeys(values))


class TaskSettings(Group):
    """What is asked, and how answers are judged and located; None leaves a setting to the task.

    Of several judges the first one's labels count; the others say how far they agree with it.
    `split_from` is the folder of a fine-tuned model, `model.name` itself where that is one: it says which entities the
    model was trained on. Of those, `entities` asks `all` or only the `held_out`; `auto` is `held_out` where the model
    is itself a fine-tuned one, so that it is never tested on what it was trained on.
    """

    name: str = "medfacts"
    path: Path | None = None
    limit: int | None = Field(default=None, ge=1)
    prompt: str | None = None
    judge: tuple[str, ...] | None = None
    locator: tuple[str, ...] | None = None
    split_from: Path | None = None
    entities: Literal["auto", "all", "held_out"] = "auto"

    _lists = field_validator("judge", "locator", mode="before")(as_names)

    @field_validator("judge")
    @classmethod
    def _each_once(cls, judges: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return tuple(dict.fromkeys(judges)) or None if judges else None


class ModelSettings(Group):
    """Which model: `embedded`, a hub id, a folder, or a GGUF file; and how it is asked.

    `chat_template` is `auto` (the model's own; the plain Q/A form where it has none), `plain`, or a Jinja file.
    """

    name: str = "embedded"
    revision: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    system_prompt: str | None = None
    chat_template: str = "auto"


class GenerateSettings(Group):
    """How answers are written. `samples` counts sampled answers beside the greedy one.

    At most `batch_size` answers are written at once, fewer where they would take more than `memory` GB.

    `seed` draws the samples alone; None is the study's own seed, which also draws questions and folds.
    """

    max_new_tokens: int | None = Field(default=None, ge=1)
    samples: int = Field(default=0, ge=0)
    seed: int | None = Field(default=None, ge=0)
    temperature: float = Field(default=1.0, gt=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    stop: tuple[str, ...] = ()
    batch_size: int = Field(default=96, ge=1)
    memory: float = Field(default=2.0, gt=0)

    _one_stop = field_validator("stop", mode="before")(as_names)

    @field_validator("stop")
    @classmethod
    def _not_empty(cls, stop: tuple[str, ...]) -> tuple[str, ...]:
        if any(not text for text in stop):
            raise ValueError("an empty stop string would end every answer at once")
        return stop


class CaptureSettings(Group):
    """Which activations are kept. `token_layers` names layers of which every answer token is kept."""

    sites: tuple[str, ...] = ("residual",)
    positions: tuple[str, ...] = POSITIONS
    token_layers: tuple[int, ...] = ()
    sample_positions: tuple[str, ...] = ("exact_answer_last_token", "-1")
    dtype: Literal["float16", "float32"] = "float16"

    _lists = field_validator("sites", "positions", "sample_positions", mode="before")(as_names)

    @field_validator("positions", "sample_positions", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return tuple(str(v) for v in value) if isinstance(value, list | tuple) else value

    @field_validator("sites")
    @classmethod
    def _known_sites(cls, sites: tuple[str, ...]) -> tuple[str, ...]:
        return _known(sites, SITES)

    @field_validator("positions", "sample_positions")
    @classmethod
    def _known_positions(cls, positions: tuple[str, ...]) -> tuple[str, ...]:
        return _known(positions, POSITIONS)


class SelfEvaluationSettings(Group):
    """What the model is asked to judge of its own: whole answers, exact answers, or both; none costs nothing."""

    of: tuple[Literal["answer", "exact_answer"], ...] = ("answer", "exact_answer")

    _lists = field_validator("of", mode="before")(as_names)


class ProbeSettings(Group):
    """How probes are trained: each seed reshuffles the outer folds; `families` are compared beside the reference."""

    seeds: int = Field(default=1, ge=1)
    families: tuple[str, ...] = FAMILIES

    _lists = field_validator("families", mode="before")(as_names)


class BaselineSettings(Group):
    """How baselines are computed: `equivalence` says when two sampled answers mean the same."""

    equivalence: Literal["match", "embedding", "nli"] = "match"


class AbstentionSettings(Group):
    """The guarantee that a detector gives: at most `alpha` of what it accepts is wrong, save with chance `delta`.

    None asks for no guarantee and keeps no answers back for one.
    """

    alpha: float | None = Field(default=None, gt=0, lt=1)
    delta: float = Field(default=0.05, gt=0, lt=1)


class JudgeSettings(Group):
    """Which models the judges `llm` and `nli` and the locator `llm` ask.

    Attributes:
        model: The model that is asked: `same` for the studied one, what `model.name` takes for another, or the
            endpoint's name for one where `base_url` is set.
        base_url: An OpenAI-compatible endpoint, such as `http://localhost:8000/v1`; None for a model that runs here.
        api_key_env: The environment variable that holds the endpoint's key.
        timeout: Seconds that a request may take.
        retries: How often a request that fails for a reason that may pass is sent again.
        concurrency: The most requests at once.
        max_tokens: The most tokens of a reply.
        nli_model: The model of the judge `nli`: a hub id or a folder.
    """

    model: str | None = None
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    timeout: float = Field(default=60.0, gt=0)
    retries: int = Field(default=4, ge=0)
    concurrency: int = Field(default=8, ge=1)
    max_tokens: int = Field(default=64, ge=1)
    nli_model: str | None = None

    @field_validator("base_url")
    @classmethod
    def _plain_url(cls, url: str | None) -> str | None:
        if url is not None:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
                raise ValueError("http:// or https:// with a host, without a password or a query")
        return url

    @field_validator("api_key_env")
    @classmethod
    def _name_of_a_variable(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError("the name of an environment variable, not the key itself")
        return name


class StudySettings(Group):
    """A whole study. `report_to` names the trackers that are told of it when its report is made; none by default.

    Example:
        >>> StudySettings(task={"name": "cities", "limit": 60}).task.limit
        60
    """

    task: TaskSettings = TaskSettings()
    model: ModelSettings = ModelSettings()
    generate: GenerateSettings = GenerateSettings()
    capture: CaptureSettings = CaptureSettings()
    self_evaluation: SelfEvaluationSettings = SelfEvaluationSettings()
    probe: ProbeSettings = ProbeSettings()
    baselines: BaselineSettings = BaselineSettings()
    abstention: AbstentionSettings = AbstentionSettings()
    judge: JudgeSettings = JudgeSettings()
    seed: int = Field(default=0, ge=0)
    report_to: tuple[str, ...] = ()

    _lists = field_validator("report_to", mode="before")(as_names)

    @field_validator("report_to")
    @classmethod
    def _known_trackers(cls, trackers: tuple[str, ...]) -> tuple[str, ...]:
        return _known(trackers, TRACKERS)

    @property
    def sampling_seed(self) -> int:
        """The seed that every sampled answer's own seed derives from."""
        return self.seed if self.generate.seed is None else self.generate.seed
