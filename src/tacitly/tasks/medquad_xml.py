"""MedQuAD's XML: one document of questions and answers about one disease."""

from typing import TYPE_CHECKING, cast
from xml.etree.ElementTree import ParseError

from defusedxml import DTDForbidden, ElementTree

from tacitly.errors import TaskError
from tacitly.tasks.archives import Member
from tacitly.tasks.medquad_documents import Document, PublishedPair, tidy

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


# The root's name, and its attribute with the document's number; one document as published is a `DiseaseFile`.
_ROOTS = {"Document": "id", "DiseaseFile": "fid"}


def parse_document(where: str, member: Member) -> Document | None:
    """Read a document.

    Args:
        where: What the file belongs to, for messages.
        member: The file.

    Returns:
        The document; None for XML of another form (four files as published are of an older one, `doc`).

    Raises:
        TaskError: The XML is damaged, holds a DTD, or lacks what a document needs.

    Example:
        >>> text = b'''<Document id="7" source="GHR"><Focus>gout</Focus><QAPairs><QAPair pid="1">
        ... <Question qid="7-1" qtype="causes">What causes gout ?</Question><Answer>Uric acid.</Answer>
        ... </QAPair></QAPairs></Document>'''
        >>> document = parse_document("a.zip", Member("7.xml", text))
        >>> document.document_id, document.focus, document.pairs[0].answer
        ('GHR/7', 'gout', 'Uric acid.')
    """
    root = _parse(f"{where}: {member.name}", member.content)
    if root.tag not in _ROOTS:
        return None
    source, number = (_attribute(where, member, root, name) for name in ("source", _ROOTS[root.tag]))
    return Document(
        document_id=f"{source}/{number}",
        source=source,
        focus=tidy(root.findtext("Focus") or ""),
        cuis=tuple(sorted(set(_texts(root, "CUI")))),
        synonyms=tuple(dict.fromkeys(_texts(root, "Synonym"))),
        pairs=tuple(_pair(where, member, pair) for pair in root.iter("QAPair")),
    )


def _parse(where: str, content: bytes) -> "Element":
    try:
        return cast("Element", ElementTree.fromstring(content, forbid_dtd=True))
    except DTDForbidden:
        raise TaskError(
            f"{where} holds a DTD, which can be used to fill the memory or to read other files",
            allowed="XML without a DTD",
            remedy="fetch MedQuAD from its own site",
        ) from None
    except (ParseError, ValueError, LookupError) as error:
        raise TaskError(f"{where} is not valid XML: {error}", remedy="fetch it again") from None


def _pair(where: str, member: Member, pair: "Element") -> PublishedPair:
    question = pair.find("Question")
    text = tidy("".join(question.itertext())) if question is not None else ""
    if question is None or not text:
        raise TaskError(
            f"{where}: {member.name} has a QAPair (pid {pair.get('pid')!r}) without a Question",
            remedy="fetch it again",
        )
    answer = pair.find("Answer")
    return PublishedPair(
        pair_id=_attribute(where, member, question, "qid"),
        question_type=_attribute(where, member, question, "qtype"),
        question=text,
        answer=(tidy("".join(answer.itertext())) if answer is not None else "") or None,
    )


def _attribute(where: str, member: Member, element: "Element", name: str) -> str:
    value = (element.get(name) or "").strip()
    if not value:
        raise TaskError(f"{where}: {member.name} has a {element.tag} without {name!r}", remedy="fetch it again")
    return value


def _texts(root: "Element", tag: str) -> list[str]:
    return [text for element in root.iter(tag) if (text := tidy(element.text or ""))]
