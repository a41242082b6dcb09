"""The baselines of a run that do not decide which answers are compared."""

import numpy as np
import pandas as pd
from jaxtyping import Float

from tacitly.activations.store import FOLDER, ActivationStore
from tacitly.baselines.catalog import load_baselines
from tacitly.baselines.p_true import p_true_absent, p_true_baselines
from tacitly.baselines.sampling import SampleScores, score_samples
from tacitly.collect.bench import Bench
from tacitly.collect.tables import sampled_rows
from tacitly.run_folder import RunFolder


def score_run_samples(bench: Bench, rows: pd.DataFrame) -> SampleScores:
    """Score greedy answers by as many samples of each question as the study asks for.

    Raises:
        UserError: The model that compares answers cannot be opened.
    """
    run = bench.run
    sampled = sampled_rows(run)
    sampled = sampled[sampled["sample"] <= bench.settings.generate.samples].reset_index(drop=True)
    captured = set(run.table(FOLDER).get("answer_id", ()))
    ids = sampled["answer_id"].tolist()
    states = ActivationStore(run, ids) if ids and captured.issuperset(ids) else None
    bench.progress.begin("comparing samples", None)
    return score_samples(rows, sampled, equivalence=bench.equivalence, states=states)


def scores_with_eos(rows: pd.DataFrame) -> dict[str, Float[np.ndarray, " row"]]:
    """The token probabilities that count the end token, which an answer that was cut does not have."""
    return {name: baseline.scores(rows) for name, baseline in load_baselines("with_eos").items()}


def verdicts_of_the_model(
    run: RunFolder, rows: pd.DataFrame
) -> tuple[dict[str, Float[np.ndarray, " row"]], dict[str, str]]:
    """p(True) of each answer, and why some of its kinds are absent; nothing where the model was not asked."""
    said = run.table("self_evaluation")
    if not len(said):
        return {}, {}
    joined = rows[["answer_id"]].merge(said, on="answer_id", how="left", validate="one_to_one")
    return p_true_baselines(joined), p_true_absent(joined)
