"""Commands that make and read run folders."""

from pathlib import Path
from typing import Annotated

import typer

from tacitly.cli import show
from tacitly.cli.bars import Bars

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A run folder.")]


def study(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE|NAME", help="A YAML file, or a bundled recipe.")],
    out: Annotated[Path | None, typer.Option(help="The run folder [default: runs/<recipe>].")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting that wins.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="STAGE", help="Stop after this stage.")] = None,
    redo: Annotated[
        str | None, typer.Option(metavar="STAGE", help="Do this stage and what builds on it again.")
    ] = None,
) -> None:
    """Run a study, or what is missing of it.

    Asks the questions, judges and locates the answers, reads the model's states, trains probes, holds them against
    baselines and controls, saves a detector, and writes a report. A recipe of several studies runs them in turn, each
    in a folder of its own; NAME/STUDY runs one of them.
    """
    from tacitly.recipes.files import studies_of

    one, *others = studies_of(recipe)
    if not others:
        _study(one, out, settings, until, redo)
        return
    for name in (one, *others):
        show.line(f"study {name}")
        _study(name, None if out is None else out / name.rpartition("/")[2], settings, until, redo)


def _study(recipe: str, out: Path | None, settings: list[str] | None, until: str | None, redo: str | None) -> None:
    from tacitly.study import run_study

    with Bars(show.messages()) as bars:
        result = run_study(recipe, overrides=settings or [], out=out, until=until, redo=redo, progress=bars)
    show.study(result, until=until)


def check(folder: Folder) -> None:
    """Are the run's files whole, and do its figures follow from them?

    Recomputes what a reader has to take on trust. BAD fails; a note is what to know before relying on the figures.
    """
    from tacitly.errors import RunFolderError
    from tacitly.verify import check_run

    findings = check_run(folder)
    for finding in findings:
        mark = "note" if finding.note else "ok  "
        show.line(f"{mark if finding.ok else 'BAD '} {finding.what}")
    bad = sum(not finding.ok for finding in findings)
    if bad:
        raise RunFolderError(f"{bad} of {len(findings)} checks failed in {str(folder)!r}", remedy="run its study again")


def report(folder: Folder) -> None:
    """Rebuild the report from the run folder."""
    from tacitly.results.reporting import rebuild_report

    show.line(f"report: {rebuild_report(folder)}")
