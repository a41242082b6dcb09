"""The figures of a transfer, arranged as a matrix: trained on in the lines, tested on in the columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tacitly.report.results import Estimate, Grouping, interval_of, mapping_in, number_in, reason_in

OTHERS = "all the others"
Figure = Literal["auroc", "minus_baseline"]
Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferMatrix:
    """The entries of one grouping.

    Attributes:
        trained: What was trained on: each task, and last all the others together.
        tested: What was tested on.
        entries: By both.
    """

    trained: tuple[str, ...]
    tested: tuple[str, ...]
    entries: Mapping[tuple[str, str], Entry]

    def estimate(self, trained: str, tested: str, figure: Figure) -> Estimate:
        """A figure of an entry."""
        return entry_estimate(self.entries.get((trained, tested), {}), figure)

    @property
    def carried(self) -> list[tuple[str, str]]:
        """The pairs of two different tasks."""
        return [(a, b) for a in self.trained for b in self.tested if a not in (b, OTHERS)]


def transfer_matrix(transfer: Mapping[str, Any], grouping: Grouping) -> TransferMatrix:
    """Arrange the content of `transfer.json`.

    Args:
        transfer: The content.
        grouping: Which figures.

    Example:
        >>> made = transfer_matrix({"matrix": {"a": {"a": {"auroc": 0.8}}}, "leave_one_out": {}}, "by_entity")
        >>> made.trained, made.estimate("a", "a", "auroc").value
        (('a', 'all the others'), 0.8)
    """
    matrix, left_out = mapping_in(transfer, "matrix"), mapping_in(transfer, "leave_one_out")
    entries = {(a, b): entry for a, line in matrix.items() for b, entry in line.items()}
    entries |= {(OTHERS, b): entry for b, entry in left_out.items()}
    if grouping == "by_answer":
        entries = {pair: mapping_in(entry, "by_answer") for pair, entry in entries.items()}
    return TransferMatrix(trained=(*matrix, OTHERS), tested=tuple(matrix), entries=entries)


def entry_estimate(entry: Entry, figure: Figure) -> Estimate:
    """A figure of an entry with its interval, or why it is not defined.

    Example:
        >>> entry_estimate({"auroc": 0.7, "ci": [0.6, 0.8], "minus_baseline": 0.1}, "minus_baseline").low is None
        True
    """
    value = number_in(entry, figure)
    if value is None:
        return Estimate(reason=reason_in(entry, figure))
    low, high = interval_of(entry.get("ci" if figure == "auroc" else f"{figure}_ci"))
    return Estimate(value=value, low=low, high=high)


def is_clear(estimate: Estimate, bar: float) -> Literal["better", "worse"] | None:
    """Whether a figure's whole interval lies above a bar or below it.

    Example:
        >>> is_clear(Estimate(value=0.6, low=0.55, high=0.7), 0.5), is_clear(Estimate(value=0.6), 0.5)
        ('better', None)
    """
    if estimate.low is None or estimate.high is None or estimate.low <= bar <= estimate.high:
        return None
    return "better" if estimate.low > bar else "worse"
