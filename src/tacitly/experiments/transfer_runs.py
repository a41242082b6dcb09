"""Probes carry over only between runs of one model that read the same states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tacitly.activations.base import StateTable
from tacitly.errors import RunFolderError


@dataclass(frozen=True, slots=True, kw_only=True)
class StudiedRun:
    """What is known of a run's model and states.

    Attributes:
        name: The run, as it is told from the others.
        model: Its model's identity.
        settings: Its settings by group.
        states: The states of its answers.
        tacitly: The version that made it.
    """

    name: str
    model: Mapping[str, Any]
    settings: Mapping[str, Any]
    states: StateTable
    tacitly: str


def require_one_shape(runs: Sequence[StudiedRun], *, across_models: bool = False) -> None:
    """Refuse runs between which a probe has no meaning.

    Args:
        runs: The runs; each is held against the first.
        across_models: Allow other weights, as long as layers, width, sites and positions are the same.

    Raises:
        RunFolderError: Naming what differs, and what to do about it.
    """
    first, *others = runs
    for other in others:
        pair = (first.name, other.name)
        weights = [str(run.model.get("weights_hash")) for run in (first, other)]
        for name, words in (("layers", "number of layers"), ("width", "width of its states")):
            values = [run.model.get(name) for run in (first, other)]
            if values[0] != values[1]:
                raise RunFolderError(
                    f"the models of {pair[0]!r} and {pair[1]!r} differ in the {words}: {values[0]} and {values[1]}",
                    allowed="runs of one model, or with --across-models of models of one shape",
                )
        if weights[0] != weights[1] and not across_models:
            names = [str(run.model.get("name")) for run in (first, other)]
            raise RunFolderError(
                f"{pair[0]!r} and {pair[1]!r} are of different models: {names[0]} (sha256 {weights[0][:12]}) and "
                f"{names[1]} ({weights[1][:12]})",
                allowed="runs of one model",
                remedy="give --across-models where one was tuned from the other",
            )
        for what, setting, (mine, theirs) in _conventions(first, other):
            if mine != theirs:
                raise RunFolderError(
                    f"{pair[0]!r} and {pair[1]!r} hold different {what}: {_listed(mine, theirs)} only in the first, "
                    f"{_listed(theirs, mine)} only in the second",
                    remedy=f"run both studies with the same {setting}",
                )


def _conventions(one: StudiedRun, other: StudiedRun) -> list[tuple[str, str, list[tuple[str, ...]]]]:
    states = [one.states, other.states]
    return [
        ("sites", "capture.sites", [table.sites for table in states]),
        (
            "layers",
            "version of tacitly, which numbers layers in one way",
            [tuple(f"{site} {layer}" for site in t.sites for layer in t.layers(site)) for t in states],
        ),
        ("token positions", "capture.positions", [tuple(sorted(table.positions)) for table in states]),
    ]


def _listed(mine: Sequence[str], theirs: Sequence[str]) -> str:
    return ", ".join(name for name in mine if name not in theirs) or "none"


def list_notes(runs: Sequence[StudiedRun]) -> list[str]:
    """What a reader of the figures should know of runs that can be held together.

    Args:
        runs: The runs.
    """
    told: Mapping[str, list[Any]] = {
        "the models were run in different precision": [run.model.get("dtype") for run in runs],
        "the states are kept in different precision": [_setting(run, "capture", "dtype") for run in runs],
        "the runs were asked in different chat formats": [_setting(run, "model", "chat_template") for run in runs],
        "the runs were made with different versions of tacitly": [run.tacitly for run in runs],
    }
    return [
        f"{words}: " + ", ".join(f"{value} ({run.name})" for run, value in zip(runs, values, strict=True))
        for words, values in told.items()
        if len(set(map(str, values))) > 1
    ]


def _setting(run: StudiedRun, group: str, name: str) -> Any:
    return (run.settings.get(group) or {}).get(name)
