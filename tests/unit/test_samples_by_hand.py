"""Error types and selection, computed again from the run's tables in plain loops that share nothing with the code."""

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.tiny import save_model
from tests.unit.sampled_runs import doctor_samples, sample_study, write_questions

pytestmark = pytest.mark.unit

K = 9


class Sample:
    """One answer, with all that is known of it."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.id = row["answer_id"]
        self.correct = None if pd.isna(row["correct"]) else bool(row["correct"])
        self.refused = bool(row["refused"])
        self.given = None if pd.isna(row["given"]) else row["given"]
        logprobs = list(row["token_logprobs"])
        self.sure = sum(logprobs) / len(logprobs) if logprobs else -math.inf
        self.tokens = len(logprobs) + (0 if pd.isna(row["end_logprob"]) else 1)
        self.score = -math.inf

    @property
    def said(self) -> str | None:
        return "no answer" if self.refused else self.given


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run whose samples agree and disagree, decline, gave nothing, and are unknown."""
    made = tmp_path_factory.mktemp("run")
    model, path = save_model(made / "model"), write_questions(made, number=160)
    more: dict[str, Any] = {"generate__samples": K, "generate__batch_size": 400, "generate__max_new_tokens": 4}
    more["capture__positions"] = ["last_q_token", "exact_answer_last_token", "-2", "-1"]
    sample_study(model, made / "run", path=path, **more)
    doctor_samples(made / "run")
    sample_study(model, made / "run", path=path, until=None, **more)
    return made / "run"


