"""The report: one HTML file that needs no network, with words and tables that need no script."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tacitly.report.calibration import abstention_words, calibration_tables
from tacitly.report.curves import probe_scores
from tacitly.report.error_types import types_section
from tacitly.report.examples import choose_examples
from tacitly.report.families import family_lines, family_reasons
from tacitly.report.judges import judge_pairs
from tacitly.report.names import GROUPINGS
from tacitly.report.offline_page import render_page
from tacitly.report.pictures import (
    comparison_pictures,
    curve_pictures,
    heatmap_pictures,
    located_pictures,
)
from tacitly.report.results import (
    GROUPING_ORDER,
    evaluation,
    interval_of,
    located_shares,
    mapping_in,
    number_in,
)
from tacitly.report.risk_pictures import risk_pictures
from tacitly.report.selection import selection_section
from tacitly.report.self_evaluation import self_evaluation_sentence
from tacitly.report.settings_list import setting_groups, timing_lines
from tacitly.report.table import result_lines, undefined_reasons
from tacitly.report.token_scores import token_lines, token_reasons
from tacitly.report.trust import checked_words, describe_trust
from tacitly.report.words import summary_sentences, within_sentence

_DECISIONS = (
    ("accuracy", "verdicts that are right"),
    ("majority_accuracy", "always giving the commoner verdict"),
    ("precision_error", "of the answers called wrong, truly wrong (precision)"),
    ("recall_error", "of the wrong answers, called wrong (recall)"),
    ("f1_error", "both in one number (F1)"),
)
_COUNTS = (
    ("questions", "questions asked"),
    ("answers", "answers"),
    ("correct", "right"),
    ("incorrect", "wrong"),
    ("unknown", "could not be judged (in no figure)"),
    ("kept", "kept for abstention (in no figure, and not counted here)"),
    ("refused", "refused to answer"),
    ("located_correct", "right, with an exact answer found"),
    ("located_incorrect", "wrong, with an exact answer found"),
    ("located_without_accepted_answer", "judged right though the exact answer holds no accepted answer"),
)


def build_report(
    metrics: Mapping[str, Any],
    *,
    rows: pd.DataFrame,
    judgements: pd.DataFrame,
    scores: pd.DataFrame,
    folds: pd.DataFrame,
    manifest: Mapping[str, Any],
    warnings: Sequence[str],
) -> str:
    """Make the report's page.

    Args:
        metrics: The content of `metrics.json`.
        rows: One row per greedy answer: answer_id, question, text, correct, exact_answer, and perhaps start and end.
        judgements: What judges beside the first say: answer_id, judge, correct, evidence; or nothing.
        scores: answer_id, method, grouping, seed, outer_fold, score, and perhaps set.
        folds: answer_id, grouping, seed, outer_fold.
        manifest: The run's manifest, or as much of it as is written when the report is made.
        warnings: What the reader should know before trusting the figures.

    Returns:
        HTML that can be written as UTF-8: everything that came from a model or from data is escaped.
    """
    heatmaps = {answers: heatmap_pictures(metrics, answers=answers) for answers in ("located", "all")}
    comparisons, curves = comparison_pictures(metrics), curve_pictures(scores, rows)
    risks, located = risk_pictures(scores, rows), located_pictures(metrics)
    types, selection = types_section(metrics), selection_section(metrics)
    pictures = [*comparisons, *curves, *risks, *located, *heatmaps["located"], *heatmaps["all"]]
    pictures += [picture for section in (types, selection) if section for picture in section.pictures]
    sentences = summary_sentences(metrics)
    checked = checked_words(metrics)
    everything = result_lines(metrics, answers="all")
    return render_page(
        "report.html.j2",
        pictures=pictures,
        metrics=metrics,
        model=mapping_in(metrics, "model"),
        model_name=mapping_in(metrics, "model").get("name") or "an unnamed model",
        task=metrics.get("task") or "unnamed task",
        first_words=sentences[:2],
        more_words=sentences[2:],
        accuracy=number_in(metrics, "accuracy"),
        shares=located_shares(metrics),
        groupings=GROUPINGS,
        trust=describe_trust(metrics),
        calibration=calibration_tables(metrics, GROUPINGS),
        abstention=abstention_words(metrics),
        risks=risks,
        lines=result_lines(metrics),
        reasons=undefined_reasons(result_lines(metrics)),
        all_lines=everything,
        all_reasons=undefined_reasons(everything),
        decisions=_decisions(metrics),
        comparisons=comparisons,
        self_evaluation=self_evaluation_sentence(metrics),
        curves=curves,
        located=located,
        heatmaps=heatmaps,
        counts=[
            (words, value) for key, words in _COUNTS if (value := number_in(metrics.get("counts"), key)) is not None
        ],
        types=types,
        selection=selection,
        judges=judge_pairs(metrics, rows, judgements),
        families=family_lines(metrics),
        family_reasons=family_reasons(family_lines(metrics)),
        token_lines=token_lines(metrics),
        token_reasons=token_reasons(token_lines(metrics)),
        within=_within(metrics),
        within_words=within_sentence(metrics),
        examples=choose_examples(rows, probe_scores(scores, rows, grouping="by_entity")),
        fold_lines=_fold_lines(folds),
        warnings=[line for line in warnings if line not in checked],
        settings=setting_groups(manifest),
        timings=timing_lines(metrics),
    )


def _decisions(metrics: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Accuracy, precision, recall and F1 at the threshold chosen in training; empty where no grouping has them."""
    sides = [mapping_in(evaluation(metrics, grouping).entry, "decision") for grouping in GROUPING_ORDER]
    if not any(sides):
        return []
    values = {words: [number_in(side, key) for side in sides] for key, words in _DECISIONS}
    return [
        (words, ["not defined" if value is None else f"{100 * value:.0f} %" for value in pair])
        for words, pair in values.items()
    ]


def _within(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    entry = mapping_in(metrics, "within_answer")
    low, high = interval_of(entry.get("best_ci"))
    interval = f" [{low:.2f}, {high:.2f}]" if low is not None else ""
    shown = [
        ("probe, each pair counted once", "best", f"{{:.2f}}{interval}"),
        ("probe, each answer string counted once", "best_mean_over_strings", "{:.2f}"),
        ("best baseline", "best_baseline", "{:.2f}"),
        ("pairs", "pairs", "{:,.0f}"),
        ("answer strings", "strings", "{:,.0f}"),
    ]
    return [(words, form.format(value)) for words, key, form in shown if (value := number_in(entry, key)) is not None]


def _fold_lines(folds: pd.DataFrame) -> list[tuple[str, str]]:
    """How many answers and folds each grouping has."""
    lines: list[tuple[str, str]] = []
    if folds.empty:
        return lines
    for grouping, part in folds.groupby("grouping", sort=False):
        seeds, tested = part["seed"].nunique(), part["outer_fold"].nunique()
        words = f"{part['answer_id'].nunique():,} answers in {tested} tested {'part' if tested == 1 else 'parts'}"
        words += f", {seeds} shufflings" if seeds > 1 else ""
        lines.append((GROUPINGS.get(str(grouping), str(grouping)), words))
    return lines
