"""Transfer between tasks: several finished runs, from their files to figures and one page."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tacitly.collect.tables import read_questions
from tacitly.errors import RunFolderError
from tacitly.evaluation.intervals import LEVEL, REPLICATES
from tacitly.experiments.answer_table import GROUPINGS
from tacitly.experiments.transfer import transfer_probes
from tacitly.experiments.transfer_runs import StudiedRun, list_notes, require_one_shape
from tacitly.experiments.transfer_target import FAMILY
from tacitly.experiments.transfer_task import TransferTask
from tacitly.finished_study import FinishedStudy
from tacitly.output_folder import require_room, write_outputs
from tacitly.progress import Progress, RecordedProgress
from tacitly.tasks.entity_split import names_of

SCHEMA = 1
NUMBERS, PAGE = "transfer.json", "index.html"


@dataclass(frozen=True, slots=True)
class TransferResult:
    """What a transfer leaves.

    Attributes:
        folder: Where it was written.
        transfer: The content of `transfer.json`.
    """

    folder: Path
    transfer: dict[str, Any]

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / PAGE


def transfer_runs(
    runs: Sequence[str | Path],
    *,
    out: str | Path | None = None,
    across_models: bool = False,
    progress: Progress | None = None,
    replicates: int = REPLICATES,
) -> TransferResult:
    """Train on each of several tasks and test on the others.

    Args:
        runs: The run folders of finished studies, at least two.
        out: Where to write; `transfer` beside the first run by default.
        across_models: Let runs be of different models of one shape, such as a base model and what was tuned from it.
        progress: Hears what is going on.
        replicates: How often groups are resampled for the intervals.

    Returns:
        The figures, and where they and the page were written.

    Raises:
        RunFolderError: If there are fewer than two runs, one of them is given twice, is not finished or damaged, or
            they are of different models, layers, sites, positions or widths; if `out` holds something else.
        StorageError: If it cannot be written.
    """
    progress = progress or RecordedProgress()
    names = name_runs(runs)
    folder = Path(out) if out else Path(runs[0]).resolve().parent / "transfer"
    require_room(folder, ours=(NUMBERS, PAGE), what="transfer")
    progress.begin("reading runs", len(names))
    studies = {}
    for name, run in names.items():
        studies[name] = FinishedStudy.read(run)
        progress.advance()
    studied = [_studied(name, study) for name, study in studies.items()]
    require_one_shape(studied, across_models=across_models)
    tasks = [_task(name, study) for name, study in studies.items()]
    seed = studies[tasks[0].name].run.manifest.seed
    found = {
        "schema": SCHEMA,
        "tacitly": version("tacitly"),
        "runs": {name: _describe(study) for name, study in studies.items()},
        "across_models": across_models,
        "baseline": f"the best of the family {FAMILY}, chosen for each fold of the target in its other folds",
        "intervals": {"level": LEVEL, "resampled": "the target's entities; by answer its given answers"},
        "replicates": replicates,
        "seed": seed,
        "notes": list_notes(studied),
        **transfer_probes(tasks, seed=seed, replicates=replicates, progress=progress),
    }
    progress.begin("report", None)
    from tacitly.report.transfer_page import build_transfer_page

    write_outputs(
        folder,
        {PAGE: build_transfer_page(found), NUMBERS: json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False)},
    )
    return TransferResult(folder, found)


def name_runs(runs: Sequence[str | Path]) -> dict[str, Path]:
    """Names that tell runs apart: the ends of their paths, as long as needed.

    Args:
        runs: Run folders.

    Raises:
        RunFolderError: If there are fewer than two, or one is given twice.

    Example:
        >>> list(name_runs(["a/cities", "b/cities", "b/mnli"]))
        ['a/cities', 'b/cities', 'mnli']
    """
    if len(runs) < 2:
        raise RunFolderError(f"{len(runs)} run was given" if runs else "no run was given", allowed="at least two runs")
    paths = [Path(run).resolve() for run in runs]
    for run, path in zip(runs, paths, strict=True):
        if paths.count(path) > 1:
            raise RunFolderError(f"{str(run)!r} is given twice", remedy="give each run once")
    return {_shortest(path, paths): Path(run) for path, run in zip(paths, runs, strict=True)}


def _shortest(path: Path, among: Sequence[Path]) -> str:
    for length in range(1, len(path.parts)):
        end = path.parts[-length:]
        if sum(other.parts[-length:] == end for other in among) == 1:
            return "/".join(end)
    return str(path)


def _studied(name: str, study: FinishedStudy) -> StudiedRun:
    return StudiedRun(
        name=name,
        model=study.conditions.model,
        settings=study.conditions.settings,
        states=study.probed.states,
        tacitly=study.conditions.tacitly,
    )


def _task(name: str, study: FinishedStudy) -> TransferTask:
    questions, _ = read_questions(study.run)
    names = {question.question_id: names_of(question) for question in questions}
    return TransferTask(
        name=name,
        model=str(study.conditions.model.get("weights_hash")),
        probed=study.probed,
        scores=study.run.table("scores"),
        names=[names[question] for question in study.rows["question_id"]],
        reasons={g: study.metrics[f"{g}_reason"] for g in GROUPINGS if study.metrics.get(g) is None},
        seed=study.conditions.seed,
    )


def _describe(study: FinishedStudy) -> dict[str, Any]:
    table = study.probed.table
    rows = table.sets["located"].rows
    return {
        "run": study.conditions.name,
        "task": study.metrics["task"],
        "model": study.conditions.model,
        "created": study.run.manifest.created,
        "located": int(rows.sum()),
        "located_correct": int((rows & table.correct).sum()),
        "entities": len(set(table.groups["by_entity"][rows])),
    }
