"""Scoring answers that exist already: the states of the study, the prompts of the study, and what has no score."""

import dataclasses
import itertools
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tacitly.activations.positions import token_indices
from tacitly.detect.records import FIELDS, GivenAnswer, ScoredAnswer
from tacitly.detect.scorer import Scorer
from tacitly.engines.asker import Reply
from tacitly.engines.local_asker import LocalAsker
from tacitly.errors import DetectorError, SettingsError
from tacitly.locators.align import align
from tacitly.locators.catalog import load_locator
from tacitly.models.load import LanguageModel
from tacitly.probes.asking import Asking
from tacitly.probes.detector import Abstention, Detector
from tests.unit.detect_samples import ASKING, asked, made_detector, made_probe, tiny, written

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def detector(model: LanguageModel) -> Detector:
    return made_detector(model)


def test_scores_are_those_of_the_states_that_the_study_would_have_kept(
    model: LanguageModel, detector: Detector
) -> None:
    answers = written(model, ASKING, [asked(i) for i in range(20)])
    given = [
        {"question": one.key, "token_ids": [*one.token_ids, *([one.end.token_id] if one.end else [])]}
        for one in answers
    ]
    seen = set()
    for one, scored in zip(answers, Scorer(detector, model).score(given), strict=True):
        span = load_locator("first_line").locate(one.key, one.text, ())
        span = align(span, one.token_ids, model.tokenizer, text=one.text)
        assert scored.error is None
        assert (scored.start, scored.end, scored.exact_answer) == (span.start, span.end, span.exact_answer)
        if not one.text.strip():
            assert scored.p_correct is None
            continue
        probe = detector.probes["exact_answer" if span.found else "any_answer"]
        [index] = token_indices(
            span, n_tokens=len(one.token_ids), has_end=one.end is not None, positions=[probe.header.position]
        )
        assert one.states is not None
        state = one.states["residual"][probe.header.layer, index][None]
        np.testing.assert_allclose(scored.p_correct, probe.score(state)[0], atol=1e-4)
        assert (scored.scored, scored.site, scored.layer, scored.position) == (
            probe.header.role,
            "residual",
            probe.header.layer,
            probe.header.position,
        )
        seen.add(scored.scored)
    assert seen == {"exact_answer", "any_answer"}


def test_text_and_tokens_of_the_same_answer_have_the_same_score(model: LanguageModel, detector: Detector) -> None:
    scorer = Scorer(detector, model)
    ids = tuple(model.tokenizer("The sea.")["input_ids"])
    rows = [
        GivenAnswer(id="text", question="What?", answer="The sea."),
        GivenAnswer(id="tokens", question="What?", token_ids=(*ids, model.tokenizer.eos_token_id)),
        GivenAnswer(id="cut", question="What?", token_ids=ids),
        GivenAnswer(id="both", question="What?", answer="The sea.", token_ids=ids),
        GivenAnswer(id="other question", question="Which?", answer="The sea."),
    ]
    text, *others, elsewhere = scorer.score(rows)
    assert text.exact_answer == "The sea"
    for other in others:
        assert other == dataclasses.replace(text, id=other.id, p_correct=other.p_correct)
        assert other.p_correct == pytest.approx(text.p_correct, abs=1e-5)
    assert elsewhere.p_correct != pytest.approx(text.p_correct, abs=1e-4)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_batches_change_neither_scores_nor_order(model: LanguageModel, detector: Detector, batch_size: int) -> None:
    rows = [{"id": f"a{i}", "question": asked(i), "answer": f"{'so ' * (i * 7 % 11)}it is {i}."} for i in range(40)]
    rows[7] = {"question": "?"}
    whole = list(Scorer(detector, model).score(rows))
    found = list(Scorer(detector, model, batch_size=batch_size).score(rows))
    assert [one.id for one in found] == [row.get("id") for row in rows]
    assert found[7].error == "answer 8 has no answer; " + str(whole[7].error).partition("; ")[2]
    for mine, theirs in zip(found, whole, strict=True):
        assert mine.p_correct == (None if theirs.p_correct is None else pytest.approx(theirs.p_correct, abs=1e-4))
        assert dataclasses.replace(mine, p_correct=None) == dataclasses.replace(theirs, p_correct=None)


