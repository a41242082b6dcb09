"""Stage `report`: every number into `metrics.json`, and numbers and pictures into one page."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from tacitly.collect.bench import Bench
from tacitly.collect.tables import KEPT, greedy_rows, read_questions
from tacitly.evidence import BASELINES, PROBES, read_evidence
from tacitly.experiments.abstention import summarise_abstention
from tacitly.experiments.checks.check_study import check_study
from tacitly.experiments.error_detection import summarise_detection
from tacitly.experiments.family_summary import summarise_families
from tacitly.experiments.judge_agreement import summarise_agreement
from tacitly.experiments.own_verdicts import summarise_self_evaluation
from tacitly.experiments.token_summary import summarise_tokens
from tacitly.judges.base import Judge
from tacitly.judges.catalog import MATCHING
from tacitly.probes.detector import CARD_FILE, HEADER_FILE, Detector
from tacitly.probes.detector_card import write_card
from tacitly.report.trust import check_words
from tacitly.results.families import FAMILIES
from tacitly.results.samples import SAMPLES
from tacitly.run_folder import RunFolder

PAGE = "report/index.html"


def write_report(bench: Bench) -> None:
    """Put every number into `metrics.json`, and numbers and pictures into one page."""
    bench.progress.begin("report", None)
    run = bench.run
    rows = greedy_rows(run)
    figures = summarise_detection(
        rows, run.table("scores"), probes=run.json(PROBES), baselines=run.json(BASELINES), seed=bench.settings.seed
    )
    counts = _counts(rows, run, bench.deciding, bench.judges[bench.deciding])
    known = counts["correct"] + counts["incorrect"]
    stages = run.manifest.stages
    detector = Detector.load(run.path / "detector") if f"detector/{HEADER_FILE}" in run.manifest.files else None
    checks = [check.as_json() for check in check_study(read_evidence(run))]
    metrics = {
        "schema": 1,
        "model": run.manifest.model,
        "task": bench.settings.task.name,
        "counts": counts,
        "accuracy": counts["correct"] / known if known else None,
        **({} if known else {"accuracy_reason": "no answer could be judged"}),
        "judges": {
            "first": bench.deciding,
            "agreement": summarise_agreement(rows, run.table("judgements"), seed=bench.settings.seed),
        },
        "self_evaluation": summarise_self_evaluation(
            run.table("self_evaluation"), of=bench.settings.self_evaluation.of
        ),
        **figures,
        "families": summarise_families(
            rows, run.table("scores"), families=run.json(FAMILIES), probes=run.json(PROBES), seed=bench.settings.seed
        ),
        "token_scores": summarise_tokens(rows, run.table("scores"), probes=run.json(PROBES), seed=bench.settings.seed),
        **run.json(SAMPLES)["figures"],
        **summarise_abstention(
            detector,
            alpha=bench.settings.abstention.alpha,
            reason=run.json(PROBES)["detector_reason"],
        ),
        "checks": checks,
        "timings": {name: record.seconds for name, record in stages.items() if name != "report"},
        "peak_rss_mb": run.manifest.peak_rss_mb,
    }
    run.write_json("metrics.json", metrics)
    for line in _cautions(metrics):
        bench.warn("report", line)
    if detector is not None:
        run.write_text(f"detector/{CARD_FILE}", write_card(detector.header, metrics=metrics))
    _write_page(run, metrics, rows)


def rebuild_report(folder: str | Path) -> Path:
    """Make the page of a run again, from its files alone.

    Raises:
        RunFolderError: If it is no run, is in use, or its study has not come to its figures yet.
    """
    from tacitly.errors import RunFolderError

    with RunFolder.open(folder, version="") as run:
        damaged = run.damaged()
        if damaged or "metrics.json" not in run.manifest.files:
            raise RunFolderError(
                f"the run in {str(run.path)!r} "
                + (f"has damaged files, the first is {damaged[0]!r}" if damaged else "has no metrics.json yet"),
                remedy="run its study again; it goes on where it stopped",
            )
        _write_page(run, run.json("metrics.json"), greedy_rows(run))
        run.commit()
        return run.path / PAGE


def _write_page(run: RunFolder, metrics: dict[str, Any], rows: pd.DataFrame) -> None:
    from tacitly.report.page import build_report

    warnings = [w for record in run.manifest.stages.values() for w in record.warnings]
    told = {"settings", "versions", "model", "seed", "created", "tacitly"}  # nothing that the page itself changes
    manifest = json.loads(run.manifest.model_dump_json(include=told))
    page = build_report(
        metrics,
        rows=rows,
        judgements=run.table("judgements"),
        scores=run.table("scores"),
        folds=run.table("folds"),
        manifest=manifest,
        warnings=list(dict.fromkeys(warnings)),
    )
    run.write_text(PAGE, page)


def _counts(rows: pd.DataFrame, run: RunFolder, name: str, judge: Judge) -> dict[str, Any]:
    right = rows["correct"].map(lambda value: value is True)
    wrong = rows["correct"].map(lambda value: value is False)
    questions = {q.question_id: q for q in read_questions(run)[0]}
    located_right = rows.loc[right & rows["located"], ["question_id", "exact_answer"]].itertuples(index=False)
    unsupported: dict[str, Any] = {
        "located_without_accepted_answer": None,
        "located_without_accepted_answer_reason": f"the judge {name} does not judge a part of an answer",
    }
    if name in MATCHING:
        judged = [judge.judge(questions[str(q)], str(exact)).correct for q, exact in located_right]
        unsupported = {"located_without_accepted_answer": sum(correct is not True for correct in judged)}
    return {
        "questions": len(questions),
        "kept": len(run.table(KEPT)),
        "answers": len(rows),
        "correct": int(right.sum()),
        "incorrect": int(wrong.sum()),
        "unknown": int((~right & ~wrong).sum()),
        "located_correct": int((right & rows["located"]).sum()),
        "located_incorrect": int((wrong & rows["located"]).sum()),
        "refused": int(rows["refused"].fillna(False).astype(bool).sum()),
        **unsupported,
    }


def _cautions(metrics: dict[str, Any]) -> list[str]:
    """What the figures themselves warn of."""
    counts = metrics["counts"]
    lines = [
        f"{name} is not defined: {metrics.get(f'{name}_reason')}"
        for name in ("by_entity", "by_answer")
        if metrics.get(name) is None
    ]
    off = {check["name"]: check_words(check) for check in metrics["checks"] if check["ok"] is False}
    if counts["unknown"] and "unknown" not in off:
        lines.append(f"{counts['unknown']} of {counts['answers']} answers could not be judged and are left out")
    return lines + [words for name, words in off.items() if not name.startswith("defined")]
