"""Stage `families`: what other kinds of probes make of the same answers and folds."""

from tacitly.collect.bench import Bench


def write_families(bench: Bench) -> None:
    """Train every family that was asked for."""
    bench.run.write_json("experiments/families.json", {})
