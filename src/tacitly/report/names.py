"""The words that a reader sees for the names that the files use."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

GROUPINGS: Mapping[str, str] = MappingProxyType({"by_entity": "by entity", "by_answer": "by answer"})

SITES: Mapping[str, str] = MappingProxyType(
    {
        "residual": "Residual stream (what each block passes on)",
        "mlp": "MLP output",
        "mlp_hidden": "Inside the MLP (input of its last projection)",
        "attention": "Attention output",
    }
)

POSITIONS: Mapping[str, str] = MappingProxyType(
    {
        "last_q_token": "last_q",
        "first_answer_token": "first_answer",
        "second_answer_token": "second_answer",
        "exact_answer_before_first_token": "exact_before_first",
        "exact_answer_first_token": "exact_first",
        "exact_answer_last_token": "exact_last",
        "exact_answer_after_last_token": "exact_after_last",
        **{str(-back): f"\u2212{back}" for back in range(8, 0, -1)},
    }
)
"""Token positions in the order of the text, with the short form for an axis."""

METHODS: Mapping[str, str] = MappingProxyType(
    {
        "probe": "probe",
        "length": "answer length",
        "located": "located or not",
        "answer_prior": "how often this answer was right",
        "answer_text": "the answer's words",
        "question_text": "the question's words",
        "located_by": "which locator found it",
        "layer0": "probe at layer 0",
        "shuffled": "probe on shuffled labels",
        "p_true": "p(True), whole answer",
        "p_true_exact": "p(True), exact answer",
        "p_true_single": "log p(\u201cTrue\u201d), whole answer, one order",
        "perplexity_with_eos": "perplexity, whole answer and end token",
        "entropy_mean_with_eos": "mean entropy, whole answer and end token",
        "lexical_similarity": "samples alike in words (ROUGE-L)",
        "selfcheck_unigram": "SelfCheck, by single words",
        "selfcheck_nli": "SelfCheck, by entailment",
        "eigenscore": "EigenScore of samples",
    }
)

_TOKEN_QUANTITIES = frozenset({"probability", "logit", "entropy", "perplexity"})
_POOLINGS = {"min": "lowest", "max": "highest", "after": "following"}
_REGIONS = {"answer": "whole answer", "exact": "exact answer"}

_OF_SAMPLES = {
    "distinct_answers": "few distinct samples",
    "majority_share": "largest share of samples",
    "greedy_share": "share of samples that agree",
    "semantic_entropy": "semantic entropy",
    "discrete_semantic_entropy": "discrete semantic entropy",
    "degree_matrix": "degree matrix of samples",
    "eigenvalue_laplacian": "Laplacian eigenvalues",
    "eccentricity": "eccentricity of samples",
}
_EQUIVALENCES = {"match": "by exact answer", "jaccard": "by words", "embedding": "by embedding", "nli": "by entailment"}

_UNSHOWABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def showable(text: str) -> str:
    r"""Text with every character that a page or a terminal must not be given replaced by U+FFFD.

    Those are control characters (save tab and line ends), lone surrogates and non-characters.

    Example:
        >>> showable("a\x00b\x1b[31m") == "a\ufffdb\ufffd[31m"
        True
    """
    return _UNSHOWABLE.sub("\ufffd", text)


def method_name(method: str) -> str:
    """A probe's, baseline's or control's name in words.

    Example:
        >>> method_name("shuffled"), method_name("probability_min_exact"), method_name("p_true")
        ('probe on shuffled labels', 'lowest probability, exact answer', 'p(True), whole answer')
        >>> method_name("semantic_entropy_nli")
        'semantic entropy, by entailment'
    """
    stem, _, equivalence = method.rpartition("_")
    if stem in _OF_SAMPLES and equivalence in _EQUIVALENCES:
        return f"{_OF_SAMPLES[stem]}, {_EQUIVALENCES[equivalence]}"
    *quantity, region = method.split("_")
    if region in _REGIONS and quantity and quantity[0] in _TOKEN_QUANTITIES:
        pooled = [_POOLINGS.get(word, word) for word in quantity[1:]]
        return showable(f"{' '.join([*pooled, quantity[0]])}, {_REGIONS[region]}")
    return METHODS.get(method, showable(method).replace("_", " "))


def position_name(position: str) -> str:
    """A token position's short name, for an axis.

    Example:
        >>> position_name("exact_answer_last_token")
        'exact_last'
    """
    return POSITIONS.get(position, showable(position))


def ordered_positions(positions: Iterable[str]) -> list[str]:
    """Positions in the order of the text; unknown ones last, in the order given.

    Example:
        >>> ordered_positions(["-1", "somewhere", "last_q_token"])
        ['last_q_token', '-1', 'somewhere']
    """
    order = {name: rank for rank, name in enumerate(POSITIONS)}
    return sorted(dict.fromkeys(positions), key=lambda name: order.get(name, len(order)))


def site_name(site: str) -> str:
    """A site's name in words.

    Example:
        >>> site_name("mlp")
        'MLP output'
    """
    return SITES.get(site, showable(site))


def duration(seconds: float) -> str:
    """Seconds as a person would say them.

    Example:
        >>> duration(0.42), duration(75.0), duration(3700.0)
        ('0.4 s', '1 min 15 s', '1 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"
