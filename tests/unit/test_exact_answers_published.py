"""How well the locators find the exact answers of published tasks that were marked by hand."""

from collections import Counter

import pytest

from tacitly.locators.catalog import load_locator
from tests.locator_rates import PATHS, own_locator, rates, read_lines, read_published

pytestmark = pytest.mark.unit

LINES = read_lines("exact_answers_published.jsonl")
# Measured on the answers of both batches, with a margin of about ten points; a class of fewer than 20 has no floor.
FLOORS = {
    "movies": {"wrong": 0.80},
    "math": {"wrong": 0.70},
    "winogrande": {"right": 0.80, "wrong": 0.60},
    "opentriviaqa": {"right": 0.85, "wrong": 0.80},
    "medquad_inheritance": {"right": 0.90, "wrong": 0.85},
}
ENOUGH = 20


def test_the_fixture_is_sound() -> None:
    assert {line["task"] for line in LINES} == set(PATHS) == set(FLOORS)
    assert min(Counter(line["task"] for line in LINES).values()) >= 60
    assert len({(line["task"], line["question_id"]) for line in LINES}) == len(LINES)
    for line in LINES:
        assert set(line) == {"task", "question_id", "text", "token_ids", "exact_answer", "start", "batch"}
        exact, start = line["exact_answer"], line["start"]
        assert (exact is None) == (start is None)
        if exact is not None:
            assert line["text"][start : start + len(exact)] == exact == exact.strip() != ""


@pytest.mark.parametrize("task", PATHS)
def test_exact_answers_of_a_published_task_are_found(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    if not PATHS[task].exists():
        pytest.skip(f"needs ../shared/data/{PATHS[task].name} beside the repository")
    found = rates(read_published(task), load_locator(own_locator(task)))
    with capsys.disabled():
        shown = ", ".join(f"{name} {hits} of {count}" for name, (hits, count) in found.items())
        print(f"\nexact answers of {task} found as marked by hand: {shown}")
    assert sum(count for _, count in found.values()) == sum(line["task"] == task for line in LINES)
    for name, floor in FLOORS[task].items():
        hits, count = found[name]
        assert count >= ENOUGH
        assert hits / count >= floor
