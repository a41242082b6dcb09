"""The task `medquad_genes`: which gene is changed in a disease."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tacitly.errors import TaskError
from tacitly.records import Question
from tacitly.tasks.base import Messages, TaskCard, assistant, user
from tacitly.tasks.medfacts import Example
from tacitly.tasks.medquad import LICENCE, SOURCE, describe
from tacitly.tasks.medquad_answers import SENTENCE_END
from tacitly.tasks.medquad_entities import fold_name
from tacitly.tasks.medquad_pairs import MedQuad, QAPair
from tacitly.tasks.medquad_table import is_fetched
from tacitly.tasks.medquad_task import MedQuadTask
from tacitly.tasks.sampling import draw
from tacitly.text import find_whole

_SYMBOL = r"(?:C\d+orf\d+|[A-Z][A-Z0-9]*[A-Z0-9](?:-[A-Z0-9]+)*)(?![\w-])"
_GENES = re.compile(rf"(?<![\w-])({_SYMBOL}(?:(?:,? (?:and|or|and/or) |, ){_SYMBOL})*) (genes?)\b")
_NOT_GENES = re.compile(r"DNA|RNA|HLA|MHC|IFT|(?!IVD)[IVX]+[A-E]?")
# "Loss of the OCA2 gene does not cause the other signs", "Loss of the NCF1 gene may be protective."
_NO_CAUSE = re.compile(r"\bdoes not cause\b|\b(?:may|might) (?:be protective|protect)\b", re.IGNORECASE)
_CAUSE = re.compile(r"\b(?:cause[sd]?|responsible for)\b", re.IGNORECASE)

NO_GENE, AN_EXAMPLE, SAME_GENES = "name none", "are shown as an example", "are about a type with the same genes"
_ASKED = "Mutations in which gene cause {}?"

EXAMPLES = tuple(
    Example(asked=_ASKED.format(disease), answer=gene, entity=disease)
    for disease, gene in (("cystic fibrosis", "CFTR"), ("Huntington disease", "HTT"), ("sickle cell disease", "HBB"))
)
_SHOWN = {fold_name(shown.entity) for shown in EXAMPLES}


class MedQuadGenes(MedQuadTask):
    r"""Genes, one question for each disease; every gene that the reference answer names is accepted.

    Args:
        path: A copy of MedQuAD (`tacitly.tasks.medquad_pairs.read_medquad`); None fetches the hub's table.
        limit: At most this many questions.
        prompt: A template in place of the task's prompt; the examples are then left out.
        seed: Which questions a limit draws.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "three.csv"
        ...     _ = path.write_text(
        ...         "qtype,Question,Answer\n"
        ...         "genetic changes,What are the genetic changes related to sialuria ?,The GNE gene is mutated.\n"
        ...     )
        ...     question = MedQuadGenes(path=path).questions()[0]
        >>> question.answers, question.entity
        (('GNE',), 'sialuria')
    """

    name = "medquad_genes"
    judge = "alias"
    locator = ("novel_phrase", "first_line")
    stop: tuple[str, ...] = ()
    system_prompt: str | None = None
    max_new_tokens = 16

    def ask(self, medquad: MedQuad) -> tuple[Question, ...]:
        """The questions, in the order of their documents."""
        found = find_genes(medquad)
        if not found.facts:
            raise TaskError(f"{self.shown} names no gene", remedy="give a whole copy of MedQuAD")
        everything = (
            Question(
                question_id=f"{self.name}/{fold_name(pair.focus).replace(' ', '-')}",
                question=_ASKED.format(pair.focus),
                answers=genes,
                entity=pair.entity,
                meta={**describe(medquad, pair), "subject": pair.focus},
            )
            for pair, genes in found.facts
        )
        return draw(everything, limit=self.limit, seed=self.seed, stratum=lambda _: "")

    def prompt(self, question: Question) -> Messages:
        """The examples, which show that a symbol is wanted, the same before every question, and the question."""
        if self.template is not None:
            return [user(self.template.fill(question))]
        turns = [turn for shown in EXAMPLES for turn in (user(shown.asked), assistant(shown.answer))]
        return [*turns, user(question.question)]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was read of MedQuAD, and of its answers about genes."""
        return (*super().notes, find_genes(self.medquad).summary)

    @classmethod
    def card(cls) -> TaskCard:
        """Describe the task."""
        return TaskCard(
            name=cls.name,
            asks="which gene is changed in a disease",
            questions=946,
            needs=None,
            answer_form="a gene's symbol",
            source=SOURCE,
            licence=LICENCE,
            is_here=is_fetched(),
        )


