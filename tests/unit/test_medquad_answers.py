"""What is kept of a published answer."""

import pytest

from tacitly.tasks.medquad_answers import plain_answer

pytestmark = pytest.mark.unit

HPO = (
    "What are the signs and symptoms of gout? The Human Phenotype Ontology provides the following list of signs and "
    "symptoms for gout. If the information is available, the table below includes how often the symptom is seen. Signs "
    "and Symptoms Approximate number of patients (when available) Arthritis 90% Fever - The Human Phenotype Ontology "
    "(HPO) has collected information on how often a sign or symptom occurs in a condition. In these cases, the sign or "
    "symptom may be rare or common."
)


@pytest.mark.parametrize(
    ("published", "kept"),
    [
        (HPO, "Arthritis 90% Fever"),
        (f"Pain comes first. {HPO.partition('? ')[2]}", "Pain comes first. Arthritis 90% Fever"),
        ("What causes gout? Uric acid. Why? Nobody knows.", "Uric acid. Why? Nobody knows."),
        ("Uric acid. What else? Nothing.", "Uric acid. What else? Nothing."),
        ("What causes gout?", None),
        ("What is gout? How does one get it? What helps?", None),
        ("What are the symptoms of 15q13.3 deletion? Pain.", "Pain."),
        ("Topics", None),
        ("How is gout treated? These resources address the management of gout: - Gene Review", None),
        ("These resources help.", "These resources help."),
    ],
)
def test_headings_boilerplate_and_links_are_left_out(published: str, kept: str | None) -> None:
    assert plain_answer(published) == kept
