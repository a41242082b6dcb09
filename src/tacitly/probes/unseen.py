"""Families of probes that are to hold on answers which they have not seen."""

from dataclasses import dataclass

import numpy as np

from tacitly.errors import UndefinedMetricError
from tacitly.probes.cell import Cell
from tacitly.probes.compared_tokens import Agreement, AnswerToken, TwoTokens
from tacitly.probes.family import Family
from tacitly.probes.joined import ANSWER_GIVEN, Joined, MinusSameAnswer, Probabilities
from tacitly.probes.penalties import RANKING_C
from tacitly.probes.readings import Features, Material, Place

_LOGISTIC = "tacitly.probes.logistic:LogisticProbe"
_AT_RANKING = ({"C": RANKING_C, "tolerance": 1e-3},)  # the inner folds choose among places: C is that of the ranking


@dataclass(frozen=True, slots=True)
class WithEmbedding:
    """The layer-0 state of the exact answer's last token, and a state of the exact answer: `[answer, 2, width]`."""

    main: AnswerToken

    @property
    def words(self) -> str:
        """What is read."""
        return f"{self.main.words}, with the state at layer 0"

    def places(self, material: Material, cell: Cell) -> tuple[Place, ...]:
        """The places of the exact answer."""
        if 0 not in material.states.layers("residual"):
            raise UndefinedMetricError("layer 0 of the residual stream was not captured")
        return self.main.places(material, cell)

    def read(self, material: Material, place: Place) -> Features:
        """Both states."""
        found = self.main.read(material, place)
        token = material.states.states("residual", 0, place.position)
        return Features(np.stack([token, found.values], axis=1), found.present)


UNSEEN_FAMILIES = {
    "answer_token": Family(
        estimator=_LOGISTIC,
        words="the reference on the exact answer, what the families below are to beat",
        reads=AnswerToken(),
        grid=_AT_RANKING,
    ),
    "minus_same_answer": Family(
        estimator=_LOGISTIC,
        words="the difference between a state and the mean state of the same answer string",
        reads=MinusSameAnswer(AnswerToken()),
        grid=_AT_RANKING,
    ),
    "without_embedding": Family(
        estimator="tacitly.probes.erased:WithoutEmbeddingProbe",
        words="what the layer-0 state does not predict of the state",
        reads=WithEmbedding(AnswerToken(layers=2)),  # a regression per place and fold costs six times what a probe does
        grid=({"alpha": 1.0}, {"alpha": 10.0}),
    ),
    "without_answers": Family(
        estimator="tacitly.probes.erased:WithoutAnswersProbe",
        words="the state without the directions along which answer strings differ",
        reads=AnswerToken(),
        grid=({"directions": 3}, {"directions": 20}),
        columns=(ANSWER_GIVEN,),
    ),
    "question_and_answer": Family(
        estimator=_LOGISTIC,
        words="the last question token and the exact answer together",
        reads=TwoTokens("both"),
        grid=_AT_RANKING,
    ),
    "answer_minus_question": Family(
        estimator=_LOGISTIC,
        words="what the exact answer's state adds to that of the last question token",
        reads=TwoTokens("difference"),
        grid=_AT_RANKING,
    ),
    "with_probabilities": Family(
        estimator=_LOGISTIC,
        words="a state and the token probabilities together",
        reads=Joined(AnswerToken(), (Probabilities(),)),
        grid=_AT_RANKING,
    ),
    "balanced_answers": Family(
        estimator="tacitly.probes.balanced:BalancedProbe",
        words="every answer string counts alike",
        reads=AnswerToken(),
        grid=({"balance": "answer"},),
        columns=(ANSWER_GIVEN,),
    ),
    "balanced_labels": Family(
        estimator="tacitly.probes.balanced:BalancedProbe",
        words="in every answer string, right and wrong answers count alike",
        reads=AnswerToken(),
        grid=({"balance": "label"}, {"balance": "shrunk_label"}),
        columns=(ANSWER_GIVEN,),
    ),
    "probabilities": Family(
        estimator=_LOGISTIC,
        words="the token probabilities alone, weighed by a logistic regression",
        reads=Probabilities(),
        grid=tuple({"C": C} for C in (1e-3, 1e-2, 1e-1)),
    ),
    "agreement": Family(
        estimator=_LOGISTIC,
        words="how far the states agree with each other and with the token said, no direction of them",
        reads=Agreement(),
        grid=tuple({"C": C} for C in (1e-3, 1e-2, 1e-1)),
    ),
    "unseen": Family(
        estimator=_LOGISTIC,
        words="answer minus question, the token probabilities and the agreement of states together",
        reads=Joined(TwoTokens("difference"), (Probabilities(), Agreement())),
        grid=_AT_RANKING,
    ),
}
