"""Stage `samples`: what several sampled answers to one question show."""

from tacitly.collect.bench import Bench


def write_samples(bench: Bench) -> None:
    """Find error types and choose among the samples."""
    bench.run.write_json("experiments/samples.json", {})