@pytest.mark.parametrize(("batch_size", "at_once"), [(1, 1), (2, 16)])
def test_answers_are_taken_as_they_are_needed(
    model: LanguageModel, detector: Detector, batch_size: int, at_once: int
) -> None:
    taken = itertools.count()
    rows = ({"question": "What?", "answer": str(next(taken))} for _ in range(100))
    scored = Scorer(detector, model, batch_size=batch_size).score(rows)
    assert next(scored).exact_answer == "0"
    assert next(taken) == at_once


def test_a_reading_ends_with_the_token_that_is_judged(
    model: LanguageModel, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer, lengths = Scorer(detector, model), []
    read = type(scorer._engine).read_states

    def noted(engine: object, readings: list, **kwargs: object) -> object:
        lengths.extend(len(one.token_ids) - one.indices[0] for one in readings)
        return read(engine, readings, **kwargs)

    monkeypatch.setattr(type(scorer._engine), "read_states", noted)
    list(scorer.score([{"question": "What?", "answer": "One.\nAnd much more after it."}]))
    assert lengths == [1]


def test_without_an_exact_answer_the_second_probe_speaks_or_nothing_does(model: LanguageModel) -> None:
    asking = ASKING.model_copy(update={"locator": ("choices",)})
    row = {"question": "Which colour?", "answer": "It is green."}
    [found] = Scorer(made_detector(model, asking=asking), model).score([row])
    assert (found.scored, found.exact_answer, found.layer) == ("any_answer", None, 3)
    assert found.p_correct is not None
    assert "no exact answer was found (chain" in str(found.reason) or "names none" in str(found.reason)
    alone = made_detector(model, made_probe("exact_answer"), asking=asking)
    [found] = Scorer(alone, model).score([row])
    assert (found.p_correct, found.verdict, found.scored, found.layer) == (None, "abstain", None, None)
    assert re.fullmatch(
        r"no exact answer was found \(.*\); the detector has no probe for any answer", str(found.reason)
    )
    [found] = Scorer(alone, model).score([{**row, "choices": ["Green|verdant", "red"]}])
    assert found.exact_answer == "green"
    assert found.reason is None


@pytest.mark.parametrize("answer", ["", " \n"])
def test_an_empty_answer_has_no_score(model: LanguageModel, detector: Detector, answer: str) -> None:
    [found] = Scorer(detector, model).score([{"question": "What?", "answer": answer}])
    expected = ScoredAnswer(id="1", verdict="abstain", reason="the answer is empty")
    assert found == expected
    assert list(found.as_dict()) == list(FIELDS)


def test_states_that_are_not_finite_give_no_score(
    model: LanguageModel, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = Scorer(detector, model)

    def nothing(*_: object, **__: object) -> list:
        return [[("0", {"residual": np.full((1, 1, 16), np.nan, np.float32)})]]

    monkeypatch.setattr(type(scorer._engine), "read_states", nothing)
    [found] = scorer.score([{"question": "What?", "answer": "This."}])
    assert (found.p_correct, found.verdict) == (None, "abstain")
    assert found.reason == "the model's state there is not finite"


def promise(threshold: float | None) -> Abstention:
    none = threshold is None
    return Abstention(
        alpha=0.1,
        delta=0.05,
        threshold=threshold,
        reason="too few" if none else None,
        groups=9,
        answers=9,
        accepted=None if none else 3,
        errors=None if none else 0,
        trials=(),
    )


@pytest.mark.parametrize("kept", [None, promise(None), promise(0.3), promise(0.9)])
def test_verdicts_follow_from_the_two_thresholds(model: LanguageModel, kept: Abstention | None) -> None:
    detector = made_detector(model)
    promised = detector if kept is None else detector.promising(kept)
    rows = [{"question": asked(i), "answer": f"It is {i * i}."} for i in range(60)]
    for found in Scorer(promised, model).score(rows):
        assert found.p_correct is not None
        called_right = found.p_correct >= 0.5
        if kept is None:
            expected = "trust" if called_right else "doubt"
        elif kept.threshold is not None and found.p_correct >= kept.threshold:
            expected = "trust"
        else:
            expected = "abstain" if called_right else "doubt"
        assert found.verdict == expected


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"answer": "x"}, "answer 1: 'question' is empty; allowed: a text"),
        ({"question": "?"}, "answer 1 has no answer; allowed: 'answer' (a text), 'token_ids' (a list), or both; give"),
        ({"question": "?", "answer": None}, "answer 1 has no answer"),
        ({"question": "?", "anwser": "x"}, "unknown column 'anwser'; allowed: id, question, answer, token_ids,"),
        ({"question": "?", "anwser": "x"}, "did you mean 'answer'?"),
        ({"question": "?", "answer": "x", "model": "m"}, "unknown column 'model'"),
        ({"question": "?", "answer": math.nan}, "answer 1: 'answer' is nan; allowed: a text, or nothing; give None"),
        ({"question": "?", "answer": ["x"]}, "'answer' holds [\"x\"]; allowed: a text"),
        ({"question": {"a": 1}, "answer": "x"}, "'question' holds {\"a\": \"1\"}, an object"),
        ({"question": "?", "token_ids": [5, 261]}, "holds 261, which the model does not have; allowed: 0 to 260; give"),
        ({"question": "?", "token_ids": [-1]}, "'token_ids' holds -1, which the model does not have"),
        ({"question": "?", "token_ids": [5.5]}, "holds 5.5; allowed: a list of token ids, such as [504, 8884]"),
        ({"question": "?", "token_ids": [True]}, "'token_ids' holds true"),
        ({"question": "?", "token_ids": [[5]]}, "'token_ids' holds [\"5\"]"),
        ({"question": "?", "token_ids": "[5, x"}, "'token_ids' holds [5, x; allowed: a list"),
        ({"question": "?", "token_ids": [71, 72], "answer": "x"}, "'answer' is 'x', but 'token_ids' say "),
        ({"question": "?", "answer": "long " * 100}, "takes 521 tokens with its prompt; allowed: 256 in all"),
        ({"question": "?", "answer": "x", "context": "Read."}, "has a 'context', which no question of the detector's"),
    ],
)  # fmt: skip
def test_what_cannot_be_scored_says_why_in_one_line(
    model: LanguageModel, detector: Detector, row: dict[str, object], words: str
) -> None:
    [bad, good] = Scorer(detector, model).score([row, {"question": "?", "answer": "x"}])
    assert words in str(bad.error)
    assert "\n" not in str(bad.error)
    assert (bad.p_correct, bad.verdict) == (None, None)
    assert good.error is None
    assert good.p_correct is not None


