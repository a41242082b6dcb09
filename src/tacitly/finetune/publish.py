"""A finished fine-tuning in other forms: merged into its base model, or on the hub."""

import json
import shutil
from pathlib import Path

from tacitly.errors import ModelError
from tacitly.finetune.answers import FILE as ANSWERS
from tacitly.finetune.card import write_card
from tacitly.finetune.checkpoints import explained
from tacitly.finetune.record import FILE as RECORD
from tacitly.finetune.record import Record
from tacitly.models.adapter import CONFIG, base_of
from tacitly.models.embedded import HUB_ID
from tacitly.models.embedded import NAME as EMBEDDED
from tacitly.models.load import load_model, weights_hash
from tacitly.models.quiet import quiet
from tacitly.progress import Progress
from tacitly.storage import TEMPORARY
from tacitly.tasks.entity_split import FILE as SPLIT

MERGED = "merged"


def merge(folder: Path, record: Record, *, progress: Progress) -> Path:
    """Write the whole model, adapter added in, to `merged/`, so that it opens without PEFT.

    Returns:
        The merged model's folder, which knows its split as the adapter's does.

    Raises:
        ModelError: If the base model's weights are no longer those that were trained on.
        StorageError: If the disk is full.
    """
    target, making = folder / MERGED, folder / f"{TEMPORARY}{MERGED}"
    if target.is_dir():
        return target
    progress.begin("merging", None)
    shutil.rmtree(making, ignore_errors=True)
    _require_base(folder, record)
    merged = load_model(str(folder), dtype=record.model["dtype"], note=progress.note)
    with explained(target), quiet():
        merged.model.save_pretrained(str(making))
        merged.tokenizer.save_pretrained(str(making))
        for name in (RECORD, SPLIT):
            shutil.copyfile(folder / name, making / name)
        write_card(making, record, name=folder.name, merged=True)
        making.replace(target)  # half of it would pass for a model that was never fine-tuned
    return target


def _require_base(folder: Path, record: Record) -> None:
    """Refuse to merge into other weights than the adapter was trained on.

    Raises:
        ModelError: If they are others.
    """
    name, revision = base_of(str(folder))
    if weights_hash(name, revision=revision) != record.model["weights_hash"]:
        raise ModelError(
            f"the weights of {name!r} are not those that the adapter in {str(folder)!r} was trained on",
            remedy="give back the model that it was trained on",
        )


def push(folder: Path, name: str, *, progress: Progress) -> str:
    """Upload adapter, tokenizer, card and split to a private repository of the hub; never called unasked.

    Nothing that is uploaded holds a path of this machine.

    Returns:
        The repository's address.

    Raises:
        ModelError: If the hub refuses or is not reached.
    """
    from huggingface_hub import HfApi

    progress.begin(f"uploading to {name}", None)
    try:
        api = HfApi()
        address = api.create_repo(name, private=True, exist_ok=True)
        kept = ["checkpoints/*", f"{MERGED}/*", ".*", ANSWERS, RECORD, CONFIG]
        api.upload_folder(repo_id=name, folder_path=folder, ignore_patterns=kept)
        api.upload_file(repo_id=name, path_or_fileobj=_public_config(folder), path_in_repo=CONFIG)
    except Exception as error:  # the hub's client passes on whatever its HTTP library raises
        raise ModelError(
            f"cannot upload to {name!r}: {' '.join(str(error).split())[:200]}",
            remedy="the folder is finished and stays; run `hf auth login`, then the same command again",
        ) from error
    return str(address)


def _public_config(folder: Path) -> bytes:
    """The adapter's config, naming its base model as a visitor of the hub would."""
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    base = config["base_model_name_or_path"]
    config["base_model_name_or_path"] = HUB_ID if base == EMBEDDED else Path(base).name if Path(base).exists() else base
    return json.dumps(config, indent=1).encode()
