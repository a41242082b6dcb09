"""Is nothing tested that was learned from, or kept for something else?"""

import numpy as np

from tacitly.experiments.answer_table import GROUPINGS, SETS, Grouping
from tacitly.experiments.checks.check import Check
from tacitly.experiments.checks.study_files import StudyFiles

NOUNS = {"by_entity": ("entity", "entities"), "by_answer": ("given answer", "given answers")}


def check_apart(files: StudyFiles, grouping: Grouping) -> Check | None:
    """No group is in two tested parts, and no tested one among what the probes of its fold learned from.

    By answer, what is tested shares no entity with what was learned from either.

    Args:
        files: The study.
        grouping: The grouping.

    Returns:
        The check; None where the grouping has no folds.
    """
    seeds = files.seeds(grouping)
    if not seeds:
        return None
    crossing, shared = set(), set()
    keys = {name: files.table.groups[name] for name in (GROUPINGS if grouping == "by_answer" else ("by_entity",))}
    own = keys[grouping]
    for seed in seeds:
        for name in SETS:
            place: dict[str, int] = {}
            for number in _numbers(files, grouping, seed):
                tested = files.tested(name, grouping, seed, number)
                for group in np.unique(own[tested].astype(str)).tolist():
                    if place.setdefault(group, number) != number:
                        crossing.add(group)
                trained = files.trained(name, grouping, seed, number)
                for key in keys.values():
                    shared |= set(key[tested].tolist()) & set(key[trained].tolist())
    one, several = NOUNS[grouping]
    ok = not crossing and not shared
    count = len(set(own[np.logical_or.reduce([files.table.sets[name].rows for name in SETS])].tolist()))
    words = f"no {one} of {count:,} crosses from a training part into the part that is tested on it"
    if not ok:
        words = f"{len(crossing)} {several} are in two tested parts, {len(shared)} in a training and its tested part"
    return Check(
        name=f"groups_apart.{grouping}",
        kind="protocol",
        ok=ok,
        words=words,
        value={"in_two_tested_parts": len(crossing), "in_training_and_tested_part": len(shared)},
        limit={"in_two_tested_parts": 0, "in_training_and_tested_part": 0},
    )


def check_kept(files: StudyFiles) -> Check | None:
    """The answers kept for the promise of abstention are in no other figure.

    Args:
        files: The study.

    Returns:
        The check; None where none are kept.
    """
    if files.kept.empty:
        return None
    answers, entities = set(files.kept["answer_id"]), set(files.kept["entity"])
    frames = (files.folds, files.inner_folds, files.scores)
    seen = set().union(*(answers & set(frame.get("answer_id", ())) for frame in frames))
    known = entities & set(files.rows["entity"].astype(str))
    ok = not seen and not known
    words = f"{len(answers):,} answers about {len(entities):,} entities are kept for abstention and in no other figure"
    if not ok:
        words = f"{len(seen)} answers and {len(known)} entities that are kept for abstention are in other figures too"
    return Check(
        name="kept_apart",
        kind="protocol",
        ok=ok,
        words=words,
        value={"answers_seen": len(seen), "entities_seen": len(known)},
        limit={"answers_seen": 0, "entities_seen": 0},
    )


def _numbers(files: StudyFiles, grouping: Grouping, seed: int) -> list[int]:
    mine = files.folds[(files.folds["grouping"] == grouping) & (files.folds["seed"] == seed)]
    return sorted(number for number in set(mine["outer_fold"].tolist()) if number >= 0)
