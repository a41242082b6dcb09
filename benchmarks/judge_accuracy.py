"""How often judges of short answers are right: `python benchmarks/judge_accuracy.py --data FOLDER`.

FOLDER holds the paper's tables (`paper/*.csv.xz`) and `medquad.tar.xz`. Right and wrong answers are made of them, in
sentence frames of ours, and judged. Prints Markdown tables, and puts them into `docs/reference/judges.md` between the
marks there. The same data and seed give the same figures.
"""

import argparse
import csv
import lzma
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tacitly.judges.catalog import load_judge
from tacitly.judges.graded_answers import replace_names
from tacitly.judges.similarity import beginning
from tacitly.judges.thresholds import KINDS, read_calibration
from tacitly.records import Question
from tacitly.tasks.medquad_genes import MedQuadGenes
from tacitly.tasks.medquad_inheritance import MedQuadInheritance
from tacitly.tasks.medquad_pairs import MedQuad, QAPair, read_medquad
from tacitly.text import normalize

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "judges.md"
FRAMES = (
    "{x}",
    "{x}.",
    "**{x}**",
    "The answer is {x}.",
    "I think it's {x}, but I'm not sure.",
    "{x}\n\nThat is the most likely answer.",
    "It is {x}, not {other}.",
    "Not {other} but {x}.",
)
UNDECIDED = ("{x} or {other}", "Either {x} or {other}, I think.", "It could be {x} or {other}.")
ENTAILMENT = ("entailment", "neutral", "contradiction")
JUDGED_BY = {
    "movies": ("alias",),
    "math": ("number", "alias"),
    "winobias": ("label", "choice"),
    "winogrande": ("label", "choice"),
    "mnli": ("label", "choice"),
    "medquad_inheritance": ("choice", "label"),
    "medquad_genes": ("alias",),
}
COLUMNS = ("right", "right, restated", "other question", "other answer", "other answer, restated", "undecided")


@dataclass(frozen=True, slots=True)
class Case:
    """A question of the paper with its answer and another that is wrong, and sentences that restate the question."""

    question: Question
    other: str
    restated: str


