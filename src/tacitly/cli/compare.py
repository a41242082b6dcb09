"""The command that holds a tuned model's study against its base model's."""

from pathlib import Path
from typing import Annotated

import typer

from tacitly.cli import show
from tacitly.cli.bars import Bars


def compare(
    base: Annotated[Path, typer.Argument(metavar="BASE_RUN", help="The base model's run folder.")],
    tuned: Annotated[Path, typer.Argument(metavar="TUNED_RUN", help="The tuned model's run folder.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write [default: compare-BASE-TUNED beside TUNED_RUN].")
    ] = None,
) -> None:
    """Compare two studies of the same questions, before and after.

    Did the model know more, did it show more, and could it still be caught when wrong? Writes comparison.json and a
    page, index.html. Both runs must be finished, and have asked the same questions in the same words.
    """
    from tacitly.comparison import compare_runs
    from tacitly.report.comparison_table import comparison_table
    from tacitly.report.names import showable

    with Bars(show.messages()) as bars:
        result = compare_runs(base, tuned, out=out, progress=bars)
    show.table(comparison_table(result.comparison))
    for note in result.comparison["notes"]:
        show.line(f"note: {showable(note)}")
    show.line(f"report: {result.report}")
