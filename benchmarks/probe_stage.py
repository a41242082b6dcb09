"""The probe stage of a run again: its seconds, and its heat map cell by cell beside plain scikit-learn fits.

    tacitly study demo --out runs/bench --set task.limit=1000 --until activations
    python benchmarks/probe_stage.py runs/bench [--cells 40]

Prints wall and processor seconds of the whole stage (both groupings, both sets of answers, nested), and how far the
AUROC of any of the cells looked at lies from that of a scikit-learn pipeline fitted on the same folds.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command line sets it

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tacitly.activations.store import ActivationStore
from tacitly.collect.tables import greedy_rows
from tacitly.evaluation.metrics import fold_aurocs
from tacitly.experiments.answer_table import AnswerTable, read_answers
from tacitly.experiments.error_detection import DetectorSource, train_probes
from tacitly.experiments.fold_plan import FoldPlan, plan_folds
from tacitly.probes.detector import DetectorModel
from tacitly.probes.penalties import RANKING_C
from tacitly.run_folder import RunFolder


def peer_auroc(table: AnswerTable, states: ActivationStore, plan: FoldPlan, entry: dict[str, object]) -> float:
    """The AUROC of one cell by scikit-learn, averaged over the outer folds as the heat map averages it."""
    features = states.states(str(entry["site"]), int(str(entry["layer"])), str(entry["position"]))
    present = states.present(str(entry["position"]))
    scores, folds = np.full(len(features), np.nan), np.full(len(features), -1)
    for outer in plan.folds:
        train, test = outer.fold.train & present, outer.fold.test & present
        model = make_pipeline(StandardScaler(), LogisticRegression(C=RANKING_C, max_iter=5000, tol=1e-6))
        scores[test] = model.fit(features[train], table.correct[train]).decision_function(features[test])
        folds[test] = outer.fold.number
    return float(fold_aurocs(table.correct, scores, folds, weights=np.ones((1, len(folds))))[0])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--cells", type=int, default=40)
    options = parser.parse_args()
    rows = greedy_rows(RunFolder.view(options.run))
    states = ActivationStore(RunFolder.view(options.run), rows["answer_id"].tolist())
    source = DetectorSource(model=DetectorModel(name="bench"), task="bench", version="0")
    wall, processor = time.perf_counter(), time.process_time()
    stage = train_probes(rows, states, source=source)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    table = read_answers(rows, states)
    plans = {plan.grouping: plan for plan in plan_folds(table, seeds=(0,), seed=0).plans if plan.answers == "located"}
    grid = [e for e in stage.record["grid"] if e["set"] == "located" and e["auroc"] is not None]
    chosen = np.random.default_rng(0).choice(len(grid), size=min(options.cells, len(grid)), replace=False)
    off = [abs(grid[i]["auroc"] - peer_auroc(table, states, plans[grid[i]["grouping"]], grid[i])) for i in chosen]
    print(
        json.dumps(
            {
                "answers": len(rows),
                "cells": len(grid) // len(plans),
                "wall_s": round(wall, 1),
                "processor_s": round(processor, 1),
                "cells_compared": len(off),
                "largest_auroc_difference": round(max(off), 6),
            }
        )
    )


if __name__ == "__main__":
    main()
