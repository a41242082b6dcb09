"""Before and after in plain words: did it know more, show more, and could it still be caught when wrong?"""

from collections.abc import Mapping
from typing import Any

from tacitly.report.comparison_lines import PART_MEANINGS, exchange_lines
from tacitly.report.results import Estimate, estimate_in, mapping_in


def comparison_sentences(comparison: Mapping[str, Any]) -> list[str]:
    """Three sentences about all questions, then one for each part of them.

    A difference whose interval holds 0 is called none that these answers can show.

    Args:
        comparison: The content of `comparison.json`.

    Returns:
        Plain text, not escaped for any page.

    Example:
        >>> comparison_sentences({})[0]
        'Did it know more? That is not defined: not computed in this run.'
    """
    parts = mapping_in(comparison, "parts")
    whole = mapping_in(parts, "all")
    sentences = [_knew(whole), _showed(whole), _caught(whole)]
    return sentences + [_of_part(name, mapping_in(parts, name)) for name in PART_MEANINGS if name in parts]


def _knew(part: Mapping[str, Any]) -> str:
    base, tuned, difference = _three(part, "accuracy")
    if base.value is None or tuned.value is None:
        return f"Did it know more? That is not defined: {difference.reason}."
    verdict = _verdict(difference, more="It did", less="No, it knew less", none="Not that these answers can show")
    return (
        f"Did it know more? {verdict}: the tuned model was right in {100 * tuned.value:.0f} of 100 answers, the base "
        f"model in {100 * base.value:.0f}{_by(difference)}."
    )


def _showed(part: Mapping[str, Any]) -> str:
    answers, side = _side(part)
    base, tuned, difference = _three(side, "probe")
    if base.value is None or tuned.value is None:
        return f"Did it show more of what it knows? That is not defined: {difference.reason}."
    verdict = _verdict(difference, more="It did", less="No, it showed less", none="Not that these answers can show")
    gains = _three(side, "gain")
    beyond = ""
    if gains[0].value is not None and gains[1].value is not None:
        beyond = (
            f" That is {_points(gains[1].value)} than the best baseline, which goes by the model's output alone, "
            f"in the tuned model, and {_points(gains[0].value)} in the base model."
        )
    return (
        "Did it show more of what it knows? "
        f"{verdict}: of a right and a wrong answer{answers}, its probe picks the wrong one {100 * tuned.value:.0f} "
        f"times out of 100 in the tuned model and {100 * base.value:.0f} in the base model, where guessing "
        f"gives 50{_by(difference)}.{beyond}"
    )


def _caught(part: Mapping[str, Any]) -> str:
    answers, side = _side(part)
    own = estimate_in(mapping_in(side, "probe"), "tuned", key="value")
    foreign = exchange_lines(part, answers="all" if answers else "located")[0][1]["auroc"]
    gain = estimate_in(mapping_in(side, "gain"), "tuned", key="value")
    if own.value is None:
        verdict = f"that is not defined: {own.reason}"
    elif own.low is None or own.low <= 0.5:
        verdict = "not better than by guessing, as far as these answers can show"
    elif gain.low is not None and gain.low > 0:
        verdict = "yes, by its own probe, and better than by its output alone"
    else:
        verdict = "yes, by its own probe, but no better than by its output alone, as far as these answers can show"
    before = ""
    if foreign.value is not None:
        before = f" The probe that was trained on the base model picks the wrong one {100 * foreign.value:.0f} times."
    base, tuned, difference = _three(mapping_in(part, "wrong_and_sure"), "0.5")
    sure = ""
    if base.value is not None and tuned.value is not None:
        sure = (
            f" Of 100 answers, {100 * tuned.value:.0f} are now wrong although the model is sure of them; "
            f"before, {100 * base.value:.0f}{_by(difference)}."
        )
    return f"Could it still be caught when wrong? {verdict[:1].upper()}{verdict[1:]}.{before}{sure}"


def _of_part(name: str, part: Mapping[str, Any]) -> str:
    base, tuned, difference = _three(part, "accuracy")
    asked = f"On {part.get('shared_questions', 0):,} {PART_MEANINGS[name]}"
    if base.value is None or tuned.value is None:
        return f"{asked}, nothing could be compared: {difference.reason}."
    probe = _three(_side(part)[1], "probe")
    words = f"{asked}, it was right in {100 * tuned.value:.0f} of 100, before in {100 * base.value:.0f}"
    words += _by(difference)
    if probe[0].value is None or probe[1].value is None:
        return f"{words}; what its probe is worth there is not defined: {probe[2].reason}."
    return (
        f"{words}; its probe picks the wrong one {100 * probe[1].value:.0f} times out of 100, "
        f"before {100 * probe[0].value:.0f}{_by(probe[2])}."
    )


def _side(part: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """By entity over located answers, or over all of them where those have no probe; and words for the latter."""
    detection = mapping_in(part, "detection")
    located = mapping_in(mapping_in(detection, "located"), "by_entity")
    everything = mapping_in(mapping_in(detection, "all"), "by_entity")
    if estimate_in(mapping_in(located, "probe"), "difference", key="value").value is None and (
        estimate_in(mapping_in(everything, "probe"), "difference", key="value").value is not None
    ):
        return " (with or without a located exact answer)", everything
    return "", located


def _three(holder: Mapping[str, Any], key: str) -> tuple[Estimate, Estimate, Estimate]:
    entry = mapping_in(holder, key)
    base, tuned, difference = (estimate_in(entry, name, key="value") for name in ("base", "tuned", "difference"))
    return base, tuned, difference


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
    low, high = round(100 * difference.low), round(100 * difference.high)
    if low < 0 <= high:
        return f" ({size}, but anything from {-low} fewer to {high} more would fit)"
    near, far = sorted((abs(low), abs(high)))
    return f" ({size}, somewhere between {near or 'less than 1'} and {far})"


def _points(difference: float) -> str:
    number = round(100 * difference)
    return "no more" if number == 0 else f"{abs(number)} {'more' if number > 0 else 'fewer'}"
