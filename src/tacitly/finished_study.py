"""A finished run, read whole, as a comparison needs it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tacitly.activations.store import ActivationStore
from tacitly.collect.tables import greedy_rows, kept_questions
from tacitly.errors import RunFolderError
from tacitly.experiments.answer_table import GROUPINGS, SETS, read_answers
from tacitly.experiments.grid_change import chosen_cells
from tacitly.experiments.probe_exchange import Exchange, ProbedRun
from tacitly.experiments.same_questions import RunConditions
from tacitly.experiments.scored_run import ScoredRun
from tacitly.experiments.type_change import Types, types_of_questions
from tacitly.manifest import STAGES, Manifest
from tacitly.run_folder import RunFolder
from tacitly.tasks.entity_split import FILE as SPLIT

TRAINING = "training"


@dataclass(frozen=True, kw_only=True)
class FinishedStudy:
    """A finished run, read whole.

    Attributes:
        run: Its folder.
        rows: Its greedy answers.
        metrics: Its `metrics.json`.
        probed: Its answers, their states and its probes.
        conditions: What it asked and how.
    """

    run: RunFolder
    rows: pd.DataFrame
    metrics: dict[str, Any]
    probed: ProbedRun
    conditions: RunConditions

    @classmethod
    def read(cls, folder: str | Path) -> "FinishedStudy":
        """Read a run.

        Raises:
            RunFolderError: If the folder is no run, or its study is not finished or damaged.
        """
        run = RunFolder.view(folder)
        stages = run.manifest.stages
        missing = [name for name in STAGES if name not in stages or not stages[name].complete]
        if missing or not run.manifest.complete:
            raise RunFolderError(
                f"the study in {str(folder)!r} is not finished"
                + (f": not {', '.join(missing)}" if missing else ", or is being worked on"),
                remedy="run it again; it goes on where it stopped",
            )
        damaged = run.damaged()
        if damaged:
            raise RunFolderError(
                f"the run in {str(folder)!r} has damaged files, the first is {damaged[0]!r}",
                remedy="run its study again; damaged files are computed again",
            )
        rows = greedy_rows(run)
        store = ActivationStore(run, rows["answer_id"].tolist())
        questions = run.table("questions")
        return cls(
            run=run,
            rows=rows,
            metrics=run.json("metrics.json"),
            probed=ProbedRun(
                table=read_answers(rows, store),
                states=store,
                folds=run.table("folds"),
                choices=run.json("experiments/probes.json")["choices"],
            ),
            conditions=RunConditions(
                name=str(folder),
                settings=run.manifest.settings,
                model=run.manifest.model or {},
                judge=", ".join(sorted(run.table("labels")["judge"].unique())),
                fine_tuned=_is_fine_tuned(run.manifest),
                seed=run.manifest.seed,
                tacitly=run.manifest.tacitly,
                questions=questions[~questions["question_id"].isin(kept_questions(run))],
            ),
        )

    def answers(self, ids: list[str]) -> pd.DataFrame:
        """One greedy answer per question, in the order of the ids."""
        return self.rows.set_index("question_id", drop=False).loc[ids].reset_index(drop=True)

    def scored(self, ids: list[str], exchange: Exchange) -> ScoredRun:
        """Its answers to these questions, with what its own methods and another model's probes say of them."""
        holders = {"located": self.metrics, "all": self.metrics["all_answers"]}
        reasons = {
            (answers, grouping): holders[answers][f"{grouping}_reason"]
            for answers in SETS
            for grouping in GROUPINGS
            if holders[answers].get(grouping) is None
        }
        return ScoredRun(
            rows=self.answers(ids),
            scores=pd.concat([self.run.table("scores"), exchange.scores], ignore_index=True),
            reasons=reasons,
            exchange_reasons=exchange.reasons,
        )

    def training(self, ids: list[str]) -> list[str | None]:
        """What each question says of its entity's part in the training."""
        meta = self.conditions.questions.set_index("question_id")["meta"].loc[ids]
        return [json.loads(text).get(TRAINING) for text in meta]

    @property
    def samples(self) -> int:
        """How many sampled answers each question has."""
        return int(self.run.manifest.settings.get("generate", {}).get("samples", 0))

    def types(self, ids: list[str], number: int) -> list[Types | None]:
        """The error types that each question's first sampled answers show."""
        answers = self.run.table("answers")[["answer_id", "question_id", "sample"]]
        frame = answers.merge(self.run.table("labels")[["answer_id", "correct", "refused"]], on="answer_id", how="left")
        frame = frame.merge(self.run.table("spans")[["answer_id", "given"]], on="answer_id", how="left")
        for name in ("correct", "given"):
            frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
        return types_of_questions(frame.assign(refused=frame["refused"].fillna(False).astype(bool)), ids, number=number)

    def described(self) -> dict[str, Any]:
        """What a comparison says of the run itself."""
        manifest = self.run.manifest
        return {
            "run": self.conditions.name,
            "created": manifest.created,
            "tacitly": manifest.tacitly,
            "seed": manifest.seed,
            "model": manifest.model,
            "questions": len(self.conditions.questions),
            "samples": self.samples,
            "chosen_cells": chosen_cells(self.metrics),
            "settings": manifest.settings,
        }


def _is_fine_tuned(manifest: Manifest) -> bool:
    """Whether the model's folder holds a split, or was named as the folder of one, should it have gone since."""
    folder, named = Path(manifest.settings["model"]["name"]), manifest.settings["task"].get("split_from")
    return (folder / SPLIT).is_file() or (named is not None and folder.resolve() == Path(named).resolve())
