"""How much do the figures rest on, and whom do they leave out?"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool

from tacitly.experiments.answer_table import Grouping
from tacitly.experiments.checks.apart import NOUNS
from tacitly.experiments.checks.check import Check
from tacitly.experiments.checks.study_files import StudyFiles
from tacitly.experiments.probe_stage import PROBE

FEWEST_GROUPS = 30
FEWEST_OF_A_CLASS = 50
UNKNOWN_SHARE = 0.1
APART = 0.1
"""How far the shares of right and of wrong answers that are left out may be from each other."""


def check_left_out(files: StudyFiles) -> Iterator[Check]:
    """Are answers left out of the headline, and as many of the right as of the wrong ones?

    Args:
        files: The study.

    Yields:
        The share of answers that could not be judged, which have no class; and of each class the share that is in no
        headline figure, since no exact answer was found in it or a number of it is missing.
    """
    rows, table = files.rows, files.table
    known = rows["correct"].notna().to_numpy()
    if not len(rows):
        return
    unknown, count = 1 - float(known.mean()), int((~known).sum())
    yield Check(
        name="unknown",
        kind="caution",
        ok=unknown <= UNKNOWN_SHARE,
        words=f"{count:,} of {len(rows):,} answers ({100 * unknown:.0f} %) could not be judged and are left out",
        value={"share": unknown},
        limit={"share": UNKNOWN_SHARE},
    )
    used = table.sets["located"].rows
    located = rows["located"].to_numpy(dtype=bool)
    classes = {"right": known & table.correct, "wrong": known & ~table.correct}
    if not all(which.any() for which in classes.values()):
        return
    out = {word: 1 - float(used[which].mean()) for word, which in classes.items()}
    unlocated = {word: 1 - float(located[which].mean()) for word, which in classes.items()}
    ok = abs(out["right"] - out["wrong"]) <= APART
    words = (
        f"{_both(out, ' of the right and ')} of the wrong answers are left out of the headline, "
        f"{_both(unlocated, ' and ')} since no exact answer was found"
    )
    if not ok:
        words += ": the headline is about those that are left, and being found is itself a clue"
    yield Check(
        name="left_out",
        kind="caution",
        ok=ok,
        words=words,
        value={**out, **{f"unlocated_{word}": share for word, share in unlocated.items()}},
        limit={"difference": APART},
    )


def _both(shares: Mapping[str, float], joint: str) -> str:
    return joint.join(f"{100 * shares[word]:.0f} %" for word in ("right", "wrong"))


def check_sizes(files: StudyFiles, grouping: Grouping) -> Iterator[Check]:
    """Do the headline figures of a grouping rest on enough groups, enough answers of each class, and all folds?

    Args:
        files: The study.
        grouping: The grouping.

    Yields:
        The checks; one that says why where the grouping is not defined.
    """
    found = files.methods("located", grouping)
    if PROBE not in found.methods:
        yield _undefined(files, grouping)
        return
    tested = np.logical_or.reduce([~np.isnan(entry.scores) for entry in found.methods[PROBE]])
    groups = len(set(found.groups[tested].tolist()))
    right, wrong = int((tested & found.correct).sum()), int((tested & ~found.correct).sum())
    several = NOUNS[grouping][1]
    yield Check(
        name=f"groups.{grouping}",
        kind="caution",
        ok=groups >= FEWEST_GROUPS,
        words=f"the figures rest on {groups:,} {several}" + _few(groups, FEWEST_GROUPS),
        value={"groups": groups},
        limit={"groups": FEWEST_GROUPS},
    )
    yield Check(
        name=f"classes.{grouping}",
        kind="caution",
        ok=min(right, wrong) >= FEWEST_OF_A_CLASS,
        words=f"they rest on {right:,} right and {wrong:,} wrong answers" + _few(min(right, wrong), FEWEST_OF_A_CLASS),
        value={"right": right, "wrong": wrong},
        limit={"each": FEWEST_OF_A_CLASS},
    )
    yield _folds(files, grouping, tested)


def _few(number: int, least: int) -> str:
    return "" if number >= least else f", fewer than {least}: intervals are rough and choices a matter of luck"


def _folds(files: StudyFiles, grouping: Grouping, tested: Bool[np.ndarray, " row"]) -> Check:
    found = files.methods("located", grouping)
    counts = {"folds": 0, "of_one_class": 0, "skipped": 0}
    for entry in found.methods[PROBE]:
        scored = ~np.isnan(entry.scores)
        for fold in sorted(set(entry.folds[scored].tolist())):
            labels = found.correct[scored & (entry.folds == fold)]
            counts["folds"] += 1
            counts["of_one_class"] += int(labels.all() or not labels.any())
    mine = ("located", grouping, PROBE)
    counts["skipped"] = sum((e["set"], e["grouping"], e["method"]) == mine for e in files.probes["skipped"])
    ok = not counts["of_one_class"] and not counts["skipped"]
    words = f"all {counts['folds']} tested parts have right and wrong answers"
    if counts["folds"] == 1:
        words = "the tested part has right and wrong answers"
    if not ok:
        words = (
            f"{counts['of_one_class']} of {counts['folds']} tested parts have one class only, {counts['skipped']} were "
            "skipped: they count in no AUROC"
        )
    missing = int((files.table.sets["located"].rows.sum()) - tested.sum()) if files.table.tested is None else 0
    return Check(
        name=f"folds.{grouping}",
        kind="caution",
        ok=ok,
        words=words,
        value={**counts, "answers_untested": missing},
        limit={"of_one_class": 0, "skipped": 0},
    )


def _undefined(files: StudyFiles, grouping: Grouping) -> Check:
    skipped: list[dict[str, Any]] = [
        entry for entry in files.probes["skipped"] if (entry["set"], entry["grouping"]) == ("located", grouping)
    ]
    reasons = [e for e in files.probes["reasons"] if (e["set"], e["grouping"]) == ("located", grouping)]
    reason = (reasons or skipped or [{"reason": "there are no folds"}])[0]["reason"]
    harder = ", the harder test," if grouping == "by_answer" else ""
    return Check(
        name=f"defined.{grouping}",
        kind="caution",
        ok=False,
        words=f"{grouping.replace('_', ' ')}{harder} nothing is defined: {reason}",
    )
