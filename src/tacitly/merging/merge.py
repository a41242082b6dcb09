"""One run of several: their samples joined, and what is learned from all of them."""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from tacitly.errors import RunFolderError
from tacitly.manifest import MANIFEST, MergedRun, read_manifest
from tacitly.merging.fitting import count_other_texts, require_fit
from tacitly.merging.joining import join, joined_settings
from tacitly.merging.shard import Shard
from tacitly.plan import check_stage
from tacitly.progress import Progress, RecordedProgress
from tacitly.run_folder import RunFolder
from tacitly.study import StudyResult, run_study

if TYPE_CHECKING:
    from tacitly.models.load import LanguageModel


def merge_runs(
    runs: Sequence[str | Path],
    *,
    out: str | Path,
    until: str | None = None,
    progress: Progress | None = None,
    open_model: "Callable[..., LanguageModel] | None" = None,
) -> StudyResult:
    """Join runs of the same questions that sampled with seeds of their own, and finish the study of all of them.

    The joined folder is a run like any other, with the settings of the first run and the samples of all; a study with
    those settings goes on from it. The runs that it is made of are only read. Stopped while it copies, it starts over
    at the next call; stopped later, it goes on.

    Args:
        runs: Two run folders or more, each through its stage `activations`.
        out: The folder of the joined run: new, empty, or that of the same merge.
        until: Stop after this stage.
        progress: Hears of files and stages.
        open_model: Opens a model by name, should a stage need one; `tacitly.models.load.load_model` by default.

    Returns:
        The joined run, its figures and its warnings.

    Raises:
        UserError: The runs do not fit, or the folder holds something else.

    Reference:
        Orgad et al. (2025), section 5: answers are resampled 30 times, in shards.
    """
    progress = progress or RecordedProgress()
    if until:
        check_stage(until, "--until")
    shards = [Shard.read(folder) for folder in runs]
    require_fit(shards)
    origins = [shard.origin for shard in shards]
    if not _is_joined(Path(out), origins):
        for other in shards[1:]:
            texts = count_other_texts(shards[0], other)
            if texts:
                progress.note(
                    f"{texts} greedy answers are worded differently in {other.name!r}; "
                    f"those of {shards[0].name!r} count"
                )
        with RunFolder.open(out, version=version("tacitly"), create=True) as run:
            join(shards, run, progress=progress)
    return run_study(joined_settings(shards), out=out, until=until, progress=progress, open_model=open_model)


def _is_joined(out: Path, origins: Sequence[MergedRun]) -> bool:
    """Whether the folder is the joined run already.

    Raises:
        RunFolderError: It is another run.
    """
    if not (out / MANIFEST).is_file():
        return False
    found = read_manifest(out).merged
    if [(part.seeds, part.samples, part.files) for part in found] == [
        (part.seeds, part.samples, part.files) for part in origins
    ]:
        return True
    kind = "another merge, or one of these runs before they changed" if found else "a run"
    raise RunFolderError(f"{str(out)!r} holds {kind}", remedy="give --out an empty or new folder")
