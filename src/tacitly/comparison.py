"""Before and after: two finished runs over the same questions, from their files to figures and one page."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool

from tacitly.activations.store import ActivationStore
from tacitly.collect.tables import greedy_rows
from tacitly.errors import RunFolderError
from tacitly.evaluation.intervals import LEVEL, REPLICATES
from tacitly.experiments.answer_table import GROUPINGS, SETS, read_answers
from tacitly.experiments.before_after import (
    NO_JUDGED,
    SURE,
    answer_probability,
    compare_answers,
    compare_calibration,
    labels_of,
)
from tacitly.experiments.detection_change import DetectionChange, ScoredRun
from tacitly.experiments.grid_change import change_of_grid, chosen_cells
from tacitly.experiments.paired_figures import Draws
from tacitly.experiments.probe_exchange import Exchange, ProbedRun, exchange_probes
from tacitly.experiments.same_questions import RunConditions, shared_questions
from tacitly.experiments.type_change import EQUIVALENCE, Types, compare_types, no_types, types_of_questions
from tacitly.manifest import MANIFEST, STAGES, Manifest
from tacitly.progress import Progress, RecordedProgress
from tacitly.run_folder import TEMPORARY, RunFolder

SCHEMA = 1
NUMBERS, PAGE = "comparison.json", "index.html"
TRAINING = "training"
PARTS = ("trained", "held_out", "elsewhere")
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
            same way; if `out` holds something else.
        StorageError: If it cannot be written.
    """
    progress = progress or RecordedProgress()
    folder = Path(out) if out else Path(tuned).parent / f"compare-{_name(base)}-{_name(tuned)}"
    _require_room(folder)
    progress.begin("reading both runs", None)
    one, other = _Study.read(base), _Study.read(tuned)
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
    files = RunFolder(folder, Manifest(tacitly=version("tacitly"), created=""), None)  # for its safe way of writing
    files.write_text(PAGE, page)
    files.write_json(NUMBERS, comparison)
    return ComparisonResult(folder, comparison)


@dataclass(frozen=True, kw_only=True)
class _Study:
    """A finished run, read whole."""

    run: RunFolder
    rows: pd.DataFrame
    metrics: dict[str, Any]
    probed: ProbedRun
    conditions: RunConditions

    @classmethod
    def read(cls, folder: str | Path) -> "_Study":
        run = RunFolder.view(folder)
        stages = run.manifest.stages
        missing = [name for name in STAGES if name not in stages or not stages[name].complete]
        if missing or not run.manifest.complete:
            raise RunFolderError(
                f"the study in {str(folder)!r} is not finished"
                + (f": not {', '.join(missing)}" if missing else ", or is being worked on"),
                remedy="run it again; it goes on where it stopped",
            )
        damaged = run.damaged()
        if damaged:
            raise RunFolderError(
                f"the run in {str(folder)!r} has damaged files, the first is {damaged[0]!r}",
                remedy="run its study again; damaged files are computed again",
            )
        rows = greedy_rows(run)
        store = ActivationStore(run, rows["answer_id"].tolist())
        return cls(
            run=run,
            rows=rows,
            metrics=run.json("metrics.json"),
            probed=ProbedRun(
                table=read_answers(rows, store),
                states=store,
                folds=run.table("folds"),
                choices=run.json("experiments/probes.json")["choices"],
            ),
            conditions=RunConditions(
                name=str(folder),
                settings=run.manifest.settings,
                model=run.manifest.model or {},
                questions=run.table("questions"),
            ),
        )

    def answers(self, ids: list[str]) -> pd.DataFrame:
        """One greedy answer per question, in the order of the ids."""
        found = self.rows.set_index("question_id", drop=False).loc[ids].reset_index(drop=True)
        return found

    def scored(self, ids: list[str], exchange: Exchange) -> ScoredRun:
        holders = {"located": self.metrics, "all": self.metrics["all_answers"]}
        reasons = {
            (answers, grouping): holders[answers][f"{grouping}_reason"]
            for answers in SETS
            for grouping in GROUPINGS
            if holders[answers].get(grouping) is None
        }
        return ScoredRun(
            rows=self.answers(ids),
            scores=pd.concat([self.run.table("scores"), exchange.scores], ignore_index=True),
            reasons=reasons,
            exchange_reasons=exchange.reasons,
        )

    def training(self, ids: list[str]) -> list[str | None]:
        """What each question says of its entity's part in the training."""
        meta = self.conditions.questions.set_index("question_id")["meta"].loc[ids]
        return [json.loads(text).get(TRAINING) for text in meta]

    @property
    def samples(self) -> int:
        return int(self.run.manifest.settings.get("generate", {}).get("samples", 0))

    def types(self, ids: list[str], number: int) -> list[Types | None]:
        answers = self.run.table("answers")[["answer_id", "question_id", "sample"]]
        frame = answers.merge(self.run.table("labels")[["answer_id", "correct", "refused"]], on="answer_id", how="left")
        frame = frame.merge(self.run.table("spans")[["answer_id", "given"]], on="answer_id", how="left")
        for name in ("correct", "given"):
            frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
        return types_of_questions(frame.assign(refused=frame["refused"].fillna(False).astype(bool)), ids, number=number)

    def described(self) -> dict[str, Any]:
        manifest = self.run.manifest
        return {
            "run": self.conditions.name,
            "created": manifest.created,
            "tacitly": manifest.tacitly,
            "seed": manifest.seed,
            "model": manifest.model,
            "questions": len(self.conditions.questions),
            "samples": self.samples,
            "chosen_cells": chosen_cells(self.metrics),
            "settings": manifest.settings,
        }


