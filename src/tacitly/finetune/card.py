"""The card of a fine-tuned model: what it learned from, how, and what that changed."""

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from tacitly.finetune.answers import read_answers
from tacitly.finetune.record import Record
from tacitly.models.embedded import HUB_ID, NAME
from tacitly.storage import write_whole

SHOWN = 3
_LIMITS = (
    "It was trained to write like its data, which says nothing of whether what it writes is true. It is no source of "
    "medical advice. Ask it about what it was not trained on, and look at `tacitly study` and `tacitly compare` before "
    "trusting it."
)


def write_card(folder: Path, record: Record, *, name: str, merged: bool = False) -> None:
    """Write README.md, with the front matter that the hub reads.

    Args:
        folder: Where to.
        record: What `finetune.json` says.
        name: The model's name.
        merged: Whether the folder holds the whole model rather than the adapter.
    """
    answers = read_answers(folder)
    samples = pd.DataFrame() if answers is None else answers.head(SHOWN)
    text = model_card(name, record, samples, merged=merged)
    write_whole(folder / "README.md", lambda path: path.write_text(text, encoding="utf-8"))


def model_card(name: str, record: Record, samples: pd.DataFrame, *, merged: bool = False) -> str:
    """The card's text.

    Args:
        name: The model's name.
        record: What `finetune.json` says.
        samples: Rows with question, reference, before, after; may be empty.
        merged: Whether it is the whole model's card.
    """
    model, training = record.model, record.training
    about = f"`{model['name']}` ({model['architecture']}, {model['parameters']:,} parameters, weights sha256 "
    parts = [
        f"---\n{yaml.safe_dump(_front(model['name'], merged=merged), sort_keys=True)}---\n",
        f"# {name}\n",
        f"{about}`{model['weights_hash'][:16]}`), fine-tuned with LoRA by tacitly"
        f"{', the adapter merged in' if merged else ''}.\n",
        "## Use\n",
        "    tacitly chat --model DIR            # ask it\n"
        "    tacitly study demo --set model.name=DIR --set task.name=medfacts    # what it knows, and what it shows\n\n"
        "DIR is a copy of this folder. Studies leave out what it was trained on, which `split.parquet` names.\n",
        "## Data\n",
        _data(record.data),
        "## Training\n",
        _table(
            ("setting", "value"), sorted({**_flat(record.settings["train"]), "seed": record.settings["seed"]}.items())
        ),
        f"{training['steps']:,} steps in {training['seconds']:,.0f} s on {training['device']}, "
        f"{training['precision']}, {training['optimizer']}, {training['tokens_per_second']:,.0f} tokens a second, "
        f"{training['trainable_parameters']:,} trainable parameters.\n",
        f"## Loss\n\nNats per token of the answers, on {record.data['evaluated']['examples']:,} held-out pairs and in "
        "training.\n",
        _table(("step", "held out"), record.losses["held_out"]),
        _table(("step", "training"), _thinned(record.losses["train"])),
    ]
    if record.scores:
        answers = record.scores["before"]["answers"]
        said = f"Means over {answers} held-out questions; both texts are cut to whole sentences of at most 72 words.\n"
        parts += ["## Similarity to the reference answers\n", said, _scores(record.scores)]
    if len(samples):
        parts += ["## Answers to held-out questions\n", *(_sample(row) for row in samples.to_dict("records"))]
    parts += ["## Limits\n", _LIMITS + "\n", "## Versions\n", _table(("package", "version"), record.versions.items())]
    return "\n".join(parts)


def _front(base: str, *, merged: bool) -> dict[str, Any]:
    """What the hub reads; a model that only this machine has is no base that it knows."""
    named = {} if Path(base).exists() else {"base_model": HUB_ID if base == NAME else base}
    return {
        **named,
        "library_name": "transformers" if merged else "peft",
        "pipeline_tag": "text-generation",
        "tags": ["sft", "tacitly"] if merged else ["lora", "sft", "tacitly"],
    }


def _data(data: dict[str, Any]) -> str:
    learned, split, counts = data["learned"], data["entities"], data["questions"]
    quoted = f"`{data['system_prompt']}`" if data["system_prompt"] else "none"
    return (
        f"Task `{data['task']}` ({data['source']}; {data['licence']}): {sum(counts.values()):,} answered questions "
        f"about {sum(split.values()):,} entities. {split['held_out']:,} of them ({counts['held_out']:,} questions) "
        f"were held out. Of the others, {learned['examples']:,} pairs about {data['learned_entities']:,} entities were "
        f"learned ({learned['tokens']:,} tokens, {learned['learned_tokens']:,} of answers, which alone have a loss). "
        f"{learned['cut']:,} answers were cut at a sentence's end to fit, {learned['too_long']:,} pairs were passed "
        f"over as too long. Format: {data['format']}; system prompt: {quoted}.\n"
    )


def _scores(scores: dict[str, Any]) -> str:
    names = ("token_f1", "rouge_l", "embedding")
    rows = [(name, *(_number(scores[when].get(name)) for when in scores)) for name in names]
    return _table(("measure", *scores), rows)


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"


def _sample(row: dict[Any, Any]) -> str:
    lines = [f"**{row['question']}**\n"]
    lines += [f"- {when}: {_short(row[when])}" for when in ("reference", "before", "after") if when in row]
    return "\n".join(lines) + "\n"


def _short(text: str, length: int = 300) -> str:
    line = " ".join(str(text).split()).replace("<", "&lt;")
    return line if len(line) <= length else line[:length].rsplit(" ", 1)[0] + " ..."


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    return "\n".join(lines + [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]) + "\n"


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    return {name: ", ".join(map(str, v)) if isinstance(v, list) else v for name, v in values.items()}


def _thinned(rows: list[list[float]], most: int = 12) -> list[list[float]]:
    step = max(1, -(-len(rows) // most))
    return rows[::step] if not rows or rows[-1] in rows[::step] else [*rows[::step], rows[-1]]
