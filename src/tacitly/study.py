"""A study: its stages, in their order. The file to read first."""

import platform
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tacitly.collect.bench import Bench
from tacitly.collect.tables import pending_answers
from tacitly.manifest import STAGES
from tacitly.plan import GROWING, begin, check_stage, make_plan
from tacitly.progress import Progress, RecordedProgress
from tacitly.recipes import load_recipe
from tacitly.recipes.files import run_name
from tacitly.run_folder import RunFolder
from tacitly.settings import StudySettings
from tacitly.tracking.catalog import require_trackers

if TYPE_CHECKING:
    from tacitly.models.load import LanguageModel

# Imported when a stage runs: a complete run opens neither torch nor a model.
STAGE_FUNCTIONS = {
    "questions": "tacitly.collect.questions:write_questions",
    "answers": "tacitly.collect.answers:write_answers",
    "labels": "tacitly.collect.labels:write_labels",
    "judgements": "tacitly.collect.labels:write_judgements",
    "spans": "tacitly.collect.states:write_spans",
    "activations": "tacitly.collect.states:write_activations",
    "self_evaluation": "tacitly.collect.self_evaluation:write_self_evaluation",
    "probes": "tacitly.results.learning:write_probes",
    "baselines": "tacitly.results.learning:write_baselines",
    "families": "tacitly.results.families:write_families",
    "samples": "tacitly.results.samples:write_samples",
    "report": "tacitly.results.reporting:write_report",
}
VERSIONED = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "scikit-learn", "pandas")


@dataclass(frozen=True, slots=True)
class StudyResult:
    """What a study leaves.

    Attributes:
        folder: The run folder.
        metrics: `metrics.json`, or None where the study was stopped before.
        warnings: What a reader of the figures should know.
        stages: The stages that were run now; the others were there already.
    """

    folder: Path
    metrics: dict[str, Any] | None
    warnings: list[str]
    stages: list[str]

    @property
    def report(self) -> Path:
        """The report's page."""
        return self.folder / "report" / "index.html"


def run_study(
    recipe: str | Path | StudySettings = "demo",
    *,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    out: str | Path | None = None,
    until: str | None = None,
    redo: str | None = None,
    progress: Progress | None = None,
    open_model: "Callable[..., LanguageModel] | None" = None,
) -> StudyResult:
    """Run a study, or what is missing of it.

    Args:
        recipe: A YAML file, the name of a bundled recipe (`name/study` where it holds several), or settings.
        overrides: Settings that win, as `["task.limit=60"]` or `{"task.limit": 60}`.
        out: The run folder; `runs/<recipe>` by default.
        until: Stop after this stage.
        redo: Do this stage again, and all that builds on it.
        progress: Hears what is going on.
        open_model: Opens a model by name; `tacitly.models.load.load_model` by default.

    Returns:
        The run folder, its figures and its warnings.

    Raises:
        UserError: For anything that the user can mend; what is finished is kept.
    """
    settings = recipe if isinstance(recipe, StudySettings) else load_recipe(recipe, overrides=overrides)
    last = STAGES.index(check_stage(until, "--until")) if until else len(STAGES) - 1
    if redo:
        check_stage(redo, "--redo")
    require_trackers(settings.report_to)
    name = "study" if isinstance(recipe, StudySettings) else run_name(recipe)
    progress = progress or RecordedProgress()
    with RunFolder.open(out or Path("runs") / name, version=version("tacitly"), create=True) as run:
        plan = make_plan(run, settings, redo=redo)
        for line in plan.notes:
            progress.note(line)
        bench = Bench(settings, run, progress, open_model or _open_model, void=plan.void)
        bench.check_names()
        done = [stage for stage in STAGES[: last + 1] if _run_stage(stage, bench)]
        records = run.manifest.stages
        run.manifest.complete = all(stage in records and records[stage].complete for stage in STAGES)
        run.commit()
        warnings = [w for record in run.manifest.stages.values() for w in record.warnings]
        metrics = run.json("metrics.json") if "metrics.json" in run.manifest.files else None
        if settings.report_to and run.manifest.complete:
            from tacitly.tracking.telling import tell_trackers

            warnings += tell_trackers(run, settings.report_to, progress=progress)
        return StudyResult(run.path, metrics, warnings, done)


def _run_stage(stage: str, bench: Bench) -> bool:
    """Run a stage unless it is complete; whether it was run."""
    if stage == (*bench.void, *STAGES)[0]:
        _make_way(bench)
    stages = bench.run.manifest.stages
    record = stages[stage]
    if stage == "answers":
        pending = pending_answers(bench.run, bench.settings.generate.samples)  # samples may have grown
        record.complete = record.complete and not pending
        if pending:  # the run says how many it is asked for, though no stage that depends on them may be reached
            bench.run.manifest.settings["generate"]["samples"] = bench.settings.generate.samples
    if record.complete:
        return False
    for later in GROWING if stage == "answers" else ():
        stages[later].complete = False
    bench.run.manifest.complete = False
    started = time.monotonic()
    module, _, function = STAGE_FUNCTIONS[stage].partition(":")
    try:
        getattr(import_module(module), function)(bench)
        record.complete = True
    finally:  # an interrupted stage keeps its time
        record.seconds = round(record.seconds + time.monotonic() - started, 3)
        bench.run.manifest.peak_rss_mb = max(bench.run.manifest.peak_rss_mb, peak_rss_mb())
        bench.run.commit()
    return True


def _make_way(bench: Bench) -> None:
    """Forget the files of void stages, once what would take their place is known to be possible."""
    if "answers" in bench.void:  # as it is whenever the questions are
        from tacitly.collect.questions import read_task

        read_task(bench)
    if {"answers", "activations"}.intersection(bench.void):
        bench.check_sites()
    begin(bench.run, bench.settings, bench.void)
    bench.run.manifest.versions = _versions()


def peak_rss_mb() -> float:
    """This process's peak resident memory, in megabytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 if sys.platform != "darwin" else 1024**2), 1)


def _versions() -> dict[str, str]:
    return {
        "tacitly": version("tacitly"),
        "python": platform.python_version(),
        **{name: version(name) for name in VERSIONED},
    }


def _open_model(name: str, **kwargs: Any) -> "LanguageModel":
    from tacitly.models.load import load_model

    return load_model(name, **kwargs)