def _describe(base: _Study, tuned: _Study, ids: list[str]) -> dict[str, Any]:
    sides = {"base": base.described(), "tuned": tuned.described()}
    return {
        "schema": SCHEMA,
        "tacitly": version("tacitly"),
        "task": base.metrics["task"],
        **sides,
        "shared_questions": len(ids),
        "only_base": sides["base"]["questions"] - len(ids),
        "only_tuned": sides["tuned"]["questions"] - len(ids),
        "sure": {"thresholds": list(SURE), "of": "geometric mean of the exact answer's token probabilities"},
        "intervals": {"level": LEVEL, "resampled": "entities, paired over the same questions"},
        "notes": _notes(sides, len(ids)),
    }


def _figures(
    base: _Study, tuned: _Study, ids: list[str], scored: list[ScoredRun], replicates: int, progress: Progress
) -> dict[str, Any]:
    """Everything that is computed over the shared questions, for all of them and for each part."""
    parts = _parts(base.training(ids), tuned.training(ids))
    seed = base.run.manifest.seed
    change = DetectionChange.of(*scored)
    number = min(base.samples, tuned.samples)
    reason = no_types(base.samples, tuned.samples) or _other_sampling(base, tuned)
    typed = None if reason else (base.types(ids, number), tuned.types(ids, number))
    entities = scored[0].rows["entity"].astype(str).to_numpy(dtype=object)
    progress.begin("figures", len(parts))
    found: dict[str, Any] = {}
    for index, (name, which) in enumerate(parts.items()):
        rng = np.random.default_rng([seed, 6, index])
        draws = Draws.of(entities, which=which, replicates=replicates, rng=rng)
        own = [(right, np.where(known, answer_probability(run.rows), np.nan)) for run, (known, right) in _known(scored)]
        found[name] = {
            "shared_questions": int(which.sum()),
            **compare_answers(scored[0].rows, scored[1].rows, draws),
            "calibration": {
                "answer_probability": compare_calibration(own[0], own[1], draws, reason=NO_JUDGED),
                "probe": change.calibration(draws),
            },
            "detection": {s: {g: change.figures(s, g, draws) for g in GROUPINGS} for s in SETS},
            "exchange": {s: change.exchange(s, draws) for s in SETS},
            "error_types": compare_types(*typed, draws) if typed else None,
            **({"error_types_reason": reason} if reason else {}),
        }
        progress.advance()
    return {
        "replicates": replicates,
        "seed": seed,
        "error_types": {"samples": number, "clusters": EQUIVALENCE},
        "parts": found,
        **({} if len(parts) > 1 else {"parts_reason": NO_PARTS}),
        "grid_difference": change_of_grid(base.metrics["grid"], tuned.metrics["grid"]),
    }


def _known(scored: list[ScoredRun]) -> list[tuple[ScoredRun, tuple[np.ndarray, np.ndarray]]]:
    return [(run, labels_of(run.rows)) for run in scored]


def _parts(base: list[str | None], tuned: list[str | None]) -> dict[str, Bool[np.ndarray, " row"]]:
    """The questions as a whole, and by whether their entity was trained on, as the tuned run has it."""
    said = np.array([theirs or mine or "" for mine, theirs in zip(base, tuned, strict=True)], dtype=object)
    masks = {name: said == name for name in PARTS}
    return {"all": np.ones(len(said), dtype=bool), **{name: which for name, which in masks.items() if which.any()}}


def _other_sampling(base: _Study, tuned: _Study) -> str | None:
    for name in ("temperature", "top_p"):
        one, other = (study.run.manifest.settings["generate"].get(name) for study in (base, tuned))
        if one != other:
            return f"the samples were drawn differently: generate.{name} is {one} and {other}"
    return None


_NOTES: tuple[tuple[str, Callable[[dict[str, Any]], Any], str], ...] = (
    ("dtype", lambda side: side["model"].get("dtype"), "the models were run in different precision: {} and {}"),
    ("seed", lambda side: side["seed"], "the runs have different seeds, {} and {}, and so different folds"),
    ("tacitly", lambda side: side["tacitly"], "the runs were made with different versions of tacitly: {} and {}"),
)


def _notes(sides: dict[str, dict[str, Any]], shared: int) -> list[str]:
    """What a reader of the figures should know."""
    base, tuned = sides["base"], sides["tuned"]
    notes = [words.format(get(base), get(tuned)) for _, get, words in _NOTES if get(base) != get(tuned)]
    for name, side in sides.items():
        if side["questions"] > shared:
            notes.append(f"{side['questions'] - shared} questions were asked in the {name} run only and are left out")
    if base["model"].get("weights_hash") == tuned["model"].get("weights_hash"):
        notes.append("both runs are of the same weights")
    return notes


def _name(folder: str | Path) -> str:
    return Path(folder).resolve().name


def _require_room(folder: Path) -> None:
    """Refuse a folder that holds something other than a comparison."""
    if (folder / MANIFEST).exists():
        raise RunFolderError(f"{str(folder)!r} is a run", remedy="give --out an empty or new folder")
    ours = {NUMBERS, PAGE}
    if folder.is_dir() and any(e.name not in ours and not e.name.startswith(TEMPORARY) for e in folder.iterdir()):
        raise RunFolderError(
            f"{str(folder)!r} holds files that are no comparison", remedy="give --out an empty or new folder"
        )
