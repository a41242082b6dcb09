"""Equivalence by natural language inference: two answers are the same that entail each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from tacitly.baselines.equivalence import EquivalenceName, GivenAnswers, Relation
from tacitly.reading.cues import SENTENCE_END

Verdicts = Callable[[Sequence[str], Sequence[str]], Float[np.ndarray, "pair verdict"]]
ENTAILS, CONTRADICTS = 0, 2  # of entailment, neutral, contradiction


@dataclass(frozen=True, slots=True)
class NliEquivalence:
    """Answers are the same of which the model calls each an entailment of the other, both read after their question.

    Exact answers are compared, or whole texts where there are none; a text entails itself. How alike two samples are is
    the mean probability of both entailments. How far a sample contradicts the greedy answer is the mean, over the
    sentences of the greedy answer, of the probability of a contradiction against that of an entailment.

    Args:
        verdicts: How likely premises entail, say nothing of, and contradict their hypotheses.

    Reference:
        Kuhn, Gal and Farquhar (ICLR 2023), section 3.2, for the equivalence; Lin, Trivedi and Sun (TMLR 2024), section
        4.1, for the similarity; Manakul, Liusie and Gales (EMNLP 2023), "SelfCheckGPT", section 5.4, for the
        contradictions.

    Example:
        >>> def equal(premises, hypotheses):
        ...     return np.array([[0.9, 0.1, 0.0] if p.lower() == h.lower() else [0.1, 0.2, 0.7]
        ...                      for p, h in zip(premises, hypotheses)])
        >>> words, given = ["Lima", "LIMA", "Quito"], ["lima", "lima", "quito"]
        >>> answers = GivenAnswers(question="Capital of Peru?", texts=words, given=given, words=words)
        >>> relation = NliEquivalence(equal).relate([answers])[0]
        >>> relation.same[0].tolist(), relation.similarity.tolist()
        ([True, True, False], [[1.0, 0.1], [0.1, 1.0]])
    """

    verdicts: Verdicts
    name: EquivalenceName = "nli"

    def relate(self, answers: Sequence[GivenAnswers]) -> list[Relation]:
        """Ask about all pairs of all questions at once, and about none twice."""
        pairs: dict[tuple[str, str], int] = {}
        for of_one in answers:
            asked = list(dict.fromkeys(f"{of_one.question} {words}" for words in of_one.words))
            for pair in ((mine, theirs) for mine in asked for theirs in asked if mine != theirs):
                pairs.setdefault(pair, len(pairs))
            for pair in _checks(of_one):
                pairs.setdefault(pair, len(pairs))
        likely = self.verdicts([first for first, _ in pairs], [second for _, second in pairs]) if pairs else None
        return [self._relation(of_one, pairs, likely) for of_one in answers]

    def _relation(
        self,
        answers: GivenAnswers,
        pairs: dict[tuple[str, str], int],
        likely: Float[np.ndarray, "pair verdict"] | None,
    ) -> Relation:
        asked = [f"{answers.question} {words}" for words in answers.words]
        entailed = np.ones((len(asked), len(asked)))
        verdict: Bool[np.ndarray, "answer answer"] = np.ones((len(asked), len(asked)), dtype=bool)
        checks = [likely[pairs[pair]] for pair in _checks(answers)] if likely is not None else []
        for i, mine in enumerate(asked):
            for j, theirs in enumerate(asked):
                if likely is not None and mine != theirs:
                    found = likely[pairs[mine, theirs]]
                    entailed[i, j] = found[ENTAILS]
                    verdict[i, j] = int(found.argmax()) == ENTAILS
        samples = entailed[1:, 1:]
        shares = np.array([_contradiction(found) for found in checks])
        return Relation(
            same=verdict & verdict.T,
            similarity=(samples + samples.T) / 2,
            contradictions=shares.reshape(-1, len(asked) - 1).mean(axis=0) if len(shares) else None,
        )


def _contradiction(verdict: Float[np.ndarray, " verdict"]) -> float:
    """The probability of a contradiction where only that and an entailment are asked about."""
    either = float(verdict[CONTRADICTS] + verdict[ENTAILS])
    return float(verdict[CONTRADICTS]) / either if either else 0.5


def _checks(answers: GivenAnswers) -> list[tuple[str, str]]:
    """Whether each sample, as the premise, bears out each sentence of the greedy answer."""
    return [(text, sentence) for sentence in sentences(answers.texts[0]) for text in answers.texts[1:]]


def sentences(text: str) -> list[str]:
    """The sentences of a text, without their ends.

    Example:
        >>> sentences("It is rare. It runs in families")
        ['It is rare', 'It runs in families']
    """
    return [sentence.strip() for sentence in SENTENCE_END.split(text) if sentence.strip()]
