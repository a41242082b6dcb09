"""What the paper's scripts do, in plain form, on a part of a study's questions: the peer of the benchmark `study`.

    python benchmarks/papers_procedure.py RUN --questions 60 --cells 24 [--share 0 3]

As Orgad et al.'s scripts do (github.com/technion-cs-nlp/LLMsKnow), one question at a time: `model.generate` with
`output_scores`; a forward pass with `output_hidden_states` for the heat map of all layers and tokens; the same again
for the probe at the chosen cell; p(True) by writing one token for each order of the options, for the answer and for
the exact answer (two orders and both answers, as the study has them). Then one scikit-learn `LogisticRegression` for
each cell and fold.

Left out, to the procedure's advantage: asking a model for the exact answer (RUN's are used), writing the scores of
the whole vocabulary to disk (they are held in memory for one question and reduced to what the baselines need),
loading the model anew for each script, fine-grained bootstraps, and the report.

RUN is a finished study: its questions are asked, and the features, labels and folds of its cells are fitted, since
fits must see as many answers as the study's. Of its sets and groupings the first is fitted, 5 outer and 15 inner
folds. Prints seconds as JSON.
"""

import argparse
import json
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command line sets it for the other side
os.environ.setdefault("GOMP_SPINCOUNT", "30000")

import numpy as np
import pandas as pd
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from transformers import AutoModelForCausalLM, AutoTokenizer

from tacitly.activations.store import ActivationStore
from tacitly.collect.tables import greedy_rows
from tacitly.models.embedded import ensure_embedded
from tacitly.models.load import find_device
from tacitly.probes.grid import list_cells
from tacitly.run_folder import RunFolder

MAX_NEW_TOKENS = 24
TOKENS = 15  # positions of the grid

P_TRUE = """Question: {question}
Possible answer: {answer}
Is the possible answer:
(A) {first}
(B) {second}
The possible answer is:"""


class Procedure:
    """The scripts, one method each; every one goes through the questions by itself."""

    def __init__(self, model: Any, tokenizer: Any, rows: pd.DataFrame) -> None:
        self.model, self.tokenizer, self.rows = model, tokenizer, rows
        self.input_output_ids: list[torch.Tensor] = []

    def generate_model_answers(self) -> None:
        """Greedy answers, with the scores of every token."""
        for prompt in self.rows["prompt"]:
            ids = self._tokens(prompt)
            with torch.no_grad():
                output = self.model.generate(
                    ids, attention_mask=torch.ones_like(ids), max_new_tokens=MAX_NEW_TOKENS, do_sample=False,
                    output_scores=True, return_dict_in_generate=True,
                )  # fmt: skip
            answer = output.sequences[0, ids.shape[1] :]
            scores = torch.cat(output.scores).cpu()
            scores.log_softmax(-1).gather(-1, answer.cpu()[:, None])
            self.tokenizer.decode(answer)
            self.input_output_ids.append(output.sequences[0].cpu())

    def extract_internal_reps(self) -> None:
        """The states of every layer, at as many tokens as the grid has."""
        kept = []
        for ids in self.input_output_ids:
            with torch.no_grad():
                states = self.model(ids[None].to(self.model.device), output_hidden_states=True).hidden_states
            kept.append([layer[0, -TOKENS:].float().cpu().numpy() for layer in states])

    def p_true(self) -> None:
        """How likely the model calls each answer and each exact answer true, in both orders of the options."""
        a, b = (self.tokenizer.encode(letter, add_special_tokens=False)[0] for letter in "AB")
        for column in ("text", "exact_answer"):
            for first, second in (("True", "False"), ("False", "True")):
                for question, answer in zip(self.rows["question"], self.rows[column], strict=True):
                    if not isinstance(answer, str):  # no exact answer was found
                        continue
                    asked = P_TRUE.format(question=question, answer=answer, first=first, second=second)
                    turn = [{"role": "user", "content": asked}]
                    text = self.tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
                    ids = self._tokens(text)
                    with torch.no_grad():
                        output = self.model.generate(
                            ids, attention_mask=torch.ones_like(ids), max_new_tokens=1, do_sample=False,
                            output_scores=True, return_dict_in_generate=True,
                        )  # fmt: skip
                    output.scores[0][0, [a, b]].softmax(-1).cpu()

    def _tokens(self, text: str) -> torch.Tensor:
        ids: torch.Tensor = self.tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids
        return ids.to(self.model.device)


