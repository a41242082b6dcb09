"""Before and after: two finished runs over the same questions, from their files to figures and one page."""

import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tacitly.activations.store import ActivationStore
from tacitly.collect.tables import greedy_rows
from tacitly.errors import RunFolderError
from tacitly.evaluation.intervals import LEVEL, REPLICATES
from tacitly.experiments.answer_table import GROUPINGS, SETS, read_answers
from tacitly.experiments.before_after import SURE
from tacitly.experiments.detection_change import DetectionChange, ScoredRun
from tacitly.experiments.grid_change import change_of_grid, chosen_cells
from tacitly.experiments.part_figures import compare_part, name_parts
from tacitly.experiments.probe_exchange import Exchange, ProbedRun, exchange_probes
from tacitly.experiments.same_questions import RunConditions, list_notes, shared_questions
from tacitly.experiments.type_change import EQUIVALENCE, Types, no_types, types_of_questions
from tacitly.manifest import MANIFEST, STAGES
from tacitly.progress import Progress, RecordedProgress
from tacitly.run_folder import RunFolder
from tacitly.storage import TEMPORARY, write_whole

SCHEMA = 1
NUMBERS, PAGE = "comparison.json", "index.html"
TRAINING = "training"
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
            same way; if `out` holds something else.
        StorageError: If it cannot be written.
    """
    progress = progress or RecordedProgress()
    folder = Path(out) if out else Path(tuned).resolve().parent / f"compare-{_name(base)}-{_name(tuned)}"
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
    numbers = json.dumps(comparison, indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(folder / PAGE, lambda path: path.write_bytes(page.encode()))
    write_whole(folder / NUMBERS, lambda path: path.write_bytes(numbers.encode()))
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
                seed=run.manifest.seed,
                tacitly=run.manifest.tacitly,
                questions=run.table("questions"),
            ),
        )

    def answers(self, ids: list[str]) -> pd.DataFrame:
        """One greedy answer per question, in the order of the ids."""
        return self.rows.set_index("question_id", drop=False).loc[ids].reset_index(drop=True)

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
        "sure": {"thresholds": list(SURE), "of": SURE_OF},
        "intervals": {"level": LEVEL, "resampled": "entities, paired over the same questions"},
        "notes": [*list_notes(base.conditions, tuned.conditions, len(ids)), *_warnings(base, tuned)],
    }


def _warnings(base: _Study, tuned: _Study) -> list[str]:
    """What the stages of the runs warned of, each once."""
    said: dict[str, list[str]] = {}
    for name, study in (("base", base), ("tuned", tuned)):
        for record in study.run.manifest.stages.values():
            for warning in record.warnings:
                said.setdefault(warning.rstrip("."), []).append(name)
    return [text if len(set(runs)) > 1 else f"{text} (the {runs[0]} run)" for text, runs in said.items()]


def _figures(
    base: _Study, tuned: _Study, ids: list[str], scored: list[ScoredRun], replicates: int, progress: Progress
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


def _other_sampling(base: _Study, tuned: _Study) -> str | None:
    for name in ("temperature", "top_p"):
        one, other = (study.run.manifest.settings["generate"].get(name) for study in (base, tuned))
        if one != other:
            return f"the samples were drawn differently: generate.{name} is {one} and {other}"
    return None


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
