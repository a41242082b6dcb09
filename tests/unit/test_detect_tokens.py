"""A score for every token of an existing answer, and for every layer: the states are those of the study."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from tacitly.detect.pieces import pieces_of
from tacitly.detect.records import GivenAnswer
from tacitly.detect.scorer import Scorer
from tacitly.detect.token_scores import NO_TOKEN_SCORES, NOT_FINITE
from tacitly.engines.torch_engine import TorchEngine
from tacitly.errors import DetectorError, TaskError
from tacitly.models.load import LanguageModel
from tacitly.probes.detector import Detector
from tacitly.probes.detector_header import TokenHeader
from tacitly.probes.token_probes import TokenProbes
from tests.tiny import tokenizer
from tests.unit.detect_samples import ASKING, WIDTH, asked, made_detector, made_probe, tiny, written

pytestmark = pytest.mark.unit

LETTERS = tokenizer()


def token_probes(*, site: str = "residual", layer: int = 2, layers: tuple[int, ...] = (0, 1, 2, 3)) -> TokenProbes:
    header = TokenHeader(
        site=site,
        layer=layer,
        layers=layers,
        width=WIDTH,
        C=0.01,
        before=0.2,
        after=0.5,
        slopes=tuple(0.5 for _ in layers),
        intercepts=tuple(0.1 * i for i in layers),
        answers=9,
        tokens=40,
        grouping="by_answer",
    )
    rng = np.random.default_rng(7)
    return TokenProbes(header, rng.normal(size=(len(layers), WIDTH)), rng.normal(size=len(layers)))


def with_tokens(detector: Detector, probes: TokenProbes) -> Detector:
    header = detector.header.model_copy(update={"tokens": probes.header})
    return dataclasses.replace(detector, header=header, tokens=probes)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return tiny(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize(
    ("site", "layer"), [("residual", 2), ("residual", 3), ("residual", 0), ("mlp", 1), ("attention", 3)]
)
def test_scores_are_those_of_the_states_while_the_answer_was_written(
    model: LanguageModel, site: str, layer: int
) -> None:
    layers = (0, 1, 2, 3) if site == "residual" else (1, 2, 3)
    probes = token_probes(site=site, layer=layer, layers=layers)
    scorer = Scorer(with_tokens(made_detector(model), probes), model)
    questions = [asked(i) for i in range(12)]
    answers = written(model, ASKING, questions, capture=("residual", site))
    rows = [
        {"question": one.key, "token_ids": [*one.token_ids, *([one.end.token_id] if one.end else [])]}
        for one in answers
    ]
    plain = list(Scorer(made_detector(model), model).score(rows))
    for one, found, alone in zip(answers, scorer.score_tokens(rows), plain, strict=True):
        assert one.states is not None
        assert found.answer.verdict == alone.verdict
        assert found.answer.p_correct == pytest.approx(alone.p_correct, abs=1e-4)
        row = sorted(model.sites.of(site)).index(layer)
        states = one.states[site][row, 1 : 1 + len(one.token_ids)]
        np.testing.assert_allclose([token.p_correct for token in found.tokens], probes.score(states), atol=1e-4)
        assert "".join(token.text for token in found.tokens) == one.text
        assert found.error is None
        strip = scorer.score_layers(
            scorer.prepare(GivenAnswer(id="1", question=one.key, token_ids=tuple(one.token_ids)))
        )
        assert (strip.site, strip.layer, strip.layers) == (site, layer, layers)
        np.testing.assert_allclose(strip.p_correct[layers.index(layer)], probes.score(states), atol=1e-4)
        assert [piece.text for piece in strip.tokens] == [token.text for token in found.tokens]
        assert len(strip.p_correct) == len(layers)


def test_one_pass_gives_both_and_what_is_not_asked_for_is_not_read(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = Scorer(with_tokens(made_detector(model), token_probes(layer=3)), model)
    read, passes = TorchEngine.read_states, []

    def noted(self: TorchEngine, readings: list, **kwargs: object) -> object:
        passes.append((kwargs["layers"], [len(one.indices) for one in readings]))
        return read(self, readings, **kwargs)

    monkeypatch.setattr(TorchEngine, "read_states", noted)
    rows = [{"question": "Which?", "answer": "The sea."}]
    list(scorer.score(rows))
    scorer.score_tokens(rows)
    assert passes == [([2], [1]), ([2, 3], [8])]


def test_an_answer_that_cannot_be_looked_at_has_no_tokens(model: LanguageModel) -> None:
    scorer = Scorer(with_tokens(made_detector(model), token_probes()), model)
    bad, empty, good = scorer.score_tokens(
        [
            {"question": "Which?", "token_ids": [99999]},
            {"question": "Which?", "answer": ""},
            {"question": "Which?", "answer": "x"},
        ]
    )
    assert bad.tokens == ()
    assert bad.error == bad.answer.error
    assert "99999" in str(bad.error)
    assert (empty.tokens, empty.answer.verdict, empty.error) == ((), "abstain", "the answer is empty")
    assert good.tokens[0].p_correct is not None


def test_a_detector_without_token_scores_says_so(model: LanguageModel) -> None:
    scorer = Scorer(made_detector(model), model)
    [found] = scorer.score_tokens([{"question": "Which?", "answer": "sea"}])
    assert found.answer.p_correct is not None
    assert [(token.text, token.p_correct) for token in found.tokens] == [("s", None), ("e", None), ("a", None)]
    assert found.error == NO_TOKEN_SCORES
    with pytest.raises(DetectorError, match="no token scores; train it again"):
        scorer.score_layers(scorer.prepare(GivenAnswer(id="1", question="Which?", answer="sea")))


def test_an_empty_answer_has_no_strip(model: LanguageModel) -> None:
    scorer = Scorer(with_tokens(made_detector(model), token_probes()), model)
    with pytest.raises(TaskError, match="the answer is empty; allowed: an answer with at least one token"):
        scorer.score_layers(scorer.prepare(GivenAnswer(id="1", question="Which?", answer="")))


def test_a_state_that_is_not_finite_has_no_score(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = Scorer(with_tokens(made_detector(model), token_probes()), model)
    read = TorchEngine.read_states

    def broken(self: TorchEngine, readings: list, **kwargs: object) -> object:
        for batch in read(self, readings, **kwargs):
            for _, states in batch:
                states["residual"][:, 1] = np.nan
            yield batch

    monkeypatch.setattr(TorchEngine, "read_states", broken)
    [found] = scorer.score_tokens([{"question": "Which?", "answer": "sea"}])
    assert [token.p_correct is None for token in found.tokens] == [False, True, False]
    assert found.error == NOT_FINITE


def test_token_probes_of_a_layer_that_the_model_does_not_have_are_refused(model: LanguageModel) -> None:
    deep = with_tokens(made_detector(model), token_probes(layer=9, layers=(2, 9)))
    with pytest.raises(DetectorError, match=r"reads layer 9 of 'residual'"):
        Scorer(deep, model)


def test_a_detector_without_probes_of_answers_still_scores_tokens(model: LanguageModel) -> None:
    only_any = made_detector(model, made_probe("any_answer", position="-8"))  # which short answers do not have
    [found] = Scorer(with_tokens(only_any, token_probes()), model).score_tokens([{"question": "?", "answer": "sea"}])
    assert (found.answer.p_correct, found.answer.verdict) == (None, "abstain")
    assert None not in [token.p_correct for token in found.tokens]


@given(st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_pieces_joined_are_the_text(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    ids = LETTERS(text)["input_ids"]
    pieces = pieces_of(text, ids, LETTERS)
    assert len(pieces) == len(ids)
    assert "".join(piece.text for piece in pieces) == text
    assert all(text[piece.start : piece.end] == piece.text for piece in pieces)


def test_a_character_belongs_to_the_token_that_ends_it() -> None:
    pieces = pieces_of("aé€", LETTERS("aé€")["input_ids"], LETTERS)
    assert [piece.text for piece in pieces] == ["a", "", "é", "", "", "€"]
    assert [(piece.start, piece.end) for piece in pieces] == [(0, 1), (1, 1), (1, 2), (2, 2), (2, 2), (2, 3)]


def test_half_a_character_at_the_end_stands_as_it_is_decoded() -> None:
    ids = LETTERS("a€")["input_ids"][:-1]
    text = LETTERS.decode(ids)
    assert [piece.text for piece in pieces_of(text, ids, LETTERS)] == ["a", "", text[1:]]


def test_space_around_a_text_is_left_out() -> None:
    ids = LETTERS("  sea ")["input_ids"]
    assert [piece.text for piece in pieces_of("sea", ids, LETTERS)] == ["", "", "s", "e", "a", ""]


def _changing() -> PreTrainedTokenizerFast:
    """A tokenizer of words that puts everything into lower case."""
    inner = Tokenizer(models.WordLevel({"?": 0, "the": 1, "sea": 2}, unk_token="?"))
    inner.normalizer = normalizers.Lowercase()
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="?")


def test_a_text_that_the_tokenizer_changes_is_cut_where_it_says() -> None:
    pieces = pieces_of("The SEA", [1, 2], _changing())
    assert [piece.text for piece in pieces] == ["The", " SEA"]
    assert [piece.text for piece in pieces_of("The SEA", [2, 2], _changing())] == ["", "The SEA"]
    assert pieces_of("", [], _changing()) == []


def test_the_public_scorer_takes_a_folder(model: LanguageModel, tmp_path: Path) -> None:
    with_tokens(made_detector(model), token_probes()).save(tmp_path / "detector")
    [found] = Scorer(tmp_path / "detector", model).score_tokens([{"question": "Which?", "answer": "sea"}])
    assert [token.p_correct is None for token in found.tokens] == [False] * 3
