"""The `tacitly` command."""

import os
import sys
from typing import Annotated

import typer

from tacitly.cli import chat, compare, detect, finetuning, merge, runs, serve, show, tasks, transfer
from tacitly.errors import UserError

STOPPED = 130
KEEP_NOTHING = {"chat", "compare", "detect", "serve", "transfer"}
"""Commands that do not go on where they were stopped."""

app = typer.Typer(
    name="tacitly",
    help="Find out, from what goes on inside a language model, when its answer is wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("study")(runs.study)
app.command("merge")(merge.merge)
app.command("finetune")(finetuning.finetune)
app.command("compare")(compare.compare)
app.command("transfer")(transfer.transfer)
app.command("chat")(chat.chat)
app.command("detect")(detect.detect)
app.command("serve")(serve.serve)
app.command("check")(runs.check)
app.command("report")(runs.report)
app.command("tasks")(tasks.tasks)
app.command("models")(show.models)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        show.line(f"tacitly {version('tacitly')}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the whole traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Options of every command."""


def main() -> None:
    """Run the command line; the exit code is 0, 2 for a user's error, or 130 after Ctrl-C."""
    # Threads that spin while they wait make a run several times slower beside other work; read when torch is loaded.
    # Threads that do not spin at all are woken for every small step: a hundredth of a millisecond of it saves that.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", "30000")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    debug = "--debug" in arguments
    arguments = ["--debug", *(a for a in arguments if a != "--debug")] if debug else arguments
    try:
        code = int(app(arguments, prog_name="tacitly", standalone_mode=False) or 0)
    except UserError as error:
        if debug:
            raise
        show.complain(str(error))
        return 2
    except Exception as error:
        if debug or not hasattr(error, "exit_code") or not hasattr(error, "format_message"):
            raise
        show.complain(" ".join(error.format_message().split()))  # what the command line could not parse
        return 2
    if code == STOPPED:  # what the parser makes of Ctrl-C
        lost = (
            ""
            if KEEP_NOTHING.intersection(arguments)
            else "; what is finished is kept: run the same command again to go on"
        )
        show.complain(f"stopped{lost}")
    return code
