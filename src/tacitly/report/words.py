"""The result in plain words, for a reader without statistics."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tacitly.report.names import method_name
from tacitly.report.results import (
    GROUPING_ORDER,
    Estimate,
    Evaluation,
    Grouping,
    evaluation,
    interval_of,
    located_shares,
    mapping_in,
    number_in,
    reason_in,
)

_RIVALS = {
    "baseline": "which goes by the model's output alone",
    "control": "a plain clue such as the length or the wording",
}
_UNSEEN = {"by_entity": "On things it has never seen", "by_answer": "On answers it has never seen"}


def summary_sentences(metrics: Mapping[str, Any]) -> list[str]:
    """What the detector is worth, then what the model got right, in sentences that need no statistics.

    The first two say what it is worth on entities and on answers that it has not seen.

    Args:
        metrics: The content of `metrics.json`.

    Returns:
        Plain text, not escaped for any page; it may hold names that came with the data.

    Example:
        >>> best = {"auroc": 0.78, "ci": [0.73, 0.83]}
        >>> summary_sentences({"by_entity": {"best": best}})[0][-86:]
        'the wrong one 78 times out of 100 (somewhere between 73 and 83; guessing would be 50).'
    """
    sides = {grouping: evaluation(metrics, grouping) for grouping in GROUPING_ORDER}
    sentences = [_worth_on_entities(sides["by_entity"]), _worth_on_answers(sides["by_answer"])]
    explained = False
    for grouping, side in sides.items():
        if side.estimate("best").value is not None:
            sentences += [gain_sentence(side, grouping, rival=rival, explain=not explained) for rival in _RIVALS]
            explained = True
    return [*sentences, accuracy_sentence(metrics), located_sentence(metrics), within_sentence(metrics)]


def _worth_on_entities(side: Evaluation) -> str:
    best = side.estimate("best")
    if best.value is None:
        return f"What the detector is worth on things it has never seen is not defined: {best.reason}."
    return (
        "Shown one right and one wrong answer to questions about things it has never seen, "
        f"the detector picks the wrong one {_out_of_hundred(best)}.{_against_guessing(best)}"
    )


def _worth_on_answers(side: Evaluation) -> str:
    best = side.estimate("best")
    if best.value is None:
        return f"What it is worth on answers it has never seen is not defined: {best.reason}."
    return (
        "When the answers too are ones it has never seen, so that it cannot go by which answers are usually right, "
        f"it picks the wrong one {_out_of_hundred(best)}.{_against_guessing(best)}{_against_baseline(side)}"
    )


def _against_baseline(side: Evaluation) -> str:
    gain = side.estimate("gain_over_best_baseline", key="diff")
    if gain.low is None or gain.high is None or gain.low > 0:
        return ""
    if gain.high < 0:
        return " There it is worse than the best baseline: the model's output alone tells more."
    return " There it is no better than the best baseline, the model's output alone, as far as these answers can show."


def gain_sentence(side: Evaluation, grouping: Grouping, *, rival: str, explain: bool = True) -> str:
    """What the probe adds to its best rival under one grouping; a gain whose interval reaches 0 is called none.

    Args:
        side: The figures of that grouping.
        grouping: Which one it is.
        rival: `"baseline"` or `"control"`.
        explain: Say what such a rival is.

    Example:
        >>> gain = {"gain_over_best_baseline": {"diff": 0.02, "ci": [-0.03, 0.07]}}
        >>> side = evaluation({"by_answer": gain}, "by_answer")
        >>> gain_sentence(side, "by_answer", rival="baseline")[:50]
        'On answers it has never seen it is no better than '
    """
    gain = side.estimate(f"gain_over_best_{rival}", key="diff")
    other = f"the best {rival}{_chosen(side, rival)}"
    other += f", {_RIVALS[rival]}" if explain else ""
    start = _UNSEEN[grouping]
    if gain.value is None:
        return f"{start} it could not be compared with {other}: {gain.reason}."
    if gain.low is None or gain.high is None:
        return f"{start} it gets {_more(gain.value)} out of 100 than {other}; how sure that is, is not known."
    spread = _range(gain.low, gain.high)
    if gain.low > 0:
        return f"{start} it gets {_more(gain.value)} out of 100 ({spread}) than {other}."
    if gain.high < 0:
        return f"{start} it is worse than {other}: {_more(gain.value)} out of 100 ({spread})."
    return (
        f"{start} it is no better than {other}, as far as these answers can show: "
        f"{_more(gain.value)} out of 100, but anything {spread} would fit."
    )


def accuracy_sentence(metrics: Mapping[str, Any]) -> str:
    """How often the model was right.

    Example:
        >>> accuracy_sentence({"accuracy": 0.5, "counts": {"correct": 300, "incorrect": 300, "unknown": 0}})
        'The model itself was right in 50 of 100 answers (300 right, 300 wrong).'
    """
    counts = mapping_in(metrics, "counts")
    accuracy = number_in(metrics, "accuracy")
    if accuracy is None:
        return f"How often the model was right is not defined: {reason_in(metrics, 'accuracy')}."
    kinds = [("correct", "right"), ("incorrect", "wrong"), ("unknown", "could not be judged")]
    tally = [f"{number:,.0f} {word}" for key, word in kinds if (number := number_in(counts, key)) or key != "unknown"]
    known = f" ({', '.join(tally)})" if counts else ""
    return f"The model itself was right in {100 * accuracy:.0f} of 100 answers{known}."


def located_sentence(metrics: Mapping[str, Any]) -> str:
    """In how many right and wrong answers the exact answer was found.

    Example:
        >>> located_sentence({"counts": {"correct": 0, "incorrect": 4, "located_incorrect": 2}})
        'The words that answer the question were found in 50 of 100 wrong answers; there were no right answers.'
    """
    shares = located_shares(metrics)
    found = [f"{100 * kind.value:.0f} of 100 {word} answers" for word, kind in shares.items() if kind.value is not None]
    if not found:
        return "There were no judged answers in which to look for the words that answer the question."
    text = f"The words that answer the question were found in {' and '.join(found)}"
    if not any(kind.located for kind in shares.values()):
        return f"{text}; without them none of the figures above is defined."
    if len(found) == 1:
        missing = next(word for word, kind in shares.items() if kind.value is None)
        return f"{text}; there were no {missing} answers."
    return f"{text}; the figures above are about those answers only."


def within_sentence(metrics: Mapping[str, Any]) -> str:
    """Whether the detector tells right from wrong where both gave the very same answer.

    Example:
        >>> within = {"best": 0.7, "best_ci": [0.6, 0.8], "pairs": 210, "strings": 12}
        >>> within_sentence({"within_answer": within})[:60]
        'Among pairs that gave the very same answer, one rightly and '
    """
    entry = mapping_in(metrics, "within_answer")
    value = number_in(entry, "best")
    if value is None:
        reason = reason_in(entry, "best") if entry else reason_in(metrics, "within_answer")
        return f"How it does on right and wrong uses of the very same answer is not defined: {reason}."
    low, high = interval_of(entry.get("best_ci"))
    best = Estimate(value=value, low=low, high=high)
    pairs, strings = number_in(entry, "pairs"), number_in(entry, "strings")
    tally = f" ({pairs:,.0f} pairs from {strings:,.0f} answers)" if pairs is not None and strings is not None else ""
    return (
        f"Among pairs that gave the very same answer, one rightly and one wrongly{tally}, "
        f"it picks the wrong one {_out_of_hundred(best)}.{_against_guessing(best)}"
    )


def _out_of_hundred(best: Estimate) -> str:
    if best.value is None:
        return "an unknown number of times"
    if best.low is None or best.high is None:
        return f"{100 * best.value:.0f} times out of 100 (guessing would be 50)"
    spread = f"somewhere between {100 * best.low:.0f} and {100 * best.high:.0f}"
    return f"{100 * best.value:.0f} times out of 100 ({spread}; guessing would be 50)"


def _against_guessing(best: Estimate) -> str:
    if best.low is None or best.high is None or best.low > 0.5:
        return ""
    return " That is worse than guessing." if best.high < 0.5 else " That cannot be told from guessing."


def _points(difference: float) -> str:
    size = abs(100 * difference)
    if size >= 1 or size == 0:
        return f"{size:.0f}"
    return f"{size:.1f}" if size >= 0.05 else "less than 0.1"


def _more(difference: float) -> str:
    return f"{_points(difference)} {'more' if difference >= 0 else 'fewer'}"


def _range(low: float, high: float) -> str:
    if low < 0 <= high:
        return f"from {_more(low)} to {_more(high)}"
    near, far = sorted((low, high), key=abs)
    return f"somewhere between {_points(near)} and {_points(far)}"


def _chosen(side: Evaluation, rival: str) -> str:
    """Which method the folds chose as the best rival, most often first."""
    chosen = mapping_in(side.entry, f"best_{rival}").get("chosen")
    if not isinstance(chosen, list | tuple) or not chosen:
        return ""
    (name, times), *_ = Counter(str(method) for method in chosen).most_common(1)
    return f" ({'' if times == len(chosen) else 'mostly '}\u201c{method_name(name)}\u201d)"
