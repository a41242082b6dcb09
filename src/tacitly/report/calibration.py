"""Tables of how well probabilities agree with what happened, and of what rejecting the doubtful answers is worth."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tacitly.report.results import GROUPING_ORDER, Estimate, estimate_in, evaluation, mapping_in, number_in

_CALIBRATED = {
    "temperature": "temperature",
    "platt": "Platt scaling",
    "isotonic": "isotonic regression",
    "best_baseline": "best baseline, Platt scaling",
    "best_control": "best control, Platt scaling",
}
_SELECTIVE = {
    "aurc": "area under risk and coverage (lower is better)",
    "accuracy_at_80": "accuracy when the least trusted fifth is left out",
    "prr": "prediction-rejection ratio (0 is random, 1 is perfect)",
}
_COMPARED = ("probe", "best_baseline", "best_control", "minus_best_baseline", "minus_best_control")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationTables:
    """What the page shows.

    Attributes:
        chosen: Which calibrators the folds chose, in one sentence per grouping that is defined.
        calibrators: Per method its name and, for each grouping, Brier score, log loss and calibration error.
        reasons: Why a grouping has no calibration error.
        selective: For each figure its name and, per grouping, the estimates of `_COMPARED`; the last two are signed.
    """

    chosen: Sequence[str]
    calibrators: Sequence[tuple[str, Sequence[str]]]
    reasons: Sequence[str]
    selective: Sequence[tuple[str, str, Sequence[tuple[Estimate, bool]]]]


def calibration_tables(metrics: Mapping[str, Any], names: Mapping[str, str]) -> CalibrationTables | None:
    """Put the tables together.

    Args:
        metrics: The content of `metrics.json`.
        names: The groupings in words.

    Returns:
        None where no grouping has them.
    """
    entries = {grouping: evaluation(metrics, grouping).entry for grouping in GROUPING_ORDER}
    calibrations = {grouping: mapping_in(entry, "calibration") for grouping, entry in entries.items()}
    if not any("calibrators" in one for one in calibrations.values()):
        return None
    lines = []
    for method, words in _CALIBRATED.items():
        figures = [_figures(one, method) for one in calibrations.values()]
        cells = [cell for one in figures for cell in _cells(one)]
        lines.append((words, cells))
    reasons = {
        f"{names[grouping]}: {one['ece_reason']}" for grouping, one in calibrations.items() if one.get("ece_reason")
    }
    return CalibrationTables(
        chosen=[_chosen(names[grouping], one) for grouping, one in calibrations.items() if one.get("chosen")],
        calibrators=lines,
        reasons=sorted(reasons),
        selective=[
            (words, names[grouping], _compared(mapping_in(mapping_in(entry, "selective"), name), name))
            for name, words in _SELECTIVE.items()
            for grouping, entry in entries.items()
            if name in mapping_in(entry, "selective")
        ],
    )


def _figures(calibration: Mapping[str, Any], method: str) -> Mapping[str, Any]:
    inside = mapping_in(calibration, "calibrators")
    return mapping_in(inside, method) if method in inside else mapping_in(calibration, method)


def _cells(figures: Mapping[str, Any]) -> list[str]:
    found = [number_in(mapping_in(figures, name), name) for name in ("brier", "log_loss", "ece")]
    return ["\u2013" if number is None else f"{number:.3f}" for number in found]


def _chosen(grouping: str, calibration: Mapping[str, Any]) -> str:
    counts = Counter(str(name) for name in calibration["chosen"]).most_common()
    said = " and ".join(f"{_CALIBRATED.get(name, name)} in {count}" for name, count in counts)
    return f"{grouping}: {said} of {len(calibration['chosen'])} tested parts"


def _compared(figures: Mapping[str, Any], name: str) -> list[tuple[Estimate, bool]]:
    return [
        (estimate_in(figures, key, key="diff" if key.startswith("minus") else name), key.startswith("minus"))
        for key in _COMPARED
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class AbstentionWords:
    """The promise in words, and every threshold that was tried: probability, accepted, wrong, at most wrong."""

    sentence: str
    trials: Sequence[Sequence[str]]


def abstention_words(metrics: Mapping[str, Any]) -> AbstentionWords | None:
    """Say what was promised, or why nothing is.

    Args:
        metrics: The content of `metrics.json`.

    Returns:
        None where no promise was asked for.

    Example:
        >>> promise = {"alpha": 0.1, "delta": 0.05, "threshold": None, "reason": "too few", "groups": 9, "answers": 9,
        ...            "accepted": None, "errors": None, "trials": []}
        >>> abstention_words({"abstention": promise}).sentence
        'No threshold keeps the wrong ones among accepted answers to 10 %: too few.'
    """
    promise = mapping_in(metrics, "abstention")
    if not promise:
        return None
    alpha, sure = f"{100 * promise['alpha']:g} %", f"{100 * (1 - promise['delta']):g} %"
    sentence = f"No threshold keeps the wrong ones among accepted answers to {alpha}: {promise['reason']}."
    if promise["threshold"] is not None:
        sentence = (
            f"Accept what the detector calls at least {100 * promise['threshold']:.0f} % likely right: of the accepted "
            f"answers at most {alpha} are wrong, with {sure} confidence. Of {promise['answers']:,} answers, each about "
            f"an entity kept from everything else, it accepts {promise['accepted']:,}, of which "
            f"{promise['errors']:,} are wrong."
        )
    trials = [
        [
            f"{100 * trial['threshold']:.0f} %",
            f"{trial['accepted']:,}",
            f"{trial['errors']:,}",
            f"{100 * trial['bound']:.0f} %" if trial["accepted"] else "\u2013",
        ]
        for trial in promise["trials"]
    ]
    return AbstentionWords(sentence=sentence, trials=trials)
