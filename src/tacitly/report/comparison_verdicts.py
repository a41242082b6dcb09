"""The verdicts of a comparison: what a difference, and what a probe adds to output and controls, allow to be said."""

from collections.abc import Mapping
from typing import Any

from tacitly.report.comparison_lines import three_figures
from tacitly.report.results import Estimate

Three = tuple[Estimate, Estimate, Estimate]
NOT_SHOWN = "as far as these answers can show"


def is_above(estimate: Estimate, bar: float = 0.0) -> bool:
    """Whether a figure's whole interval lies above a bar.

    Example:
        >>> is_above(Estimate(value=0.1, low=0.0, high=0.2)), is_above(Estimate(value=0.1))
        (False, False)
    """
    return estimate.low is not None and estimate.low > bar


def is_below(estimate: Estimate, bar: float = 0.0) -> bool:
    """Whether a figure's whole interval lies below a bar."""
    return estimate.high is not None and estimate.high < bar


def knew(difference: Estimate) -> str:
    """Whether the tuned model knew more, by the difference of accuracies."""
    if is_above(difference):
        return "It did"
    return "No, it knew less" if is_below(difference) else "Not that these answers can show"


def showed(difference: Estimate, over_control: Three) -> str:
    """Whether the tuned model's states show more of what it knows.

    A probe that does no better than a control, which knows nothing of the truth, shows nothing of it; and one that rose
    no further than the control did shows no more than before.

    Args:
        difference: Of the probes' AUROC.
        over_control: The probe minus the best control: in the base model, in the tuned model, and their difference.

    Example:
        >>> up, none = Estimate(value=0.2, low=0.1, high=0.3), Estimate(value=0.0, low=-0.1, high=0.1)
        >>> showed(up, (none, none, none))
        'Not that these answers can show, since its probe rose but is no better than a plain clue'
        >>> showed(up, (none, up, up))
        'It did'
    """
    if is_below(difference):
        return "No, it showed less"
    if not is_above(difference):
        return "Not that these answers can show"
    _, tuned, gained = over_control
    rose = "Not that these answers can show, since its probe rose"
    if tuned.value is None:
        return f"{rose} but what a plain clue is worth is not defined ({tuned.reason})"
    if not is_above(tuned):
        return f"{rose} but is {'worse' if is_below(tuned) else 'no better'} than a plain clue"
    return "It did" if is_above(gained) else f"{rose} by no more than a plain clue did"


def caught(by_entity: Mapping[str, Any], by_answer: Mapping[str, Any]) -> str:
    """Whether the tuned model's probe finds its errors, beyond what a plain clue and its output alone tell.

    Args:
        by_entity: The figures of detection by entity.
        by_answer: Those by answer.
    """
    own = three_figures(by_entity, "probe")[1]
    if own.value is None:
        return f"That is not defined: {own.reason}"
    if not is_above(own, 0.5):
        return f"Not better than by guessing, {NOT_SHOWN}"
    control, output = (three_figures(by_entity, key)[1] for key in ("gain_over_control", "gain"))
    if control.value is None:
        return f"Its probe beats guessing; what a plain clue is worth is not defined: {control.reason}"
    if not is_above(control):
        worse = f"worse than a plain clue{'' if is_above(output) else ' and no better than its output alone'}"
        same = f"no better than a plain clue{'' if is_above(output) else ' or its output alone'}"
        return f"Hardly: its own probe beats guessing, but is {worse if is_below(control) else same}, {NOT_SHOWN}"
    if not is_above(output):
        return f"Yes, by its own probe, but no better than by its output alone, {NOT_SHOWN}"
    return f"Yes, by its own probe, and better than by its output alone or a plain clue{_on_new_answers(by_answer)}"


def _on_new_answers(by_answer: Mapping[str, Any]) -> str:
    gains = [three_figures(by_answer, key)[1] for key in ("gain", "gain_over_control")]
    undefined = [gain.reason for gain in gains if gain.value is None]
    if undefined:
        return f"; on answers never seen before that is not defined: {undefined[0]}"
    if all(is_above(gain) for gain in gains):
        return ", on answers never seen before too"
    return f"; but not on answers never seen before, {NOT_SHOWN}"
