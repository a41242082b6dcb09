"""Stage `self_evaluation`: what the model itself says of its answers when it is asked whether they are true."""

from tacitly.collect.bench import Bench


def write_self_evaluation(bench: Bench) -> None:
    """Ask the model about each greedy answer that it was not asked about yet."""
    bench.run.commit()