def list_fits(run: RunFolder, answer_ids: Sequence[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The training and tested rows of the first set's and grouping's folds, the inner ones too."""
    place = {answer_id: i for i, answer_id in enumerate(answer_ids)}
    inner = run.table("experiments/inner_folds")
    named = inner[["set", "grouping", "seed"]].iloc[0]
    inner = inner[(inner[["set", "grouping", "seed"]] == named).all(axis=1)]
    folds = run.table("folds").query("grouping == @named.grouping and seed == @named.seed")
    for outer, learned in inner.groupby("outer_fold"):
        trained = learned["answer_id"].map(place).to_numpy()
        tested = folds["answer_id"][folds["outer_fold"] == outer].map(place).to_numpy()
        yield trained, tested
        for _, part in learned.groupby("inner_fold"):
            out = part["answer_id"].map(place).to_numpy()
            yield np.setdiff1d(trained, out), out


def count_fits(run: RunFolder) -> int:
    """How many fits the same folds of every set and grouping make, in each cell that has a figure there."""
    inner = run.table("experiments/inner_folds")
    outer = inner.groupby(["set", "grouping", "seed", "outer_fold"])["inner_fold"].nunique()
    folds = (1 + outer).groupby(["set", "grouping"]).sum()
    grid = pd.DataFrame(run.json("experiments/probes.json")["grid"])
    cells = grid[grid["auroc"].notna()].groupby(["set", "grouping"]).size()
    return int((folds * cells).sum())


def fit_cells(run: RunFolder, features: Sequence[np.ndarray]) -> int:
    """Fit and test one probe for each cell and fold; how many there were."""
    rows = greedy_rows(run)
    known = rows["correct"].notna().to_numpy()
    correct = rows["correct"].fillna(False).to_numpy(dtype=bool)
    folds = list(list_fits(run, rows["answer_id"].tolist()))
    done = 0
    for states in features:
        for trained, tested in folds:
            train, test = trained[known[trained]], tested[known[tested]]
            probe = LogisticRegression(random_state=0).fit(states[train], correct[train])
            if len(set(correct[test])) == 2:
                roc_auc_score(correct[test], probe.predict_proba(states[test])[:, 1])
            done += 1
    return done


def main() -> None:
    """Go through the scripts and print how long each took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--cells", type=int, default=24)
    parser.add_argument("--share", type=int, nargs=2, default=(0, 1), metavar=("WHICH", "OF"), help="which of them")
    given = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # the scripts stop at a hundred iterations too
    run, (which, of) = RunFolder.view(given.run), given.share
    rows = greedy_rows(run)
    store = ActivationStore(run, rows["answer_id"].tolist())
    cells = list_cells(store)

    def evenly(n: int, count: int) -> list[int]:
        return [(2 * (k * of + which) + 1) * n // (2 * count * of) for k in range(count)]

    folder = ensure_embedded()
    device = find_device()
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    model.to(device).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    took = {}
    asked = rows.merge(run.table("questions")[["question_id", "prompt"]], on="question_id", how="left")
    procedure = Procedure(model, tokenizer, asked.iloc[evenly(len(rows), given.questions)])
    steps = {
        "answers": procedure.generate_model_answers,
        "heat_map": procedure.extract_internal_reps,
        "probe": procedure.extract_internal_reps,
        "p_true": procedure.p_true,
    }
    for name, step in steps.items():
        started = time.perf_counter()
        step()
        took[name] = time.perf_counter() - started
    chosen = [cells[i] for i in evenly(len(cells), given.cells)]
    features = [store.states(cell.site, cell.layer, cell.position) for cell in chosen]
    started = time.perf_counter()
    fits = fit_cells(run, features)
    took["fits"] = time.perf_counter() - started
    print(json.dumps({"seconds": took, "fits": fits, "of_fits": count_fits(run)}))


if __name__ == "__main__":
    main()
