"""`metrics.json` of error detection, put together from what the stages wrote."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tacitly.baselines.controls import answer_strings
from tacitly.evaluation.intervals import REPLICATES
from tacitly.experiments.answer_table import GROUPINGS, SETS, Grouping, SetName
from tacitly.experiments.baseline_stage import BEST_BASELINE, BEST_CONTROL, COMBINED
from tacitly.experiments.calibrating import CALIBRATED_PREFIX
from tacitly.experiments.calibration_figures import summarise_calibration
from tacitly.experiments.detection_metrics import (
    REASON_ONE_CLASS,
    MethodScores,
    Resamples,
    collect_scores,
    decisions,
    estimate,
    resampling_rng,
    within_answer,
)
from tacitly.experiments.probe_controls import SHUFFLED
from tacitly.experiments.probe_stage import LAST_TOKEN, LAYER_0_EXACT, PROBE
from tacitly.experiments.score_rows import CONTROL_PREFIX, FAMILY_PREFIX, TOKENS_PREFIX
from tacitly.experiments.selective_figures import summarise_selection

FAMILIES = {"last_token": LAST_TOKEN}
_OTHERS = {PROBE, COMBINED, BEST_BASELINE, BEST_CONTROL, LAYER_0_EXACT, *FAMILIES.values()}
Records = Sequence[Mapping[str, Any]]


def recompute_aurocs(
    rows: pd.DataFrame, folds: pd.DataFrame, scores: pd.DataFrame
) -> dict[tuple[SetName, Grouping, str], float]:
    """The AUROC of every method, from labels, folds and scores alone; `tacitly check` holds the report against it.

    Args:
        rows: Greedy answers.
        folds: The folds as they were written.
        scores: Every score row; its own fold numbers are not trusted, those of `folds` are used.

    Returns:
        AUROC within outer folds, weighted by their answers and averaged over seeds, by set, grouping and method. A
        method whose AUROC is not defined is left out.
    """
    keys = ["answer_id", "grouping", "seed"]
    joined = scores.drop(columns="outer_fold").merge(folds[[*keys, "outer_fold"]], on=keys, validate="many_to_one")
    known = _known(rows)
    found = {}
    for name in SETS:
        for grouping in GROUPINGS:
            of_set = collect_scores(known, joined, answers=name, grouping=grouping, groups=np.zeros(len(known)))
            for method in of_set.methods:
                values = of_set.replicates(method, np.ones((1, len(known))))
                if values is not None and not np.isnan(values[0]):
                    found[name, grouping, method] = float(values[0])
    return found


def summarise_detection(
    rows: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    probes: Mapping[str, Any],
    baselines: Mapping[str, Any] | None = None,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> dict[str, Any]:
    """Put the figures together: `by_entity`, `by_answer`, `all_answers`, `within_answer` and `grid`.

    Args:
        rows: Greedy answers.
        scores: The score rows of both stages.
        probes: The record of the probes stage.
        baselines: The record of the baselines stage; without it, the figures of the probes alone.
        seed: The seed of the study, for the resamples.
        replicates: How often groups are resampled.

    Returns:
        The parts of `metrics.json` that are this experiment's; what is not defined is null, with its reason beside it.
    """
    known, scores = _known(rows), scores[~scores["method"].str.startswith((FAMILY_PREFIX, TOKENS_PREFIX))]
    baselines = baselines or {"choices": [], "missing": []}
    reasons = {(entry["set"], entry["grouping"]): entry["reason"] for entry in probes["reasons"]}
    keys = {"by_entity": known["entity"].astype(str).to_numpy(dtype=object), "by_answer": answer_strings(known)}
    parts: dict[SetName, dict[str, Any]] = {name: {} for name in SETS}
    located: dict[Grouping, MethodScores] = {}
    for name in SETS:
        for grouping in GROUPINGS:
            found = collect_scores(known, scores, answers=name, grouping=grouping, groups=keys[grouping])
            if PROBE not in found.methods:
                parts[name][grouping] = None
                skipped = [e for e in probes["skipped"] if (e["set"], e["grouping"]) == (name, grouping)]
                fallback = skipped[0]["reason"] if skipped else "there are no folds"
                parts[name][f"{grouping}_reason"] = reasons.get((name, grouping), fallback)
                continue
            if name == "located":
                located[grouping] = found
            rng = resampling_rng(seed, name, grouping)
            parts[name][grouping] = _evaluation(found, name, grouping, probes, baselines, replicates, rng)
    within = _within(located, keys, replicates, np.random.default_rng([seed, 5]), reasons)
    return {
        **parts["located"],
        "all_answers": parts["all"],
        "within_answer": within,
        "grid": [_grid_entry(entry) for entry in probes["grid"]],
    }


def _known(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["correct"].notna()].reset_index(drop=True)


def _evaluation(
    found: MethodScores,
    name: SetName,
    grouping: Grouping,
    probes: Mapping[str, Any],
    baselines: Mapping[str, Any],
    replicates: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    mine = [c for c in probes["choices"] if c["set"] == name and c["grouping"] == grouping and c["method"] == PROBE]
    picked = [c for c in baselines["choices"] if c["set"] == name and c["grouping"] == grouping]
    missing = {m["method"]: m["reason"] for m in baselines["missing"] if (m["set"], m["grouping"]) == (name, grouping)}
    weights = Resamples.of(found, PROBE, replicates=replicates, rng=rng).weights
    shuffles = f"{CONTROL_PREFIX}{SHUFFLED}/"
    values = {m: found.replicates(m, weights) for m in found.methods if not m.startswith(shuffles)}
    values[CONTROL_PREFIX + SHUFFLED] = found.shuffled_replicates(shuffles, weights, rng=rng)

    def figure(method: str) -> dict[str, Any]:
        return estimate(values.get(method), reason=REASON_ONE_CLASS if method in values else "it has no scores")

    def gain(other: str) -> dict[str, Any]:
        probe, rival = values[PROBE], values.get(other)
        if probe is None or rival is None:
            return {"diff": None, "ci": None, "reason": "there is nothing to compare with"}
        return estimate(probe - rival, key="diff", reason=REASON_ONE_CLASS)

    controls = sorted(method for method in values if method.startswith(CONTROL_PREFIX))
    others = {*_OTHERS, *controls, *(method for method in values if method.startswith(CALIBRATED_PREFIX))}
    plain = sorted(method for method in values if method not in others)
    absent = {method: {"auroc": None, "ci": None, "reason": reason} for method, reason in missing.items()}
    seeds = sorted({c["seed"] for c in mine})
    thresholds = {(seeds.index(c["seed"]), c["outer_fold"]): c["threshold"] for c in mine}
    return {
        "best": {
            **_commonest_cell(mine),
            **figure(PROBE),
            **_counts(found, probes, name, grouping),
            "cells": _cells(mine),
        },
        "baselines": {
            **{method: figure(method) for method in plain},
            **{method: entry for method, entry in absent.items() if not method.startswith(CONTROL_PREFIX)},
        },
        "controls": {
            **{method.removeprefix(CONTROL_PREFIX): figure(method) for method in controls},
            **{m.removeprefix(CONTROL_PREFIX): e for m, e in absent.items() if m.startswith(CONTROL_PREFIX)},
        },
        BEST_BASELINE: {**figure(BEST_BASELINE), "chosen": [c[BEST_BASELINE] for c in picked]},
        BEST_CONTROL: {**figure(BEST_CONTROL), "chosen": [c[BEST_CONTROL] for c in picked]},
        COMBINED: figure(COMBINED),
        "gain_over_best_baseline": gain(BEST_BASELINE),
        "gain_over_best_control": gain(BEST_CONTROL),
        "decision": decisions(found, PROBE, thresholds),
        "calibration": summarise_calibration(found, mine, weights=weights),
        "selective": summarise_selection(found, weights=weights),
        "families": {family: figure(method) for family, method in FAMILIES.items() if method in values},
    }


def _commonest_cell(choices: Records) -> dict[str, Any]:
    """The cell that most folds chose; of equally common ones the one with the higher inner AUROC."""
    counts = Counter((c["site"], c["layer"], c["position"]) for c in choices)
    inner = {cell: max(c["inner_auroc"] for c in choices if _cell(c) == cell) for cell in counts}
    site, layer, position = max(counts, key=lambda cell: (counts[cell], inner[cell]))
    return {"site": site, "layer": layer, "position": position}


def _cell(choice: Mapping[str, Any]) -> tuple[str, int, str]:
    return choice["site"], choice["layer"], choice["position"]


def _cells(choices: Records) -> list[dict[str, Any]]:
    names = ("seed", "site", "layer", "position", "C", "inner_auroc", "threshold")
    return [{"fold": c["outer_fold"], **{name: c[name] for name in names}} for c in choices]


def _counts(found: MethodScores, probes: Mapping[str, Any], name: SetName, grouping: Grouping) -> dict[str, Any]:
    """How many answers and groups the nested figure rests on; means over seeds, rounded."""
    scored = [~np.isnan(entry.scores) for entry in found.methods[PROBE]]
    skipped = [e for e in probes["skipped"] if (e["set"], e["grouping"], e["method"]) == (name, grouping, PROBE)]
    one_class = 0
    for entry in found.methods[PROBE]:
        for fold in set(entry.folds[~np.isnan(entry.scores)].tolist()):
            tested = found.correct[entry.folds == fold]
            one_class += int(tested.all() or not tested.any())
    return {
        "rows": round(float(np.mean([rows.sum() for rows in scored]))),
        "rows_correct": round(float(np.mean([(rows & found.correct).sum() for rows in scored]))),
        "groups": len(set(found.groups[np.logical_or.reduce(scored)].tolist())),
        "folds_of_one_class": one_class,
        "folds_skipped": len(skipped),
    }


def _within(
    located: Mapping[Grouping, MethodScores],
    keys: Mapping[str, np.ndarray],
    replicates: int,
    rng: np.random.Generator,
    reasons: Mapping[tuple[str, str], str],
) -> dict[str, Any]:
    grouping: Grouping = "by_answer" if "by_answer" in located else "by_entity"
    if grouping not in located:
        reason = reasons.get(("located", "by_entity"), "there are no folds")
        return {"best": None, "best_baseline": None, "pairs": 0, "strings": 0, "reason": reason}
    found = located[grouping]
    names = {"best": PROBE, "best_baseline": BEST_BASELINE, "layer0": LAYER_0_EXACT}
    figures = {
        key: within_answer(found, method, given=keys["by_answer"], replicates=replicates, rng=rng)
        for key, method in names.items()
    }
    entry: dict[str, Any] = {
        "grouping": grouping,
        "pairs": figures["best"]["pairs"],
        "strings": figures["best"]["strings"],
    }
    for key, figure in figures.items():
        entry[key] = figure["auroc"]
        entry[f"{key}_ci"] = figure["ci"]
        entry[f"{key}_mean_over_strings"] = figure["mean_over_strings"]
        entry[f"{key}_mean_over_strings_ci"] = figure["mean_ci"]
        if figure["auroc"] is None:
            entry[f"{key}_reason"] = figure["reason"]
    entry["best_mean_over_strings"] = figures["best"]["mean_over_strings"]
    return entry


def _grid_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in entry.items() if name not in ("ci_low", "ci_high", "reason")}
    kept["ci"] = None if entry["ci_low"] is None else [entry["ci_low"], entry["ci_high"]]
    return kept if entry["reason"] is None else {**kept, "reason": entry["reason"]}