def test_arrays_are_lists(model: LanguageModel, detector: Detector) -> None:
    ids = np.array(model.tokenizer("This.")["input_ids"])
    scored = list(
        Scorer(detector, model).score(
            [
                {"id": np.int64(3), "question": "What?", "token_ids": ids},
                {"id": 4, "question": "What?", "token_ids": " ".join(map(str, ids))},
                {"id": "5", "question": "What?", "token_ids": str(ids.tolist()), "answer": ""},
            ]
        )
    )
    assert [one.id for one in scored] == ["3", "4", "5"]
    assert len({round(one.p_correct or -1, 5) for one in scored}) == 1


def test_a_stop_string_is_cut_off_as_the_study_cut_it(tmp_path: Path) -> None:
    model = tiny(tmp_path, chat=False)
    asking = ASKING.model_copy(update={"max_new_tokens": 40})
    detector = made_detector(model, made_probe("any_answer"), asking=asking)
    ids = list(model.tokenizer(" This.\nQ: And")["input_ids"])
    cut, text, spaced = Scorer(detector, model).score(
        [
            {"question": "What?", "token_ids": ids},
            {"question": "What?", "answer": "This."},
            {"question": "What?", "answer": " This."},
        ]
    )
    assert (cut.start, cut.end) == (spaced.start, spaced.end) == (1, 5)
    assert (text.start, text.end) == (0, 4)
    assert cut.p_correct == pytest.approx(text.p_correct, abs=1e-5)
    assert spaced.p_correct == pytest.approx(text.p_correct, abs=1e-5)


def test_what_the_study_showed_with_every_question_is_asked_for(model: LanguageModel) -> None:
    asking = Asking(
        whole=False,
        wording="{context}\n\n{question}\n{options}",
        needs=("context", "choices"),
        locator=("choices",),
        max_new_tokens=9,
    )
    scorer = Scorer(made_detector(model, asking=asking), model)
    full = {"question": "Which?", "answer": "It is B).", "context": "Read.", "choices": ["Oxygen", "Iron"]}
    found, bare, closed = scorer.score([full, {**full, "context": ""}, {**full, "choices": []}])
    assert found.exact_answer == "B"
    assert "has no 'context', which the detector's study showed with every question" in str(bare.error)
    assert "add 'choices'" in str(closed.error)
    prepared = scorer._preparer.prepare(
        GivenAnswer(id="1", question="Which?", answer="B", context="Read.", choices=("Oxygen", "Iron"))
    )
    shown = model.tokenizer.decode(prepared.prompt_ids)
    assert "<|user|>Read.\n\nWhich?\nA) Oxygen\nB) Iron<|end|>" in shown
    [many] = scorer.score([{**full, "choices": [str(i) for i in range(30)]}])
    assert "has 30 choices" in str(many.error)


