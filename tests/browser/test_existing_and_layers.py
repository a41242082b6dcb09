"""An answer that exists already is scored, and every layer is shown when it is asked for."""

from playwright.sync_api import Page, expect

from tacitly.serve.errors import ApiError
from tests.browser.fake_server import QUESTION, Script
from tests.browser.test_asking import ask

ANSWER = "It is a calcium channel blocker."


def score(page: Page) -> None:
    page.get_by_role("tab", name="Score an answer").click()
    page.get_by_label("Question that was asked").fill(QUESTION)
    page.get_by_label("Answer that the model gave").fill(ANSWER)
    page.get_by_role("button", name="Score").click()


def test_an_existing_answer_looks_like_an_asked_one(page: Page, script: Script) -> None:
    score(page)
    words = page.locator("#panel-existing [data-words]")
    expect(words).to_have_text(ANSWER)
    expect(words.locator("mark")).to_have_text("calcium channel blocker")
    expect(words.locator(".word").first).to_have_class("word level-4")
    expect(page.locator("#panel-existing .verdict")).to_contain_text("Trust: 61 % likely right")
    assert script.asked == [{"question": QUESTION, "answer": ANSWER, "tokens": True}]


def test_tabs_by_keyboard(page: Page) -> None:
    page.get_by_role("tab", name="Ask a question").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Score an answer")).to_be_focused()
    expect(page.get_by_label("Question that was asked")).to_be_visible()
    expect(page.get_by_label("Question", exact=True)).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Question", exact=True)).to_be_visible()


def test_every_layer_on_demand(page: Page, script: Script) -> None:
    ask(page)
    button = page.get_by_role("button", name="Show every layer")
    expect(button).to_have_attribute("aria-expanded", "false")
    button.click()
    table = page.get_by_role("table", name="Likely right, in percent")
    columns = table.locator("thead th")
    expect(columns.nth(1)).to_have_text("Metoprolol")
    heads = table.locator("tbody th")
    expect(heads).to_have_text(["4", "3 ▸the detector’s layer", "2", "1", "0"])
    expect(table.locator("tr.own th")).to_contain_text("3")
    expect(table.locator("tr.own td").first).to_have_text("21")
    assert script.asked[-1] == {"question": QUESTION, "answer": script.text}
    page.get_by_role("button", name="Hide the layers").click()
    expect(table).to_have_count(0)


def test_layers_that_cannot_be_had(page: Page, script: Script) -> None:
    ask(page)
    expect(page.get_by_role("button", name="Show every layer")).to_be_visible()
    script.refusal = ApiError(422, "the detector has no token scores; train it again with `tacitly study`")
    page.get_by_role("button", name="Show every layer").click()
    expect(page.locator("#panel-ask [data-strip-alarm]")).to_contain_text("train it again with `tacitly study`")
    expect(page.get_by_role("button", name="Show every layer")).to_have_attribute("aria-expanded", "false")


def test_layers_whose_scoring_fails(page: Page, script: Script) -> None:
    script.score_error = "scoring failed (RuntimeError)"
    ask(page)
    page.get_by_role("button", name="Show every layer").click()
    expect(page.locator("#panel-ask [data-strip-alarm]")).to_contain_text("scoring failed (RuntimeError)")
    expect(page.locator("#panel-ask table")).to_have_count(0)


def test_an_existing_answer_without_token_scores(page: Page, script: Script) -> None:
    script.score_error = "the detector has no token scores; train it again with `tacitly study`"
    score(page)
    expect(page.locator("#panel-existing .verdict")).to_contain_text("Trust: 61 % likely right")
    expect(page.locator("#panel-existing [data-care]")).to_contain_text("the detector has no token scores")
    expect(page.locator("#panel-existing [data-words] .unscored")).to_have_count(7)


def test_an_existing_answer_that_cannot_be_looked_at(page: Page, script: Script) -> None:
    script.answer_error = "the answer takes 5,000 tokens with its prompt; allowed: at most 4,096"
    score(page)
    expect(page.locator("#panel-existing [data-alarm]")).to_contain_text("allowed: at most 4,096")
    expect(page.locator("#panel-existing .verdict")).to_be_hidden()
