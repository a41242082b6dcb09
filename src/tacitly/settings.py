"""The settings of a study: one small class per stage, read from a recipe, overridden by `key=value`."""

import difflib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tacitly.errors import SettingsError

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


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _names(value: object) -> object:
    """Accept one name where a list of names is meant."""
    return (value,) if isinstance(value, str) else value


def _known(values: tuple[str, ...], allowed: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if value not in allowed:
            raise ValueError(f"{value!r} is not one of {', '.join(allowed)}")
    return tuple(dict.fromkeys(values))


class TaskSettings(_Settings):
    """What is asked, and how answers are judged and located; None leaves a setting to the task."""

    name: str = "medfacts"
    path: Path | None = None
    limit: int | None = Field(default=None, ge=1)
    prompt: str | None = None
    judge: str | None = None
    locator: tuple[str, ...] | None = None

    _one_locator = field_validator("locator", mode="before")(_names)


class ModelSettings(_Settings):
    """Which model: `embedded`, a hub id, a folder, or a GGUF file."""

    name: str = "embedded"
    revision: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    system_prompt: str | None = None


class GenerateSettings(_Settings):
    """How answers are written. `samples` counts sampled answers beside the greedy one."""

    max_new_tokens: int | None = Field(default=None, ge=1)
    samples: int = Field(default=0, ge=0)
    temperature: float = Field(default=1.0, gt=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    stop: tuple[str, ...] = ()
    batch_size: int = Field(default=64, ge=1)

    _one_stop = field_validator("stop", mode="before")(_names)

    @field_validator("stop")
    @classmethod
    def _not_empty(cls, stop: tuple[str, ...]) -> tuple[str, ...]:
        if any(not text for text in stop):
            raise ValueError("an empty stop string would end every answer at once")
        return stop


class CaptureSettings(_Settings):
    """Which activations are kept. `token_layers` names layers of which every answer token is kept."""

    sites: tuple[str, ...] = ("residual",)
    positions: tuple[str, ...] = POSITIONS
    token_layers: tuple[int, ...] = ()
    sample_positions: tuple[str, ...] = ("exact_answer_last_token", "-1")
    dtype: Literal["float16", "float32"] = "float16"

    _lists = field_validator("sites", "positions", "sample_positions", mode="before")(_names)

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


class ProbeSettings(_Settings):
    """How probes are trained: each seed reshuffles the outer folds."""

    seeds: int = Field(default=1, ge=1)


class StudySettings(_Settings):
    """A whole study.

    Example:
        >>> StudySettings(task={"name": "cities", "limit": 60}).task.limit
        60
    """

    task: TaskSettings = TaskSettings()
    model: ModelSettings = ModelSettings()
    generate: GenerateSettings = GenerateSettings()
    capture: CaptureSettings = CaptureSettings()
    probe: ProbeSettings = ProbeSettings()
    seed: int = Field(default=0, ge=0)


def bundled_recipes() -> dict[str, str]:
    """The bundled recipes: name to YAML text."""
    folder = resources.files("tacitly") / "recipes"
    return {
        entry.name.removesuffix(".yaml"): entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yaml")
    }


def load_recipe(recipe: str | Path, *, overrides: Sequence[str] | Mapping[str, Any] = ()) -> StudySettings:
    """Read a recipe and apply overrides, which win.

    Args:
        recipe: A path to a YAML file, or the name of a bundled recipe.
        overrides: `["task.limit=60", ...]` (values read as YAML) or `{"task.limit": 60, ...}`.

    Raises:
        SettingsError: For an unknown recipe, an unknown setting, or a value of a wrong type.

    Example:
        >>> load_recipe("demo", overrides=["task.limit=60"]).task.limit
        60
    """
    values = _read_recipe(str(recipe))
    pairs = overrides.items() if isinstance(overrides, Mapping) else [_split_override(text) for text in overrides]
    for key, value in pairs:
        _set_dotted(values, key, value)
    try:
        return StudySettings.model_validate(values)
    except ValidationError as error:
        raise _explained(error) from None


def _read_recipe(recipe: str) -> dict[str, Any]:
    bundled = bundled_recipes()
    if recipe in bundled:
        text, where = bundled[recipe], recipe
    elif Path(recipe).is_file():
        try:
            text, where = Path(recipe).read_text(encoding="utf-8"), recipe
        except UnicodeDecodeError as error:
            raise SettingsError(f"recipe {recipe!r} is not UTF-8 (byte {error.start})") from None
    else:
        raise SettingsError(
            f"unknown recipe {recipe!r}",
            allowed=f"a YAML file, or one of {', '.join(bundled)}",
            remedy=_nearest(recipe, bundled),
        )
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"recipe {where!r} is not valid YAML: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"recipe {where!r} holds {type(values).__name__}", allowed="a mapping of settings")
    return values


def _split_override(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise SettingsError(f"--set {text!r}", allowed="key=value, for instance task.limit=60")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError:
        return key, value


def _set_dotted(values: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        inner = values.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise SettingsError(f"setting {key!r}: {parent!r} is not a group of settings")
        values = inner
    values[last] = value


def setting_names() -> tuple[str, ...]:
    """Every setting by its dotted name."""
    names: list[str] = []
    for name, spec in StudySettings.model_fields.items():
        group = spec.annotation
        if isinstance(group, type) and issubclass(group, BaseModel):
            names += [f"{name}.{inner}" for inner in group.model_fields]
        else:
            names.append(name)
    return tuple(names)


def _explained(error: ValidationError) -> SettingsError:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        names = setting_names()
        group = [n for n in names if n.startswith(name.split(".")[0] + ".")] or list(names)
        return SettingsError(f"unknown setting {name!r}", allowed=", ".join(group), remedy=_nearest(name, names))
    message = first["msg"].removeprefix("Value error, ")
    return SettingsError(f"setting {name!r} is {first['input']!r}", allowed=message[:1].lower() + message[1:])


def _nearest(name: str, names: Sequence[str] | Mapping[str, str]) -> str | None:
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"did you mean {near[0]!r}?" if near else None
