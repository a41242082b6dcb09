"""A finished fine-tuning in other forms: merged into its base model, or on the hub."""

import shutil
from pathlib import Path

from tacitly.errors import ModelError
from tacitly.finetune.checkpoints import explained
from tacitly.finetune.record import FILE as RECORD
from tacitly.models.load import load_model
from tacitly.progress import Progress
from tacitly.tasks.entity_split import FILE as SPLIT

MERGED = "merged"


def merge(folder: Path, *, progress: Progress) -> Path:
    """Write the whole model, adapter added in, to `merged/`, so that it opens without PEFT.

    Returns:
        The merged model's folder, which knows its split as the adapter's does.

    Raises:
        StorageError: If the disk is full.
    """
    target = folder / MERGED
    if (target / SPLIT).is_file():  # written last
        return target
    progress.begin("merging", None)
    merged = load_model(str(folder), note=progress.note)
    with explained(target):
        merged.model.save_pretrained(str(target))
        merged.tokenizer.save_pretrained(str(target))
        for name in ("README.md", RECORD, SPLIT):
            shutil.copyfile(folder / name, target / name)
    return target


def push(folder: Path, name: str, *, progress: Progress) -> str:
    """Upload adapter, tokenizer, card and split to a private repository of the hub; never called unasked.

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
        api.upload_folder(
            repo_id=name, folder_path=folder, ignore_patterns=["checkpoints/*", f"{MERGED}/*", ".*", "answers.parquet"]
        )
    except Exception as error:  # the hub's client passes on whatever its HTTP library raises
        raise ModelError(
            f"cannot upload to {name!r}: {' '.join(str(error).split())[:200]}",
            remedy="the folder is finished and stays; run `hf auth login`, then the same command again",
        ) from error
    return str(address)
