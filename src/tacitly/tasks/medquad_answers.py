"""What of a published answer answers the question: without its heading, and what all answers of its kind say."""

import re

LINKS_ONLY = "answered by links or further questions only"

SENTENCE_END = re.compile(r"(?<=[.?!])\s+(?=[A-Z0-9\"(])")

# A point within a word ("15q13.3") does not end a sentence.
_HEADING = re.compile(r"^(?:[^.?!]|[.?!](?=\S)){3,250}\?(?:\s+|$)")
_LINKS = re.compile(r"^These resources (?:address|from)\b|^(?:Topics|Frequently Asked Qu\w+ \(FAQs\))$")
# GARD's lists of symptoms stand between two paragraphs that say where they are from and how to read them.
_ABOUT_THE_LIST = (
    re.compile(r"The Human Phenotype Ontology provides the following list .{,900}?\(when available\)\s*", re.DOTALL),
    re.compile(r"[\s-]*The Human Phenotype Ontology \(HPO\) has collected .{,900}?may be rare or common\.", re.DOTALL),
)


def plain_answer(published: str) -> str | None:
    """The part of an answer that says something about the disease.

    Questions at the beginning, which repeat the one asked or head what follows, are left out, and so is what GARD says
    about its lists of symptoms, the same in 2,200 answers: a reference is judged by how it begins, and would be like
    any other.

    Args:
        published: The answer.

    Returns:
        Its substance; None where there is none but links to other sites or further questions.

    Example:
        >>> plain_answer("What causes gout? Uric acid does.")
        'Uric acid does.'
        >>> plain_answer("These resources address the diagnosis or management of gout: - Genetic Testing Registry")
    """
    text = published
    while heading := _HEADING.match(text):
        text = text[heading.end() :]
    if _LINKS.search(text):
        return None
    for pattern in _ABOUT_THE_LIST:
        text = pattern.sub("", text)
    return text.strip() or None
