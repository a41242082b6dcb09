"""Before and after in plain words: did it know more, show more, and could it still be caught when wrong?"""

from collections.abc import Mapping
from typing import Any

from tacitly.report.comparison_exchange import exchange_line
from tacitly.report.comparison_lines import PART_MEANINGS, headline_answers, three_figures
from tacitly.report.comparison_verdicts import caught, is_above, knew, showed
from tacitly.report.results import AnswerSet, Estimate, mapping_in

_WHOSE: Mapping[AnswerSet, str] = {"located": "", "all": " (with or without a located exact answer)"}


def comparison_sentences(comparison: Mapping[str, Any], *, answers: AnswerSet | None = None) -> list[str]:
    """Three sentences about all questions, then one for each part of them.

    A difference whose interval holds 0 is called none that these answers can show.

    Args:
        comparison: The content of `comparison.json`.
        answers: Whose probes are spoken of; those of `headline_answers` by default.

    Returns:
        Plain text, not escaped for any page.

    Example:
        >>> comparison_sentences({})[0]
        'Did it know more? That is not defined: not computed in this run.'
    """
    parts = mapping_in(comparison, "parts")
    whole = mapping_in(parts, "all")
    answers = answers or headline_answers(comparison)
    sentences = [_knew(whole), _showed(whole, answers), _caught(whole, answers)]
    return sentences + [_of_part(name, mapping_in(parts, name), answers) for name in PART_MEANINGS if name in parts]


def _knew(part: Mapping[str, Any]) -> str:
    base, tuned, difference = three_figures(part, "accuracy")
    if base.value is None or tuned.value is None:
        return f"Did it know more? That is not defined: {difference.reason}."
    return (
        f"Did it know more? {knew(difference)}: the tuned model was right in {100 * tuned.value:.0f} of 100 answers, "
        f"the base model in {100 * base.value:.0f}{_by(difference)}."
    )


def _showed(part: Mapping[str, Any], answers: AnswerSet) -> str:
    by_entity = _side(part, answers, "by_entity")
    base, tuned, difference = three_figures(by_entity, "probe")
    if base.value is None or tuned.value is None:
        return f"Did it show more of what it knows? That is not defined: {difference.reason}."
    verdict = showed(difference, three_figures(by_entity, "gain_over_control"))
    return (
        "Did it show more of what it knows? "
        f"{verdict}: of a right and a wrong answer{_WHOSE[answers]}, its probe picks the wrong one "
        f"{100 * tuned.value:.0f} times out of 100 in the tuned model and {100 * base.value:.0f} in the base model, "
        f"where guessing gives 50{_by(difference)}.{_beyond(by_entity)}{_on_new_answers(part, answers)}"
    )


def _beyond(by_entity: Mapping[str, Any]) -> str:
    """What the probes add to what can be told without them, which alone is what they are worth."""
    rivals = {
        "gain": "the best baseline, which goes by the model's output alone",
        "gain_over_control": "the best control, which knows nothing of the truth",
    }
    said = []
    for key, words in rivals.items():
        base, tuned, _ = three_figures(by_entity, key)
        if base.value is not None and tuned.value is not None:
            said.append(f"{_points(tuned.value)} than {words} (in the base model, {_points(base.value)})")
    return f" That is {', and '.join(said)}." if said else ""


def _on_new_answers(part: Mapping[str, Any], answers: AnswerSet) -> str:
    """What the probes are worth where no answer was seen before, without which the rest misleads."""
    base, tuned, difference = three_figures(_side(part, answers, "by_answer"), "probe")
    if base.value is None or tuned.value is None:
        return f" On answers that the probes had never seen, that is not defined: {difference.reason}."
    return (
        f" On answers that the probes had never seen, it is {100 * tuned.value:.0f} and "
        f"{100 * base.value:.0f}{_by(difference)}."
    )


def _caught(part: Mapping[str, Any], answers: AnswerSet) -> str:
    by_entity, by_answer = (_side(part, answers, grouping) for grouping in ("by_entity", "by_answer"))
    verdict = caught(by_entity, by_answer)
    return f"Could it still be caught when wrong? {verdict}.{_foreign(part, answers)}{_sure(part)}"


def _foreign(part: Mapping[str, Any], answers: AnswerSet) -> str:
    """What the base model's probe makes of the tuned model."""
    seen, new = (
        exchange_line(part, "base_to_tuned", answers=answers, grouping=grouping).foreign
        for grouping in ("by_entity", "by_answer")
    )
    if seen.value is None:
        return f" What the base model's probe is worth on the tuned model is not defined: {seen.reason}."
    words = f" The probe that was trained on the base model picks the wrong one {_times(seen)}"
    if new.value is None:
        return (
            f"{words}; that may be no more than knowing which answers are often right, since on answers that it had "
            f"never seen it is not defined: {new.reason}."
        )
    return f"{words}, on answers that it had never seen {_times(new)}."


def _sure(part: Mapping[str, Any]) -> str:
    base, tuned, difference = three_figures(mapping_in(part, "wrong_and_sure"), "0.5")
    if base.value is None or tuned.value is None:
        return ""
    return (
        f" Of 100 answers, {100 * tuned.value:.0f} are now wrong although the model is sure of them; "
        f"before, {100 * base.value:.0f}{_by(difference)}."
    )


def _of_part(name: str, part: Mapping[str, Any], answers: AnswerSet) -> str:
    base, tuned, difference = three_figures(part, "accuracy")
    asked = f"On {part.get('questions', 0):,} {PART_MEANINGS[name]}"
    if base.value is None or tuned.value is None:
        return f"{asked}, nothing could be compared: {difference.reason}."
    by_entity = _side(part, answers, "by_entity")
    probe = three_figures(by_entity, "probe")
    words = f"{asked}, it was right in {100 * tuned.value:.0f} of 100, before in {100 * base.value:.0f}"
    words += _by(difference)
    if probe[0].value is None or probe[1].value is None:
        return f"{words}; what its probe is worth there is not defined: {probe[2].reason}."
    better = is_above(three_figures(by_entity, "gain_over_control")[1])
    return (
        f"{words}; its probe{'' if better else ', not shown to be better than a plain clue,'} picks the wrong one "
        f"{100 * probe[1].value:.0f} times out of 100, before {100 * probe[0].value:.0f}{_by(probe[2])}."
    )


def _side(part: Mapping[str, Any], answers: AnswerSet, grouping: str) -> Mapping[str, Any]:
    return mapping_in(mapping_in(mapping_in(part, "detection"), answers), grouping)


def _times(estimate: Estimate) -> str:
    times = f"{100 * (estimate.value or 0.0):.0f} times"
    if estimate.low is None or estimate.high is None:
        return f"{times} (how sure that is, is not known)"
    return f"{times} ({100 * estimate.low:.0f} to {100 * estimate.high:.0f})"


def _by(difference: Estimate) -> str:
    """The size of a difference in hundredths, with its interval."""
    if difference.value is None:
        return ""
    size = _points(difference.value)
    if difference.low is None or difference.high is None:
        return f" ({size}; how sure that is, is not known)"
    if difference.low <= 0 <= difference.high:
        fewer, more = (max(0, round(100 * size)) for size in (-difference.low, difference.high))
        return f" ({size}, but anything from {fewer} fewer to {more} more would fit)"
    near, far = sorted((abs(difference.low), abs(difference.high)))
    return f" ({size}, somewhere between {round(100 * near) or 'less than 1'} and {round(100 * far) or 1})"


def _points(difference: float) -> str:
    number = round(100 * difference)
    return "no more" if number == 0 else f"{abs(number)} {'more' if number > 0 else 'fewer'}"
