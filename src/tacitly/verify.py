"""Are a run's files whole, and do its folds, scores and figures follow the protocol? Recomputed from the files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tacitly.activations.store import ActivationStore
from tacitly.collect.tables import every_greedy_row, sampled_rows
from tacitly.errors import DetectorError
from tacitly.evidence import ABSTENTION, INNER_FOLDS, read_evidence
from tacitly.experiments.checks.check_study import check_study
from tacitly.experiments.checks.promise import promise_off
from tacitly.experiments.checks.stated import differing_checks, differing_figures, differing_parts
from tacitly.experiments.error_detection import recompute_aurocs
from tacitly.experiments.sample_study import summarise_samples
from tacitly.experiments.score_rows import FAMILY_PREFIX, TOKENS_PREFIX
from tacitly.manifest import STAGES
from tacitly.probes.detector import HEADER_FILE, Detector
from tacitly.run_folder import RunFolder

TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: whether it holds, what was looked at, and whether a careful reader should take note of it."""

    ok: bool
    what: str
    note: bool = False


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
        findings += _protocol(run, run.json("metrics.json"))
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
    said = run.table("self_evaluation")
    if len(said):
        greedy = set(answers.loc[answers["sample"] == 0, "answer_id"])
        one_each = said["answer_id"].is_unique and set(said["answer_id"]) == greedy
        yield Finding(one_each, "the model was asked once about every greedy answer")


def _protocol(run: RunFolder, metrics: dict[str, Any]) -> Iterator[Finding]:
    if not run.files(INNER_FOLDS) or "checks" not in metrics:
        yield Finding(
            ok=False, what="it was made by an older tacitly, without checks of its figures: run it with --redo probes"
        )
        return
    evidence = read_evidence(run)
    checks = check_study(evidence)
    for check in checks:
        held = check.ok is not False
        what = f"{check.name}: {check.words}"
        yield Finding(held, what) if check.kind == "protocol" else Finding(ok=True, what=what, note=not held)
    off = differing_checks(checks, metrics["checks"])
    yield Finding(not off, f"metrics.json holds these checks as the files give them{_listed(off)}")
    yield from _same_answers(evidence.scores)
    yield from _figures(evidence.rows, evidence.folds, evidence.scores, metrics)
    number, others = differing_figures(evidence, metrics)
    yield Finding(not others, f"{number:,} figures of metrics.json are those of the files{_listed(others)}")
    yield from _samples(run, evidence.rows, metrics)
    if f"detector/{HEADER_FILE}" in run.manifest.files:
        yield _detector(run, metrics, evidence.kept)


def _samples(run: RunFolder, greedy: pd.DataFrame, metrics: dict[str, Any]) -> Iterator[Finding]:
    """Error types and selection again, from answers, labels, exact answers and scores."""
    number = int((metrics.get("samples") or {}).get("per_question", 0))
    if not number:
        return
    scores = run.table("scores/samples")
    again = summarise_samples(greedy, sampled_rows(run), scores, number=number, seed=run.manifest.seed, replicates=0)
    figures, off = differing_parts(again, metrics)
    yield Finding(not off, f"{figures:,} figures of samples are those of the files{_listed(off)}")
    if len(scores):
        about = run.table("answers")[["answer_id", "question_id"]].merge(
            run.table("questions")[["question_id", "entity"]]
        )
        tested = scores.merge(about, on="answer_id")
        crossing = tested.groupby(["method", "seed", "entity"])["outer_fold"].nunique().gt(1).sum()
        yield Finding(not crossing, f"no entity of samples is in two tested parts ({crossing} are)")


def _same_answers(scores: pd.DataFrame) -> Iterator[Finding]:
    rivals = scores[~scores["method"].str.contains("layer0_exact_answer|last_token|shuffled|family:|tokens:")]
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
            if group == "located":
                families = metrics.get("families", {}).items()
                pairs |= {FAMILY_PREFIX + name: entry[grouping]["auroc"] for name, entry in families}
                tokens = metrics.get("token_scores", {}).get(grouping, {}).items()
                pairs |= {TOKENS_PREFIX + moment: entry["auroc"] for moment, entry in tokens}
            off = [
                m for m, value in pairs.items() if value is not None and not _close(again, group, grouping, m, value)
            ]
            yield Finding(
                not off, f"{len(pairs)} AUROCs, {grouping}, {group} answers, are those of the score rows{_listed(off)}"
            )


def _close(again: dict[Any, float], group: str, grouping: str, method: str, value: float) -> bool:
    found = again.get((group, grouping, method))
    return found is not None and abs(found - value) <= TOLERANCE


def _detector(run: RunFolder, metrics: dict[str, Any], kept: pd.DataFrame) -> Finding:
    try:
        detector = Detector.load(run.path / "detector")
        detector.require_model(weights_hash=(run.manifest.model or {}).get("weights_hash"))
    except DetectorError as error:
        return Finding(ok=False, what=str(error))
    if kept.empty:
        alone = detector.abstention is None
        what = "the detector loads and belongs to the run's model"
        return Finding(alone, what if alone else "the detector makes a promise for which no answers were kept")
    rows = every_greedy_row(run)
    rows = rows[rows["answer_id"].isin(kept.loc[kept["drawn"], "answer_id"])].reset_index(drop=True)
    states = ActivationStore(run, rows["answer_id"].tolist())
    written = run.table(ABSTENTION)
    off = promise_off(detector, kept, rows, states, written=written, stated=metrics.get("abstention"))
    return Finding(off is None, off or "the detector belongs to the run's model, and its promise to the kept answers")


def _listed(names: list[str]) -> str:
    return f": not {', '.join(names[:4])}" if names else ""
