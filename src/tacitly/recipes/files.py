"""Recipes as they are written: bundled or the user's YAML, one on top of another, and several studies in one."""

import difflib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from tacitly.errors import SettingsError

BASE, STUDIES = "base", "studies"


def bundled_recipes() -> dict[str, str]:
    """The bundled recipes: name to YAML text."""
    folder = resources.files("tacitly") / "recipes"
    return {
        entry.name.removesuffix(".yaml"): entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yaml")
    }


def studies_of(recipe: str | Path) -> tuple[str, ...]:
    """What `load_recipe` takes of a recipe: each of its studies as `recipe/study`, or itself where it is one study.

    Raises:
        SettingsError: For an unknown recipe.

    Example:
        >>> studies_of("demo"), studies_of("paper-llama3-8b")[0]
        (('demo',), 'paper-llama3-8b/triviaqa')
    """
    whole, study = _split(str(recipe))
    studies = _layered(whole).get(STUDIES)
    return tuple(f"{whole}/{name}" for name in studies) if studies and not study else (str(recipe),)


def run_name(recipe: str | Path) -> Path:
    """Where below `runs/` a recipe's run lies by default.

    Example:
        >>> run_name("mine/new.yaml").as_posix(), run_name("paper-llama3-8b/imdb").as_posix()
        ('new', 'paper-llama3-8b/imdb')
    """
    whole, study = _split(str(recipe))
    return Path(Path(whole).stem, *([study] if study else []))


def read_recipe(recipe: str) -> dict[str, Any]:
    """The settings of a recipe, over those of the recipe that it builds on; of several studies the one named.

    Raises:
        SettingsError: For an unknown recipe or study, no study where there are several, or what is not a recipe.
    """
    whole, study = _split(recipe)
    values = _layered(whole)
    studies = values.pop(STUDIES, None)
    if not studies:
        if study:
            raise SettingsError(f"recipe {whole!r} is one study and has no {study!r}", remedy=f"write {whole!r} alone")
        return values
    if not study:
        raise SettingsError(f"recipe {whole!r} holds {len(studies)} studies", allowed=_listed(whole, studies))
    if study not in studies:
        raise SettingsError(
            f"recipe {whole!r} has no study {study!r}",
            allowed=_listed(whole, studies),
            remedy=nearest(study, studies),
        )
    return _over(values, studies[study] or {})


def nearest(name: str, names: Iterable[str]) -> str | None:
    """What was perhaps meant."""
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"did you mean {near[0]!r}?" if near else None


def _split(recipe: str) -> tuple[str, str | None]:
    """A recipe, and the study that is named behind it."""
    whole, slash, study = recipe.rpartition("/")
    if slash and not Path(recipe).exists() and (whole in bundled_recipes() or Path(whole).is_file()):
        return whole, study
    return recipe, None


def _listed(whole: str, studies: Iterable[str]) -> str:
    return ", ".join(f"{whole}/{name}" for name in studies)


def _layered(recipe: str) -> dict[str, Any]:
    """A recipe's content on top of that of its base, and so on down; its own studies take the place of its base's."""
    layers: list[dict[str, Any]] = []
    names: list[str] = []
    name: str | None = recipe
    while name is not None:
        if name in names:
            raise SettingsError(f"recipe {name!r} builds on itself: {' on '.join([*names, name])}")
        names.append(name)
        values = _content(name)
        below = values.pop(BASE, None)
        layers.append(values)
        name = None if below is None else _beside(name, str(below))
    found: dict[str, Any] = {}
    for values in reversed(layers):
        studies = values.pop(STUDIES, found.pop(STUDIES, None))
        found = _over(found, values) | ({} if studies is None else {STUDIES: studies})
    return found


def _beside(recipe: str, base: str) -> str:
    """A base that is a file is sought beside the recipe that names it."""
    beside = Path(recipe).parent / base
    return str(beside) if base not in bundled_recipes() and beside.is_file() else base


def _content(recipe: str) -> dict[str, Any]:
    bundled = bundled_recipes()
    if recipe in bundled:
        text = bundled[recipe]
    elif Path(recipe).is_file():
        try:
            text = Path(recipe).read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise SettingsError(f"recipe {recipe!r} is not UTF-8 (byte {error.start})") from None
    else:
        raise SettingsError(
            f"unknown recipe {recipe!r}",
            allowed=f"a YAML file, or one of {', '.join(bundled)}",
            remedy=nearest(recipe, bundled),
        )
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"recipe {recipe!r} is not valid YAML: {error}") from None
    if not isinstance(values, dict | None):
        raise SettingsError(f"recipe {recipe!r} holds {type(values).__name__}", allowed="a mapping of settings")
    values = values or {}
    studies = values.get(STUDIES)
    if not isinstance(studies, dict | None) or not all(
        isinstance(one, dict | None) for one in (studies or {}).values()
    ):
        raise SettingsError(
            f"recipe {recipe!r}: {STUDIES!r} is no mapping of names to settings",
            allowed="such as studies: {first: {task: {name: cities}}, second: {task: {name: medfacts}}}",
        )
    return {**values, **({STUDIES: {str(name): one for name, one in studies.items()}} if studies else {})}


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Settings on top of others: groups are joined, anything else takes its place."""
    joined = dict(below)
    for name, value in above.items():
        under = joined.get(name)
        joined[name] = _over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return joined
