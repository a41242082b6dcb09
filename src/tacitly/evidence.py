"""A run's files as the checks of a study read them."""

from tacitly.activations.store import ActivationStore
from tacitly.collect.tables import KEPT, greedy_rows
from tacitly.experiments.checks.study_files import StudyFiles
from tacitly.experiments.score_rows import of_error_detection
from tacitly.run_folder import RunFolder

PROBES, BASELINES = "experiments/probes.json", "experiments/baselines.json"
INNER_FOLDS, ABSTENTION = "experiments/inner_folds.parquet", "experiments/abstention.parquet"


def read_evidence(run: RunFolder) -> StudyFiles:
    """Read what the trustworthiness of a study is told from; `metrics.json` is none of it.

    Args:
        run: A run whose baselines are complete.
    """
    rows = greedy_rows(run)
    return StudyFiles(
        rows=rows,
        states=ActivationStore(run, rows["answer_id"].tolist()),
        folds=run.table("folds"),
        inner_folds=run.table(INNER_FOLDS),
        scores=of_error_detection(run.table("scores")),
        probes=run.json(PROBES),
        baselines=run.json(BASELINES),
        kept=run.table(KEPT),
        seed=run.manifest.seed,
    )
