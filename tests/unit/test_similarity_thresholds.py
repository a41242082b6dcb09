"""Where the similarity judges' thresholds come from."""

from collections import Counter

import numpy as np
import pytest

from tacitly.errors import UndefinedMetricError
from tacitly.judges.graded_answers import GradedAnswer, grade_answers, replace_names
from tacitly.judges.similarity import READ_WORDS
from tacitly.judges.thresholds import (
    KINDS,
    WRONG_KINDS,
    Calibration,
    balanced_accuracy,
    calibrate,
    read_calibration,
    read_thresholds,
)
from tacitly.tasks.medquad_pairs import MedQuad, QAPair, ReadingCounts

pytestmark = pytest.mark.unit

DISEASES = ("gout", "mumps", "rickets", "scurvy")


def pair(disease: str, kind: str, source: str, *, answer: str | None = None) -> QAPair:
    return QAPair(
        pair_id=f"{source}/{disease}/{kind}",
        document_id=f"{source}/{disease}",
        source=source,
        focus=disease.capitalize(),
        cui=None,
        synonyms=(f"old {disease}",),
        entity=disease,
        question_type=kind,
        question=f"{kind} of {disease} ?",
        answer=answer or f"{source} says of {disease} its {kind}.",
    )


@pytest.fixture
def small() -> MedQuad:
    pairs = [pair(d, k, s) for d in DISEASES for k in ("causes", "outlook") for s in ("GHR", "NINDS")]
    counts = ReadingCounts(documents=8, unread=0, pairs=16, answered=16, entities=4, left_out={})
    return MedQuad(
        tuple(pairs[:10]), counts, {pairs[0].pair_id: tuple(pairs[10:])}, {d: (d, f"{d} disease") for d in DISEASES}
    )


def test_each_kind_of_answer_is_what_it_says(small: MedQuad) -> None:
    graded = grade_answers(small, rng=np.random.default_rng(0))
    assert Counter(g.kind for g in graded) == dict.fromkeys(KINDS, 8)  # four diseases, two types of question
    for g in graded:
        kind = g.question_type
        other_kind = {"causes": "outlook", "outlook": "causes"}[kind]
        source = "NINDS" if g.reference.startswith("GHR") else "GHR"  # wrong answers are of the right one's source
        if g.kind == "empty":
            assert g.answer == f"{g.disease.capitalize()} is a medical condition that affects the body."
            continue
        assert g.answer.startswith(source)
        if g.kind == "right":
            assert g.answer == f"{source} says of {g.disease} its {kind}."
        elif g.kind == "other_question":
            assert g.disease not in g.answer
        elif g.kind == "other_type":
            assert g.answer == f"{source} says of {g.disease} its {other_kind}."
        else:
            assert g.answer == f"{source} says of {g.disease.capitalize()} its {kind}."


def test_a_seed_gives_the_same_answers_and_a_limit_fewer(small: MedQuad) -> None:
    def grade(seed: int, limit: int | None = None) -> list[GradedAnswer]:
        return grade_answers(small, rng=np.random.default_rng(seed), limit=limit)

    assert grade(1) == grade(1)
    assert grade(1) != grade(2)
    assert len(grade(1, limit=3)) == 3 * len(KINDS)


def test_copies_of_the_reference_and_several_answers_of_one_source_do_not_count(small: MedQuad) -> None:
    copied = [pair("gout", "causes", "GHR", answer="Uric acid."), pair("gout", "causes", "NIDDK", answer="uric  ACID.")]
    graded = grade_answers(MedQuad((*copied, *small.pairs[4:]), small.counts), rng=np.random.default_rng(0))
    assert not [g for g in graded if g.disease == "gout" and g.kind == "right"]
    twice = (pair("gout", "causes", "GHR"), pair("gout", "causes", "GHR", answer="Else."), pair("gout", "causes", "X"))
    assert (
        grade_answers(MedQuad((*twice, pair("mumps", "causes", "X")), small.counts), rng=np.random.default_rng(0)) == []
    )


def test_names_are_replaced_whole_and_the_longer_first() -> None:
    text = "Cystic  fibrosis (CF) is not CFS; cystic fibrosis type 2 is."
    replaced = replace_names(text, ["CF", "cystic fibrosis", "cystic fibrosis type 2", " "], by=r"Gout \1")
    assert replaced == (r"Gout \1 (Gout \1) is not CFS; Gout \1 is.", 3)
    assert replace_names("as is", [], by="x") == ("as is", 0)


