"""Made rows in the columns of every task's files: nothing in them is of a data set."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

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


def _hotpot(question_id: str, question: str, answer: str, titles: list[str]) -> dict[str, object]:
    return {
        "id": question_id,
        "question": question,
        "answer": answer,
        "type": "bridge",
        "level": "easy",
        "supporting_facts": {"title": titles, "sent_id": [0] * len(titles)},
        "context": {"title": titles, "sentences": [[f"{title} is there.", " It was made."] for title in titles]},
    }


def _mcqa(question_id: str, question: str, right: int) -> dict[str, object]:
    options = {f"op{letter}": name for letter, name in zip("abcd", ("Liver", "Tea", "Rib", "Thyroid"), strict=True)}
    about = {"subject_name": "Anatomy", "topic_name": None, "choice_type": "single", "exp": None}
    return {"id": question_id, "question": question, **options, "cop": right, **about}


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
    "popqa": {
        "test.tsv": as_csv(
            ("id", "subj", "prop", "obj", "s_pop", "question", "possible_answers"),
            (11, "Ann", "occupation", "potter", 70, "What is Ann's occupation?", '["potter", "ceramist"]'),
            (12, "Ann", "place of birth", "Here", 70, "Where was Ann born?", '["Here"]'),
            delimiter="\t",
        )
    },
    "medqa": {
        f"phrases_no_exclude_{part}.jsonl": json.dumps(
            {
                "question": f"A patient {part}s. What helps?",
                "answer": "Rest",
                "options": {"A": "Work", "B": "Rest", "C": "Tea", "D": "Milk"},
                "meta_info": "step1",
                "answer_idx": "B",
                "metamap_phrases": [],
            }
        )
        for part in ("train", "test")
    },
}
"""The files of each task that reads texts, by name."""


TABLES: Mapping[str, Mapping[str, list[dict[str, object]]]] = {
    "triviaqa": {
        "rc.nocontext/train-00000-of-00001.parquet": [
            {"question": "Who made it?", "question_id": "tc_1", "answer": {"value": "Ann", "aliases": ["Anne", "Ann"]}},
            {"question": "Who made it?", "question_id": "tc_1", "answer": {"value": "Ann", "aliases": ["Annie"]}},
        ],
        "rc.nocontext/validation-00000-of-00001.parquet": [
            {"question": "Where is it?", "question_id": "tc_2", "answer": {"value": "Here", "aliases": []}},
        ],
    },
    "nq_open": {
        "nq_open/train-00000-of-00001.parquet": [{"question": "who made it", "answer": ["Ann", "Anne"]}],
        "nq_open/validation-00000-of-00001.parquet": [{"question": "where is it", "answer": ["here"]}],
    },
    "hotpotqa": {
        "distractor/train-00000-of-00002.parquet": [_hotpot("a1", "Who made the red cup?", "Ann", ["Red cup", "Ann"])],
        "distractor/train-00001-of-00002.parquet": [_hotpot("a2", "Is it red?", "yes", ["Cup", "Cup"])],
        "distractor/validation-00000-of-00001.parquet": [_hotpot("a3", "Where is Ann?", "Here", ["Ann", "Place"])],
    },
    "imdb": {
        "plain_text/train-00000-of-00001.parquet": [{"text": "A good film.<br /><br />See it.", "label": 1}],
        "plain_text/test-00000-of-00001.parquet": [{"text": "A bad film.", "label": 0}],
    },
    "truthfulqa": {
        "generation/validation-00000-of-00001.parquet": [
            {
                "type": "Made",
                "category": "Cups",
                "question": f"What happens to {thing}?",
                "best_answer": "Nothing happens",
                "correct_answers": ["Nothing happens", "It stays"],
                "incorrect_answers": [f"The {thing} melts", f"The {thing} sings"],
                "source": "made",
            }
            for thing in ("cup", "box")
        ]
    },
    "medmcqa": {
        "data/train-00000-of-00001.parquet": [_mcqa("m1", "Which is a bone?", 2), _mcqa("m2", "Which is an organ?", 0)],
        "data/validation-00000-of-00001.parquet": [_mcqa("m3", "Which is a gland?", 3)],
    },
    "pubmedqa": {
        "pqa_labeled/train-00000-of-00001.parquet": [
            {
                "pubid": number,
                "question": f"Does cup {number} help?",
                "context": {"contexts": ["We gave cups.", "Many helped."], "labels": ["AIM", "RESULTS"]},
                "long_answer": "It does.",
                "final_decision": label,
            }
            for number, label in ((1, "yes"), (2, "maybe"))
        ]
    },
    "medhallu": {
        "pqa_labeled/train-00000-of-00001.parquet": [
            {
                "Question": "Do cups help?",
                "Knowledge": ["We gave cups.", "Many helped."],
                "Ground Truth": "They helped many.",
                "Difficulty Level": "easy",
                "Hallucinated Answer": "They helped nobody.",
                "Category of Hallucination": "made",
            }
        ]
    },
}
"""The tables of each task that reads Parquet, by their paths at the hub."""


def write_sample(name: str, folder: Path) -> Path | None:
    """Write made files of a task: the one text, or the folder with all files; None for a bundled task."""
    name = {"hotpotqa_context": "hotpotqa", "truthfulqa_choice": "truthfulqa"}.get(name, name)
    for file, rows in TABLES.get(name, {}).items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), folder / file)
    texts = TEXTS.get(name, {})
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")
    if name == "medfacts":
        return None
    return folder / next(iter(texts)) if len(texts) == 1 and name != "opentriviaqa" else folder
