"""Before and after in plain words: did it know more, show more, and could it still be caught when wrong?"""

from collections.abc import Mapping
from typing import Any

from tacitly.report.comparison_exchange import exchange_line
from tacitly.report.comparison_lines import PART_MEANINGS, headline_answers, three_figures
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
    verdict = _verdict(difference, more="It did", less="No, it knew less", none="Not that these answers can show")
    return (
        f"Did it know more? {verdict}: the tuned model was right in {100 * tuned.value:.0f} of 100 answers, the base "
        f"model in {100 * base.value:.0f}{_by(difference)}."
    )


def _showed(part: Mapping[str, Any], answers: AnswerSet) -> str:
    base, tuned, difference = three_figures(_side(part, answers, "by_entity"), "probe")
    if base.value is None or tuned.value is None:
        return f"Did it show more of what it knows? That is not defined: {difference.reason}."
    verdict = _verdict(difference, more="It did", less="No, it showed less", none="Not that these answers can show")
    gains = three_figures(_side(part, answers, "by_entity"), "gain")
    beyond = ""
    if gains[0].value is not None and gains[1].value is not None:
        beyond = (
            f" That is {_points(gains[1].value)} than the best baseline, which goes by the model's output alone, "
            f"in the tuned model, and {_points(gains[0].value)} in the base model."
        )
    return (
        "Did it show more of what it knows? "
        f"{verdict}: of a right and a wrong answer{_WHOSE[answers]}, its probe picks the wrong one "
        f"{100 * tuned.value:.0f} times out of 100 in the tuned model and {100 * base.value:.0f} in the base model, "
        f"where guessing gives 50{_by(difference)}.{beyond}{_on_new_answers(part, answers)}"
    )


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
    own = three_figures(_side(part, answers, "by_entity"), "probe")[1]
    foreign = exchange_line(part, "base_to_tuned", answers=answers, grouping="by_entity").foreign
    before = ""
    if foreign.value is not None:
        before = f" The probe that was trained on the base model picks the wrong one {100 * foreign.value:.0f} times."
    base, tuned, difference = three_figures(mapping_in(part, "wrong_and_sure"), "0.5")
    sure = ""
    if base.value is not None and tuned.value is not None:
        sure = (
            f" Of 100 answers, {100 * tuned.value:.0f} are now wrong although the model is sure of them; "
            f"before, {100 * base.value:.0f}{_by(difference)}."
        )
    verdict = _catch(own, *(three_figures(_side(part, answers, g), "gain")[1] for g in ("by_entity", "by_answer")))
    return f"Could it still be caught when wrong? {verdict}.{before}{sure}"


def _catch(own: Estimate, gain: Estimate, gain_on_new: Estimate) -> str:
    """Whether the tuned model's probe finds its errors, and beyond what its output alone tells."""
    if own.value is None:
        return f"That is not defined: {own.reason}"
    if own.low is None or own.low <= 0.5:
        return "Not better than by guessing, as far as these answers can show"
    if gain.low is None or gain.low <= 0:
        return "Yes, by its own probe, but no better than by its output alone, as far as these answers can show"
    if gain_on_new.low is not None and gain_on_new.low > 0:
        return "Yes, by its own probe, and better than by its output alone, on answers never seen before too"
    return (
        "Yes, by its own probe, and better than by its output alone; but not on answers never seen before, as far as "
        "these can show"
    )


def _of_part(name: str, part: Mapping[str, Any], answers: AnswerSet) -> str:
    base, tuned, difference = three_figures(part, "accuracy")
    asked = f"On {part.get('questions', 0):,} {PART_MEANINGS[name]}"
    if base.value is None or tuned.value is None:
        return f"{asked}, nothing could be compared: {difference.reason}."
    probe = three_figures(_side(part, answers, "by_entity"), "probe")
    words = f"{asked}, it was right in {100 * tuned.value:.0f} of 100, before in {100 * base.value:.0f}"
    words += _by(difference)
    if probe[0].value is None or probe[1].value is None:
        return f"{words}; what its probe is worth there is not defined: {probe[2].reason}."
    return (
        f"{words}; its probe picks the wrong one {100 * probe[1].value:.0f} times out of 100, "
        f"before {100 * probe[0].value:.0f}{_by(probe[2])}."
    )


def _side(part: Mapping[str, Any], answers: AnswerSet, grouping: str) -> Mapping[str, Any]:
    return mapping_in(mapping_in(mapping_in(part, "detection"), answers), grouping)


def _verdict(difference: Estimate, *, more: str, less: str, none: str) -> str:
    if difference.low is not None and difference.low > 0:
        return more
    if difference.high is not None and difference.high < 0:
        return less
    return none


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
