"""The command that joins runs which sampled with seeds of their own."""

from pathlib import Path
from typing import Annotated

import typer

from tacitly.cli import show
from tacitly.cli.bars import Bars


def merge(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN ...", help="Run folders of the same questions.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder of the joined run.")],
    until: Annotated[str | None, typer.Option(metavar="STAGE", help="Stop after this stage.")] = None,
) -> None:
    """Join runs that sampled the same questions with different seeds.

    Numbers their samples on, keeps the greedy answers of the first, and finishes the study of all of them. Each run
    must have come through its stage `activations`; none of them is changed.
    """
    from tacitly.merging.merge import merge_runs

    with Bars(show.messages()) as bars:
        result = merge_runs(runs, out=out, until=until, progress=bars)
    show.study(result, until=until)
