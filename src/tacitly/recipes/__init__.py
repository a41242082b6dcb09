"""Recipes: settings as YAML files, bundled or the user's, with overrides that win and errors explained."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from tacitly.errors import SettingsError
from tacitly.finetune_settings import FinetuneSettings
from tacitly.recipes.files import nearest, read_recipe
from tacitly.settings import StudySettings

Overrides = Sequence[str] | Mapping[str, Any]
S = TypeVar("S", bound=BaseModel)


def load_recipe(recipe: str | Path, *, overrides: Overrides = ()) -> StudySettings:
    """Read a study's recipe and apply overrides, which win.

    Args:
        recipe: A path to a YAML file, or the name of a bundled recipe; of a recipe with several studies one of
            `tacitly.recipes.files.studies_of`.
        overrides: `["task.limit=60", ...]` (values read as YAML) or `{"task.limit": 60, ...}`.

    Raises:
        SettingsError: For an unknown recipe, an unknown setting, or a value of a wrong type.

    Example:
        >>> load_recipe("demo", overrides=["task.limit=60"]).task.limit
        60
    """
    return _read_settings(StudySettings, recipe, overrides)


def load_finetune_recipe(recipe: str | Path, *, overrides: Overrides = ()) -> FinetuneSettings:
    """Read a fine-tuning's recipe and apply overrides, which win; arguments and errors as `load_recipe`.

    Example:
        >>> load_finetune_recipe("finetune-medquad-llama32-1b").model.name
        'meta-llama/Llama-3.2-1B'
    """
    return _read_settings(FinetuneSettings, recipe, overrides)


def _read_settings(kind: type[S], recipe: str | Path, overrides: Overrides) -> S:
    values = read_recipe(str(recipe))
    pairs = overrides.items() if isinstance(overrides, Mapping) else [_split_override(text) for text in overrides]
    for key, value in pairs:
        _set_dotted(values, key, value)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise _explained(error, kind) from None


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


def setting_names(kind: type[BaseModel] = StudySettings) -> tuple[str, ...]:
    """Every setting by its dotted name."""
    names: list[str] = []
    for name, spec in kind.model_fields.items():
        group = spec.annotation
        if isinstance(group, type) and issubclass(group, BaseModel):
            names += [f"{name}.{inner}" for inner in group.model_fields]
        else:
            names.append(name)
    return tuple(names)


def _explained(error: ValidationError, kind: type[BaseModel]) -> SettingsError:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        names = setting_names(kind)
        group = [n for n in names if n.startswith(name.split(".")[0] + ".")] or list(names)
        return SettingsError(f"unknown setting {name!r}", allowed=", ".join(group), remedy=nearest(name, names))
    message = first["msg"].removeprefix("Value error, ")
    return SettingsError(f"setting {name!r} is {first['input']!r}", allowed=message[:1].lower() + message[1:])
