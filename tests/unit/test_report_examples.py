"""The examples are the ends of the probe's scores, each shown once, with the exact answer cut out."""

import numpy as np
import pandas as pd
import pytest

from tacitly.report.curves import probe_scores
from tacitly.report.examples import choose_examples
from tests.unit.report_samples import answers

pytestmark = pytest.mark.unit


def test_examples_are_the_extremes_of_each_class() -> None:
    rows, scores, _ = answers(np.random.default_rng(4))
    scored = probe_scores(scores, rows, grouping="by_entity")
    caught, missed, trusted, doubted = choose_examples(rows, scored, each=2)
    wrong, right = (scored.loc[scored["correct"] == kind, "score"] for kind in (False, True))
    assert caught.examples[0].score == wrong.min()
    assert missed.examples[0].score == wrong.max()
    assert trusted.examples[0].score == right.max()
    assert doubted.examples[0].score == right.min()
    assert not any(example.correct for group in (caught, missed) for example in group.examples)


def test_no_answer_is_shown_twice_when_there_are_few() -> None:
    rows = pd.DataFrame({"answer_id": ["a", "b", "c"], "correct": [False, False, True]})
    rows = rows.assign(question="?", text=["one", "two", "three"], exact_answer=None)
    scored = pd.DataFrame({"answer_id": ["a", "b", "c"], "probability": [0.1, 0.2, 0.3]})
    shown = [example.before for group in choose_examples(rows, scored) for example in group.examples]
    assert sorted(shown) == ["one", "three", "two"]


def test_without_scores_the_first_of_each_class_are_shown() -> None:
    rows, scores, _ = answers(np.random.default_rng(5))
    groups = choose_examples(rows, probe_scores(scores.iloc[:0], rows, grouping="by_entity"), each=1)
    assert [group.title for group in groups] == ["Wrong answers", "Right answers"]
    assert all(example.score is None for group in groups for example in group.examples)
    assert choose_examples(rows.assign(correct=None), pd.DataFrame({"answer_id": [], "probability": []})) == []


@pytest.mark.parametrize(
    ("more", "parts"),
    [
        ({"exact_answer": "Peru"}, ("", "Peru", "? No: Peru.")),
        ({"exact_answer": "Peru", "start": 10, "end": 14}, ("Peru? No: ", "Peru", ".")),
        ({"exact_answer": "Peru", "start": 3, "end": 9}, ("", "Peru", "? No: Peru.")),
        ({"exact_answer": "Chile"}, ("Peru? No: Peru.", "", "")),
        ({"exact_answer": float("nan"), "start": float("nan"), "end": float("nan")}, ("Peru? No: Peru.", "", "")),
    ],
)
def test_exact_answer_is_cut_out_where_it_stands(more: dict[str, object], parts: tuple[str, str, str]) -> None:
    row = {"answer_id": "a", "question": "?", "text": "Peru? No: Peru.", "correct": True, **more}
    scored = pd.DataFrame({"answer_id": ["a"], "probability": [0.7]})
    [group] = choose_examples(pd.DataFrame([row]), scored)
    [example] = group.examples
    assert (example.before, example.exact, example.after) == parts


def test_long_answers_are_cut_around_the_exact_answer() -> None:
    text = "x" * 5000 + "Peru" + "y" * 5000
    rows = pd.DataFrame([{"answer_id": "a", "question": "?", "text": text, "correct": True, "exact_answer": "Peru"}])
    [group] = choose_examples(rows, pd.DataFrame({"answer_id": ["a"], "probability": [0.7]}))
    [example] = group.examples
    assert example.exact == "Peru"
    assert example.before.startswith("…")
    assert len(example.before) + len(example.after) < 600
