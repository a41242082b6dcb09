"""Small copies of MedQuAD for tests, in every form in which it can be had."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

Pairs = Sequence[tuple[str, str, str | None]]


def document(
    number: str,
    focus: str,
    pairs: Pairs,
    *,
    source: str = "GHR",
    cuis: Sequence[str] = (),
    synonyms: Sequence[str] = (),
) -> bytes:
    """A document's XML as published: (question type, question, answer or None) for each pair."""
    listed = "".join(
        f'<QAPair pid="{i}"><Question qid="{number}-{i}" qtype="{kind}">{asked}</Question>'
        f"<Answer>{answer or ''}</Answer></QAPair>\n"
        for i, (kind, asked, answer) in enumerate(pairs, start=1)
    )
    concepts = "".join(f"<CUI>{cui}</CUI>" for cui in cuis)
    others = "".join(f"<Synonym>{synonym}</Synonym>" for synonym in synonyms)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document id="{number}" source="{source}" url="https://example.org">\n'
        f"<Focus>{focus}</Focus><FocusAnnotations><UMLS><CUIs>{concepts}</CUIs></UMLS><Synonyms>{others}</Synonyms>"
        f"</FocusAnnotations><QAPairs>\n{listed}</QAPairs></Document>"
    ).encode()


SMALL = {
    "3_GHR_QA/0000001.xml": document(
        "0000001",
        "gout",
        [
            ("information", "What is (are) gout ?", "Gout   is a\n\n    disease."),
            ("causes", "What causes gout ?", None),
        ],
        cuis=["C0018099"],
        synonyms=["podagra"],
    ),
    "2_GARD_QA/0000001.xml": document(
        "0000001",
        "Gouty arthritis",
        [("treatment", "What are the treatments for Gouty arthritis ?", "Rest &amp; drugs.")],
        source="GARD",
        cuis=["C0018099"],
    ),
    "3_GHR_QA/0000002.xml": document(
        "0000002", "mumps", [("information", "What is (are) mumps ?", "A disease of children.")], cuis=["C0026780"]
    ),
    "6_NINDS_QA/0000007.xml": b'<doc docid="0000007" corpus="NINDS"><qaPairs><pair pid="1"/></qaPairs></doc>',
}


def write_folder(folder: Path, files: Mapping[str, bytes] = SMALL) -> Path:
    """The files in a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def write_zip(path: Path, files: Mapping[str, bytes] = SMALL) -> Path:
    """The files in a .zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tar_bytes(files: Mapping[str, bytes] = SMALL, *, extra: Sequence[tarfile.TarInfo] = ()) -> bytes:
    """The files in an uncompressed tar; `extra` entries without content come first."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for entry in extra:
            archive.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def write_tar(path: Path, raw: bytes) -> Path:
    """A tar under a name that says how to compress it."""
    packers = {".gz": gzip.compress, ".tgz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
    path.write_bytes(packers.get(path.suffix, bytes)(raw))
    return path
