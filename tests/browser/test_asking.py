"""A question is asked, and its answer comes word by word, shaded by doubt."""

from playwright.sync_api import Page, expect

from tests.browser.fake_server import EXACT, QUESTION, Script, judged


def ask(page: Page, question: str = QUESTION) -> None:
    page.get_by_label("Question", exact=True).fill(question)
    page.get_by_label("Question", exact=True).press("Enter")


def test_words_come_one_by_one_and_are_shaded_as_they_come(page: Page, script: Script) -> None:
    script.hold_after = 8
    ask(page)
    words = page.locator("#panel-ask [data-words] .word")
    expect(words).to_have_text(["Metoprolol", "is", "a", "calcium", "channel"])
    # a word's score is its lowest token's: 66 % for the first
    expect(words.nth(0)).to_have_class("word level-1")
    expect(words.nth(3)).to_have_class("word level-3")
    expect(words.nth(4)).to_have_class("word level-4")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(page.locator("#panel-ask .verdict")).to_be_hidden()
    script.go_on.set()
    expect(page.locator("#panel-ask [data-words]")).to_have_text(script.text)
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()
    [request] = script.asked
    assert request == {"model": "fake-model", "messages": [{"role": "user", "content": QUESTION}], "stream": True}


def test_doubt_shows_without_colour(page: Page) -> None:
    ask(page)
    drawn = {
        level: page.locator(f"#panel-ask [data-words] .level-{level}").first.evaluate(
            "word => [getComputedStyle(word).textDecorationLine, getComputedStyle(word).textDecorationStyle,"
            " getComputedStyle(word).textDecorationThickness].join(' ')"
        )
        for level in (1, 2, 3, 4)
    }
    assert all("underline" in one for one in drawn.values())
    assert len(set(drawn.values())) == 4


def test_the_verdict_says_what_it_means_and_the_exact_answer_is_outlined(page: Page) -> None:
    ask(page)
    verdict = page.locator("#panel-ask .verdict")
    expect(verdict).to_contain_text("Doubt: 17 % likely right")
    expect(verdict).to_contain_text("about 17 in 100 were right")
    expect(verdict).to_contain_text("check the answer before you rely on it")
    expect(page.locator("#panel-ask [data-words] mark")).to_have_text(EXACT)
    # "blocker," is one word of three tokens, and its comma is not in the outline
    inside = page.locator("#panel-ask [data-words] mark .word").last
    expect(inside).to_have_text("blocker")
    expect(inside).to_have_class("word level-4")
    comma = page.locator("#panel-ask [data-words] mark + .word")
    expect(comma).to_have_text(",")
    expect(comma).to_have_class("word level-2")
    border = page.locator("#panel-ask [data-words] mark").evaluate("mark => getComputedStyle(mark).borderTopWidth")
    assert border == "2px"


def test_the_outline_counts_characters_as_the_server_does(page: Page, script: Script) -> None:
    script.tokens = (("𝛽🫀 ", 0.5), ("liver", 0.3), (".", 0.9))
    script.verdict = judged(script.text, "liver")
    ask(page)
    expect(page.locator("#panel-ask [data-words] mark")).to_have_text("liver")


def test_trust_and_abstain_in_words(page: Page, script: Script) -> None:
    script.verdict = judged(script.text, p_correct=0.45)
    ask(page)
    verdict = page.locator("#panel-ask .verdict")
    expect(verdict).to_contain_text("Trust: 45 % likely right")
    expect(verdict).to_contain_text("still more likely wrong than right")
    script.verdict = judged(script.text, None, None)
    ask(page)
    expect(verdict).to_contain_text("Abstain: no probability")
    expect(verdict).to_contain_text("cannot judge this answer: no exact answer was found (nothing matched)")
    expect(page.locator("#panel-ask [data-words] mark")).to_have_count(0)


