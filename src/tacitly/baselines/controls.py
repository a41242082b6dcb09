"""Controls that need no activations: what tells right from wrong without knowing anything about the truth."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Shaped
from sklearn import config_context
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from tacitly.baselines.token_probability import read_numbers
from tacitly.probes.logistic import LogisticProbe
from tacitly.text import normalize

_PRIOR_WEIGHT = 1.0
_WORD = r"\w+|[^\w\s]"  # punctuation counts as words, so that only an empty text has none


@dataclass(frozen=True, slots=True)
class Length:
    """Logistic regression on the logarithms of the tokens in the answer and, where every row has one, in its span.

    The training part says whether long answers are more often right or wrong.
    """

    name: str = "length"

    def scores(
        self,
        rows: pd.DataFrame,
        correct: Bool[np.ndarray, " row"],
        *,
        train: Bool[np.ndarray, " row"],
        test: Bool[np.ndarray, " row"],
    ) -> Float[np.ndarray, " row"]:
        """One score per tested answer; NaN elsewhere."""
        lengths = [rows["n_tokens"].to_numpy(dtype=np.float64)]
        span = read_numbers(rows, "last_token") - read_numbers(rows, "first_token") + 1
        if not np.isnan(span[train | test]).any():
            lengths.append(span)
        features = np.log1p(np.column_stack(lengths))
        found = np.full(len(rows), np.nan)
        found[test] = LogisticProbe(C=1.0).fit(features[train], correct[train]).decision_function(features[test])
        return found


@dataclass(frozen=True, slots=True)
class Located:
    """Whether an exact answer was found in the answer: itself a clue, and the same for all of the headline rows."""

    name: str = "located"

    def scores(
        self,
        rows: pd.DataFrame,
        correct: Bool[np.ndarray, " row"],  # noqa: ARG002
        *,
        train: Bool[np.ndarray, " row"],  # noqa: ARG002
        test: Bool[np.ndarray, " row"],
    ) -> Float[np.ndarray, " row"]:
        """One for a located answer and zero for another; NaN outside the tested part."""
        located: Float[np.ndarray, " row"] = np.where(test, rows["located"].to_numpy(dtype=np.float64), np.nan)
        return located


@dataclass(frozen=True, slots=True)
class LocatedBy:
    """Which locator found the exact answer: how often answers that it located were right in the training part.

    Right answers name a choice and wrong ones often do not, so what a probe reads may be no more than that.
    """

    name: str = "located_by"

    def scores(
        self,
        rows: pd.DataFrame,
        correct: Bool[np.ndarray, " row"],
        *,
        train: Bool[np.ndarray, " row"],
        test: Bool[np.ndarray, " row"],
    ) -> Float[np.ndarray, " row"]:
        """One score per tested answer; NaN elsewhere."""
        locators = rows["locator"].where(rows["located"].astype(bool), "none").astype(str).to_numpy(dtype=object)
        return _rates(locators, correct, train=train, test=test)


@dataclass(frozen=True, slots=True)
class AnswerPrior:
    """How often this very answer string was right in the training part.

    Strings that the training part does not have score its base rate, and rare ones are drawn towards it.
    """

    name: str = "answer_prior"

    def scores(
        self,
        rows: pd.DataFrame,
        correct: Bool[np.ndarray, " row"],
        *,
        train: Bool[np.ndarray, " row"],
        test: Bool[np.ndarray, " row"],
    ) -> Float[np.ndarray, " row"]:
        """One score per tested answer; NaN elsewhere."""
        return _rates(answer_strings(rows), correct, train=train, test=test)


@dataclass(frozen=True, slots=True)
class TextWords:
    """TF-IDF of words and word pairs, with a logistic regression.

    Args:
        name: `answer_text` or `question_text`.
        column: The column with the text.
    """

    name: str
    column: Literal["text", "question"]

    def scores(
        self,
        rows: pd.DataFrame,
        correct: Bool[np.ndarray, " row"],
        *,
        train: Bool[np.ndarray, " row"],
        test: Bool[np.ndarray, " row"],
    ) -> Float[np.ndarray, " row"]:
        """One score per tested answer; NaN elsewhere."""
        texts = rows[self.column].to_numpy(dtype=object)
        found = np.full(len(rows), np.nan)
        if not any(str(text).strip() for text in texts[train]):
            found[test] = 0.0
            return found
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=_WORD)
        with config_context(assume_finite=True, skip_parameter_validation=True):
            model = LogisticRegression(C=1.0, max_iter=1000).fit(words.fit_transform(texts[train]), correct[train])
            found[test] = model.decision_function(words.transform(texts[test]))
        return found


def answer_text() -> TextWords:
    """The control that reads the answer's words."""
    return TextWords("answer_text", "text")


def question_text() -> TextWords:
    """The control that reads the question's words."""
    return TextWords("question_text", "question")


def _rates(
    strings: Shaped[np.ndarray, " row"],
    correct: Bool[np.ndarray, " row"],
    *,
    train: Bool[np.ndarray, " row"],
    test: Bool[np.ndarray, " row"],
) -> Float[np.ndarray, " row"]:
    """How often rows with the same string were right in the training part; the base rate for a new one."""
    base = float(correct[train].mean())
    seen = pd.DataFrame({"string": strings[train], "correct": correct[train]}).groupby("string")["correct"]
    rate = (seen.sum() + _PRIOR_WEIGHT * base) / (seen.count() + _PRIOR_WEIGHT)
    found = np.full(len(strings), np.nan)
    found[test] = pd.Series(strings[test]).map(rate).fillna(base).to_numpy(dtype=np.float64)
    return found


def answer_strings(rows: pd.DataFrame) -> np.ndarray:
    """What each answer gave: its exact answer in canonical form, or the whole normalised text where none was located.

    Example:
        >>> rows = pd.DataFrame({"given": ["france", None], "text": ["It is France.", "No idea."]})
        >>> answer_strings(rows).tolist()
        ['france', 'no idea']
    """
    pairs = zip(rows["given"], rows["text"], strict=True)
    return np.array([normalize(text) if pd.isna(given) else str(given) for given, text in pairs], dtype=object)
