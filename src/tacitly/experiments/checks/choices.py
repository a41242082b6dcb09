"""Was every choice made in the training part? The choices are made again from the files and held against the record."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from tacitly.evaluation.metrics import fold_aurocs
from tacitly.experiments.answer_table import Grouping
from tacitly.experiments.baseline_stage import BEST_BASELINE, BEST_CONTROL
from tacitly.experiments.cell_ranking import merge_margins
from tacitly.experiments.checks.check import Check
from tacitly.experiments.checks.refits import Refit
from tacitly.experiments.checks.study_files import StudyFiles
from tacitly.experiments.control_scores import inner_auroc, score_control
from tacitly.experiments.probe_controls import LAYER_0, ProbeControls
from tacitly.experiments.probe_stage import PROBE
from tacitly.probes.grid import score_grid

NEAR = 1e-3
"""How far a figure that is made again may be from the one written down: other machines sum in another order."""

LESS_ACCURATE = 0.01
"""How much less accurate a recorded threshold may be in the training part, for the same reason."""


def check_choices(files: StudyFiles, grouping: Grouping, refits: Sequence[Refit]) -> Check | None:
    """Hold the recorded choices of every outer fold against those that its training part gives.

    Made again for every fold: penalty, threshold and calibrator at the recorded cell, the best baseline, and which
    control is the best of the recorded ones; for one fold the ranking of every cell, and the best control's figure.

    Args:
        files: The study.
        grouping: The grouping.
        refits: Its probes, made again.

    Returns:
        The check; None where the grouping has no probes.
    """
    scored = set(_scored_folds(files, grouping))
    if not refits and not scored:
        return None
    off = [f"{_named(key)}: no choice is written down" for key in sorted(scored - {_key(r.choice) for r in refits})]
    rivals = {_key(c): c for c in files.baselines["choices"] if c["grouping"] == grouping}
    for number, refit in enumerate(refits):
        wrong = [*_probe_off(refit, files.table.correct), *_rivals_off(files, refit, rivals.get(_key(refit.choice)))]
        if number == 0:
            wrong += [*_cell_off(files, refit), *_control_off(files, refit, rivals.get(_key(refit.choice)))]
        off += [f"{_named(_key(refit.choice))}: {what}" for what in wrong]
    words = (
        f"every choice of {len(refits)} folds (cell, penalty, threshold, calibrator, best baseline and control) is "
        "that of the training part: made again from the files"
    )
    if off:
        words = f"{len(off)} choices are not those of the training part, the first in {off[0]}"
    return Check(
        name=f"choices.{grouping}",
        kind="protocol",
        ok=not off,
        words=words,
        value={"folds": len(refits), "off": len(off)},
        limit={"off": 0},
    )


def _scored_folds(files: StudyFiles, grouping: Grouping) -> Iterator[tuple[str, int, int]]:
    """The outer folds of the first seed that the probe has scores of."""
    scores = files.placed_scores
    seeds = files.seeds(grouping)
    if scores.empty or not seeds:
        return
    mine = scores[(scores["grouping"] == grouping) & (scores["seed"] == seeds[0])]
    for name, method in (("located", PROBE), ("all", f"all:{PROBE}")):
        for number in sorted(set(mine.loc[mine["method"] == method, "outer_fold"].tolist())):
            yield name, seeds[0], number


def _key(choice: Mapping[str, Any]) -> tuple[str, int, int]:
    return choice["set"], choice["seed"], choice["outer_fold"]


def _named(key: tuple[str, int, int]) -> str:
    return f"fold {key[2]} ({key[0]} answers)"


def _probe_off(refit: Refit, correct: Bool[np.ndarray, " row"]) -> Iterator[str]:
    said, made = refit.choice, refit.made
    if made is None:
        yield "its training part allows no probe"
        return
    found, preferred = made.fit.choice, made.preferred
    if abs(found.inner_auroc - said["inner_auroc"]) > NEAR:
        yield f"its inner AUROC is {found.inner_auroc:.3f}, not {said['inner_auroc']:.3f}"
    if preferred.inner_auroc > found.inner_auroc + NEAR:
        yield f"its penalty is {said['C']:g}, its training part prefers {preferred.C:g}"
    scored = ~np.isnan(found.margins)
    right = correct[scored]
    probability = found.platt.probability(found.margins[scored])
    accuracy = [((probability >= bar) == right).mean() for bar in (said["threshold"], found.threshold)]
    if accuracy[0] < accuracy[1] - max(LESS_ACCURATE, 1.5 / len(right)):  # one answer at the bar may be a tie
        yield f"its threshold is {said['threshold']:.2f}, its training part prefers {found.threshold:.2f}"
    brier, name = made.calibration.choice.brier or {}, made.calibration.choice.name
    worth = {str(calibrator): value for calibrator, value in brier.items()}
    if said.get("calibrator") != name and worth.get(str(said.get("calibrator")), np.inf) > worth.get(name, 0) + NEAR:
        yield f"its calibrator is {said.get('calibrator')}, its training part prefers {name}"


def _rivals_off(files: StudyFiles, refit: Refit, rivals: Mapping[str, Any] | None) -> Iterator[str]:
    if rivals is None:
        yield "no best baseline and control are written down"
        return
    inner = rivals.get("inner_auroc", {})
    for kind, best in (("baselines", BEST_BASELINE), ("controls", BEST_CONTROL)):
        written = inner.get(kind, {})
        highest = max(written.values(), default=None)
        if highest is None:
            if rivals[best] is not None:
                yield f"the {best.replace('_', ' ')} is {rivals[best]}, of which no inner AUROC is written down"
        elif rivals[best] not in written or written[rivals[best]] < highest:
            yield f"the {best.replace('_', ' ')} is {rivals[best]}, which is not the best of its training part"
    chosen, table = files.table.sets[refit.answers], files.table
    learned = refit.outer.fold.train & files.states.present(refit.cell.position)
    for name, values in chosen.baselines.items():
        found = inner_auroc(np.where(learned, values, np.nan), refit.outer.inner, table)
        said = inner.get("baselines", {}).get(name, np.nan)
        if not np.isclose(found, said, atol=NEAR, equal_nan=True):
            yield f"the baseline {name} has an inner AUROC of {found:.3f}, not {said:.3f}"
            return


def _cell_off(files: StudyFiles, refit: Refit) -> Iterator[str]:
    """Rank every cell again on the inner folds."""
    table, inner = files.table, refit.outer.inner
    chosen = table.sets[refit.answers]
    shared = chosen.rows.copy()
    for position, eligible in chosen.positions.items():
        shared = shared & files.states.present(position) if eligible else shared
    values: dict[Any, float] = {}
    train, test = (np.stack([getattr(fold, part) for fold in inner]) for part in ("train", "test"))
    for found in score_grid(files.states, correct=table.correct, train=train, test=test):
        if chosen.positions.get(found.cell.position, False):
            merged, numbers = merge_margins(found.margins, inner)
            rows = np.flatnonzero(shared & (numbers >= 0))
            one = np.ones((1, len(rows)))
            values[found.cell] = float(fold_aurocs(table.correct[rows], merged[rows], numbers[rows], weights=one)[0])
    if not values:
        yield "no cell can be ranked"
        return
    best = max(values, key=lambda cell: np.nan_to_num(values[cell], nan=-1.0))
    if values.get(refit.cell, -1.0) < values[best] - NEAR:
        yield f"the cell {refit.cell} is written down, its training part prefers {best}"


def _control_off(files: StudyFiles, refit: Refit, rivals: Mapping[str, Any] | None) -> Iterator[str]:
    if rivals is None or rivals.get(BEST_CONTROL) is None:
        return
    name = str(rivals[BEST_CONTROL])
    if name == LAYER_0:
        probe = ProbeControls(files.table, files.states, seed=files.seed).fit_layer_0(refit.outer, refit.choice)
        found = probe.choice.inner_auroc
    else:
        present = files.states.present(refit.cell.position)
        scored = score_control(name, refit.outer, files.table, present=present)
        if scored is None:
            yield f"the best control is {name}, which is none"
            return
        found = scored.inner
    said = rivals.get("inner_auroc", {}).get("controls", {}).get(name, np.nan)
    if not np.isclose(found, said, atol=NEAR, equal_nan=True):
        yield f"the control {name} has an inner AUROC of {found:.3f}, not {said:.3f}"