def _table(data: Path, name: str) -> Iterator[dict[str, str]]:
    with lzma.open(data / "paper" / f"{name}.csv.xz", "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _ask(i: int, text: str, answer: str, choices: Sequence[str] = ()) -> Question:
    return Question(question_id=str(i), question=text, answers=(answer,), entity=str(i), choices=tuple(choices))


def _movies(data: Path) -> Iterator[Case]:
    cast: dict[str, list[str]] = defaultdict(list)
    rows = []
    for row in _table(data, "movie_qa_test"):
        asked = re.fullmatch(r"Who acted as (?P<role>.+) in the movie '(?P<title>.+)'\?", row["Question"].strip())
        if asked:
            rows.append((asked["role"], asked["title"], row))
            cast[asked["title"]].append(row["Answer"].strip())
    for i, (role, title, row) in enumerate(rows):
        right = row["Answer"].strip()
        others = [name for name in cast[title] if name != right] or [rows[i - 1][2]["Answer"].strip()]
        yield Case(_ask(i, row["Question"], right), others[0], f"{{x}} acted as {role} in the movie '{title}'.")


def _math(data: Path) -> Iterator[Case]:
    for i, row in enumerate(_table(data, "AnswerableMath_test")):
        right = row["answer"].strip("[] ")
        said = re.findall(r"\d+", row["question"])
        shown = f"{float(right):g}"
        if len(said) < 2 or shown in said or not 0 < float(right) < 1e6:
            continue
        other = str(int(said[0]) + int(said[1]) + 1)
        restated = (
            f"From {said[0]} and {said[1]} we get {said[0]} + {said[1]} = {int(said[0]) + int(said[1])}. So {{x}}."
        )
        if shown not in {other, str(int(other) - 1)}:
            yield Case(_ask(i, row["question"], shown), other, restated)


def _winobias(data: Path) -> Iterator[Case]:
    for i, row in enumerate(_table(data, "winobias_dev")):
        right, wrong = row["answer"], row["incorrect_answer"]
        if normalize(right) == normalize(wrong):
            continue
        choices = sorted((right, wrong), key=row["sentence"].find)
        head, found, tail = row["sentence"].rpartition(f" {row['pronoun']} ")
        restated = f"{head} the {{x}} {tail}" if found else f"{row['sentence']} It is the {{x}}."
        yield Case(_ask(i, f"{row['sentence']} {row['q_instruct']}", right, choices), wrong, restated)


def _winogrande(data: Path) -> Iterator[Case]:
    for i, row in enumerate(_table(data, "winogrande_train")):
        sentence = re.sub(r"\s*Wh(?:o|at) does the blank refer to in the sentence\?$", "", row["Question"])
        right, wrong = row["Answer"].strip(), row["Wrong_Answer"].strip()
        choices = sorted((right, wrong), key=sentence.find)
        yield Case(_ask(i, row["Question"], right, choices), wrong, sentence.replace("_", "{x}"))


def _mnli(data: Path) -> Iterator[Case]:
    for i, row in enumerate(_table(data, "mnli_validation")):
        other = ENTAILMENT[(ENTAILMENT.index(row["Answer"]) + 1) % 3]
        restated = row["Question"].split(", does the hypothesis")[0].replace("{", "(").replace("}", ")")
        yield Case(_ask(i, row["Question"], row["Answer"], ENTAILMENT), other, f"{restated}, the hypothesis is {{x}}.")


def _answers(cases: Sequence[Case], rng: np.random.Generator) -> Iterator[tuple[str, str, Question, str]]:
    """Kind, frame, question and answer."""
    for case in cases:
        right, other = case.question.answers[0], case.other
        elsewhere = cases[int(rng.integers(len(cases)))].question.answers[0]
        for frame in FRAMES:
            yield "right", frame, case.question, frame.format(x=right, other=other)
            yield "other answer", frame, case.question, frame.format(x=other, other=right)
            if elsewhere not in {right, other}:
                yield "other question", frame, case.question, frame.format(x=elsewhere, other=right)
        yield "right, restated", "", case.question, case.restated.replace("{x}", right)
        yield "other answer, restated", "", case.question, case.restated.replace("{x}", other)
        for frame in UNDECIDED:
            first, second = (right, other) if rng.random() < 0.5 else (other, right)
            yield "undecided", frame, case.question, frame.format(x=first, other=second)


def _documents(task: str, medquad: MedQuad, questions: Sequence[Question], rng: np.random.Generator) -> Iterator[
    tuple[str, str, Question, str]
]:  # fmt: skip
    """MedQuAD's own answers to a task's questions, and wrong ones: kind, no frame, question and answer."""
    asks = "inheritance" if task == "medquad_inheritance" else "genetic changes"
    of_disease: dict[str, list[QAPair]] = defaultdict(list)
    for pair in medquad.everything:
        of_disease[pair.entity].append(pair)
    found = {q.question_id: [p for p in of_disease[q.entity] if p.question_type == asks][:1] for q in questions}
    own = {key: pairs[0] for key, pairs in found.items() if pairs}
    for question in questions:
        if question.question_id not in own:
            continue
        pair = own[question.question_id]
        other = questions[int(rng.integers(len(questions)))]
        theirs = own.get(other.question_id)
        yield "right", "", question, beginning(pair.answer)
        everything = medquad.pairs[int(rng.integers(len(medquad.pairs)))]
        if everything.entity != question.entity:
            yield "other question", "", question, beginning(everything.answer)
        types = [p for p in of_disease[question.entity] if p.question_type != asks]
        if types:
            yield "other type", "", question, beginning(types[int(rng.integers(len(types)))].answer)
        if theirs is not None and not set(other.answers) & set(question.answers):
            names = (theirs.focus, *theirs.synonyms, *medquad.names_of(theirs.entity))
            yield "other disease", "", question, beginning(replace_names(theirs.answer, names, by=pair.focus)[0])


def _judge(judge: str, answers: Iterable[tuple[str, str, Question, str]]) -> dict[str, dict[str, list[bool | None]]]:
    """Verdicts by kind and frame."""
    rows = list(answers)
    labels = load_judge(judge).judge_all([row[2] for row in rows], [row[3] for row in rows])
    found: dict[str, dict[str, list[bool | None]]] = defaultdict(lambda: defaultdict(list))
    for (kind, frame, _, _), label in zip(rows, labels, strict=True):
        found[kind][frame].append(label.correct)
    return found


def _cell(verdicts: Sequence[bool | None]) -> str:
    if not verdicts:
        return "–"
    accepted, unknown = (100 * np.mean([v is which for v in verdicts]) for which in (True, None))
    return f"{accepted:.1f}" + (f" ({unknown:.1f})" if unknown else "")


def _lines(data: Path, *, rows: int, seed: int) -> Iterator[str]:
    readers = {"movies": _movies, "math": _math, "winobias": _winobias, "winogrande": _winogrande, "mnli": _mnli}
    yield "| judge | task | right answers | " + " | ".join(COLUMNS) + " |"
    yield "|---|---|" + "---|" * (len(COLUMNS) + 1)
    for task, read in readers.items():
        rng = np.random.default_rng(seed)
        everything = list(read(data))
        cases = [
            everything[i] for i in sorted(rng.choice(len(everything), size=min(rows, len(everything)), replace=False))
        ]
        answers = list(_answers(cases, rng))
        for judge in JUDGED_BY[task]:
            found = _judge(judge, answers)
            cells = [_cell([v for verdicts in found[kind].values() for v in verdicts]) for kind in COLUMNS]
            count = sum(map(len, found["right"].values()))
            yield f"| `{judge}` | {task} | {count:,} | " + " | ".join(cells) + " |"
    yield ""
    yield "| judge | task | right answers | right | other question | other type | other disease |"
    yield "|---|---|---|---|---|---|---|"
    medquad = read_medquad(data / "medquad.tar.xz")
    for task, kind in (("medquad_inheritance", MedQuadInheritance), ("medquad_genes", MedQuadGenes)):
        questions = [
            replace(q, question_id=str(i)) for i, q in enumerate(kind(path=data / "medquad.tar.xz").questions())
        ]
        answers = list(_documents(task, medquad, questions, np.random.default_rng(seed)))
        for judge in JUDGED_BY[task]:
            found = _judge(judge, answers)
            cells = [_cell(found[kind][""]) for kind in ("right", "other question", "other type", "other disease")]
            yield f"| `{judge}` | {task} | {len(found['right']['']):,} | " + " | ".join(cells) + " |"
    yield ""
    yield "| judge | threshold | balanced accuracy | " + " | ".join(kind.replace("_", " ") for kind in KINDS) + " |"
    yield "|---|---|---|" + "---|" * len(KINDS)
    for name in ("token_f1", "rouge_l", "embedding"):
        calibration = read_calibration(name)
        worth = calibration.overall
        shares = " | ".join(f"{100 * worth.accepted[kind]:.1f}" for kind in KINDS)
        yield f"| `{name}` | {calibration.threshold:.2f} | {worth.balanced_accuracy:.2f} | {shares} |"


def main() -> None:
    """Measure, print, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=300, help="questions of each of the paper's tables")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    lines = "\n".join(_lines(options.data, rows=options.rows, seed=options.seed))
    print(lines)
    if PAGE.exists():
        tables = iter(lines.split("\n\n"))
        page = PAGE.read_text(encoding="utf-8")
        page = re.sub(
            r"(<!-- figures -->\n).*?(\n<!-- end -->)", lambda m: m[1] + next(tables) + m[2], page, flags=re.DOTALL
        )
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