@dataclass(frozen=True, slots=True)
class GeneFacts:
    """The genes that MedQuAD's answers name.

    Attributes:
        facts: For each disease the question that was answered, and the genes, in the order in which its answers name
            them.
        left_out: How many questions about genetic changes have no such fact, by the reason.
    """

    facts: tuple[tuple[QAPair, tuple[str, ...]], ...]
    left_out: Mapping[str, int]

    @property
    def summary(self) -> str:
        """The counts as one line."""
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.items() if count)
        return (
            f"genes: {len(self.facts) + sum(self.left_out.values()):,} questions about genetic changes, of whose "
            f"answers {len(self.facts):,} name genes; left out: {left_out or 'none'}"
        )


def find_genes(medquad: MedQuad) -> GeneFacts:
    """Find the genes of every disease.

    Types of one disease are asked about each, unless they have the same genes as one before; what every source names is
    accepted. The diseases of `EXAMPLES` are left out.

    Args:
        medquad: What was read.

    Returns:
        The genes, with counts.
    """
    facts: dict[tuple[str, frozenset[str]], tuple[QAPair, tuple[str, ...]]] = {}
    left_out: Counter[str] = Counter()
    for pair in medquad.pairs:
        if pair.question_type != "genetic changes":
            continue
        same = (pair, *medquad.repeated.get(pair.pair_id, ()))
        genes = tuple(dict.fromkeys(g for one in same for g in _without_abbreviations(one, genes_of(one.answer))))
        if not (genes and pair.focus):
            left_out[NO_GENE] += 1
        elif not _SHOWN.isdisjoint(map(fold_name, medquad.names_of(pair.entity))):
            left_out[AN_EXAMPLE] += 1
        elif (pair.entity, frozenset(genes)) in facts:
            left_out[SAME_GENES] += 1
        else:
            facts[pair.entity, frozenset(genes)] = (pair, genes)
    return GeneFacts(tuple(facts.values()), {reason: left_out[reason] for reason in (NO_GENE, AN_EXAMPLE, SAME_GENES)})


def genes_of(answer: str) -> tuple[str, ...]:
    """The genes that an answer names: symbols before the word `gene`, and those listed with them.

    A lone symbol before `genes` is that of a family ("BBS genes") and is left out, and so is what one sentence says is
    no cause and none that it is.

    Example:
        >>> genes_of("Mutations in the ACVRL1, ENG, and SMAD4 genes cause it. The C9orf72 gene too, not the HLA genes.")
        ('ACVRL1', 'ENG', 'SMAD4', 'C9orf72')
    """
    named: dict[str, None] = {}
    causes: set[str] = set()
    denied: set[str] = set()
    for sentence in SENTENCE_END.split(" ".join(answer.split())):
        for match in _GENES.finditer(sentence):
            symbols = re.findall(_SYMBOL, match[1])
            if len(symbols) > 1 or match[2] == "gene":
                named.update(dict.fromkeys(symbols))
                if _NO_CAUSE.search(sentence):
                    denied.update(symbols)
                elif _CAUSE.search(sentence):
                    causes.update(symbols)
    return tuple(gene for gene in named if gene not in denied - causes and not _NOT_GENES.fullmatch(gene))


def _without_abbreviations(pair: QAPair, genes: tuple[str, ...]) -> list[str]:
    """The genes that the disease's name does not hold; one that is the disease's abbreviation only where alone.

    "BBS genes" are the genes of BBS, while the gene WAS is named after the disease.
    """
    told = [gene for gene in genes if not find_whole(gene, pair.focus)]
    return [gene for gene in told if gene not in pair.synonyms] or told
