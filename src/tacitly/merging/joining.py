"""Copying what runs collected into one folder, file by file, with their samples numbered on."""

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from tacitly.collect.tables import answer_id
from tacitly.errors import RunFolderError
from tacitly.manifest import STAGES, StageRecord
from tacitly.merging.shard import Shard
from tacitly.plan import fingerprints
from tacitly.progress import Progress
from tacitly.run_folder import RunFolder
from tacitly.settings import StudySettings

_OF_GREEDY = ("questions", "judgements", "self_evaluation")
_OF_ALL = ("answers", "labels", "spans", "activations")


def join(shards: Sequence[Shard], run: RunFolder, *, progress: Progress) -> None:
    """Write the joined run; nothing of it counts until all of it is there.

    The greedy answers, and all that was said of them, are the first run's. The samples of each further run are numbered
    on from those before. One part is in memory at a time; shards of activations are copied as they are.

    Args:
        shards: The runs, which fit each other.
        run: An empty run folder.
        progress: Hears of each file.

    Raises:
        RunFolderError: A file changed while it was copied.
    """
    first, before = shards[0], 0
    progress.begin("merging", sum(len(shard.tables(stage).names) for shard in shards for stage in _OF_ALL))
    whole = [stage for stage in _OF_GREEDY if _is_complete(first, stage)]
    for name in [name for stage in whole for name in first.files(stage)]:
        _copy(first, name, run, name)
    for shard in shards:
        ids = _new_ids(shard, before=before, greedy=shard is first)
        for stage in _OF_ALL:
            _join_table(shard, stage, ids, run, progress=progress)
        before += shard.samples
    _describe(shards, run, stages=[*whole, *_OF_ALL])
    run.commit()


def joined_settings(shards: Sequence[Shard]) -> StudySettings:
    """The settings of the joined run: those of the first, with all samples."""
    first = shards[0].settings
    samples = sum(shard.samples for shard in shards)
    return first.model_copy(update={"generate": first.generate.model_copy(update={"samples": samples})})


def _new_ids(shard: Shard, *, before: int, greedy: bool) -> dict[str, str]:
    """The id that each answer has in the joined run; answers that it does not take are not among them."""
    ids: dict[str, str] = {}
    for frame in shard.tables("answers", columns=["answer_id", "question_id", "sample"]).frames():
        for old, question, sample in frame.itertuples(index=False):
            if (sample > 0 or greedy) and sample <= shard.samples:
                ids[old] = answer_id(question, sample + before if sample else 0)
    return ids


def _join_table(shard: Shard, stage: str, ids: Mapping[str, str], run: RunFolder, *, progress: Progress) -> None:
    for name, frame in shard.tables(stage).named():
        kept = frame[frame["answer_id"].isin(ids.keys())]
        renamed = kept.assign(answer_id=kept["answer_id"].map(ids))
        if len(kept) and stage == "activations":
            _join_states(shard, renamed, run)
        elif len(kept):
            if "sample" in renamed:
                renamed["sample"] = [int(new.rsplit("#", 1)[1]) for new in renamed["answer_id"]]
            target = f"{stage}/part-{run.next_part(stage):05d}.parquet"
            if len(kept) == len(frame) and renamed["answer_id"].equals(frame["answer_id"]):
                _copy(shard, name, run, target)
            else:
                run.write_table(target, renamed)
        progress.advance()


def _join_states(shard: Shard, index: pd.DataFrame, run: RunFolder) -> None:
    """Copy the shard that an index is about; its rows are found under their new names."""
    number = run.next_part("activations")
    (old,) = index["shard"].unique()
    new = f"activations/shard-{number:05d}.safetensors"
    _copy(shard, str(old), run, new)
    run.write_table(f"activations/index-{number:05d}.parquet", index.assign(shard=new))


def _copy(shard: Shard, old: str, run: RunFolder, new: str) -> None:
    source = shard.run.path / old

    def write(target: Path) -> None:
        shutil.copyfile(source, target)

    run.write(new, write)
    if run.manifest.files[new] != shard.run.manifest.files[old]:
        raise RunFolderError(
            f"{str(source)!r} changed while it was copied",
            remedy="wait until nothing works in that run, and merge again",
        )


def _is_complete(shard: Shard, stage: str) -> bool:
    record = shard.run.manifest.stages.get(stage)
    return record is not None and record.complete and record.fingerprint == fingerprints(shard.settings)[stage]


def _describe(shards: Sequence[Shard], run: RunFolder, *, stages: Sequence[str]) -> None:
    first, settings = shards[0], joined_settings(shards)
    wanted, manifest = fingerprints(settings), run.manifest
    for stage in sorted(stages, key=STAGES.index):
        records = [shard.run.manifest.stages[stage] for shard in (shards if stage in _OF_ALL else shards[:1])]
        said = dict.fromkeys(line for record in records for line in record.warnings)
        seconds = round(sum(record.seconds for record in records), 3)
        manifest.stages[stage] = StageRecord(
            fingerprint=wanted[stage], complete=True, seconds=seconds, warnings=list(said)
        )
    manifest.tacitly = version("tacitly")
    manifest.created = datetime.now(UTC).isoformat(timespec="seconds")
    manifest.settings = settings.model_dump(mode="json")
    manifest.versions = first.run.manifest.versions
    manifest.model = first.run.manifest.model
    manifest.seed = settings.seed
    manifest.merged = [shard.origin for shard in shards]
