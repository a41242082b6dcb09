"""Judges that ask a model: for a verdict, or for entailment."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as tf

from tacitly.engines.asker import FakeAsker, Reply
from tacitly.errors import ModelError, SettingsError
from tacitly.judges.catalog import load_judge
from tacitly.judges.llm import LlmJudge
from tacitly.judges.nli import NliJudge
from tacitly.models.classifier import EntailmentModel
from tacitly.records import Question
from tests.tiny import save_model
from tests.tiny_nli import save_nli

pytestmark = pytest.mark.unit


def question(*answers: str, text: str = "What is the capital of Peru?") -> Question:
    return Question(question_id="1", question=text, answers=answers, entity="Peru")


LIMA = question("Lima", "the city of Lima")


@pytest.mark.parametrize(
    ("reply", "correct"),
    [
        ("yes", True),
        ("Yes.", True),
        (" **No** ", False),
        ('"cannot  tell"', None),
        ("Cannot tell.", None),
    ],
)
def test_a_verdict_is_read_whatever_its_case_and_marks(reply, correct):
    fake = FakeAsker(reply)
    label = LlmJudge(fake).judge(LIMA, "It is Lima.")
    assert (label.correct, label.judge, len(fake.asked)) == (correct, "llm", 1)
    assert label.evidence.startswith("fake says ")


@pytest.mark.parametrize("reply", ["", "Yes, it is.", "not no", "true", "yes no", "1"])
def test_anything_else_is_asked_again_and_then_unknown(reply):
    fake = FakeAsker(reply)
    label = LlmJudge(fake).judge(LIMA, "It is Lima.")
    assert label.correct is None
    assert label.evidence == f"fake gives no verdict: it replied {reply!r}"
    assert len(fake.asked) == 3
    assert "exactly one of" in fake.asked[1][-1]["content"]


def test_a_request_that_fails_is_unknown_with_its_reason_and_not_asked_again():
    fake = FakeAsker(lambda _: Reply(None, "Request timed out."))
    label = LlmJudge(fake).judge(LIMA, "It is Lima.")
    assert (label.correct, label.evidence) == (None, "fake gives no verdict: Request timed out.")
    assert len(fake.asked) == 1


def test_the_prompt_has_question_references_and_answer_and_equal_ones_are_asked_once():
    fake = FakeAsker("yes")
    labels = LlmJudge(fake).judge_all([LIMA, LIMA, LIMA], ["It is Lima.", "Quito", "It is Lima."])
    assert [label.correct for label in labels] == [True, True, True]
    assert len(fake.asked) == 2
    prompt = fake.asked[0][0]["content"]
    assert "Question: What is the capital of Peru?" in prompt
    assert "- Lima\n- the city of Lima\n" in prompt
    assert "<<<\nIt is Lima.\n>>>" in prompt


def test_a_long_reference_and_a_long_list_of_them_are_cut():
    fake = FakeAsker("yes")
    LlmJudge(fake).judge(question(" ".join(["word"] * 5000), *(f"name {i}" for i in range(500))), "It is Lima.")
    assert len(fake.asked[0][0]["content"].split()) < 500


@pytest.mark.parametrize("judge", [LlmJudge(FakeAsker("yes")), NliJudge(lambda p, h: np.ones(len(p)), "m")])
def test_what_cannot_be_judged_is_not_asked_about(judge):
    labels = judge.judge_all([LIMA, question(), LIMA], ["...", "Lima", "Lima"])
    assert [(label.correct, label.evidence) for label in labels[:2]] == [
        (None, "empty answer"),
        (None, "no reference answer"),
    ]
    assert labels[2].correct is True
    assert judge.judge_all([], []) == []


@pytest.mark.parametrize(
    ("judge", "correct"),
    [
        (LlmJudge(FakeAsker("no")), False),
        (LlmJudge(FakeAsker("yes")), True),
        (NliJudge(lambda p, h: np.zeros(len(p)), "m"), False),
        (NliJudge(lambda p, h: np.ones(len(p)), "m"), True),
    ],
)
def test_only_a_wrong_answer_refuses(judge, correct):
    label = judge.judge(LIMA, "I don't know.")
    assert (label.correct, label.refused) == (correct, not correct)


def test_caveats_say_whose_opinion_it_is():
    assert "the model 'fake', which was given the references" in str(LlmJudge(FakeAsker("yes")).caveat)
    assert "judges its own answers: models are biased" in str(LlmJudge(FakeAsker("yes"), judges_itself=True).caveat)
    assert "the model 'm': right where" in str(NliJudge(lambda p, h: np.ones(len(p)), "m").caveat)


@pytest.mark.parametrize(
    ("probability", "correct"),
    [(1.0, True), (0.6, True), (0.599, None), (0.5, None), (0.401, None), (0.4, False), (0.0, False)],
)
def test_entailment_decides_outside_a_band(probability, correct):
    label = NliJudge(lambda p, h: np.full(len(p), probability), "m").judge(LIMA, "Quito")
    assert (label.correct, label.judge) == (correct, "nli")
    assert label.evidence == f"m: the reference is entailed with probability {probability:.2f}"


def test_the_likeliest_reference_counts_and_both_texts_follow_their_question():
    seen = []

    def entailments(premises, hypotheses):
        seen.extend(zip(premises, hypotheses, strict=True))
        return np.array([0.1 if hypothesis.endswith("? Lima") else 0.8 for hypothesis in hypotheses])

    assert NliJudge(entailments, "m").judge(LIMA, " Lima. ").correct is True
    text = "What is the capital of Peru?"
    assert seen == [(f"{text} Lima.", f"{text} Lima"), (f"{text} Lima.", f"{text} the city of Lima")]


def test_a_model_of_inference_is_read_by_its_label_names(tmp_path: Path):
    folder = save_nli(tmp_path / "a", labels=("CONTRADICTION", "Entailment", "neutral"))
    mine = EntailmentModel(str(folder))
    premises = [f"{'long ' * i}premise {i}" for i in range(70)]
    hypotheses = [f"hypothesis {i}" for i in range(70)]
    got = mine.entailments(premises, hypotheses)
    model = tf.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = tf.AutoTokenizer.from_pretrained(folder)
    for i in (0, 9, 69):
        inputs = tokenizer(premises[i], hypotheses[i], truncation=True, max_length=126, return_tensors="pt")
        with torch.inference_mode():
            expected = model(**inputs).logits.softmax(-1)[0, 1].item()
        assert got[i] == pytest.approx(expected, abs=1e-5)
    assert len(set(np.round(got, 4))) > 3
    assert mine.entailments([], []).shape == (0,)
    with pytest.raises(ValueError):
        mine.entailments(["a"], [])


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (
            ("LABEL_0", "LABEL_1", "LABEL_2"),
            "has the labels label_0, label_1, label_2; allowed: .* entailment, neutral",
        ),
        (("entailment", "not_entailment"), "has the labels entailment, not_entailment"),
    ],
)
def test_a_model_with_other_labels_is_refused(tmp_path: Path, labels, words):
    judge = load_judge("nli", nli_model=str(save_nli(tmp_path, labels=labels)))
    with pytest.raises(ModelError, match=words):
        judge.judge(LIMA, "Lima")


def test_what_is_no_model_of_inference_is_refused(tmp_path: Path):
    for name, words in (
        (str(save_model(tmp_path / "causal")), "has the labels"),
        (str(tmp_path / "nowhere"), "cannot open the model '.*nowhere'.*allowed: a hub id .* entailment"),
        ("owner/name", "the hub has no such model"),
    ):
        with pytest.raises(ModelError, match=words):
            load_judge("nli", nli_model=name).judge(LIMA, "Lima")


def test_a_judge_without_a_model_says_which_setting_names_it():
    with pytest.raises(SettingsError, match=r"judge 'llm' has no model to ask; set judge\.model"):
        load_judge("llm")
    with pytest.raises(SettingsError, match=r"judge 'nli' has no model to ask; set judge\.nli_model"):
        load_judge("nli")
