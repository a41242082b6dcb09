"""MedQuAD as published, read once: how much there is, what the tasks make of it, and how long that takes."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tacitly.judges.alias import AliasJudge
from tacitly.tasks import medquad_task
from tacitly.tasks.base import TaskCard
from tacitly.tasks.medfacts import read_facts
from tacitly.tasks.medquad import MedQuadAnswers
from tacitly.tasks.medquad_answers import SENTENCE_END
from tacitly.tasks.medquad_entities import NO_DISEASE, fold_name
from tacitly.tasks.medquad_genes import MedQuadGenes, genes_of
from tacitly.tasks.medquad_inheritance import GIVEN_AWAY, NO_PATTERN, SEVERAL, MedQuadInheritance, find_patterns
from tacitly.tasks.medquad_pairs import MedQuad, QAPair, ReadingCounts
from tacitly.text import find_whole, normalize

pytestmark = pytest.mark.integration

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "medquad.tar.xz"


# Read apart from the tests, whose checks of shapes would count in time and memory.
READING = """
import json, re, sys, time
from dataclasses import asdict
from pathlib import Path
begun = time.process_time()
from tacitly.tasks.medquad_pairs import read_medquad
found = read_medquad(Path(sys.argv[1]))
seconds = time.process_time() - begun
status = Path("/proc/self/status")  # getrusage would give the peak of the process that started this one
peak = int(re.search("VmHWM:\\\\s+(\\\\d+) kB", status.read_text())[1]) if status.exists() else 0
pairs = [asdict(pair) for pair in found.pairs]
repeated = {first: [asdict(pair) for pair in others] for first, others in found.repeated.items()}
read = {"pairs": pairs, "repeated": repeated, "names": found.names, "counts": asdict(found.counts)}
Path(sys.argv[2]).write_text(json.dumps({**read, "seconds": seconds, "peak": peak}))
"""


@dataclass(frozen=True)
class Reading:
    """What was read, in how many seconds of processor time, with how many KiB at most."""

    medquad: MedQuad
    seconds: float
    peak: int


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Reading:
    if not REAL.is_file():
        pytest.skip("needs ../shared/data/medquad.tar.xz beside the repository")
    path = tmp_path_factory.mktemp("real") / "read.json"
    subprocess.run([sys.executable, "-c", READING, str(REAL), str(path)], check=True)
    read = json.loads(path.read_text())

    def values(pairs: list[dict[str, Any]]) -> tuple[QAPair, ...]:
        return tuple(QAPair(**{**pair, "synonyms": tuple(pair["synonyms"])}) for pair in pairs)

    repeated = {first: values(others) for first, others in read["repeated"].items()}
    names = {entity: tuple(found) for entity, found in read["names"].items()}
    found = MedQuad(values(read["pairs"]), ReadingCounts(**read["counts"]), repeated, names)
    return Reading(found, read["seconds"], read["peak"])


@pytest.fixture
def real(reading: Reading) -> MedQuad:
    return reading.medquad


@pytest.fixture
def read_once(real: MedQuad, monkeypatch: pytest.MonkeyPatch) -> MedQuad:
    monkeypatch.setattr(medquad_task, "read_medquad", lambda _: real)
    return real


def test_everything_is_read_and_counted(real: MedQuad) -> None:
    counts = real.counts
    assert (counts.documents, counts.unread, counts.pairs, counts.answered) == (11_274, 4, 47_441, 16_407)
    assert dict(counts.left_out) == {
        "no answer": 31_034,
        "answered by links or further questions only": 1_088,
        "about nothing that they name": 4,
        "asked before about the same disease": 2_179,
    }
    assert len(real.pairs) == 13_136
    assert counts.pairs == len(real.pairs) + sum(counts.left_out.values())
    assert counts.entities == 4_017
    assert len({pair.question_type for pair in real.pairs}) == 16
    assert len({pair.pair_id for pair in real.everything}) == len(real.everything)


def test_no_disease_swallows_the_others(real: MedQuad) -> None:
    foci: dict[str, set[str]] = {}
    for pair in real.pairs:
        foci.setdefault(pair.entity, set()).add(normalize(pair.focus))
    sizes = Counter(len(names) for names in foci.values())
    assert max(sizes) <= 19  # seventeen names; singular and plural count apart here
    assert sizes[1] > 0.8 * len(foci)
    entities: dict[str, set[str]] = {}
    for pair in real.pairs:
        entities.setdefault(normalize(pair.focus), set()).add(pair.entity)
    entities.pop("", None)
    assert [name for name, found in entities.items() if len(found) > 1] == []
    about = {fold_name(pair.focus): pair.entity for pair in real.pairs if pair.focus}
    named = [(entity, fold_name(name)) for entity, names in real.names.items() for name in names]
    assert [name for entity, name in named if about.get(name, entity) != entity] == []


def test_no_disease_has_the_concepts_of_another(real: MedQuad) -> None:
    bearers: dict[str, set[str]] = {}
    for pair in real.pairs:
        concepts = "|".join(c for c in (pair.cui or "").split("|") if c not in NO_DISEASE)
        if concepts:
            bearers.setdefault(concepts, set()).add(pair.entity)
    assert [concepts for concepts, entities in bearers.items() if len(entities) > 1] == []


def test_no_reference_says_what_all_of_its_kind_say(real: MedQuad) -> None:
    for pair in real.everything:
        assert "Human Phenotype Ontology" not in pair.answer
        assert not pair.answer.startswith("These resources")


def test_the_tasks_ask_as_many_as_their_cards_say(read_once: MedQuad) -> None:
    for task in (MedQuadAnswers, MedQuadInheritance, MedQuadGenes):
        questions = task().questions()
        card: TaskCard = task.card()
        assert len(questions) == card.questions
        assert len({question.question_id for question in questions}) == len(questions)
        assert {question.entity for question in questions} <= {pair.entity for pair in read_once.pairs}


def test_inheritance_agrees_with_the_bundled_facts(real: MedQuad) -> None:
    found = find_patterns(real)
    assert found.left_out == {NO_PATTERN: 163, SEVERAL: 108, GIVEN_AWAY: 52}
    assert Counter(pattern for _, pattern in found.facts) == {
        "autosomal recessive": 433,
        "autosomal dominant": 331,
        "not inherited": 93,
        "X-linked": 67,
        "mitochondrial": 3,
    }
    bundled = {fact.entity: fact.answers for fact in read_facts() if fact.relation == "inheritance"}
    both = [
        (bundled[normalize(pair.focus)], pattern) for pair, pattern in found.facts if normalize(pair.focus) in bundled
    ]
    assert len(both) > 90
    assert all(pattern in answers for answers, pattern in both)


def test_every_reference_is_judged_right_by_its_own_first_sentence(real: MedQuad, read_once: MedQuad) -> None:
    answers = {pair.document_id: pair.answer for pair in real.answered("inheritance")}
    asked = MedQuadInheritance().questions()
    firsts = [SENTENCE_END.split(" ".join(answers[q.meta["document_id"]].split())) for q in asked]
    said = [next(sentence for sentence in sentences if not sentence.endswith("?")) for sentences in firsts]
    labels = AliasJudge().judge_all(asked, said)
    assert [text for text, label in zip(said, labels, strict=True) if not label.correct] == []


def test_genes_are_found_in_most_documents_on_genetics(real: MedQuad, read_once: MedQuad) -> None:
    named = [genes_of(pair.answer) for pair in real.answered("genetic changes")]
    assert (len(named), sum(map(bool, named))) == (1_087, 990)
    for question in MedQuadGenes().questions():
        assert not any(find_whole(gene, question.question) for gene in question.answers)


def test_reading_stays_within_its_bounds(reading: Reading) -> None:
    # Of processor time, on one core, so that other work on the machine does not count.
    assert reading.seconds < 15
    assert reading.peak < 600 * 1024
