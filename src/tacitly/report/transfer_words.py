"""A transfer in plain words: does what is learned on one task hold on another?"""

from collections.abc import Mapping
from typing import Any

from tacitly.report.results import Estimate
from tacitly.report.transfer_matrix import OTHERS, TransferMatrix, is_clear, transfer_matrix


def transfer_sentences(transfer: Mapping[str, Any]) -> list[str]:
    """What the figures by entity say, one sentence each: of single tasks, of their means, and of all others together.

    Args:
        transfer: The content of `transfer.json`.

    Returns:
        Plain text, not escaped for any page.

    Example:
        >>> transfer_sentences({})
        ['No probe could be tested on another task.']
    """
    matrix = transfer_matrix(transfer, "by_entity")
    pairs = [(a, b) for a, b in matrix.carried if matrix.estimate(a, b, "auroc").value is not None]
    if not pairs:
        return ["No probe could be tested on another task."]
    above = _count(matrix, pairs, "auroc")
    beats = _count(matrix, pairs, "minus_baseline")
    first = (
        f"Of {_many(len(pairs), 'probe')} tested on another task than the one that they learned from, {above} tell "
        f"right from wrong better than guessing, and {beats} better than the best token probability there."
    )
    return [first, *_means(matrix, pairs), *_others(matrix)]


def _means(matrix: TransferMatrix, pairs: list[tuple[str, str]]) -> list[str]:
    own = [v for b in matrix.tested if (v := matrix.estimate(b, b, "auroc").value) is not None]
    carried = [matrix.estimate(a, b, "auroc").value or 0.0 for a, b in pairs]
    if not own:
        return []
    return [
        f"On the task that it learned from, a probe reaches an AUROC of {sum(own) / len(own):.2f} on average; on "
        f"another one {sum(carried) / len(carried):.2f}, where guessing gives 0.50."
    ]


def _others(matrix: TransferMatrix) -> list[str]:
    left = [(OTHERS, b) for b in matrix.tested if matrix.estimate(OTHERS, b, "auroc").value is not None]
    if not left:
        return []
    values = [matrix.estimate(a, b, "auroc").value or 0.0 for a, b in left]
    beats, losses = (_count(matrix, left, "minus_baseline", verdict) for verdict in ("better", "worse"))
    return [
        f"Learned from all the other tasks together, it reaches {sum(values) / len(values):.2f} on average on the one "
        f"left out: clearly better than the best token probability on {beats} of {_many(len(left), 'task')}, clearly "
        f"worse on {losses}."
    ]


def _count(matrix: TransferMatrix, pairs: list[tuple[str, str]], figure: Any, verdict: str = "better") -> int:
    """How many figures lie clear of guessing, or of no difference."""
    bar = 0.5 if figure == "auroc" else 0.0
    estimates: list[Estimate] = [matrix.estimate(a, b, figure) for a, b in pairs]
    return sum(is_clear(estimate, bar) == verdict for estimate in estimates)


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
