"""Which entities a model was fine-tuned on, so that studies never test it on them unknowingly."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from tacitly.errors import TaskError
from tacitly.records import Question
from tacitly.text import normalize

FILE = "split.parquet"
NAMES = "names"
Part = Literal["trained", "held_out", "elsewhere"]


@dataclass(frozen=True)
class EntitySplit:
    """Every entity of a fine-tuning's task: trained on, or held out.

    Attributes:
        entities: Entity to part.
        names: Normalised name to part, for questions of other tasks; a name that both parts have counts as trained.

    Example:
        >>> split = EntitySplit.draw(
        ...     [Question(question_id=str(i), question="?", answers=("a",), entity=f"e{i}") for i in range(10)],
        ...     held_out=0.2, rng=np.random.default_rng(0),
        ... )
        >>> sorted(split.entities.values()).count("held_out")
        2
    """

    entities: dict[str, Part]
    names: dict[str, Part]

    @classmethod
    def draw(cls, questions: Sequence[Question], *, held_out: float, rng: np.random.Generator) -> "EntitySplit":
        """Hold out whole entities, drawn at random, until they have this share of the questions.

        Raises:
            TaskError: If one of the parts would be empty.
        """
        sizes: dict[str, int] = {}
        for question in questions:
            sizes[question.entity] = sizes.get(question.entity, 0) + 1
        order, wanted = sorted(sizes), held_out * len(questions)
        entities: dict[str, Part] = dict.fromkeys(order, "trained")
        taken = 0
        for i in rng.permutation(len(order)):
            if taken >= wanted:
                break
            entities[order[i]] = "held_out"
            taken += sizes[order[i]]
        if len(set(entities.values())) < 2:
            raise TaskError(
                f"a split of {len(sizes)} entities with train.held_out={held_out} leaves one part empty",
                allowed="at least one entity in each part",
                remedy="give more questions or another train.held_out",
            )
        return cls(entities, _by_name((q.entity, names_of(q), entities[q.entity]) for q in questions))

    def used(self, entities: Iterable[str], questions: Sequence[Question]) -> "EntitySplit":
        """The split as it came to be: of the trained part, only these entities were learned from.

        Args:
            entities: What a training drew.
            questions: Every question, for the names.
        """
        seen = set(entities)
        parts: dict[str, Part] = {e: "trained" if e in seen else "held_out" for e in self.entities}
        return EntitySplit(parts, _by_name((q.entity, names_of(q), parts[q.entity]) for q in questions))

    def part_of(self, question: Question) -> Part:
        """The part of a question's entity, by the entity itself or by its name; `elsewhere` where neither is known."""
        found = self.entities.get(question.entity)
        if found is None:
            parts = {self.names[name] for name in names_of(question) if name in self.names}
            found = "trained" if "trained" in parts else next(iter(parts), None)
        return found or "elsewhere"

    def mark(self, questions: Iterable[Question]) -> list[Question]:
        """The questions, each with its part in `meta["training"]`."""
        return [replace(q, meta={**q.meta, "training": self.part_of(q)}) for q in questions]

    def write(self, folder: Path, questions: Sequence[Question]) -> None:
        """Write `split.parquet`: entity, names, part."""
        names: dict[str, set[str]] = {}
        for question in questions:
            names.setdefault(question.entity, set()).update(names_of(question))
        rows = [(entity, sorted(names.get(entity, ())), part) for entity, part in sorted(self.entities.items())]
        pd.DataFrame(rows, columns=["entity", NAMES, "part"]).to_parquet(folder / FILE, index=False)

    @classmethod
    def read(cls, folder: Path) -> "EntitySplit | None":
        """Read the split of a fine-tuned model's folder; None where it has none.

        Raises:
            TaskError: If the file is damaged.
        """
        path = folder / FILE
        if not path.is_file():
            return None
        try:
            rows = pd.read_parquet(path, columns=["entity", NAMES, "part"])
        except (OSError, ValueError, KeyError) as error:
            raise TaskError(
                f"cannot read {str(path)!r}: {error}", remedy="take it from the fine-tuned model's folder again"
            ) from None
        named = zip(rows["entity"], rows[NAMES], rows["part"], strict=True)
        return cls(
            dict(zip(rows["entity"], rows["part"], strict=True)), _by_name((e, tuple(n), p) for e, n, p in named)
        )


def names_of(question: Question) -> tuple[str, ...]:
    """The normalised names of what a question is about: its entity, and those of `meta["names"]`, split at `|`.

    Example:
        >>> meta = {"names": "Gout|Podagra"}
        >>> names_of(Question(question_id="1", question="?", answers=("a",), entity="C1", meta=meta))
        ('c1', 'gout', 'podagra')
    """
    given = (question.entity, *question.meta.get(NAMES, "").split("|"))
    return tuple(dict.fromkeys(name for name in map(normalize, given) if name))


def _by_name(rows: Iterable[tuple[str, Sequence[str], Part]]) -> dict[str, Part]:
    found: dict[str, Part] = {}
    for _, names, part in rows:
        for name in names:
            if found.get(name) != "trained":
                found[name] = part
    return found
