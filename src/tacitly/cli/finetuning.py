"""The command that fine-tunes a model."""

from pathlib import Path
from typing import Annotated

import typer

from tacitly.cli import show
from tacitly.cli.bars import Bars


def finetune(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE|NAME", help="A YAML file, or a bundled recipe.")],
    out: Annotated[Path | None, typer.Option(help="The folder [default: runs/<recipe>].")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting that wins.")
    ] = None,
    merged: Annotated[bool, typer.Option("--merge", help="Write the merged model too, to DIR/merged.")] = False,
    hub: Annotated[
        str | None, typer.Option("--push-to-hub", metavar="OWNER/NAME", help="Upload the adapter when it is finished.")
    ] = None,
) -> None:
    """Fine-tune a model with LoRA or QLoRA; resumes by itself.

    Splits the questions by entity, answers held-out ones before and after, trains, and leaves a folder that
    `tacitly study --set model.name=DIR` takes.
    """
    from tacitly.finetune.publish import merge, push
    from tacitly.finetune.tuning import is_main_process, run_finetune

    with Bars(show.messages()) as bars:
        result = run_finetune(recipe, overrides=settings or [], out=out, progress=bars)
        if not is_main_process():
            return
        whole = merge(result.folder, result.record, progress=bars) if merged else None
        address = push(result.folder, hub, progress=bars) if hub else None
    if not result.did:
        show.messages().print("nothing to do: the training is complete", highlight=False)
    show.finetuning(result.record)
    show.line(f"adapter: {result.folder}")
    if whole:
        show.line(f"merged model: {whole}")
    if address:
        show.line(f"on the hub: {address}")
