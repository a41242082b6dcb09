"""Which stages depend on which settings and on each other, and so what has to be done again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tacitly.errors import SettingsError
from tacitly.locators.catalog import ASKING
from tacitly.manifest import STAGES, StageRecord, fingerprint, sha256
from tacitly.run_folder import RunFolder
from tacitly.settings import StudySettings
from tacitly.tasks.entity_split import FILE as SPLIT_FILE

BEFORE = {
    "questions": (),
    "answers": ("questions",),
    "labels": ("answers",),
    "judgements": ("labels",),
    "spans": ("answers",),
    "activations": ("answers", "spans"),
    "self_evaluation": ("answers", "spans"),
    "probes": ("labels", "spans", "activations"),
    "baselines": ("probes", "self_evaluation"),
    "families": ("probes", "self_evaluation"),
    "samples": ("probes",),
    "report": ("judgements", "baselines", "families", "samples"),
}
# They look for the answers that they have not done yet, so more answers void nothing of them.
GROWING = ("labels", "judgements", "spans", "activations", "self_evaluation")
SHARDED = ("activations/", "self_evaluation/")  # a shard and its table count together
FILES = {
    "questions": ("questions.parquet",),
    "answers": ("answers",),
    "labels": ("labels",),
    "judgements": ("judgements",),
    "spans": ("spans",),
    "activations": ("activations",),
    "self_evaluation": ("self_evaluation",),
    "probes": (
        "kept.parquet",
        "folds.parquet",
        "scores/probes.parquet",
        "experiments/probes.json",
        "experiments/inner_folds.parquet",
        "experiments/abstention.parquet",
        "detector",
    ),
    "baselines": ("scores/baselines.parquet", "experiments/baselines.json"),
    "families": ("scores/families.parquet", "experiments/families.json"),
    "samples": ("scores/samples.parquet", "experiments/samples.json"),
    "report": ("metrics.json", "report"),
}
CHANGES_NOTHING = ("report_to",)
"""Settings that no file of a run depends on."""


def own_settings(settings: StudySettings) -> dict[str, Any]:
    """What each stage itself depends on; batch sizes, memory and the number of samples change nothing that is there."""
    task, model = settings.task, settings.model
    generate = settings.generate.model_dump(exclude={"batch_size", "memory", "samples", "seed"})
    if settings.sampling_seed != settings.seed:  # equal seeds are one setting, whichever of the two names it
        generate["seed"] = settings.sampling_seed
    content = _content(task.path)
    judges, asked = task.judge or (None,), _asked(settings)
    return {
        "questions": [
            task.model_dump(include={"name", "path", "limit", "prompt", "split_from", "entities"}),
            content,
            _content((task.split_from or Path(model.name)) / SPLIT_FILE),
            settings.seed,
            model.model_dump(exclude={"dtype"}),
        ],
        "answers": [model.dtype, generate],
        "labels": _judging(judges[:1], settings),
        "judgements": _judging(judges[1:], settings),
        "spans": [task.locator, asked] if asked and ASKING.intersection(task.locator or ()) else task.locator,
        "activations": settings.capture.model_dump(),
        "self_evaluation": settings.self_evaluation.model_dump(),
        "probes": [settings.probe.seeds, settings.abstention.model_dump()],
        "baselines": [
            settings.baselines.model_dump(),
            settings.generate.samples,
            settings.judge.nli_model if settings.baselines.equivalence == "nli" else None,
        ],
        "families": settings.probe.families,
        "samples": settings.generate.samples,
        "report": None,
    }


def _asked(settings: StudySettings) -> dict[str, Any]:
    """The model that judges and locates; time limits and retries change no reply."""
    return settings.judge.model_dump(include={"model", "base_url", "max_tokens"}, exclude_defaults=True)


def _judging(judges: Sequence[str | None], settings: StudySettings) -> list[Any]:
    """Judges, each with the model that it asks; None is the task's own, which may ask one."""
    models = {None: _asked(settings), "llm": _asked(settings), "nli": settings.judge.nli_model}
    return [[judge, models.get(judge)] for judge in judges]


def _content(path: Path | None) -> str | None:
    return sha256(path) if path is not None and path.is_file() else None


def fingerprints(settings: StudySettings) -> dict[str, str]:
    """A fingerprint per stage, of its settings and of the stages before it."""
    own = own_settings(settings)
    made: dict[str, str] = {}
    for stage in STAGES:
        made[stage] = fingerprint({"own": own[stage], "before": [made[s] for s in BEFORE[stage]]})
    return made


