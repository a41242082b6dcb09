"""The command that tests the probes of one task on another."""

from pathlib import Path
from typing import Annotated

import typer

from tacitly.cli import show
from tacitly.cli.bars import Bars


def transfer(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN ...", help="Run folders of finished studies.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write [default: transfer, beside the first run].")
    ] = None,
    across_models: Annotated[
        bool, typer.Option("--across-models", help="Runs may be of different models of one shape.")
    ] = False,
) -> None:
    """Train on each task and test on the others.

    Does a probe that learned on one task tell right from wrong on another, better than the token probabilities there?
    Every pair, and each task left out of all the others. Writes transfer.json and a page, index.html. The runs must be
    finished, and of one model (or of one shape, with --across-models).
    """
    from tacitly.report.names import showable
    from tacitly.report.transfer_table import transfer_table
    from tacitly.report.transfer_words import transfer_sentences
    from tacitly.transfer import transfer_runs

    with Bars(show.messages()) as bars:
        result = transfer_runs(runs, out=out, across_models=across_models, progress=bars)
    show.table(transfer_table(result.transfer))
    for sentence in transfer_sentences(result.transfer):
        show.line(sentence)
    for note in result.transfer["notes"]:
        show.line(f"note: {showable(note)}")
    show.line(f"report: {result.report}")
