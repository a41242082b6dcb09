"""The command that serves a model with its detector."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from tacitly.cli import show
from tacitly.extras import require

STOPPED = 130
CHARACTERS = 16  # of a text, for each token that it may have


def serve(
    detector: Annotated[str, typer.Option(metavar="DIR", help="A detector, or a run that has one.")],
    model: Annotated[
        str | None, typer.Option(metavar="NAME|DIR", help="Where the detector's model is [default: as it says].")
    ] = None,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="0 for any that is free.")] = 8000,
    api_key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The key that clients must have; or the variable TACITLY_API_KEY."),
    ] = None,
    streams: Annotated[int, typer.Option(metavar="N", min=1, help="Answers written at once.")] = 64,
    queue: Annotated[int, typer.Option(metavar="N", min=0, help="Answers that may wait.")] = 64,
    prompt_tokens: Annotated[int, typer.Option(metavar="N", min=1, help="The most tokens of a prompt.")] = 2048,
    new_tokens: Annotated[int, typer.Option(metavar="N", min=1, help="The most tokens of an answer.")] = 1024,
    memory: Annotated[float, typer.Option(metavar="GB", min=0.1, help="That answers may take, the model apart.")] = 4.0,
) -> None:
    """Serve a model, with a score for each word.

    OpenAI-compatible, under /v1; a page for people at /. Ctrl-C ends it.
    """
    require("`tacitly serve`", "fastapi", "openai", "prometheus_client", "uvicorn", extra="serve")
    from tacitly.serve import running
    from tacitly.serve.limits import Limits
    from tacitly.serve.service import Service

    key = running.read_key(api_key_file)
    limits = Limits(
        streams=streams,
        waiting=queue,
        prompt_tokens=prompt_tokens,
        prompt_characters=CHARACTERS * prompt_tokens,
        new_tokens=new_tokens,
        score_tokens=prompt_tokens + new_tokens,
    )
    notes = show.messages()
    with running.bind(host, port, key=key) as bound:
        service = Service(
            detector, model, limits=limits, memory=memory, note=lambda line: notes.print(line, markup=False)
        )
        service.start()
        service.warm()

        def ready() -> None:
            show.line(f"serving {service.model_name} on {running.url(bound)}")
            sys.stdout.flush()
            for caution in service.cautions:
                notes.print(f"caution: {caution}; its scores may mean less here", markup=False, soft_wrap=True)

        ended_by = running.run(service, bound, key=key, ready=ready)
    if ended_by == signal.SIGINT:
        raise typer.Exit(STOPPED)
