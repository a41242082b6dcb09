"""Where in the model errors show, before and after: the cells that the folds chose, and the heat maps' difference."""

from collections.abc import Mapping, Sequence
from typing import Any

from tacitly.experiments.answer_table import GROUPINGS, SETS

_KEYS = ("set", "grouping", "site", "layer", "position")
Grid = Sequence[Mapping[str, Any]]


def change_of_grid(base: Grid, tuned: Grid) -> list[dict[str, Any]]:
    """Subtract one heat map from another, cell by cell.

    Args:
        base: The grid of the base model's `metrics.json`.
        tuned: The tuned model's.

    Returns:
        For every cell of either: set, grouping, site, layer, position, `base` and `tuned` (AUROC) and their
        `difference`; null with a reason where a run lacks the cell, or it is not eligible or not defined there.

    Example:
        >>> cell = {"set": "all", "grouping": "by_entity", "site": "mlp", "layer": 1, "position": "-1", "auroc": 0.5}
        >>> [found] = change_of_grid([cell], [cell | {"auroc": 0.75}])
        >>> found["difference"]
        0.25
    """
    cells = [{tuple(cell[key] for key in _KEYS): cell for cell in grid} for grid in (base, tuned)]
    return [_change(place, cells[0].get(place), cells[1].get(place)) for place in dict.fromkeys([*cells[0], *cells[1]])]


def _change(place: tuple[Any, ...], base: Mapping[str, Any] | None, tuned: Mapping[str, Any] | None) -> dict[str, Any]:
    entry: dict[str, Any] = dict(zip(_KEYS, place, strict=True))
    problems = []
    for name, cell in (("base", base), ("tuned", tuned)):
        entry[name] = cell["auroc"] if cell else None
        if cell is None:
            problems.append(f"the {name} run has no such cell")
        elif not cell.get("eligible", True):
            problems.append(f"fewer than 95 % of both classes have it in the {name} run")
        elif cell["auroc"] is None:
            problems.append(f"not defined in the {name} run: {cell.get('reason', 'no fold has both classes')}")
    if problems:
        return {**entry, "difference": None, "reason": "; ".join(problems)}
    return {**entry, "difference": entry["tuned"] - entry["base"]}


def chosen_cells(metrics: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The best cell of a run's nested probe by set and grouping, with its own AUROC as the run's report has it.

    Args:
        metrics: The content of `metrics.json`.

    Returns:
        For each set and grouping: site, layer, position, how many of the folds chose just that, and AUROC with its
        interval over all of the run's own answers; or null with the reason.
    """
    holders = {"located": metrics, "all": metrics["all_answers"]}
    found: dict[str, dict[str, Any]] = {}
    for answers in SETS:
        found[answers] = {}
        for grouping in GROUPINGS:
            entry = holders[answers].get(grouping)
            if entry is None:
                found[answers] |= {grouping: None, f"{grouping}_reason": holders[answers][f"{grouping}_reason"]}
                continue
            best = entry["best"]
            place = best["site"], best["layer"], best["position"]
            chosen = sum((c["site"], c["layer"], c["position"]) == place for c in best["cells"])
            kept = {name: best.get(name) for name in ("site", "layer", "position", "auroc", "ci", "rows")}
            found[answers][grouping] = {**kept, "folds": len(best["cells"]), "chosen_by": chosen}
    return found