def planted(*, wrong: float, right: float, diseases: int = 40) -> Calibration:
    kinds = [kind for _ in range(diseases) for kind in KINDS]
    names = [str(i) for i in range(diseases) for _ in KINDS]
    values = np.array([right if kind == "right" else wrong for kind in kinds])
    return calibrate(values, kinds=kinds, diseases=names, types=["causes"] * len(kinds), rng=np.random.default_rng(0))


def test_a_clean_difference_is_found_in_its_middle() -> None:
    found = planted(wrong=0.2, right=0.8)
    assert found.threshold == 0.5
    assert found.overall.balanced_accuracy == 1
    assert found.overall.accepted == {"right": 1, **dict.fromkeys(KINDS[1:], 0)}
    assert (found.diseases, found.overall.answers["right"]) == (20, 20)
    assert found.by_type == {"other": found.overall}


def test_other_types_of_question_are_measured_apart() -> None:
    """Right answers about causes are no more like their references than wrong ones."""
    types = [("information", "causes")[i % 2] for i in range(80) for _ in KINDS]
    kinds, names = list(KINDS) * 80, [str(i) for i in range(80) for _ in KINDS]
    values = np.array([0.8 if (k, t) == ("right", "information") else 0.2 for k, t in zip(kinds, types, strict=True)])
    found = calibrate(values, kinds=kinds, diseases=names, types=types, rng=np.random.default_rng(0))
    assert found.by_type["information"].balanced_accuracy == 1
    assert found.by_type["other"].balanced_accuracy == 0.5
    assert found.by_type["other"].accepted["right"] == 0
    assert "inheritance" not in found.by_type
    told = found.caveat("token_f1")
    answers = found.by_type["other"].answers["right"]
    assert f"other types of question it accepts 0 % of the right answers (balanced accuracy 0.50, {answers} " in told


def test_likeness_without_meaning_is_worth_one_half() -> None:
    rng = np.random.default_rng(0)
    kinds, names = list(KINDS) * 500, [str(i) for i in range(500) for _ in KINDS]
    found = calibrate(rng.uniform(size=len(kinds)), kinds=kinds, diseases=names, types=["causes"] * len(kinds), rng=rng)
    assert found.overall.balanced_accuracy == pytest.approx(0.5, abs=0.05)


def test_figures_are_of_the_diseases_that_the_threshold_was_not_chosen_on() -> None:
    """Each half has its own best threshold; the figures are those of the other half's."""
    drawn = np.random.default_rng(0).permutation(np.array(["a", "b"]))
    low = {drawn[0]: 0.3, drawn[1]: 0.9}  # right answers reach this, wrong ones 0.1 less
    kinds, names = list(KINDS) * 2, [d for d in ("a", "b") for _ in KINDS]
    values = np.array([low[d] - (0 if k == "right" else 0.1) for d, k in zip(names, kinds, strict=True)])
    found = calibrate(values, kinds=kinds, diseases=names, types=["causes"] * len(kinds), rng=np.random.default_rng(0))
    assert 0.2 < found.threshold <= 0.3
    assert found.overall.balanced_accuracy == 0.5  # all of the second half is accepted


def test_a_missing_kind_is_refused() -> None:
    with pytest.raises(UndefinedMetricError, match="no answers of the kind"):
        calibrate(
            np.zeros(4), kinds=["right"] * 4, diseases=list("abcd"), types=["x"] * 4, rng=np.random.default_rng(0)
        )


def test_the_bundled_figures_agree_with_each_other() -> None:
    whole = read_thresholds()
    assert whole["read_words"] == READ_WORDS
    assert sorted(whole["judges"]) == ["embedding", "rouge_l", "token_f1"]
    for name in whole["judges"]:
        found = read_calibration(name)
        assert round(found.threshold, 2) == found.threshold
        assert sorted(found.by_type) == ["information", "inheritance", "other"]
        for worth in (found.overall, *found.by_type.values()):
            assert worth.balanced_accuracy == pytest.approx(balanced_accuracy(worth.accepted), abs=2e-3)
        assert found.overall.accepted["right"] > max(found.overall.accepted[kind] for kind in WRONG_KINDS)
        assert min(found.overall.answers[kind] for kind in KINDS) > 300, name
