"""Activations on disk: immutable safetensors shards, one tensor `[answer, position, width]` per site and layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from safetensors import safe_open
from safetensors.numpy import save_file

from tacitly.activations.capture import TokenStates
from tacitly.errors import CaptureError
from tacitly.run_folder import RunFolder

FOLDER = "activations"
PRESENT = "present"
TOKENS = ".tokens"
LARGEST_HALF = float(np.finfo(np.float16).max)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedAnswer:
    """What is kept of one answer.

    Attributes:
        indices: For each position, which captured token it is; None where the answer does not have it.
        states: By site `[layer, token, width]`.
        n_tokens: Number of the answer's tokens (the captured tokens 1..n).
    """

    answer_id: str
    indices: Sequence[int | None]
    states: TokenStates
    n_tokens: int


def write_shard(
    run: RunFolder,
    number: int,
    answers: Sequence[CapturedAnswer],
    *,
    positions: Sequence[str],
    layers: Mapping[str, Sequence[int]],
    token_layers: Sequence[int] = (),
    half: bool = True,
) -> list[str]:
    """Write one shard and its index; both count once the run is committed.

    Args:
        run: Where to.
        number: The shard's number.
        answers: What to keep, all with the same sites and positions.
        positions: The names of the positions.
        layers: For each site, the layer number of each row of its states.
        token_layers: Layers of which every answer token is kept, ragged, with offsets.
        half: Store float16; a tensor with values beyond it is stored as float32 all the same.

    Returns:
        The tensors that were stored as float32 because they do not fit float16.

    Raises:
        CaptureError: If a state is not finite.
    """
    shard = f"{FOLDER}/shard-{number:05d}.safetensors"
    wide = write_tensors(run, shard, answers, positions=positions, layers=layers, token_layers=token_layers, half=half)
    run.write_table(f"{FOLDER}/index-{number:05d}.parquet", shard_index(shard, answers))
    return wide


def shard_index(shard: str, answers: Sequence[CapturedAnswer]) -> pd.DataFrame:
    """Which row of a shard each answer has."""
    return pd.DataFrame({"answer_id": [a.answer_id for a in answers], "shard": shard, "row": range(len(answers))})


def write_tensors(
    run: RunFolder,
    shard: str,
    answers: Sequence[CapturedAnswer],
    *,
    positions: Sequence[str],
    layers: Mapping[str, Sequence[int]],
    token_layers: Sequence[int] = (),
    half: bool = True,
) -> list[str]:
    """Write one shard under the name `shard`, without an index; arguments, result and errors as `write_shard`."""
    shape = len(answers), len(positions)  # which may be none
    present = np.array([[index is not None for index in a.indices] for a in answers], dtype=np.uint8).reshape(shape)
    columns = np.array([[index or 0 for index in a.indices] for a in answers], dtype=np.int64).reshape(shape)
    tensors: dict[str, np.ndarray] = {PRESENT: present}
    wide: list[str] = []
    for site, numbers in layers.items():
        for row, layer in enumerate(numbers):
            kept = np.stack([a.states[site][row][c] for a, c in zip(answers, columns, strict=True)])
            kept = np.where(present[:, :, None].astype(bool), kept, np.float32(0))
            tensors[f"{site}.{layer}"] = _stored(kept, f"{site}.{layer}", answers, half, wide)
            if layer in token_layers:
                whole = np.concatenate([a.states[site][row][1 : a.n_tokens + 1] for a in answers])
                name = f"{site}.{layer}{TOKENS}"
                tensors[name] = _stored(whole, name, answers, half, wide)
    if token_layers:
        tensors["offsets"] = np.cumsum([0, *(a.n_tokens for a in answers)])
    metadata = {"positions": ",".join(positions), "schema": "1"}
    run.write(shard, lambda path: save_file(tensors, path, metadata=metadata))
    return wide


def _stored(
    values: Float[np.ndarray, "..."], name: str, answers: Sequence[CapturedAnswer], half: bool, wide: list[str]
) -> Float[np.ndarray, "..."]:
    if not np.isfinite(values).all():
        raise CaptureError(
            f"the activations {name} hold NaN or infinity (batch of answer {answers[0].answer_id!r})",
            allowed="finite numbers",
            remedy="try model.dtype=float32; what was finished before is kept",
        )
    if not half:
        return np.ascontiguousarray(values, np.float32)
    if np.abs(values).max(initial=0.0) > LARGEST_HALF:
        wide.append(name)
        return np.ascontiguousarray(values, np.float32)
    return np.ascontiguousarray(values, np.float16)


class ActivationStore:
    """The activations of some answers, read one site and layer at a time. Implements `StateTable`.

    Args:
        run: The run they are in.
        answer_ids: Which answers, in which order; each must be in the store.
        folder: The folder of the shards and of a table that says where each answer is; the stage's name.

    Raises:
        CaptureError: If an answer has no activations.
    """

    def __init__(self, run: RunFolder, answer_ids: Sequence[str], *, folder: str = FOLDER) -> None:
        index = run.table(folder)
        places = index.set_index("answer_id") if len(index) else pd.DataFrame(columns=["shard", "row"])
        missing = [a for a in answer_ids if a not in places.index]
        if missing:
            raise CaptureError(
                f"{len(missing)} answers have no activations, the first is {missing[0]!r}",
                remedy=f"run the study again with --redo {folder}",
            )
        chosen = places.loc[list(answer_ids)]
        self._groups: list[tuple[Path, np.ndarray, np.ndarray]] = []
        shards, rows = chosen["shard"].to_numpy(), chosen["row"].to_numpy(dtype=np.int64)
        for shard in dict.fromkeys(shards):
            where = np.flatnonzero(shards == shard)
            self._groups.append((run.path / shard, where, rows[where]))
        self._n = len(answer_ids)
        self.positions: tuple[str, ...] = ()
        self._layers: dict[str, list[int]] = {}
        self._token_layers: dict[str, list[int]] = {}
        self._present = np.zeros((self._n, 0), dtype=bool)
        for number, (path, where, rows_here) in enumerate(self._groups):
            with safe_open(path, framework="numpy") as file:
                if number == 0:
                    self.positions = tuple(filter(None, file.metadata()["positions"].split(",")))
                    self._layers = _layers(list(file.keys()))
                    self._token_layers = _layers(list(file.keys()), ending=TOKENS)
                    self._present = np.zeros((self._n, len(self.positions)), dtype=bool)
                self._present[where] = file.get_tensor(PRESENT)[rows_here].astype(bool)

    @property
    def sites(self) -> tuple[str, ...]:
        """The sites that were kept."""
        return tuple(self._layers)

    def layers(self, site: str) -> tuple[int, ...]:
        """The layers of a site."""
        return tuple(self._layers[site])

    def token_layers(self, site: str) -> tuple[int, ...]:
        """The layers of a site of which every answer token was kept."""
        return tuple(self._token_layers.get(site, ()))

    def present(self, position: str) -> Bool[np.ndarray, " answer"]:
        """Which answers have a position."""
        found: np.ndarray = self._present[:, self.positions.index(position)]
        return found

    def layer_states(self, site: str, layer: int) -> Float[np.ndarray, "answer position width"]:
        """The states of every position at one site and layer, as float32; zeros where a position is missing."""
        return self._read(f"{site}.{layer}", slice(None))

    def states(self, site: str, layer: int, position: str) -> Float[np.ndarray, "answer width"]:
        """The states of one position at one site and layer, as float32; the other positions are not read."""
        column = self.positions.index(position)
        return self._read(f"{site}.{layer}", slice(column, column + 1))[:, 0]

    def _read(self, name: str, positions: slice) -> Float[np.ndarray, "answer position width"]:
        """Some positions of one tensor, for the answers asked for; what of it is not asked for is not read."""
        states: np.ndarray | None = None
        for path, where, rows in self._groups:
            with safe_open(path, framework="numpy") as file:
                values = file.get_slice(name)[:, positions][rows]
            if states is None:
                states = np.zeros((self._n, *values.shape[1:]), dtype=np.float32)
            states[where] = values
        if states is None:
            return np.zeros((0, len(self.positions[positions]), 0), dtype=np.float32)
        return states

    def token_states(self, site: str, layer: int) -> list[Float[np.ndarray, "_token width"]]:
        """Every answer token's state, answer by answer, for a layer kept by `capture.token_layers`."""
        found: list[np.ndarray] = [np.zeros((0, 0), np.float32)] * self._n
        for path, where, rows in self._groups:
            with safe_open(path, framework="numpy") as file:
                offsets, values = file.get_tensor("offsets"), file.get_tensor(f"{site}.{layer}{TOKENS}")
            for target, row in zip(where, rows, strict=True):
                found[target] = values[offsets[row] : offsets[row + 1]].astype(np.float32)
        return found


def _layers(names: Sequence[str], *, ending: str = "") -> dict[str, list[int]]:
    layers: dict[str, list[int]] = {}
    for name in names:
        if not name.endswith(ending):
            continue
        site, dot, layer = name.removesuffix(ending).partition(".")
        if dot and layer.isdigit():
            layers.setdefault(site, []).append(int(layer))
    return {site: sorted(numbers) for site, numbers in sorted(layers.items())}