def dependents(stage: str) -> list[str]:
    """A stage and all that builds on it, in order.

    Example:
        >>> dependents("labels")
        ['labels', 'judgements', 'probes', 'baselines', 'families', 'samples', 'report']
    """
    found = {stage}
    for later in STAGES:
        if found.intersection(BEFORE[later]):
            found.add(later)
    return [s for s in STAGES if s in found]


def check_stage(stage: str, option: str) -> str:
    """Refuse a stage that does not exist.

    Raises:
        SettingsError: Naming the stages.
    """
    if stage not in STAGES:
        raise SettingsError(f"unknown stage {stage!r} for {option}", allowed=", ".join(STAGES))
    return stage


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run has to do again.

    Attributes:
        void: Stages whose files no longer count, in order.
        notes: What the user should know of it.
    """

    void: tuple[str, ...]
    notes: list[str]


def make_plan(run: RunFolder, settings: StudySettings, *, redo: str | None = None) -> Plan:
    """Find what changed settings or `redo` make void; nothing is deleted yet, only damaged files are set aside."""
    wanted, records = fingerprints(settings), run.manifest.stages
    changed = [s for s in STAGES if s in records and records[s].fingerprint != wanted[s]]
    asked = [s for s in dependents(redo) if s in records] if redo else []
    notes = []
    if changed:
        notes.append(f"settings changed ({_difference(run, settings)}): doing again {', '.join(changed)}")
    if asked:
        notes.append(f"as asked, doing again {', '.join(asked)}")
    notes += _mend(run)
    for stage in STAGES:  # a run of an earlier version lacks the stages that it did not know
        records.setdefault(stage, StageRecord(fingerprint=wanted[stage]))
    return Plan(tuple(s for s in STAGES if s in {*changed, *asked}), notes)


def begin(run: RunFolder, settings: StudySettings, void: Iterable[str]) -> None:
    """Take these stages' files off the run and give every stage without a record a new one.

    Called when the first of them is about to run, so that settings that are refused lose nothing.
    """
    names: list[str] = []
    if "answers" in void:
        run.manifest.merged = []
    for stage in void:
        run.manifest.stages.pop(stage, None)
        names += [f for prefix in FILES[stage] for f in run.files(prefix)]
    wanted = fingerprints(settings)
    for stage in STAGES:
        run.manifest.stages.setdefault(stage, StageRecord(fingerprint=wanted[stage]))
    run.manifest.settings = settings.model_dump(mode="json")
    run.manifest.seed = settings.seed
    if names:
        run.manifest.complete = False
        run.forget(names)


def _difference(run: RunFolder, settings: StudySettings) -> str:
    before, now = _flat(run.manifest.settings), _flat(settings.model_dump(mode="json"))
    names = [name for name in now if before.get(name) != now[name] and name not in CHANGES_NOTHING]
    return ", ".join(f"{name}: {before.get(name)!r} -> {now[name]!r}" for name in names) or "the task's file"


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _mend(run: RunFolder) -> list[str]:
    """Set damaged files aside; what they held, and what was made from it, is done again."""
    damaged = run.damaged()
    if not damaged:
        return []
    run.set_aside(damaged)
    stages = {stage for stage, prefixes in FILES.items() for f in damaged if any(_under(f, p) for p in prefixes)}
    companions = {f for name in damaged if name.startswith(SHARDED) for f in _of_one_number(run, name)}
    if "answers" in stages:
        kept = set(run.table("answers").get("answer_id", ()))
        for table in GROWING:
            for part in (f for f in run.files(table) if f.endswith(".parquet")):
                if not kept.issuperset(_ids(run, part)):
                    companions.update(_of_one_number(run, part))
        stages.update(GROWING)
    # What is computed again, in other batches, may differ in the last digits.
    if stages & {"answers", "activations"}:
        stages |= set(dependents("probes"))
    elif "self_evaluation" in stages:
        stages |= {"baselines", "families", "report"}
    run.forget(companions)
    for stage in stages:
        if stage in run.manifest.stages:
            run.manifest.stages[stage].complete = False
    run.manifest.complete = False
    run.commit()
    some = ", ".join(damaged[:3]) + (f" and {len(damaged) - 3} more" if len(damaged) > 3 else "")
    return [f"damaged files were set aside in {run.path / 'damaged'} and are computed again: {some}"]


def _of_one_number(run: RunFolder, name: str) -> list[str]:
    """The files of a growing table that count together: a shard and the part that says whose states it holds."""
    folder, file = name.split("/")
    number = file.rsplit("-", 1)[1].split(".")[0]
    return [f for f in run.files(folder) if f"-{number}." in f]


def _under(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + "/")


def _ids(run: RunFolder, name: str) -> set[str]:
    import pandas as pd

    return set(pd.read_parquet(run.path / name, columns=["answer_id"])["answer_id"])
