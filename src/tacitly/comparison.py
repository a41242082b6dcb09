"""Before and after: two finished runs over the same questions, from their files to figures and one page."""

import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tacitly.evaluation.intervals import LEVEL, REPLICATES
from tacitly.experiments.before_after import SURE
from tacitly.experiments.detection_change import DetectionChange
from tacitly.experiments.grid_change import change_of_grid
from tacitly.experiments.part_figures import compare_part, name_parts
from tacitly.experiments.probe_exchange import exchange_probes
from tacitly.experiments.same_questions import list_notes, shared_questions
from tacitly.experiments.scored_run import ScoredRun
from tacitly.experiments.type_change import EQUIVALENCE, no_types
from tacitly.finished_study import FinishedStudy
from tacitly.output_folder import require_room, write_outputs
from tacitly.progress import Progress, RecordedProgress

SCHEMA = 1
NUMBERS, PAGE = "comparison.json", "index.html"
RESAMPLED = "entities; by answer the given answers too; paired over the same questions"
SURE_OF = "geometric mean of the token probabilities of the exact answer, of the whole answer where there is none"
NO_PARTS = "the questions do not say whether their entity was trained on; a study with task.split_from writes that down"


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """What a comparison leaves.

    Attributes:
        folder: Where it was written.
        comparison: The content of `comparison.json`.
    """

    folder: Path
    comparison: dict[str, Any]

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / PAGE


def compare_runs(
    base: str | Path,
    tuned: str | Path,
    *,
    out: str | Path | None = None,
    progress: Progress | None = None,
    replicates: int = REPLICATES,
) -> ComparisonResult:
    """Compare a base model's study with a tuned model's.

    Args:
        base: The base model's run folder.
        tuned: The tuned model's.
        out: Where to write; `compare-<base>-<tuned>` beside the tuned run by default.
        progress: Hears what is going on.
        replicates: How often entities are resampled for the intervals.

    Returns:
        The figures, and where they and the page were written.

    Raises:
        RunFolderError: If a folder is no finished run, is damaged, or the runs did not ask the same questions in the
            same way, or are not of a model and what was tuned from it; if `out` holds something else.
        StorageError: If it cannot be written.
    """
    progress = progress or RecordedProgress()
    folder = Path(out) if out else Path(tuned).resolve().parent / f"compare-{_name(base)}-{_name(tuned)}"
    require_room(folder, ours=(NUMBERS, PAGE), what="comparison")
    progress.begin("reading both runs", None)
    one, other = FinishedStudy.read(base), FinishedStudy.read(tuned)
    ids = shared_questions(one.conditions, other.conditions)
    progress.begin("exchanging probes", 2)
    scored = []
    for target, source in ((one, other), (other, one)):
        scored.append(target.scored(ids, exchange_probes(source.probed, target.probed)))
        progress.advance()
    comparison = _describe(one, other, ids) | _figures(one, other, ids, scored, replicates, progress)
    progress.begin("report", None)
    from tacitly.report.comparison_page import build_comparison_page

    page = build_comparison_page(comparison, base=one.metrics, tuned=other.metrics)
    numbers = json.dumps(comparison, indent=1, ensure_ascii=False, allow_nan=False)
    write_outputs(folder, {PAGE: page, NUMBERS: numbers})
    return ComparisonResult(folder, comparison)


def _describe(base: FinishedStudy, tuned: FinishedStudy, ids: list[str]) -> dict[str, Any]:
    sides = {"base": base.described(), "tuned": tuned.described()}
    return {
        "schema": SCHEMA,
        "tacitly": version("tacitly"),
        "task": base.metrics["task"],
        **sides,
        "shared_questions": len(ids),
        "only_base": sides["base"]["questions"] - len(ids),
        "only_tuned": sides["tuned"]["questions"] - len(ids),
        "sure": {"thresholds": list(SURE), "of": SURE_OF},
        "intervals": {"level": LEVEL, "resampled": RESAMPLED},
        "notes": [*list_notes(base.conditions, tuned.conditions, len(ids)), *_warnings(base, tuned)],
    }


def _warnings(base: FinishedStudy, tuned: FinishedStudy) -> list[str]:
    """What the stages of the runs warned of, each once."""
    said: dict[str, list[str]] = {}
    for name, study in (("base", base), ("tuned", tuned)):
        for record in study.run.manifest.stages.values():
            for warning in record.warnings:
                said.setdefault(warning.rstrip("."), []).append(name)
    return [text if len(set(runs)) > 1 else f"{text} (the {runs[0]} run)" for text, runs in said.items()]


def _figures(
    base: FinishedStudy,
    tuned: FinishedStudy,
    ids: list[str],
    scored: list[ScoredRun],
    replicates: int,
    progress: Progress,
) -> dict[str, Any]:
    """Everything that is computed over the shared questions, for all of them and for each part."""
    seed, number = base.run.manifest.seed, min(base.samples, tuned.samples)
    reason = no_types(base.samples, tuned.samples) or _other_sampling(base, tuned)
    parts = name_parts(base.training(ids), tuned.training(ids))
    types = reason or (base.types(ids, number), tuned.types(ids, number))
    change, found = DetectionChange.of(*scored), {}
    progress.begin("figures", len(parts))
    for index, (name, which) in enumerate(parts.items()):
        rng = np.random.default_rng([seed, 6, index])
        found[name] = compare_part(change, types, which=which, replicates=replicates, rng=rng)
        progress.advance()
    return {
        "replicates": replicates,
        "seed": seed,
        "sampled": {"samples": number, "clusters": EQUIVALENCE},
        "parts": found,
        **({} if len(parts) > 1 else {"parts_reason": NO_PARTS}),
        "grid_difference": change_of_grid(base.metrics["grid"], tuned.metrics["grid"]),
    }


def _other_sampling(base: FinishedStudy, tuned: FinishedStudy) -> str | None:
    for name in ("temperature", "top_p"):
        one, other = (study.run.manifest.settings["generate"].get(name) for study in (base, tuned))
        if one != other:
            return f"the samples were drawn differently: generate.{name} is {one} and {other}"
    return None


def _name(folder: str | Path) -> str:
    return Path(folder).resolve().name
