"""Made-up answers whose states hold a planted direction, for the tests of probes and experiments."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tacitly.activations.base import ArrayContrastTable, ArrayStateTable
from tacitly.probes.cell import Cell

POSITIONS = ("last_q_token", "exact_answer_last_token", "-1")
PLANTED = Cell("residual", 2, "exact_answer_last_token")


def planted_rows(
    n: int,
    rng: np.random.Generator,
    *,
    n_answers: int = 20,
    n_entities: int | None = None,
    located: float = 1.0,
    right: float = 0.5,
) -> pd.DataFrame:
    """Rows of `n` answers, whose text, length and probabilities say nothing about the label."""
    given = rng.integers(n_answers, size=n)
    found = rng.random(n) < located
    lengths = rng.integers(3, 9, size=n)
    rows = pd.DataFrame(
        {
            "answer_id": [f"q{i:05d}-0" for i in range(n)],
            "question_id": [f"q{i:05d}" for i in range(n)],
            "entity": [f"entity {i % (n_entities or n)}" for i in range(n)],
            "split": None,
            "question": [f"What about thing {i}?" for i in range(n)],
            "text": [
                f"It is answer {a}." if f else f"Hard to say {i}."
                for i, (a, f) in enumerate(zip(given, found, strict=True))
            ],
            "correct": pd.Series((rng.random(n) < right).tolist(), dtype=object),
            "located": found,
            "locator": np.where(found, "choices", "chain"),
            "given": pd.Series([f"answer {a}" if f else None for a, f in zip(given, found, strict=True)], dtype=object),
            "exact_answer": pd.Series(
                [f"answer {a}" if f else None for a, f in zip(given, found, strict=True)], dtype=object
            ),
            "first_token": pd.array([1 if f else None for f in found], dtype="Int64"),
            "last_token": pd.array([2 if f else None for f in found], dtype="Int64"),
            "n_tokens": lengths,
            "end_logprob": rng.normal(-1, 0.3, size=n),
            "end_logit": rng.normal(15, 3, size=n),
            "end_entropy": rng.random(n),
        }
    )
    rows["token_logprobs"] = [-rng.random(k) for k in lengths]
    rows["token_logits"] = [rng.normal(15, 3, size=k) for k in lengths]
    rows["token_entropies"] = [rng.random(k) for k in lengths]
    return rows


def planted_states(
    rows: pd.DataFrame,
    rng: np.random.Generator,
    *,
    width: int = 12,
    layers: int = 4,
    strength: Mapping[Cell, float] | None = None,
    tokens: Mapping[tuple[str, int], Sequence[np.ndarray]] | None = None,
) -> ArrayStateTable:
    """Noise everywhere, the label along one direction in the planted cells, and the given answer alone at layer 0."""
    strength = {PLANTED: 4.0} if strength is None else strength
    n = len(rows)
    sign = np.where(rows["correct"].fillna(False).astype(bool), 0.5, -0.5)
    codes, names = pd.factorize(rows["given"].fillna("none"))
    embeddings = rng.normal(size=(len(names), width))
    located = rows["located"].to_numpy(dtype=bool)
    values = {}
    for layer in range(layers):
        states = rng.normal(size=(n, len(POSITIONS), width))
        if layer == 0:
            states[:, POSITIONS.index("exact_answer_last_token")] = embeddings[codes]
        for cell, size in strength.items():
            if cell.layer == layer:
                direction = rng.normal(size=width)
                direction /= np.linalg.norm(direction)
                states[:, POSITIONS.index(cell.position)] += size * sign[:, None] * direction
        values["residual", layer] = states.astype(np.float32)
    present = np.ones((n, len(POSITIONS)), dtype=bool)
    present[:, POSITIONS.index("exact_answer_last_token")] = located
    for states in values.values():
        states[~present] = 0
    return ArrayStateTable(values, positions=POSITIONS, present=present, tokens=tokens)


def planted_tokens(rows: pd.DataFrame, rng: np.random.Generator, *, width: int = 12) -> list[np.ndarray]:
    """Noise at every token but one, which bears the label along one direction and a mark along another."""
    found = []
    for n_tokens, correct in zip(rows["n_tokens"], rows["correct"], strict=True):
        tokens = rng.normal(size=(n_tokens, width))
        at = rng.integers(n_tokens)
        tokens[at, 0] = 6 if correct is True else -6
        tokens[at, 1] = 12
        found.append(tokens.astype(np.float32))
    return found


def planted_contrast(rows: pd.DataFrame, rng: np.random.Generator, *, width: int = 12) -> ArrayContrastTable:
    """Pairs of layer 2 that differ by the verdict that was read, and along the same direction by whether it is true."""
    truth = np.where(rows["correct"].fillna(False).astype(bool), 1.0, -1.0)
    pairs = np.repeat(rng.normal(size=(len(rows), 1, width)), 2, axis=1) + rng.normal(size=(len(rows), 2, width)) / 2
    pairs[:, 0, 0] += 2 * truth + 5
    pairs[:, 1, 0] -= 2 * truth + 5
    return ArrayContrastTable({2: pairs.astype(np.float32)})
