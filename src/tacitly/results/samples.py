"""Stage `samples`: what several sampled answers to one question show."""

from tacitly.activations.store import ActivationStore
from tacitly.collect.bench import Bench
from tacitly.collect.tables import greedy_rows, sampled_rows
from tacitly.experiments.sample_study import NO_SAMPLES, study_samples, without_samples

SAMPLES = "experiments/samples.json"
_MUCH = 0.1


def write_samples(bench: Bench) -> None:
    """Find error types and choose among the samples; leave scores, choices and figures."""
    run, settings = bench.run, bench.settings
    number = settings.generate.samples
    if not number:
        run.write_json(SAMPLES, {"figures": without_samples(NO_SAMPLES)})
        return
    greedy = greedy_rows(run)
    stage = study_samples(
        greedy,
        ActivationStore(run, greedy["answer_id"].tolist()),
        sampled_rows(run),
        number=number,
        open_states=lambda ids: ActivationStore(run, ids),
        positions=settings.capture.sample_positions,
        seeds=tuple(range(settings.probe.seeds)),
        seed=settings.seed,
        progress=bench.progress,
    )
    if len(stage.scores):
        run.write_table("scores/samples.parquet", stage.scores)
    run.write_json(SAMPLES, stage.record)
    counts = stage.record["figures"]["samples"]
    if counts["unknown"] > _MUCH * counts["answers"]:
        bench.warn(
            "samples",
            f"{counts['unknown']} of {counts['answers']} sampled answers could not be judged; questions that have one "
            "are in no type of error and in no comparison of strategies",
        )
