"""Names in the role that a question asks for."""

import pytest

from tacitly.locators.novel_phrase import NovelPhraseLocator

pytestmark = pytest.mark.unit

WHO = "Who acted as Rose Dawson in the film 'Titanic'?"


@pytest.mark.parametrize(
    ("question", "text", "exact"),
    [
        (WHO, "It was directed by Ann Lee and stars Eve Moe.", "Eve Moe"),
        (WHO, "It was directed by Ann Lee and stars Ann Lee.", "Ann Lee"),
        (WHO, "The film's director, Ann Lee, is praised.", None),
        (WHO, "The film's director, Ann Lee, played the part.", "Ann Lee"),
        (WHO, "The character of Jack Dawson was played by the British actress Eve Moe.", "Eve Moe"),
        (WHO, "The main character, Jack Smith, is a painter.", None),
        (WHO, "It stars Rose Dawson.", "Rose Dawson"),
        (WHO, "Eve Moe.", "Eve Moe"),
        ("Who directed 'Titanic'?", "It stars Eve Moe and was directed by Ann Lee.", "Ann Lee"),
        (
            "Who is the author of 'Dracula'?",
            "The film with the actor Max Roe is based on a novel by Bram Stoker.",
            "Bram Stoker",
        ),
    ],
)
def test_the_name_in_the_role_that_is_asked_for_is_located(question, text, exact):
    assert NovelPhraseLocator().locate(question, text, ()).exact_answer == exact


def test_the_name_is_located_where_it_stands_in_that_role():
    assert NovelPhraseLocator().locate(WHO, "It was directed by Ann Lee and stars Ann Lee.", ()).start == 37
