"""Stage `families`: what other kinds of probes make of the same answers and folds."""

from tacitly.activations.contrast import FOLDER, ContrastStore
from tacitly.activations.store import ActivationStore
from tacitly.collect.bench import Bench
from tacitly.collect.tables import greedy_rows
from tacitly.evidence import PROBES
from tacitly.experiments.probe_families import score_families

FAMILIES = "experiments/families.json"


def write_families(bench: Bench) -> None:
    """Train and test every family that was asked for."""
    run, settings = bench.run, bench.settings
    rows = greedy_rows(run)
    ids = rows["answer_id"].tolist()
    asked = settings.self_evaluation.of if run.files(FOLDER) else ()
    stage = score_families(
        rows,
        ActivationStore(run, ids),
        probes=run.json(PROBES),
        names=settings.probe.families,
        contrast={of: ContrastStore(run, ids, of=of) for of in asked},
        seeds=tuple(range(settings.probe.seeds)),
        seed=settings.seed,
        progress=bench.progress,
    )
    run.write_table("scores/families.parquet", stage.scores)
    run.write_json(FAMILIES, stage.record)