def test_a_locator_that_asked_the_model_itself_asks_it_again(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts: list[object] = []

    def ask(asker: LocalAsker, asked: list[object], **_: object) -> list[Reply]:
        prompts.extend(asked)
        return [Reply("lake") for _ in asked]

    monkeypatch.setattr(LocalAsker, "ask", ask)
    asking = ASKING.model_copy(update={"locator": ("llm",), "located_by": "same"})
    scorer = Scorer(made_detector(model, asking=asking), model)
    [found] = scorer.score([{"question": "What?", "answer": "A deep lake, it is."}])
    assert (found.exact_answer, found.start, found.end) == ("lake", 7, 11)
    assert len(prompts) == 1
    assert scorer.cautions == ()
    other = Scorer(made_detector(model, asking=asking.model_copy(update={"located_by": "gpt"})), model)
    assert "another model located" in other.cautions[0]
    [found] = other.score([{"question": "What?", "answer": "A deep lake, it is."}])
    assert found.error is None
    assert len(prompts) == 1


def test_a_detector_that_says_little_is_used_with_a_caution(model: LanguageModel) -> None:
    old = Scorer(made_detector(model, asking=None), model)
    assert "does not say how its answers were asked for" in old.cautions[0]
    partly = Scorer(made_detector(model, asking=ASKING.model_copy(update={"whole": False})), model)
    assert "more than it remembers" in partly.cautions[0]
    [bare, with_text] = partly.score(
        [{"question": "?", "answer": "x"}, {"question": "?", "answer": "x", "context": "Read."}]
    )
    assert bare.p_correct != with_text.p_correct


@pytest.fixture
def other(tmp_path: Path) -> LanguageModel:
    return tiny(tmp_path / "other", seed=5)


def change_model(**changes: object) -> Callable[[Detector], Detector]:
    def changed(detector: Detector) -> Detector:
        model = detector.header.model.model_copy(update=changes)
        return Detector(detector.header.model_copy(update={"model": model}), detector.probes)

    return changed


def test_another_model_is_refused_with_the_names_of_both(detector: Detector, other: LanguageModel) -> None:
    with pytest.raises(DetectorError) as refused:
        Scorer(detector, other)
    assert detector.header.model.name in str(refused.value)
    assert other.identity.name in str(refused.value)
    assert "trained on weights" in str(refused.value)


def test_another_revision_is_refused(model: LanguageModel, detector: Detector) -> None:
    changed = change_model(revision="a" * 40)(detector)
    Scorer(changed, model)  # a local copy has no revision, and the same weights
    moved = dataclasses.replace(model, identity=dataclasses.replace(model.identity, revision="b" * 40))
    with pytest.raises(
        DetectorError, match=r"trained on revision aaaaaaaaaaaa, not on bbbbbbbbbbbb of .*; allowed: the"
    ):
        Scorer(changed, moved)


def test_another_chat_template_is_refused_where_the_study_used_the_model_s(
    model: LanguageModel, detector: Detector
) -> None:
    changed = change_model(chat_template_sha256="")(detector)
    with pytest.raises(DetectorError, match=r"trained on chat template none, not on [0-9a-f]{12} of"):
        Scorer(changed, model)
    Scorer(change_model(chat_template_sha256=None)(detector), model)


def test_a_layer_that_the_model_does_not_have_is_refused(model: LanguageModel) -> None:
    deep = made_detector(model, made_probe("exact_answer", layer=9))
    with pytest.raises(DetectorError, match=r"reads layer 9 of 'residual', 16 wide; .* has layers 0 to 3, 16 wide"):
        Scorer(deep, model)
    with pytest.raises(SettingsError, match="batch_size is 0; allowed: 1 or more"):
        Scorer(made_detector(model), model, batch_size=0)
