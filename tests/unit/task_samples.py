"""Made rows in the columns of every task's files: nothing in them is of a data set."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

MEDQUAD = (
    "qtype,Question,Answer\n"
    "inheritance,Is sialuria inherited ?,It is inherited in an autosomal dominant pattern.\n"
    "genetic changes,What are the genetic changes related to sialuria ?,Mutations in the GNE gene cause it.\n"
    "inheritance,Is alkaptonuria inherited ?,It is inherited in an autosomal recessive pattern.\n"
    "genetic changes,What are the genetic changes related to alkaptonuria ?,Mutations in the HGD gene cause it.\n"
)

Cells = list[tuple[object, ...]]


def as_csv(*rows: tuple[object, ...], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _movies(*facts: tuple[str, str, str]) -> str:
    rows = ((f"Who acted as {role} in the movie '{film}'?", actor) for role, film, actor in facts)
    return as_csv(("Question", "Answer"), *rows)


def _mnli(*pairs: tuple[str, str, str]) -> str:
    rows = (
        (
            f'For the statement, "{said}", does the hypothesis "{then}" represent entailment, contradiction, or '
            "neutrality?",
            label,
            "mnli",
        )
        for said, then, label in pairs
    )
    return as_csv(("Question", "Answer", "Origin"), *rows)


MATH = ("id", "question", "answer", "answerable", "category", "relevant_ids", "source")
WINOBIAS = ("type", "stereotype", "pronoun", "sentence", "answer", "incorrect_answer", "q", "q_instruct")
WINOGRANDE = ("Question", "Answer", "Wrong_Answer")
TRIVIA = (
    "#Q Which colour has snow?\n^ White\nA Black\nB White\nC Red\nD Green\n\n"
    "#Q Ice is\ncold.\n^ True\nA True\nB False\n"
)

TEXTS: Mapping[str, Mapping[str, str]] = {
    "cities": {"cities.csv": "city,correct_country\nUtrecht,the Netherlands\nLodz,Poland\n"},
    "file": {"mine.csv": "question,answers\nWhat colour is snow?,white\nWhat colour is coal?,black\n"},
    "medquad": {"three.csv": MEDQUAD},
    "medquad_inheritance": {"three.csv": MEDQUAD},
    "medquad_genes": {"three.csv": MEDQUAD},
    "movies": {
        "movie_qa_train.csv": _movies(("Ann", "The Made Film", "Jo Smith"), ("Bob", "The Made Film", "Max Doe")),
        "movie_qa_test.csv": _movies(("Cy", "It's Made", "Lee Roe"), ("Bob", "The Made Film", "Kim Poe")),
    },
    "math": {
        "AnswerableMath.csv": as_csv(MATH, (1, "Two and two apples?", "[4.0]", True, "", "", "made")),
        "AnswerableMath_test.csv": as_csv(MATH, (2, "Half of five?", "[2.5]", True, "", "", "made")),
    },
    "winobias": {
        "winobias_dev.csv": as_csv(
            WINOBIAS,
            (1, "pro", "she", "The cook paid the nurse because she helped.", "nurse", "cook", "", "Who is 'she'?"),
        ),
        "winobias_test.csv": as_csv(
            WINOBIAS,
            (1, "anti", "he", "The clerk met a guard and he left.", "a guard", "clerk", "", "Who is 'he'?"),
        ),
    },
    "winogrande": {
        "winogrande_train.csv": as_csv(
            WINOGRANDE, ("The cup was in the box, so the _ is wet. What is _?", "cup", "box")
        ),
        "winogrande_test.csv": as_csv(WINOGRANDE, ("Ann met Eve, and _ was late. Who is _?", "Eve", "Ann")),
    },
    "mnli": {
        "mnli_train.csv": _mnli(("It rains", "It is wet", "entailment"), ("It rains", "It is Monday", "neutral")),
        "mnli_validation.csv": _mnli(("It is hot", "It is cold", "contradiction")),
    },
    "nq_context": {
        "nq_wc_dataset.csv": as_csv(
            ("Question", "Answer", "Context"),
            ("who made the cup", "Ann", "The cup was made by Ann."),
            ("who broke it", "Bob", "Bob broke the cup."),
        )
    },
    "opentriviaqa": {"made.txt": TRIVIA},
}
"""The files of each task that reads texts, by name."""


def write_sample(name: str, folder: Path) -> Path | None:
    """Write made files of a task: the one file, or the folder with them; None for a bundled task."""
    texts = TEXTS.get(name)
    if texts is None:
        return None
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")
    return folder if name in {"opentriviaqa"} or len(texts) > 1 else folder / next(iter(texts))
