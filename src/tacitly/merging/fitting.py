"""What runs must agree in to be joined, and what is said of two that do not."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from tacitly.errors import RunFolderError
from tacitly.merging.shard import COLLECTED, Shard
from tacitly.plan import fingerprints

_CONTENT = ("question", "prompt", "answers", "entity", "split", "choices", "context", "written", "graded")
_SETTINGS = (
    "task.name",
    "task.prompt",
    "task.judge",
    "task.locator",
    "model.system_prompt",
    "generate.max_new_tokens",
    "generate.temperature",
    "generate.top_p",
    "generate.stop",
    "judge.model",
    "judge.base_url",
    "judge.max_tokens",
    "judge.nli_model",
    "capture.sites",
    "capture.sample_positions",
    "capture.dtype",
)
_MODEL = {"weights_hash": "the sha256 of the model's weights", "dtype": "the model's number format"}


def require_fit(shards: Sequence[Shard]) -> None:
    """Refuse runs that cannot be joined.

    Their answers must come from the same weights, asked the same questions in the same words, sampled in the same way
    and with seeds of their own, and be judged, located and read alike.

    Raises:
        RunFolderError: Fewer than two runs, or the first value that differs, and in which runs.
    """
    if len(shards) < 2:
        raise RunFolderError(f"{len(shards)} run is nothing to merge", allowed="two runs or more")
    first = shards[0]
    for other in shards[1:]:
        _require_same_values(first, other)
        _require_same_questions(first, other)
    for one, other in combinations(shards, 2):
        shared = sorted({*one.seeds} & {*other.seeds})
        if shared:
            raise RunFolderError(
                f"{one.name!r} and {other.name!r} cannot be merged: both drew their samples with the seed {shared[0]}",
                allowed="a seed of its own for each run",
                remedy="run one of the studies with another generate.seed, in another folder",
            )
    wanted, records = fingerprints(first.settings), first.run.manifest.stages
    changed = [stage for stage in COLLECTED if records[stage].fingerprint != wanted[stage]]
    if changed:
        raise RunFolderError(
            f"the stage {changed[0]!r} of {first.name!r} would be done again: the task's file is not what it was, "
            "or the run is of another version",
            remedy="run its study again, or give another run first",
        )


def _require_same_values(first: Shard, other: Shard) -> None:
    mine, theirs = (shard.run.manifest.model or {} for shard in (first, other))
    compared = [(words, mine.get(name), theirs.get(name)) for name, words in _MODEL.items()]
    compared += [(name, _setting(first, name), _setting(other, name)) for name in _SETTINGS]
    for name, one, another in compared:
        if one != another:
            raise RunFolderError(
                f"{first.name!r} and {other.name!r} cannot be merged: {name} is {_short(one)} in the first and "
                f"{_short(another)} in the other",
                allowed="runs that differ in generate.seed and generate.samples alone",
            )


def _setting(shard: Shard, name: str) -> Any:
    value: Any = shard.settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _require_same_questions(first: Shard, other: Shard) -> None:
    one, another = (shard.questions.set_index("question_id") for shard in (first, other))
    only = [(first, one.index.difference(another.index)), (other, another.index.difference(one.index))]
    for shard, ids in only:
        if len(ids):
            raise RunFolderError(
                f"{first.name!r} and {other.name!r} cannot be merged: {len(ids)} questions were asked in "
                f"{shard.name!r} alone, the first is {ids[0]!r}",
                remedy="run the studies with the same task, task.limit and seed; generate.seed alone may differ",
            )
    for column in _CONTENT:
        pairs = zip(one.index, one[column], another.loc[one.index, column], strict=True)
        for question, mine, theirs in pairs:
            if _plain(mine) != _plain(theirs):
                raise RunFolderError(
                    f"{first.name!r} and {other.name!r} cannot be merged: the {column} of question {question!r} is "
                    f"{_short(_plain(mine))} in the first and {_short(_plain(theirs))} in the other",
                    remedy="run the studies with the same task file, chat template and system prompt",
                )


def count_other_texts(first: Shard, other: Shard) -> int:
    """How many greedy answers two runs worded differently, as happens after a near-tie of two tokens."""
    mine, theirs = first.greedy_texts, other.greedy_texts
    return int((mine != theirs.loc[mine.index]).sum())


def _plain(value: Any) -> Any:
    """A cell in a form that can be compared; every missing value is None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return tuple(value)
    return None if value is None or pd.isna(value) else value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
