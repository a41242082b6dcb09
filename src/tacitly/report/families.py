"""What the page says of the families of probes: a line for each, and why some have no figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tacitly.report.names import GROUPINGS, method_name
from tacitly.report.results import GROUPING_ORDER, Estimate, estimate_in, mapping_in, number_in

_WITHIN = "within answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyLine:
    """One family of the table.

    Attributes:
        name: In words.
        supervised: Whether it learns from labels.
        what: What it does, in a line.
        reads: What it reads.
        figures: Its AUROC by entity, by answer and within one answer, in the order of `FIGURES`.
        gains: Its AUROC minus the reference probe's, by entity and by answer.
        seconds: Processor time of all its fits.
    """

    name: str
    supervised: bool
    what: str
    reads: str
    figures: Sequence[Estimate]
    gains: Sequence[Estimate]
    seconds: str


FIGURES = (*GROUPINGS.values(), _WITHIN)


def family_lines(metrics: Mapping[str, Any]) -> list[FamilyLine]:
    """The families of a run, in the order in which they were named.

    Args:
        metrics: The content of `metrics.json`.

    Example:
        >>> entry = {"supervised": True, "by_entity": {"auroc": 0.8, "ci": [0.7, 0.9]}, "cpu_seconds": 2.0}
        >>> [line] = family_lines({"families": {"mean_difference": entry}})
        >>> line.name, line.figures[0].text(), line.seconds
        ('mean difference', '0.80 [0.70, 0.90]', '2.0')
    """
    return [_line(name, entry) for name, entry in mapping_in(metrics, "families").items()]


def _line(name: str, entry: Mapping[str, Any]) -> FamilyLine:
    seconds = number_in(entry, "cpu_seconds")
    return FamilyLine(
        name=method_name(name),
        supervised=entry.get("supervised") is not False,
        what=str(entry.get("words") or ""),
        reads=str(entry.get("reads") or ""),
        figures=[estimate_in(entry, part) for part in (*GROUPING_ORDER, "within_answer")],
        gains=[estimate_in(mapping_in(entry, part), "minus_probe", key="diff") for part in GROUPING_ORDER],
        seconds="–" if seconds is None else f"{seconds:,.1f}",
    )


def family_reasons(lines: Sequence[FamilyLine]) -> list[str]:
    """Why figures are not defined, each reason once, with the families and columns that it holds for.

    Example:
        >>> missing = {"auroc": None, "ci": None, "reason": "no tokens"}
        >>> entry = {"by_entity": missing, "by_answer": missing, "within_answer": missing}
        >>> family_reasons(family_lines({"families": {"attention": entry}}))
        ['Attention is not defined: no tokens.']
    """
    found: dict[str, dict[str, list[str]]] = {}
    for line in lines:
        for words, figure in zip(FIGURES, line.figures, strict=True):
            if figure.value is None:
                found.setdefault(figure.reason or "", {}).setdefault(line.name, []).append(words)
    sentences = []
    for reason, families in found.items():
        columns = {column for named in families.values() for column in named}
        whole = all(len(named) == len(FIGURES) for named in families.values())
        where = "" if whole else f" {' and '.join(words for words in FIGURES if words in columns)}"
        names, verb = ", ".join(families), "is" if len(families) == 1 else "are"
        sentences.append(f"{names[:1].upper()}{names[1:]} {verb} not defined{where}: {reason}.")
    return sentences
