"""What the page says of scores of answers that are still being written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tacitly.report.results import GROUPING_ORDER, Estimate, estimate_in, mapping_in, number_in

MOMENTS: Mapping[str, str] = {
    "first": "after the first token",
    "middle": "at the middle",
    "end": "at the end",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLine:
    """Scores at one moment of an answer.

    Attributes:
        when: The moment, in words.
        answers: How many answers have a score then, under either grouping.
        figures: The AUROC by entity and by answer.
        gains: The AUROC minus that of the probe of the finished exact answer, by entity and by answer.
    """

    when: str
    answers: int
    figures: Sequence[Estimate]
    gains: Sequence[Estimate]


def token_lines(metrics: Mapping[str, Any]) -> list[TokenLine]:
    """The moments of a run's token scores; none where the run has no such scores.

    Args:
        metrics: The content of `metrics.json`.

    Example:
        >>> entry = {"first": {"auroc": 0.7, "ci": [0.6, 0.8], "answers": 50}}
        >>> [line] = token_lines({"token_scores": {"by_entity": entry}})
        >>> line.when, line.answers, line.figures[0].text()
        ('after the first token', 50, '0.70 [0.60, 0.80]')
    """
    sides = [mapping_in(mapping_in(metrics, "token_scores"), grouping) for grouping in GROUPING_ORDER]
    return [
        TokenLine(
            when=words,
            answers=int(max(number_in(mapping_in(side, moment), "answers") or 0 for side in sides)),
            figures=[estimate_in(side, moment) for side in sides],
            gains=[estimate_in(mapping_in(side, moment), "minus_probe", key="diff") for side in sides],
        )
        for moment, words in MOMENTS.items()
        if any(mapping_in(side, moment) for side in sides)
    ]


def token_reasons(lines: Sequence[TokenLine]) -> list[str]:
    """Why figures are not defined, each reason once.

    Example:
        >>> missing = {"auroc": None, "ci": None, "reason": "no folds"}
        >>> metrics = {"token_scores": {"by_entity": {"first": missing}, "by_answer": {"first": missing}}}
        >>> token_reasons(token_lines(metrics))
        ['no folds']
    """
    return list(dict.fromkeys(figure.reason for line in lines for figure in line.figures if figure.reason))
