"""What goes wrong is said on the page, with what to do about it."""

from playwright.sync_api import Page, expect

from tacitly.serve.errors import ApiError
from tests.browser.conftest import Open
from tests.browser.fake_server import ANSWER, QUESTION, Script, fake_server, served
from tests.browser.test_asking import ask


def alarm(page: Page) -> str:
    shown = page.locator("#panel-ask [data-alarm]")
    expect(shown).to_be_visible()
    return shown.inner_text()


def test_a_refused_field_is_named(page: Page, script: Script) -> None:
    script.refusal = ApiError(422, "messages takes 3000 tokens; allowed: 2048", param="messages")
    ask(page)
    said = alarm(page)
    assert "messages takes 3000 tokens; allowed: 2048" in said
    assert "Change it and try again" in said
    expect(page.get_by_label("Question", exact=True)).to_have_value(QUESTION)


def test_a_busy_server_says_when(page: Page, script: Script) -> None:
    script.refusal = ApiError(429, "64 answers are being written", headers={"Retry-After": "3"})
    ask(page)
    assert "busy" in alarm(page)
    assert "Try again in 3 seconds" in alarm(page)
    script.refusal = None
    ask(page)
    expect(page.locator("#panel-ask .verdict")).to_be_visible()
    expect(page.locator("#panel-ask [data-alarm]")).to_be_hidden()


def test_a_failed_server(page: Page, script: Script) -> None:
    script.refusal = ApiError(500, "the server failed at this request")
    ask(page)
    assert "The server failed. Try again" in alarm(page)


def test_a_connection_lost_in_the_middle_keeps_what_came(page: Page, script: Script) -> None:
    script.hold_after = script.lose_after = 5
    ask(page)
    expect(page.locator("#panel-ask [data-words]")).to_have_text("Metoprolol is")
    script.go_on.set()
    assert "The connection was lost before the answer was finished" in alarm(page)
    expect(page.locator("#panel-ask [data-words]")).to_have_text("Metoprolol is")
    expect(page.locator("#panel-ask .verdict")).to_be_hidden()
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()


def test_a_stream_that_ends_too_early_is_no_answer(page: Page) -> None:
    page.route("**/v1/chat/completions", lambda route: route.fulfill(content_type="text/event-stream", body=""))
    ask(page)
    assert "The connection was lost" in alarm(page)


def test_an_error_inside_a_stream(page: Page) -> None:
    body = 'data: {"error": {"message": "the model failed"}}\n\ndata: [DONE]\n\n'
    page.route("**/v1/chat/completions", lambda route: route.fulfill(content_type="text/event-stream", body=body))
    ask(page)
    assert "The server says: the model failed" in alarm(page)


def test_a_server_that_is_gone(page: Page, script: Script) -> None:
    expect(page.locator("#served")).to_contain_text("fake-model")
    page.route("**/v1/**", lambda route: route.abort("connectionrefused"))
    ask(page)
    assert "cannot be reached" in alarm(page)
    assert "tacitly serve" in alarm(page)
    page.get_by_role("tab", name="Score an answer").click()
    page.get_by_label("Question that was asked").fill("Which?")
    page.get_by_label("Answer that the model gave").fill("This.")
    page.get_by_role("button", name="Score").click()
    expect(page.locator("#panel-existing [data-alarm]")).to_contain_text("cannot be reached")


def test_a_reply_that_is_no_json(page: Page) -> None:
    page.route(
        "**/v1/chat/completions", lambda route: route.fulfill(content_type="text/event-stream", body="data: <\n\n")
    )
    ask(page)
    assert "cannot be read" in alarm(page)


def test_failing_scores_leave_the_words_unshaded_and_say_why(page: Page, script: Script) -> None:
    script.tokens = tuple((text, None) for text, _ in ANSWER)
    script.score_error = "the detector has no token scores; train it again with `tacitly study`"
    ask(page)
    expect(page.locator("#panel-ask [data-words] .word.unscored")).to_have_count(12)
    expect(page.locator("#panel-ask [data-care]")).to_contain_text("the detector has no token scores")
    expect(page.locator("#panel-ask [data-care]")).to_contain_text("some words have no score")
    word = page.locator("#panel-ask [data-words] .word").first
    assert word.evaluate("word => getComputedStyle(word).textDecorationLine") == "none"
    word.hover()
    expect(page.locator("#panel-ask [role=tooltip]")).to_have_text("no score")


def test_cautions_of_the_server_are_shown(open_page: Open, script: Script) -> None:
    script.cautions = ("the detector learned on the most likely answers, not on drawn ones",)
    with served(fake_server(script)) as address:
        page = open_page(address)
        expect(page.locator("#cautions li")).to_have_text(list(script.cautions))


def test_a_key_is_asked_for_and_kept_in_memory_only(open_page: Open, script: Script) -> None:
    script.key = "open sesame"
    with served(fake_server(script)) as address:
        page = open_page(address)
        field = page.get_by_label("Key", exact=True)
        expect(field).to_be_focused()
        field.fill("wrong")
        field.press("Enter")
        expect(page.locator("#key-alarm")).to_have_text("The server does not take this key.")
        field.fill("open sesame")
        field.press("Enter")
        expect(page.locator("#served")).to_contain_text("fake-model")
        expect(page.locator("#key-form")).to_be_hidden()
        ask(page)
        expect(page.locator("#panel-ask .verdict")).to_be_visible()
        kept = "[localStorage.length, sessionStorage.length, document.cookie, location.href]"
        assert page.evaluate(kept) == [0, 0, "", f"{address}/"]
        page.reload()
        expect(page.get_by_label("Key", exact=True)).to_be_visible()