@pytest.fixture(scope="module")
def metrics(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return found


@pytest.fixture(scope="module")
def scores(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "scores" / "samples.parquet")


@pytest.fixture(scope="module")
def questions(folder: Path, scores: pd.DataFrame) -> dict[str, dict[int, Sample]]:
    """Each question's answers by sample number, joined on their ids alone."""
    tables = [{row["answer_id"]: row for row in pd.read_parquet(folder / name).to_dict("records")}
              for name in ("answers", "labels", "spans")]  # fmt: skip
    of_probe = {row["answer_id"]: row["score"] for row in scores.to_dict("records") if row["method"] == "samples:probe"}
    found: dict[str, dict[int, Sample]] = defaultdict(dict)
    for answer, row in tables[0].items():
        sample = Sample({**row, **tables[1][answer], **tables[2][answer]})
        sample.score = of_probe.get(answer, -math.inf)
        found[row["question_id"]][row["sample"]] = sample
    return found


def types_of(samples: list[Sample]) -> set[str] | None:
    """The types as METHOD.md states them, with their subtypes."""
    if any(sample.correct is None for sample in samples):
        return None
    c, sizes = 0, {}
    for sample in samples:
        if sample.correct:
            c += 1
        elif sample.said is not None:
            sizes[sample.said] = sizes.get(sample.said, 0) + 1
    w, d, n = max([0, *sizes.values()]), len(sizes), sizes.get("no answer", 0)
    found = set()
    refuses = n > 0 and n == w and n > c
    if refuses:
        found.add("refuses")
    if c == K:
        found.add("consistently_correct/all")
    elif c >= K // 2 and d > 0:
        found.add("consistently_correct/most")
    if w >= K // 2 and not refuses:
        found.add("consistently_incorrect/never_right" if c == 0 else "consistently_incorrect/sometimes_right")
    if abs(c - w) <= K // 6 and c > K // 6 and w > K // 6:
        found.add("two_competing")
    if (c > 0 and d >= K // 3 - 1) or (c == 0 and d >= K // 3):
        found.add("many_answers")
    return found or {"other"}


def sampled(answers: dict[int, Sample], number: int = K) -> list[Sample]:
    return [answers[sample] for sample in range(1, number + 1)]


@pytest.fixture(scope="module")
def types(questions: dict[str, dict[int, Sample]]) -> dict[str, set[str] | None]:
    return {question: types_of(sampled(answers)) for question, answers in questions.items()}


def shows(types: set[str] | None, name: str) -> bool:
    return types is not None and any(one.split("/")[0] == name for one in types)


def test_every_type_has_its_count(metrics: dict[str, Any], types: dict[str, set[str] | None], folder: Path) -> None:
    for name, entry in metrics["error_types"].items():
        assert entry["count"] == sum(shows(found, name) for found in types.values()), name
    assert all(entry["count"] > 0 for entry in metrics["error_types"].values())
    for name, entry in metrics["error_subtypes"].items():
        assert entry["count"] == sum(found is not None and name in found for found in types.values()), name
    for one, row in metrics["error_type_overlaps"].items():
        for other, count in row.items():
            assert count == sum(shows(found, one) and shows(found, other) for found in types.values())
    typed = [found for found in types.values() if found is not None]
    assert 0 < len(typed) < len(types)
    assert metrics["samples"]["questions_with_types"] == len(typed)
    stated = json.loads((folder / "experiments" / "samples.json").read_text())["types"]
    assert {q: None if found is None else set(found) for q, found in stated.items()} == types


def auroc(rows: list[tuple[float, bool, int]]) -> float | None:
    """Within each fold by counting pairs, averaged with the weight of the fold's rows."""
    total, mass = 0.0, 0
    for fold in {row[2] for row in rows}:
        right = [score for score, has, at in rows if at == fold and has]
        wrong = [score for score, has, at in rows if at == fold and not has]
        if right and wrong:
            wins = sum(1.0 if one > other else 0.5 if one == other else 0.0 for one in right for other in wrong)
            total += wins / (len(right) * len(wrong)) * (len(right) + len(wrong))
            mass += len(right) + len(wrong)
    return total / mass if mass else None


def test_the_types_probes_have_the_auroc_of_their_score_rows(
    metrics: dict[str, Any], types: dict[str, set[str] | None], scores: pd.DataFrame
) -> None:
    checked = 0
    for name, entry in metrics["error_types"].items():
        mine = [row for row in scores.to_dict("records") if row["method"] == f"samples:type:{name}"]
        if entry["probe_auroc"] is None:
            assert not mine
            assert entry["reason"]
            continue
        rows = [(row["score"], shows(types[row["answer_id"][:-2]], name), row["outer_fold"]) for row in mine]
        assert entry["probe_auroc"] == pytest.approx(auroc(rows))
        assert len(rows) > 0.9 * metrics["samples"]["questions_with_types"]
        assert all(types[row["answer_id"][:-2]] is not None for row in mine)
        checked += 1
    assert checked >= 3
    for name, entry in metrics["error_subtype_probes"].items():
        mine = [row for row in scores.to_dict("records") if row["method"] == f"samples:subtype:{name}"]
        if entry["probe_auroc"] is not None:
            rows = [(r["score"], entry["first"] in (types[r["answer_id"][:-2]] or ()), r["outer_fold"]) for r in mine]
            assert entry["probe_auroc"] == pytest.approx(auroc(rows))


def test_no_entity_is_in_two_tested_parts_of_a_type(folder: Path, scores: pd.DataFrame) -> None:
    entity = dict(pd.read_parquet(folder / "questions.parquet")[["question_id", "entity"]].to_numpy())
    folds = defaultdict(set)
    for row in scores.to_dict("records"):
        if row["method"].startswith("samples:type:"):
            folds[row["method"], entity[row["answer_id"][:-2]]].add(row["outer_fold"])
    assert folds
    assert all(len(found) == 1 for found in folds.values())


def test_samples_are_scored_by_probes_that_never_saw_their_entity(folder: Path, scores: pd.DataFrame) -> None:
    entity = dict(pd.read_parquet(folder / "questions.parquet")[["question_id", "entity"]].to_numpy())
    tested = {}
    for row in pd.read_parquet(folder / "folds.parquet").to_dict("records"):
        if row["grouping"] == "by_entity":
            tested[entity[row["answer_id"][:-2]]] = row["outer_fold"]
    mine = [row for row in scores.to_dict("records") if row["method"] == "samples:probe"]
    assert all(row["outer_fold"] == tested[entity[row["answer_id"].split("#")[0]]] for row in mine)
    assert all(0 <= row["score"] <= 1 for row in mine)


def outcomes(answers: dict[int, Sample], number: int) -> dict[str, float]:
    """How right each strategy is on one question."""
    samples = sampled(answers, number)
    votes: dict[str, int] = {}
    for sample in samples:
        if sample.said is not None:
            votes[sample.said] = votes.get(sample.said, 0) + 1
    most = max([0, *votes.values()])
    of_most = [s for s in samples if (votes[s.said] if s.said is not None else 0) == most]
    wrong: dict[str, int] = {}
    for sample in samples:
        if not sample.correct and sample.said is not None:
            wrong[sample.said] = wrong.get(sample.said, 0) + 1
    right = sum(bool(sample.correct) for sample in samples)
    best = max(sample.score for sample in samples)
    return {
        "greedy": float(bool(answers[0].correct)),
        "random": right / number,
        "majority": float(bool(max(of_most, key=lambda s: s.sure).correct)),
        "majority_oracle": float(right > max([0, *wrong.values()])),
        "mean_log_probability": float(bool(max(samples, key=lambda s: s.sure).correct)),
        "probe": float(bool(max([s for s in samples if s.score == best], key=lambda s: s.sure).correct)),
        "ceiling": float(right > 0),
    }


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def agree(stated: dict[str, Any], answers: list[dict[int, Sample]], number: int) -> None:
    """Hold accuracies, differences and tokens against those of some questions."""
    found = [outcomes(one, number) for one in answers]
    for name in found[0]:
        entry = stated[name]
        assert entry["accuracy"] == pytest.approx(mean([one[name] for one in found])), name
        for rival in ("greedy", "majority"):
            if name != rival:
                gap = mean([one[name] - one[rival] for one in found])
                assert entry[f"minus_{rival}"]["diff"] == pytest.approx(gap, abs=1e-12)
        samples = [sampled(one, number) for one in answers]
        cost = {
            "greedy": mean([float(one[0].tokens) for one in answers]),
            "random": mean([mean([float(s.tokens) for s in some]) for some in samples]),
        }.get(name, mean([float(sum(s.tokens for s in some)) for some in samples]))
        assert entry["tokens"] == pytest.approx(cost)
        if entry["ci"] is not None:
            assert entry["ci"][0] <= entry["accuracy"] + 1e-9 <= entry["ci"][1] + 2e-9


def test_every_strategy_has_its_accuracy(
    metrics: dict[str, Any], questions: dict[str, dict[int, Sample]], types: dict[str, set[str] | None]
) -> None:
    compared = {
        question: answers
        for question, answers in questions.items()
        if all(answers[sample].correct is not None for sample in range(K + 1))
    }
    assert metrics["samples"]["questions_compared"] == len(compared)
    assert metrics["samples"]["questions_left_out"] == len(questions) - len(compared) > 0
    agree(metrics["selection"], list(compared.values()), K)
    assert set(metrics["selection_by_k"]) == {"2", "5", str(K)}
    for number, stated in metrics["selection_by_k"].items():
        agree(stated, list(compared.values()), int(number))
    for name, stated in metrics["selection_by_type"].items():
        of_type = [answers for question, answers in compared.items() if shows(types[question], name)]
        assert stated["questions"] == len(of_type)
        agree(stated, of_type, K)
    values = {name: entry["accuracy"] for name, entry in metrics["selection"].items()}
    assert len(set(values.values())) >= 5, "the strategies hardly differ, so this tests little"
    assert values["ceiling"] >= max(value for value in values.values())
