"""A transfer in plain words: does what is learned on one task hold on another?"""

from collections.abc import Mapping, Sequence
from typing import Any

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
    above, beats = _clear(matrix, pairs)
    first = (
        f"Of {_many(len(pairs), 'probe')} tested on another task than the one that they learned from, {above} tell "
        f"right from wrong better than guessing, {beats} of these better than the best token probability there."
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
    above, beats = _clear(matrix, left)
    return [
        f"Learned from all the other tasks together, it reaches {sum(values) / len(values):.2f} on average on the one "
        f"left out: better than guessing on {above} of {_many(len(left), 'task')}, on {beats} of these better than the "
        f"best token probability."
    ]


def _clear(matrix: TransferMatrix, pairs: Sequence[tuple[str, str]]) -> tuple[int, int]:
    """How many probes are clear of guessing, and how many of these of the best token probability too.

    One that beats a token probability without telling right from wrong itself has beaten nothing.
    """
    above = [pair for pair in pairs if is_clear(matrix.estimate(*pair, "auroc"), 0.5) == "better"]
    return len(above), sum(is_clear(matrix.estimate(*pair, "minus_baseline"), 0.0) == "better" for pair in above)


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
