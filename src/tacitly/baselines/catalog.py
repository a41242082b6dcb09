"""The baselines and controls by name."""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from tacitly.baselines.base import Baseline, Control, SamplingBaseline
from tacitly.baselines.equivalence import Equivalence, EquivalenceName, MatchEquivalence
from tacitly.errors import SettingsError

if TYPE_CHECKING:
    from tacitly.models.classifier import EntailmentModel

BASELINES = {
    "token_probability": "tacitly.baselines.token_probability:token_baselines",
    "with_eos": "tacitly.baselines.with_eos:eos_baselines",
}
"""Families of baselines; each makes several that read the same cached numbers."""

SAMPLING = {
    "lexical_similarity": "tacitly.baselines.lexical_similarity:lexical_baselines",
    "answer_counts": "tacitly.baselines.answer_counts:count_baselines",
    "semantic_entropy": "tacitly.baselines.semantic_entropy:entropy_baselines",
    "selfcheck": "tacitly.baselines.selfcheck:selfcheck_baselines",
    "similarity_graph": "tacitly.baselines.similarity_graph:graph_baselines",
    "eigenscore": "tacitly.baselines.eigenscore:state_baselines",
}
"""Families of baselines that read several sampled answers, under an equivalence."""

CONTROLS = {
    "length": "tacitly.baselines.controls:Length",
    "located": "tacitly.baselines.controls:Located",
    "located_by": "tacitly.baselines.controls:LocatedBy",
    "answer_prior": "tacitly.baselines.controls:AnswerPrior",
    "answer_text": "tacitly.baselines.controls:answer_text",
    "question_text": "tacitly.baselines.controls:question_text",
}
"""Controls that need rows only; those that need activations are the experiment's."""


def load_baselines(family: str) -> dict[str, Baseline]:
    """Make the baselines of a family, by name.

    Raises:
        KeyError: No family has that name.

    Example:
        >>> "probability_min_exact" in load_baselines("token_probability")
        True
    """
    return {baseline.name: baseline for baseline in cast("tuple[Baseline, ...]", _make(BASELINES[family]))}


def load_sampling(equivalence: EquivalenceName) -> dict[str, SamplingBaseline]:
    """Make every baseline that reads sampled answers, by name.

    Args:
        equivalence: When two answers are the same; the names of those that rest on it say which.

    Example:
        >>> "semantic_entropy_match" in load_sampling("match")
        True
    """
    families = [cast("tuple[SamplingBaseline, ...]", _make(entry, equivalence)) for entry in SAMPLING.values()]
    return {baseline.name: baseline for family in families for baseline in family}


def load_equivalence(name: EquivalenceName, *, nli_model: str | None = None) -> Equivalence:
    """Make an equivalence by name; a model that it needs is opened when it first compares.

    Args:
        name: `match`, `embedding` or `nli`.
        nli_model: The model of `nli`, a hub id or a folder.

    Raises:
        SettingsError: `nli` has no model, or the packages that `embedding` needs are not there.

    Example:
        >>> load_equivalence("match").name
        'match'
    """
    if name == "match":
        return MatchEquivalence()
    if name == "embedding":
        from tacitly.baselines.equivalence import SAME_FROM, EmbeddingEquivalence
        from tacitly.models.embedder import Embedder

        return EmbeddingEquivalence(Embedder().embed, threshold=SAME_FROM)
    if nli_model is None:
        raise SettingsError(
            "baselines.equivalence='nli' has no model to ask", remedy="set judge.nli_model to a hub id or a folder"
        )
    from tacitly.baselines.entailment import NliEquivalence

    @cache
    def model() -> "EntailmentModel":
        from tacitly.models.classifier import EntailmentModel

        return EntailmentModel(nli_model)

    return NliEquivalence(lambda premises, hypotheses: model().verdicts(premises, hypotheses))


def load_control(name: str) -> Control:
    """Make the control of a name.

    Raises:
        KeyError: No control has that name.

    Example:
        >>> load_control("length").name
        'length'
    """
    return cast("Control", _make(CONTROLS[name]))


def _make(entry: str, *arguments: str) -> Any:
    module, _, attribute = entry.partition(":")
    return getattr(import_module(module), attribute)(*arguments)
