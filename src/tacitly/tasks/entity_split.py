"""Which entities a model was fine-tuned on, so that studies never test it on them unknowingly."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from tacitly.errors import TaskError
from tacitly.records import Question
from tacitly.storage import write_whole
from tacitly.text import normalize

FILE = "split.parquet"
NAMES = "names"
Part = Literal["trained", "held_out", "elsewhere"]


@dataclass(frozen=True)
class EntitySplit:
    """Every entity of a fine-tuning's task: trained on, or held out.

    Attributes:
        entities: Entity to part.
        spelled: Entity to its normalised names.

    Example:
        >>> split = EntitySplit.draw(
        ...     [Question(question_id=str(i), question="?", answers=("a",), entity=f"e{i}") for i in range(10)],
        ...     held_out=0.2, rng=np.random.default_rng(0),
        ... )
        >>> sorted(split.entities.values()).count("held_out")
        2
    """

    entities: dict[str, Part]
    spelled: dict[str, tuple[str, ...]]

    @classmethod
    def draw(
        cls,
        questions: Sequence[Question],
        *,
        held_out: float,
        rng: np.random.Generator,
        trained: Collection[str] = (),
    ) -> "EntitySplit":
        """Hold out whole entities, drawn at random, until they have this share of the questions.

        Args:
            questions: Every question.
            held_out: Their share.
            rng: Draws.
            trained: Entities that the model was trained on before; these are never held out.

        Raises:
            TaskError: If one of the parts would be empty.
        """
        sizes: dict[str, int] = {}
        for question in questions:
            sizes[question.entity] = sizes.get(question.entity, 0) + 1
        entities: dict[str, Part] = dict.fromkeys(sorted(sizes), "trained")
        order, wanted = [entity for entity in entities if entity not in trained], held_out * len(questions)
        taken = 0
        for i in rng.permutation(len(order)):
            if taken >= wanted:
                break
            entities[order[i]] = "held_out"
            taken += sizes[order[i]]
        if len(set(entities.values())) < 2:
            before = f", {len(sizes) - len(order)} of them trained on before," if trained else ""
            raise TaskError(
                f"a split of {len(sizes)} entities{before} with train.held_out={held_out} leaves one part empty",
                allowed="at least one entity in each part",
                remedy="give more questions or another train.held_out",
            )
        spelled: dict[str, tuple[str, ...]] = {}
        for question in questions:
            known = spelled.get(question.entity, ())
            spelled[question.entity] = tuple(sorted({*known, *names_of(question)}))
        return cls(entities, spelled)

    @cached_property
    def names(self) -> dict[str, Part]:
        """Normalised name to part, for questions of other tasks; a name that both parts have counts as trained."""
        found: dict[str, Part] = {}
        for entity, part in self.entities.items():
            for name in self.spelled[entity]:
                if found.get(name) != "trained":
                    found[name] = part
        return found

    @property
    def trained(self) -> set[str]:
        """The entities that are trained on."""
        return {entity for entity, part in self.entities.items() if part == "trained"}

    def used(self, entities: Collection[str]) -> "EntitySplit":
        """The split as it came to be: of the trained part, only these entities, which a training drew, were learned."""
        return replace(self, entities={e: "trained" if e in entities else "held_out" for e in self.entities})

    def after(self, earlier: "EntitySplit") -> "EntitySplit":
        """The split of a model that was trained before: what it learned then counts as trained too."""
        before = {entity: earlier.spelled[entity] for entity in earlier.trained}
        spelled = {e: tuple(sorted({*self.spelled.get(e, ()), *before.get(e, ())})) for e in {**self.spelled, **before}}
        return EntitySplit({**self.entities, **dict.fromkeys(before, "trained")}, spelled)

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

    def write(self, folder: Path) -> None:
        """Write `split.parquet`: entity, names, part.

        Raises:
            StorageError: If the disk is full or cannot be written.
        """
        rows = [(entity, self.spelled[entity], part) for entity, part in sorted(self.entities.items())]
        table = pd.DataFrame(rows, columns=["entity", NAMES, "part"])
        write_whole(folder / FILE, lambda target: table.to_parquet(target, index=False))

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
        return cls(
            dict(zip(rows["entity"], rows["part"], strict=True)),
            {entity: tuple(names) for entity, names in zip(rows["entity"], rows[NAMES], strict=True)},
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