def test_hovering_and_tapping_show_a_words_score(page: Page) -> None:
    ask(page)
    tip = page.locator("#panel-ask [role=tooltip]")
    expect(page.locator("#panel-ask .verdict")).to_be_visible()
    page.locator("#panel-ask .word", has_text="channel").first.hover()
    expect(tip).to_have_text("12 % likely right")
    page.locator("#panel-ask .word", has_text="blocker").first.hover()
    expect(tip).to_have_text("17 % likely right (lowest of “block” 22 %, “er” 17 %, “,” 42 %)")
    page.locator("h1").hover()
    expect(tip).to_be_hidden()
    page.locator("#panel-ask .word", has_text="pressure").first.click()
    expect(tip).to_have_text("44 % likely right (lowest of “pressure” 81 %, “.” 44 %)")


def test_stop_leaves_a_part_without_a_verdict_and_frees_the_server(page: Page, script: Script) -> None:
    script.hold_after = 5
    ask(page)
    expect(page.locator("#panel-ask [data-words]")).to_have_text("Metoprolol is")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#panel-ask [data-state]")).to_contain_text("Stopped")
    expect(page.locator("#panel-ask .verdict")).to_be_hidden()
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_focused()
    script.stream_left.wait()
    script.hold_after = None
    ask(page)
    expect(page.locator("#panel-ask .verdict")).to_be_visible()


def test_keyboard_only(page: Page, script: Script) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the question")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("tab", name="Ask a question")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("First line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("second line")
    page.keyboard.press("Enter")
    tip = page.locator("#panel-ask [role=tooltip]")
    expect(page.locator("#panel-ask .verdict")).to_be_visible()
    assert script.asked[0]["messages"][0]["content"] == "First line\nsecond line"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator("#panel-ask .word").first).to_be_focused()
    expect(tip).to_contain_text("66 % likely right")
    page.keyboard.press("ArrowRight")
    expect(tip).to_have_text("64 % likely right")
    described = page.evaluate(
        "document.getElementById(document.activeElement.getAttribute('aria-describedby')).textContent"
    )
    assert described == "64 % likely right"
    page.keyboard.press("End")
    expect(page.locator("#panel-ask .word", has_text="pressure")).to_be_focused()
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Show every layer")).to_be_focused()


def test_words_keep_the_focus_while_more_come(page: Page, script: Script) -> None:
    script.hold_after = 10
    ask(page)
    word = page.locator("#panel-ask .word", has_text="blocker").first
    word.click()
    expect(page.locator("#panel-ask [role=tooltip]")).to_contain_text("17 % likely right")
    script.go_on.set()
    expect(page.locator("#panel-ask .verdict")).to_be_visible()
    expect(word).to_be_focused()


def test_screen_readers_hear_the_end_and_not_every_token(page: Page, script: Script) -> None:
    script.hold_after = 8
    ask(page)
    said = page.locator("#panel-ask [role=status]")
    expect(page.locator("#panel-ask .word", has_text="channel")).to_be_visible()
    expect(said).to_have_text("Writing …")
    expect(page.locator("#panel-ask [data-words]").locator("xpath=ancestor-or-self::*[@aria-live]")).to_have_count(0)
    script.go_on.set()
    expect(said).to_contain_text(f"Answer: {script.text}")
    expect(said).to_contain_text("Doubt: 17 % likely right")


def test_long_answers_and_languages_without_spaces(page: Page, script: Script) -> None:
    script.tokens = (
        ("", 0.5),
        ("肝", 0.9),
        ("炎", 0.3),
        (" ", 0.5),
        ("a" * 3000, 0.1),
        ("\n\nend", 0.5),
        (" of it", 0.7),
    )
    script.verdict = judged(script.text, "end")
    script.finish_reason = "length"
    ask(page)
    words = page.locator("#panel-ask [data-words] .word")
    expect(words).to_have_text(["肝", "炎", "a" * 3000, "end", "of", "it"])
    expect(words.first).to_have_class("word level-2")  # one of its tokens ended within the character
    expect(page.locator("#panel-ask [data-state]")).to_contain_text("The answer was cut")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_markup_in_an_answer_is_text(page: Page, script: Script) -> None:
    script.tokens = (("<img src=x onerror=alert(1)>", 0.5), (" <b>bold</b>", 0.5))
    script.verdict = judged(script.text, "<b>bold</b>")
    ask(page)
    expect(page.locator("#panel-ask [data-words]")).to_have_text(script.text)
    expect(page.locator("#panel-ask [data-words] img")).to_have_count(0)
