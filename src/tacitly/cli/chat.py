"""The command that asks a model questions."""

import json
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from tacitly.cli import show
from tacitly.errors import TaskError

if TYPE_CHECKING:
    from tacitly.chat import Chat, Reply

BAD_INPUT = 2
PROMPT = "> "
LAST = ("exit", "quit")


def chat(
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR", help="The model [default: the one that the detector was trained on, else embedded]."
        ),
    ] = None,
    detector: Annotated[
        str | None, typer.Option(metavar="DIR", help="A detector, or a run that has one: marks what it doubts.")
    ] = None,
    max_new_tokens: Annotated[
        int | None,
        typer.Option(metavar="N", help="The most tokens of an answer [default: as the detector learned, else 256]."),
    ] = None,
    system_prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help="A system prompt [default: as the detector learned].")
    ] = None,
    temperature: Annotated[float, typer.Option(metavar="T", help="0 for the most likely answer.")] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per question.")] = False,
) -> None:
    """Ask a model questions; a detector marks doubtful words.

    Each question is asked alone. `exit` or Ctrl-D ends; Ctrl-C stops an answer.
    """
    typed = sys.stdin.isatty()
    from tacitly.chat import Chat

    notes = show.messages()
    with _busy(notes, "loading the model ...", shown=typed):
        partner = Chat(
            model,
            detector,
            max_new_tokens=max_new_tokens,
            system_prompt=system_prompt,
            temperature=temperature,
            note=lambda line: notes.print(Text(line), soft_wrap=True),
        )
    if typed:
        for line in _opening(partner):
            notes.print(Text(line, style="dim"), soft_wrap=True)
    for line in partner.cautions:
        notes.print(Text(f"caution: {line}; its scores may mean less here"), soft_wrap=True)
    try:
        refused = _converse(partner, typed=typed, as_json=as_json)
    except BrokenPipeError:  # who was reading has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    if refused and not typed:
        raise typer.Exit(BAD_INPUT)


def _converse(partner: "Chat", *, typed: bool, as_json: bool) -> int:
    """Answer until there are no more questions; the number of those that could not be asked."""
    refused = 0
    for question in _questions(typed=typed):
        reply, problem = None, None
        try:
            with _busy(show.messages(), "...", shown=typed):
                reply = partner.ask(question)
        except TaskError as error:
            refused += 1
            problem = str(error)
            show.complain(problem)
        except KeyboardInterrupt:
            if not typed:
                raise
            show.line("(stopped)")
            continue
        if as_json:
            show.line(json.dumps(_as_json(question, reply, problem), ensure_ascii=False))
        elif reply is not None:
            _print(reply, partner, echo=not typed)
        sys.stdout.flush()
    return refused


def _busy(console: Console, what: str, *, shown: bool) -> AbstractContextManager[object]:
    """Show someone who waits at a terminal that something is going on."""
    return console.status(what) if shown and console.is_terminal else nullcontext()


def _questions(*, typed: bool) -> Iterator[str]:
    """The lines of standard input that ask something, up to `exit`."""
    if typed and sys.stdout.isatty():
        with suppress(ImportError):
            import readline  # noqa: F401 -- gives `input` its editing keys
    while True:
        try:
            line = _line(typed=typed)
            line.encode()  # in the C locale Python reads any byte, as a surrogate
        except EOFError:
            if typed:
                show.line("")
            return
        except UnicodeDecodeError as error:
            raise _not_utf_8(error.object[error.start]) from None
        except UnicodeEncodeError as error:
            raise _not_utf_8(ord(error.object[error.start]) & 0xFF) from None
        question = _plain(line.removeprefix("\ufeff").strip())
        if question.casefold() in LAST:
            return
        if question:
            yield question


def _not_utf_8(byte: int) -> TaskError:
    return TaskError(f"standard input is not UTF-8 (byte {byte:#04x})")


def _line(*, typed: bool) -> str:
    if typed and sys.stdout.isatty():
        return input(PROMPT)
    if typed:  # the answers go elsewhere, the prompt stays with who types
        sys.stderr.write(PROMPT)
        sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


def _opening(partner: "Chat") -> list[str]:
    lines = [f"Asking {partner.language_model.identity.name}. Each line is a question; `exit` or Ctrl-D ends."]
    if partner.detector is None:
        return [*lines, "Each question is asked alone, without those before it. No detector: nothing is marked."]
    mark = "Underlined" if _styled() else "[...?]"
    lines.append("Each question is asked alone, without those before it, as the detector learned on lone questions.")
    lines.append(
        f"{mark} is doubtful. The number estimates how likely the answer is right, for questions like those of the "
        f"task {partner.detector.header.task!r}."
    )
    return lines


def _print(reply: "Reply", partner: "Chat", *, echo: bool) -> None:
    """Print an answer: by styles in a terminal, by plain marks elsewhere."""
    if echo:
        show.line(f"{PROMPT}{reply.question}")
    if _styled():
        Console(highlight=False).print(_text(reply), soft_wrap=True)
    else:
        show.line(_plain(reply.marked().strip()) or "(no answer)")
    for line in _verdict(reply, partner):
        show.line(f"  {_plain(line)}")
    show.line("")


def _text(reply: "Reply") -> Text:
    answer = reply.answer
    text = Text(_plain(answer))  # as long as the answer, so that the part's characters are the same
    if (part := reply.scored_part) is not None:
        text.stylize("bold underline red" if reply.doubtful else "bold", *part)
    text.rstrip()
    return text if answer.strip() else Text("(no answer)")


def _verdict(reply: "Reply", partner: "Chat") -> list[str]:
    lines = []
    if reply.p_correct is not None and (part := reply.scored_part) is not None:
        exact = reply.answer[part[0] : part[1]]
        what = f'"{exact}"' if reply.scored == "exact_answer" else "the whole answer, which has no exact answer"
        verdict = ""
        if reply.doubtful and partner.detector is not None and reply.scored is not None:
            verdict = f" - doubtful, under {partner.detector.probes[reply.scored].header.threshold:.2f}"
        elif reply.verdict == "abstain":
            verdict = f" - not accepted{_from(partner)}"
        lines.append(f"{reply.p_correct:.2f} estimated right{verdict}: {what}")
    elif reply.reason is not None:
        lines.append(f"not scored: {reply.reason}")
    if reply.cut:
        lines.append(f"cut at {partner.asking.max_new_tokens} tokens; --max-new-tokens allows more")
    return lines


def _from(partner: "Chat") -> str:
    promise = partner.detector.abstention if partner.detector else None
    return (
        f", under {promise.threshold:.2f}"
        if promise and promise.threshold is not None
        else ": the detector accepts none"
    )


def _as_json(question: str, reply: "Reply | None", problem: str | None) -> dict[str, object]:
    span = reply.span if reply else None
    return {
        "question": question,
        "answer": reply.answer if reply else None,
        "exact_answer": span.exact_answer if span else None,
        "p_correct": reply.p_correct if reply else None,
        "verdict": reply.verdict if reply else None,
        "reason": reply.reason if reply else problem,
    }


def _styled() -> bool:
    """Whether standard output is a terminal that shows styles, and the user wants them."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


def _plain(text: str) -> str:
    """Text without characters that steer a terminal, each replaced by one that shows."""
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs") else "\ufffd" for c in text)
