"""The command that scores answers which exist already."""

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacitly.cli import show
from tacitly.cli.bars import Bars

if TYPE_CHECKING:
    from tacitly.detect.files import DetectResult

BAD_INPUT = 2


def detect(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="A .jsonl or .csv file, or - for standard input.")],
    detector: Annotated[str, typer.Option(metavar="DIR", help="A detector, or a run that has one.")],
    model: Annotated[
        str | None, typer.Option(metavar="NAME|DIR", help="Where the detector's model is [default: as it says].")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .csv or .jsonl file [default: JSONL, printed].")
    ] = None,
    batch_size: Annotated[int, typer.Option(metavar="N", help="Answers read at once; 1 goes line by line.")] = 64,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first bad row.")] = False,
) -> None:
    """Score answers that a model wrote elsewhere.

    Each row has a question, and the answer as text (answer), as tokens (token_ids), or both. Out come the probability
    that it is right (p_correct), the verdict (trust, doubt or abstain), and the exact answer that was judged. A bad row
    gets an error in its place, and the exit code is 2.
    """
    from tacitly.detect.files import detect_answers

    shown = out is not None or not sys.stdout.isatty()
    bars = Bars(show.messages())
    try:
        with bars if shown else nullcontext():
            result = detect_answers(
                source,
                detector=detector,
                model=model,
                out=out,
                batch_size=batch_size,
                strict=strict,
                progress=bars if shown else None,
            )
    except BrokenPipeError:  # who was reading has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    _tell(result)
    if result.errors:
        raise typer.Exit(BAD_INPUT)


def _tell(result: "DetectResult") -> None:
    counts = ", ".join(f"{count:,} {verdict}" for verdict, count in result.verdicts.items())
    show.messages().print(f"{result.answers:,} answers: {counts}", highlight=False, soft_wrap=True)
    if result.errors:
        show.complain(f"{result.errors:,} of {result.answers:,} rows have an error, the first: {result.first_error}")
