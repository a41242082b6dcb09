"""What of a published answer answers the question: without its heading, and what all answers of its kind say."""

import re

LINKS_ONLY = "answered by links only"

_HEADING = re.compile(r"^[^.?!]{3,250}\?\s+")
_LINKS = re.compile(r"^These resources (?:address|from)\b")
# GARD's lists of symptoms stand between two paragraphs that say where they are from and how to read them.
_ABOUT_THE_LIST = (
    re.compile(r"The Human Phenotype Ontology provides the following list .*?\(when available\)\s*", re.DOTALL),
    re.compile(r"[\s-]*The Human Phenotype Ontology \(HPO\) has collected .*?may be rare or common\.", re.DOTALL),
)


def plain_answer(published: str) -> str | None:
    """The part of an answer that says something about the disease.

    A question that repeats the one asked, at the beginning, is left out, and so is what GARD says about its lists of
    symptoms, the same in 2,200 answers: a reference is judged by how it begins, and would be like any other.

    Args:
        published: The answer.

    Returns:
        Its substance; None where it is a list of links to other sites.

    Example:
        >>> plain_answer("What causes gout? Uric acid does.")
        'Uric acid does.'
        >>> plain_answer("These resources address the diagnosis or management of gout: - Genetic Testing Registry")
    """
    text = _HEADING.sub("", published, count=1)
    if _LINKS.search(text):
        return None
    for pattern in _ABOUT_THE_LIST:
        text = pattern.sub("", text)
    return text.strip() or None
