"""Stage `families`: what other kinds of probes make of the same answers and folds."""

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
    stage = score_families(
        rows,
        ActivationStore(run, rows["answer_id"].tolist()),
        probes=run.json(PROBES),
        names=settings.probe.families,
        seeds=tuple(range(settings.probe.seeds)),
        seed=settings.seed,
        progress=bench.progress,
    )
    run.write_table("scores/families.parquet", stage.scores)
    run.write_json(FAMILIES, stage.record)
