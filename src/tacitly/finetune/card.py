"""The card of a fine-tuned model: what it learned from, how, and what that changed."""

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from tacitly.finetune.record import Record
from tacitly.models.embedded import HUB_ID, NAME
from tacitly.storage import write_whole

SHOWN = 3
_LIMITS = (
    "It was trained to write like its data, which says nothing of whether what it writes is true. It is no source of "
    "medical advice. Ask it about what it was not trained on, and look at `tacitly study` and `tacitly compare` before "
    "trusting it."
)


def write_card(folder: Path, record: Record) -> None:
    """Write README.md, with the front matter that the hub reads."""
    table = folder / "answers.parquet"
    samples = pd.read_parquet(table).head(SHOWN) if table.is_file() else pd.DataFrame()
    text = model_card(folder.name, record, samples)
    write_whole(folder / "README.md", lambda path: path.write_text(text, encoding="utf-8"))


def model_card(name: str, record: Record, samples: pd.DataFrame) -> str:
    """The card's text.

    Args:
        name: The model's name.
        record: What `finetune.json` says.
        samples: Rows with question, reference, before, after; may be empty.
    """
    data, model, training = record.data, record.model, record.training
    front = {
        "base_model": HUB_ID if model["name"] == NAME else model["name"],
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "tags": ["lora", "sft", "tacitly"],
    }
    learned, split = data["learned"], data["entities"]
    quoted = f"`{data['system_prompt']}`" if data["system_prompt"] else None
    counts, sizes = data["questions"], f"{learned['tokens']:,} tokens, {learned['learned_tokens']:,} of answers"
    parts = [
        f"---\n{yaml.safe_dump(front, sort_keys=True)}---\n",
        f"# {name}\n",
        f"`{model['name']}` ({model['architecture']}, {model['parameters']:,} parameters, weights sha256 "
        f"`{model['weights_hash'][:16]}`), fine-tuned with LoRA by tacitly.\n",
        "## Data\n",
        f"Task `{data['task']}`: {sum(counts.values()):,} answered questions about {sum(split.values()):,} entities. "
        f"{split['trained']:,} entities ({counts['trained']:,} questions) are in the trained part, "
        f"{split['held_out']:,} ({counts['held_out']:,}) are held out.\n",
        f"Trained on {learned['examples']:,} pairs about {data['learned_entities']:,} entities ({sizes}, which alone "
        "have a loss). `split.parquet` names them, and studies on this folder leave them out. "
        f"{learned['cut']:,} answers were cut at a sentence's end to fit, {learned['too_long']:,} were left out as too "
        f"long. Format: {data['format']}; system prompt: {quoted or 'none'}.\n",
        "## Training\n",
        _table(("setting", "value"), sorted(_flat(record.settings["train"]).items())),
        f"{training['steps']:,} steps in {training['seconds']:,.0f} s on {training['device']}, "
        f"{training['precision']}, {training['optimizer']}, {training['tokens_per_second']:,.0f} tokens a second, "
        f"{training['trainable_parameters']:,} trainable parameters.\n",
        "## Loss\n\nNats per token of the answers, on held-out entities and in training.\n",
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
