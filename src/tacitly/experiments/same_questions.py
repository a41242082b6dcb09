"""Two runs can be compared only if they asked the same questions in the same words and read the same states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tacitly.errors import RunFolderError

_FREE = {
    "task": {"path", "limit", "prompt", "split_from", "entities", "judge"},
    "generate": {"batch_size", "memory", "samples", "seed", "temperature", "top_p"},
}
_SHAPE = {"layers": "layers", "width": "width of its states"}
_CONTENT = ("prompt", "question", "entity", "answers", "choices", "split")
LEAST_SHARED = 0.9
"""Of the larger run: probes that learned from many other questions are not the probes of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConditions:
    """What a run asked and how.

    Attributes:
        name: The run, as the user knows it.
        settings: Its settings by group.
        model: Its model's identity.
        judge: The judge that gave its labels, whether a setting named it or the task did.
        fine_tuned: Whether its model's folder says what it was trained on.
        seed: The seed of the study.
        tacitly: The version that made it.
        questions: question_id, prompt, question, entity, answers, choices and split.
    """

    name: str
    settings: Mapping[str, Any]
    model: Mapping[str, Any]
    judge: str
    fine_tuned: bool
    seed: int
    tacitly: str
    questions: pd.DataFrame


def shared_questions(base: RunConditions, tuned: RunConditions) -> list[str]:
    """The ids of the questions that both runs asked, in one order.

    Args:
        base: The base model's run.
        tuned: The tuned model's.

    Returns:
        The ids, sorted. Questions that only one run asked are left out, as long as nine tenths of the larger run's
        are shared.

    Raises:
        RunFolderError: Naming what differs: settings that decide what is right, located or read, the model's shape, the
            questions, or their prompts. If the weights do not differ, or only the base model was fine-tuned.
    """
    _require_before_and_after(base, tuned)
    _require_same_settings(base, tuned)
    ids = sorted(set(base.questions["question_id"]) & set(tuned.questions["question_id"]))
    most = max(len(base.questions), len(tuned.questions))
    if not ids or len(ids) < LEAST_SHARED * most:
        raise RunFolderError(
            f"the runs share {len(ids)} questions: {base.name!r} asked {len(base.questions)}, "
            f"{tuned.name!r} {len(tuned.questions)}",
            allowed=f"runs that share at least {LEAST_SHARED:.0%} of their questions",
            remedy="run both studies with the same task.name, task.path, task.limit and seed, and both with "
            "task.split_from=<the tuned model's folder>, the same task.entities and the same abstention.alpha",
        )
    _require_same_content(base, tuned, ids)
    return ids


def list_notes(base: RunConditions, tuned: RunConditions, shared: int) -> list[str]:
    """What a reader of the figures should know of two runs that can be compared.

    Args:
        base: The base model's run.
        tuned: The tuned model's.
        shared: How many questions both asked.
    """
    told: dict[str, list[Any]] = {
        "the models were run in different precision": [run.model.get("dtype") for run in (base, tuned)],
        "the probes were trained under a different number of seeds": [
            (run.settings.get("probe") or {}).get("seeds") for run in (base, tuned)
        ],
        "the runs have different seeds, and so different folds": [run.seed for run in (base, tuned)],
        "the runs were made with different versions of tacitly": [run.tacitly for run in (base, tuned)],
    }
    notes = [f"{words}: {pair[0]} and {pair[1]}" for words, pair in told.items() if pair[0] != pair[1]]
    for name, run in (("base", base), ("tuned", tuned)):
        if len(run.questions) > shared:
            notes.append(
                f"{len(run.questions) - shared} questions were asked in the {name} run only; they are in no figure, "
                "though its probes learned from them too"
            )
    if base.fine_tuned:
        notes.append("the base model was fine-tuned too; trained on means what the tuned model was trained on")
    return notes


def _require_before_and_after(base: RunConditions, tuned: RunConditions) -> None:
    weights = base.model.get("weights_hash")
    if weights is not None and weights == tuned.model.get("weights_hash"):
        raise RunFolderError(
            f"{base.name!r} and {tuned.name!r} are studies of the same weights",
            allowed="a model and what was tuned from it",
        )
    if base.fine_tuned and not tuned.fine_tuned:
        raise RunFolderError(
            f"{base.name!r} is the study of a fine-tuned model, {tuned.name!r} is not",
            remedy="give the base model's run first",
        )


def _require_same_settings(base: RunConditions, tuned: RunConditions) -> None:
    differing: list[tuple[str, Any, Any]] = []
    if base.judge != tuned.judge:
        differing.append(("task.judge", base.judge, tuned.judge))
    for group in ("task", "generate"):
        one, other = (run.settings.get(group) or {} for run in (base, tuned))
        names = sorted({*one, *other} - _FREE[group])
        differing += [(f"{group}.{n}", one.get(n), other.get(n)) for n in names if one.get(n) != other.get(n)]
    for name in ("sites", "positions"):
        pair = [(run.settings.get("capture") or {}).get(name) for run in (base, tuned)]
        if pair[0] != pair[1]:
            differing.append((f"capture.{name}", pair[0], pair[1]))
    if differing:
        shown = "; ".join(f"{name} is {_short(one)} and {_short(other)}" for name, one, other in differing)
        raise RunFolderError(
            f"{base.name!r} and {tuned.name!r} cannot be compared: {shown}", remedy="run both with the same settings"
        )
    for name, words in _SHAPE.items():
        if base.model.get(name) != tuned.model.get(name):
            raise RunFolderError(
                f"{base.name!r} and {tuned.name!r} cannot be compared: the models differ in the {words}, "
                f"{base.model.get(name)} and {tuned.model.get(name)}",
                allowed="a model and what was tuned from it",
            )


def _require_same_content(base: RunConditions, tuned: RunConditions, ids: Sequence[str]) -> None:
    one, other = (run.questions.set_index("question_id").loc[list(ids)] for run in (base, tuned))
    for column in _CONTENT:
        mine, theirs = ([_plain(value) for value in table[column]] for table in (one, other))
        differing = [place for place in range(len(ids)) if mine[place] != theirs[place]]
        if differing:
            place = differing[0]
            told = _where(mine[place], theirs[place]) if isinstance(mine[place], str) else ""
            remedy = "run both studies with the same task file"
            if column == "prompt":
                remedy = "ask both with the same chat template, model.system_prompt and task.prompt"
            raise RunFolderError(
                f"{base.name!r} and {tuned.name!r} cannot be compared: {len(differing)} of {len(ids)} shared questions "
                f"have another {column}, the first is {ids[place]!r}{told}",
                remedy=remedy,
            )


def _where(one: str, other: object) -> str:
    """How two texts begin to differ."""
    if not isinstance(other, str):
        return ""
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return f" (from character {at}: {_short(one[at:])} and {_short(other[at:])})"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _plain(value: Any) -> Any:
    """A cell of a table in a form that can be compared; every missing value is None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return tuple(value)
    return None if value is None or pd.isna(value) else value
