"""How long judging and locating short answers takes: `python benchmarks/short_answers.py [--answers N]`.

Judges and locates answers of six kinds by the text methods, each with the judge and locator of its task, on one core.
The answers are all different (a cache must not flatter the figure). Writes `short_answers` to
`benchmarks/results.json`: `ours` is the processor's seconds for 10,000 answers (what a clock shows on a core of its
own), `spread` the least and most of the rounds. There is no peer, so `peer` and `ratio` are null.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tacitly.judges.catalog import load_judge
from tacitly.locators.catalog import load_locator
from tacitly.records import Question
from tacitly.tasks.catalog import load_task

RESULTS = Path(__file__).with_name("results.json")
FRAMES = (
    "{}",
    "{}.",
    "**{}**",
    "The answer is {}.",
    "It is {}, as far as anyone can tell from what is said.",
    "I think it's {}, but I may be wrong.",
    "Let us look at this in turn. The question leaves little doubt. So it is {}.",
    "{}\n\nThis follows from what is commonly known; other answers are less likely.",
)
NAMES = (
    "Anna",
    "Bela",
    "Cora",
    "Dora",
    "Elin",
    "Fay",
    "Gail",
    "Hana",
    "Ida",
    "Jana",
    "Kira",
    "Lena",
    "Mona",
    "Nora",
    "Olga",
    "Petra",
)
SURNAMES = (
    "Abel",
    "Bosch",
    "Cole",
    "Dahl",
    "Engel",
    "Frey",
    "Gross",
    "Haas",
    "Ihle",
    "Jung",
    "Kern",
    "Lang",
    "Moser",
    "Noll",
    "Otto",
    "Pohl",
)
ENTAILMENT = ("entailment|entails|entailed", "neutral|neutrality", "contradiction|contradicts|contradictory")

Row = tuple[str, tuple[str, ...], Question, str]


def _rows(rng: np.random.Generator, count: int) -> list[Row]:
    """Judge, locators, question and answer of each row."""
    makers: list[Callable[[int], Row]] = [
        lambda i: _name(rng, i),
        lambda i: _number(rng, i),
        lambda i: _label(rng, i),
        lambda i: _option(rng, i),
        lambda i: _person(rng, i),
        _from_task(rng),
    ]
    return [makers[i % len(makers)](i) for i in range(count)]


def _say(rng: np.random.Generator, given: str) -> str:
    return FRAMES[rng.integers(len(FRAMES))].format(given)


def _question(i: int, text: str, answer: str, choices: tuple[str, ...] = ()) -> Question:
    return Question(question_id=str(i), question=text, answers=(answer,), entity=str(i), choices=choices)


def _name(rng: np.random.Generator, i: int) -> Row:
    right, wrong = (f"{NAMES[rng.integers(16)]} {SURNAMES[rng.integers(16)]} {i}" for _ in range(2))
    question = _question(i, f"Who acted as Marian in the film 'The Long Road {i}'?", right)
    return "alias", ("novel_phrase", "first_line"), question, _say(rng, right if i % 2 else wrong)


def _number(rng: np.random.Generator, i: int) -> Row:
    a, b = (int(n) for n in rng.integers(2, 2_000, size=2))
    question = _question(i, f"A hall has {a} rows of {b} seats. How many seats does it have?", str(a * b))
    given = a * b if i % 2 else a + b
    return "number", ("number",), question, _say(rng, f"{a} x {b} = {given:,}" if i % 3 else f"{given}")


def _label(rng: np.random.Generator, i: int) -> Row:
    text = f'For the statement, "Shop {i} opens at nine", does the hypothesis "Shop {i} is closed at eight" represent'
    question = _question(i, f"{text} entailment, contradiction, or neutrality?", "entailment", ENTAILMENT)
    label = ENTAILMENT[rng.integers(3)].split("|")[0]
    return "label", ("label",), question, _say(rng, f"{label} in case {i}")


def _option(rng: np.random.Generator, i: int) -> Row:
    drugs = [f"{NAMES[j]}cillin {i}" for j in rng.permutation(16)[:5]]
    choices = tuple(f"{drug}|{letter})" for drug, letter in zip(drugs, "ABCDE", strict=True))
    at = int(rng.integers(5))
    question = _question(i, f"Patient {i} has a fever and a cough. Which drug is best?", drugs[0], choices)
    return "choice", ("choices",), question, _say(rng, f"{'ABCDE'[at]}) {drugs[at]}" if i % 2 else "ABCDE"[at])


def _person(rng: np.random.Generator, i: int) -> Row:
    first, second = (f"{NAMES[rng.integers(16)]}{i}", f"{SURNAMES[rng.integers(16)]}{i}")
    text = f"{first} was quicker than {second}, so _ won the race. Who does the blank refer to in the sentence?"
    given = (first, second)[int(rng.integers(2))]
    return "label", ("label",), _question(i, text, first, (first, second)), _say(rng, given)


def _from_task(rng: np.random.Generator) -> Callable[[int], Row]:
    """Questions of `medfacts`, with its closed sets."""
    task = load_task("medfacts")
    questions = list(task.questions())

    def make(i: int) -> Row:
        question = questions[int(rng.integers(len(questions)))]
        given = question.choices[int(rng.integers(len(question.choices)))].split("|")[0]
        return task.judge, task.locator, question, _say(rng, given if i % 2 else f"{question.answers[0]} ({i})")

    return make


def seconds(rows: list[Row]) -> float:
    """Locate the exact answer of every row, then judge every answer, as the stages do."""
    locators = {names: load_locator(names) for _, names, _, _ in rows}
    judges = {name: load_judge(name) for name, _, _, _ in rows}
    started = time.process_time()
    for _, names, question, answer in rows:
        locators[names].locate(question.question, answer, question.choices)
    for name, _, question, answer in rows:
        judges[name].judge_all([question], [answer])
    return time.process_time() - started


def main() -> None:
    """Measure, print, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rounds = [seconds(_rows(np.random.default_rng(seed), options.answers)) for seed in range(options.rounds)]
    rounds = [10_000 * taken / options.answers for taken in rounds]
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results["short_answers"] = {
        "ours": statistics.median(rounds),
        "peer": None,
        "ratio": None,
        "unit": "s",
        "spread": [min(rounds), max(rounds)],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
    low, high = min(rounds), max(rounds)
    print(f"10,000 answers judged and located in {statistics.median(rounds):.2f} s ({low:.2f} to {high:.2f})")
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
