"""Where a model's residual stream, MLP and attention outputs are, found by structure instead of by name.

One dry run over a few tokens shows it: the attention is the first part of a block whose output at the last token
changes when only the *first* token of the input changes; the MLP is the last other part of the block that holds a
weight matrix. What is captured is the output of each one's last projection, which is the part's own output except
where an architecture adds the residual inside (BLOOM, MPT).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from tacitly.errors import CaptureError


@dataclass(frozen=True, slots=True)
class Tap:
    """One place to read: a module, and whether its input or its output is meant."""

    module: nn.Module
    side: str  # "input" | "output"


@dataclass(frozen=True, slots=True)
class ModelSites:
    """The taps of a model, each by site and layer.

    Attributes:
        taps: `{site: {layer: Tap}}`; `residual` has layers 0..depth (0 is the embedding output, i the output of
            block i, before the final norm); the others have layers 1..depth.
        widths: Width of the vectors at each site.
        missing: Sites that the architecture does not have, with the reason.
    """

    taps: Mapping[str, Mapping[int, Tap]]
    widths: Mapping[str, int]
    missing: Mapping[str, str]

    def of(self, site: str) -> Mapping[int, Tap]:
        """The taps of one site.

        Raises:
            CaptureError: If the architecture does not have it.
        """
        if site not in self.taps:
            raise CaptureError(
                f"site {site!r} does not exist in this model: {self.missing.get(site, 'unknown site')}",
                allowed=", ".join(self.taps),
                remedy="leave it out of capture.sites",
            )
        return self.taps[site]


def find_blocks(model: PreTrainedModel) -> nn.ModuleList:
    """The model's transformer blocks: the shallowest list of modules as long as the configured depth."""
    depth = model.config.get_text_config(decoder=True).num_hidden_layers
    lists = [
        (name.count("."), module)
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == depth
    ]
    if not lists:
        raise CaptureError(f"{type(model).__name__} has no list of {depth} blocks to read activations from")
    return min(lists, key=lambda item: item[0])[1]


@torch.inference_mode()
def find_sites(model: PreTrainedModel) -> ModelSites:
    """Find every site of a causal language model by two dry runs over four tokens.

    Raises:
        CaptureError: If the model has no recognisable blocks.
    """
    blocks = find_blocks(model)
    first, second = (_dry_run(model, blocks, ids) for ids in ([[5, 6, 7, 8]], [[4, 6, 7, 8]]))
    width = first.calls[id(blocks[0])].output.shape[-1]
    attention_path = _attention_path(blocks[0], first, second)
    taps: dict[str, dict[int, Tap]] = {"residual": {0: Tap(blocks[0], "input")}}
    missing: dict[str, str] = {}
    for layer, block in enumerate(blocks, start=1):
        taps["residual"][layer] = Tap(block, "output")
        attention = block.get_submodule(attention_path) if attention_path else None
        mlp = _mlp(block, attention, first, width)
        found = {
            "attention": _last_projection(attention, first, width) or attention,
            "mlp": _last_projection(mlp, first, width) or mlp,
            "mlp_hidden": _last_projection(mlp, first, width),
        }
        for site, module in found.items():
            if module is None:
                missing.setdefault(site, _why_missing(site, block, layer))
            else:
                side = "input" if site == "mlp_hidden" else "output"
                taps.setdefault(site, {})[layer] = Tap(module, side)
    complete = {site: layers for site, layers in taps.items() if site not in missing}
    widths = {site: _width(next(iter(reversed(layers.values()))), first) for site, layers in complete.items()}
    return ModelSites(taps=complete, widths=widths, missing=missing)


def vectors_of(value: Any) -> Tensor:
    """The hidden states among what a module took or gave: the first tensor of a tuple."""
    while isinstance(value, tuple | list):
        value = value[0]
    if not isinstance(value, Tensor):
        raise CaptureError(f"a block passes {type(value).__name__} where hidden states were expected")
    return value


def input_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor:
    """The hidden states that a module was called with, given by position or by name."""
    return vectors_of(args) if args else vectors_of(kwargs["hidden_states"])


@dataclass(frozen=True, slots=True)
class _Call:
    order: int
    input: Tensor
    output: Tensor
    times: int


@dataclass(frozen=True, slots=True)
class _DryRun:
    calls: Mapping[int, _Call]
    tokens: int


def _dry_run(model: PreTrainedModel, blocks: nn.ModuleList, ids: list[list[int]]) -> _DryRun:
    """Run the model once and note what every part of every block took and gave."""
    calls: dict[int, _Call] = {}

    def note(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        try:
            taken, given = input_of(args, kwargs), vectors_of(output)
        except (CaptureError, KeyError, IndexError):
            return  # rotary tables, routers and the like pass something other than hidden states
        times = calls[id(module)].times + 1 if id(module) in calls else 1
        calls[id(module)] = _Call(len(calls), taken, given, times)

    hooks = [m.register_forward_hook(note, with_kwargs=True) for block in blocks for m in block.modules()]
    try:
        model(input_ids=torch.tensor(ids, device=next(model.parameters()).device), use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return _DryRun(calls, len(ids[0]))


def _attention_path(block: nn.Module, first: _DryRun, second: _DryRun) -> str | None:
    children = [(name, m) for name, m in block.named_children() if id(m) in first.calls and id(m) in second.calls]
    for name, child in sorted(children, key=lambda item: first.calls[id(item[1])].order):
        a, b = first.calls[id(child)].output, second.calls[id(child)].output
        mixes = not torch.equal(a.reshape(-1, a.shape[-1])[-1], b.reshape(-1, b.shape[-1])[-1])
        if mixes and _has_matrix(child):
            return name
    return None


def _has_matrix(module: nn.Module) -> bool:
    return any(parameter.ndim >= 2 for parameter in module.parameters())


def _mlp(block: nn.Module, attention: nn.Module | None, run: _DryRun, width: int) -> nn.Module | None:
    candidates = [
        child
        for child in block.children()
        if child is not attention
        and _has_matrix(child)
        and id(child) in run.calls
        and run.calls[id(child)].output.shape[-1] == width
    ]
    return max(candidates, key=lambda child: run.calls[id(child)].order, default=None)


def _last_projection(part: nn.Module | None, run: _DryRun, width: int) -> nn.Module | None:
    """The last matrix inside a part that gives one vector per token; None for fused or routed experts."""
    if part is None or any(parameter.ndim >= 3 for parameter in part.parameters()):
        return None
    leaves = [
        leaf
        for leaf in part.modules()
        if not list(leaf.children())
        and _has_matrix(leaf)
        and id(leaf) in run.calls
        and run.calls[id(leaf)].output.shape[-1] == width
    ]
    last = max(leaves, key=lambda leaf: run.calls[id(leaf)].order, default=None)
    if last is None or run.calls[id(last)].times != 1 or run.calls[id(last)].output.numel() != run.tokens * width:
        return None
    return last


def _why_missing(site: str, block: nn.Module, layer: int) -> str:
    if site == "mlp_hidden":
        return f"the MLP of {type(block).__name__} {layer} has no single inner projection (mixture of experts)"
    return f"{type(block).__name__} {layer} has no part that looks like its {site}"


def _width(tap: Tap, run: _DryRun) -> int:
    call = run.calls[id(tap.module)]
    return int((call.input if tap.side == "input" else call.output).shape[-1])
