"""Folders that hold a LoRA adapter: which model they adapt, and that model with the adapter merged in."""

import json
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from tacitly.errors import ModelError

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
MISSING = "fine-tuned models need PEFT and TRL"
INSTALL = "install them with `pip install 'tacitly[finetune]'`"


def is_adapter(name: str) -> bool:
    """Whether a model's name is a folder with an adapter, rather than with a whole model."""
    return (Path(name) / CONFIG).is_file() and not (Path(name) / "config.json").is_file()


def base_of(folder: str) -> tuple[str, str | None]:
    """The name and revision of the model that an adapter adapts.

    Raises:
        ModelError: If the adapter's config is damaged or names none.
    """
    path = Path(folder) / CONFIG
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return str(config["base_model_name_or_path"]), config.get("revision")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{str(path)!r} does not say which model it adapts ({type(error).__name__})",
            remedy="give the folder that `tacitly finetune` wrote, or a merged model",
        ) from None


def with_adapter(model: PreTrainedModel, folder: str) -> PreTrainedModel:
    """The model with an adapter's weights added into its own, so that it is a plain model again.

    Raises:
        ModelError: If PEFT is not installed, or the adapter is damaged or does not fit the model.
    """
    if not (Path(folder) / WEIGHTS).is_file():  # PEFT would look for it on the hub, or unpickle another form of it
        raise ModelError(f"the adapter in {folder!r} has no {WEIGHTS}", remedy="restore it, or finish its fine-tuning")
    try:
        from peft import PeftModel
    except ImportError:
        raise ModelError(MISSING, remedy=INSTALL) from None
    merged = PeftModel.from_pretrained(model, folder).merge_and_unload()
    if not isinstance(merged, PreTrainedModel):
        raise ModelError(f"the adapter in {folder!r} does not merge into {type(model).__name__}")
    return merged
