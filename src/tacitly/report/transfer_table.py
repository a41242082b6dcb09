"""The short table that ends a transfer in the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from tacitly.report.comparison_lines import shown
from tacitly.report.names import showable
from tacitly.report.transfer_matrix import OTHERS, is_clear, transfer_matrix


def transfer_table(transfer: Mapping[str, Any]) -> Table:
    """AUROC by entity of every pair, and beneath it the difference to the target's best token probability.

    Args:
        transfer: The content of `transfer.json`.

    Example:
        >>> transfer_table({}).title
        'trained on (lines), tested on (columns)'
    """
    matrix = transfer_matrix(transfer, "by_entity")
    table = Table(title="trained on (lines), tested on (columns)", title_style="bold", min_width=79)
    table.box, table.show_lines, table.caption_justify = SIMPLE_HEAD, True, "left"
    table.caption = (
        "AUROC by entity, and beneath it minus the best token probability of the task that is tested; *: its 95 % "
        "interval does not hold 0. On the diagonal each task's own nested probe. –: not defined."
    )
    table.add_column("", overflow="fold")
    for name in matrix.tested:
        table.add_column(Text(showable(name)), justify="right", overflow="fold")
    for trained in matrix.trained:
        cells = []
        for tested in matrix.tested:
            auroc, gain = (matrix.estimate(trained, tested, figure) for figure in ("auroc", "minus_baseline"))
            if auroc.value is None:
                cells.append(Text("–"))
                continue
            difference = shown(gain, signed=True)[0] if gain.value is not None else "–"
            mark = "*" if is_clear(gain, 0.0) else " "
            cells.append(Text(f"{shown(auroc)[0]} \n{difference}{mark}", style="bold" if trained == tested else ""))
        table.add_row(Text(showable(trained), style="italic" if trained == OTHERS else ""), *cells)
    return table
