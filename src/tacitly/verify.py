"""Are a run's files whole, and do its folds, scores and figures follow the protocol? Recomputed from the files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tacitly.baselines.controls import answer_strings
from tacitly.collect.tables import greedy_rows
from tacitly.errors import DetectorError
from tacitly.experiments.error_detection import recompute_aurocs
from tacitly.manifest import STAGES
from tacitly.probes.detector import HEADER_FILE, Detector
from tacitly.run_folder import RunFolder

TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: whether it holds, and what was looked at."""

    ok: bool
    what: str


def check_run(folder: str | Path) -> list[Finding]:
    """Check a run from its files alone.

    Args:
        folder: A run folder.

    Returns:
        One finding per check. A run with damaged files is not looked at further.

    Raises:
        RunFolderError: If it is no run, or its manifest is damaged.
    """
    run = RunFolder.view(folder)
    damaged = run.damaged()
    some = f": {', '.join(damaged[:3])}" if damaged else ""
    findings = [Finding(not damaged, f"{len(run.manifest.files)} files have the sha256 of the manifest{some}")]
    if damaged:
        return findings
    findings += _tables(run)
    if "metrics.json" in run.manifest.files:
        findings += _protocol(run, greedy_rows(run), run.json("metrics.json"))
    return findings


def _tables(run: RunFolder) -> Iterator[Finding]:
    missing = [s for s in STAGES if s not in run.manifest.stages or not run.manifest.stages[s].complete]
    yield Finding(not missing, f"every stage is complete{': not ' + ', '.join(missing) if missing else ''}")
    questions, answers = run.table("questions"), run.table("answers")
    if not len(answers):
        return
    yield Finding(questions["question_id"].is_unique, f"{len(questions)} questions have ids of their own")
    yield Finding(answers["answer_id"].is_unique, f"{len(answers)} answers have ids of their own")
    orphans = set(answers["question_id"]) - set(questions["question_id"])
    yield Finding(not orphans, "every answer belongs to a question")
    for name in ("labels", "spans", "activations"):
        table = run.table(name)
        if len(table):
            one_each = table["answer_id"].is_unique and set(table["answer_id"]) == set(answers["answer_id"])
            yield Finding(one_each, f"every answer has one row in {name}")


def _protocol(run: RunFolder, rows: pd.DataFrame, metrics: dict[str, Any]) -> Iterator[Finding]:
    folds, scores = run.table("folds"), run.table("scores")
    keys = {"by_entity": rows["entity"].astype(str), "by_answer": pd.Series(answer_strings(rows), index=rows.index)}
    for grouping, key in keys.items():
        group = folds.loc[folds["grouping"] == grouping].merge(
            pd.DataFrame({"answer_id": rows["answer_id"], "group": key}), on="answer_id"
        )
        tested = group[group["outer_fold"] >= 0]
        if len(tested):
            per_fold = tested[["seed", "group", "outer_fold"]].drop_duplicates()
            crossing = int(per_fold.duplicated(["seed", "group"]).sum())
            what = "entity" if grouping == "by_entity" else "given answer"
            yield Finding(not crossing, f"no {what} is in two tested parts ({crossing} are)")
    yield from _same_answers(scores)
    yield from _figures(rows, folds, scores, metrics)
    yield from _choices(metrics)
    if f"detector/{HEADER_FILE}" in run.manifest.files:
        yield _detector(run)


def _same_answers(scores: pd.DataFrame) -> Iterator[Finding]:
    rivals = scores[~scores["method"].str.contains("layer0_exact_answer|last_token|shuffled|family:")]
    counted = rivals.assign(all=rivals["method"].str.startswith("all:")).groupby(["all", "grouping", "seed"])
    uneven = [name for name, part in counted if len({frozenset(m["answer_id"]) for _, m in part.groupby("method")}) > 1]
    yield Finding(not uneven, "probe, baselines and controls are scored on the same answers")


def _figures(
    rows: pd.DataFrame, folds: pd.DataFrame, scores: pd.DataFrame, metrics: dict[str, Any]
) -> Iterator[Finding]:
    again = recompute_aurocs(rows, folds, scores)
    methods = {
        "best": "probe",
        "combined": "combined",
        "best_baseline": "best_baseline",
        "best_control": "best_control",
    }
    for group, part in (("located", metrics), ("all", metrics["all_answers"])):
        for grouping in ("by_entity", "by_answer"):
            stated = part.get(grouping)
            if stated is None:
                continue
            pairs = {method: stated[name]["auroc"] for name, method in methods.items()}
            pairs |= {name: value["auroc"] for name, value in stated["baselines"].items()}
            off = [
                m for m, value in pairs.items() if value is not None and not _close(again, group, grouping, m, value)
            ]
            yield Finding(
                not off, f"{len(pairs)} AUROCs, {grouping}, {group} answers, are those of the score rows{_listed(off)}"
            )


def _close(again: dict[Any, float], group: str, grouping: str, method: str, value: float) -> bool:
    found = again.get((group, grouping, method))
    return found is not None and abs(found - value) <= TOLERANCE


def _choices(metrics: dict[str, Any]) -> Iterator[Finding]:
    for grouping in ("by_entity", "by_answer"):
        stated = metrics.get(grouping)
        if stated is None:
            continue
        inner = [cell.get("inner_auroc") for cell in stated["best"]["cells"]]
        yield Finding(
            bool(inner) and None not in inner,
            f"{grouping}: every fold chose its cell by inner folds of its training part",
        )
        shuffled = stated["controls"].get("shuffled", {})
        if shuffled.get("ci"):
            low, high = shuffled["ci"]
            yield Finding(low <= 0.5 <= high, f"{grouping}: shuffled labels give {shuffled['auroc']:.2f}, about 0.5")


def _detector(run: RunFolder) -> Finding:
    try:
        detector = Detector.load(run.path / "detector")
        detector.require_model(weights_hash=(run.manifest.model or {}).get("weights_hash"))
    except DetectorError as error:
        return Finding(ok=False, what=str(error))
    return Finding(ok=True, what="the detector loads and belongs to the run's model")


def _listed(names: list[str]) -> str:
    return f": not {', '.join(names[:4])}" if names else ""
