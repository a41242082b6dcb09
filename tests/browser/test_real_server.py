"""The page on the real server: a tiny random model with a detector made by hand."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tacitly.probes.detector import Detector
from tacitly.probes.detector_header import TokenHeader
from tacitly.probes.token_probes import TokenProbes
from tacitly.serve.app import create_app
from tacitly.serve.connection import server_config
from tacitly.serve.limits import Limits
from tacitly.serve.service import Service
from tests.browser.conftest import Open
from tests.browser.fake_server import served
from tests.browser.test_asking import ask
from tests.unit.detect_samples import ASKING, WIDTH, made_detector, tiny

LAYERS = (0, 1, 2, 3)
LIMITS = Limits(streams=4, waiting=4, new_tokens=64)
KEY = "a key of a test"


def with_token_scores(detector: Detector) -> Detector:
    header = TokenHeader(
        site="residual",
        layer=2,
        layers=LAYERS,
        width=WIDTH,
        C=0.01,
        before=0.2,
        after=0.5,
        slopes=(1.0,) * len(LAYERS),
        intercepts=(0.0,) * len(LAYERS),
        answers=9,
        tokens=40,
        grouping="by_answer",
    )
    coefficients = np.random.default_rng(0).normal(size=(len(LAYERS), WIDTH)) / 4
    return replace(detector, tokens=TokenProbes(header, coefficients, np.zeros(len(LAYERS))))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    model = tiny(Path(tmp_path_factory.mktemp("model")))
    asking = ASKING.model_copy(update={"max_new_tokens": 40})
    service = Service(with_token_scores(made_detector(model, asking=asking)), model, limits=LIMITS)
    service.start()
    yield service
    service.stop()


@pytest.fixture
def address(service: Service) -> Iterator[str]:
    with served(server_config(create_app(service), host="127.0.0.1", port=0, limits=LIMITS)) as address:
        yield address


def test_ask_hover_layers_and_score_again(page: Page, service: Service) -> None:
    expect(page.locator("#served")).to_contain_text(service.model_name)
    ask(page, "Number 1")
    expect(page.locator("#panel-ask .verdict h3")).to_contain_text("likely right")
    words = page.locator("#panel-ask [data-words] .word")
    assert words.count() >= 1
    expect(page.locator("#panel-ask [data-words] .unscored")).to_have_count(0)
    words.first.hover()
    expect(page.locator("#panel-ask [role=tooltip]")).to_contain_text("% likely right")
    page.get_by_role("button", name="Show every layer").click()
    expect(page.locator("#panel-ask table tbody th")).to_have_text(["3", "2 ▸the detector’s layer", "1", "0"])
    cells = page.locator("#panel-ask table tbody td")
    assert cells.count() == len(LAYERS) * (page.locator("#panel-ask table thead th").count() - 1)
    page.get_by_role("tab", name="Score an answer").click()
    page.get_by_label("Question that was asked").fill("Number 1")
    page.get_by_label("Answer that the model gave").fill("It is red.")
    page.get_by_role("button", name="Score").click()
    expect(page.locator("#panel-existing [data-words]")).to_have_text("It is red.")
    expect(page.locator("#panel-existing .verdict h3")).to_contain_text("likely right")
    expect(page.locator("#panel-existing [data-words] .unscored")).to_have_count(0)


def test_a_question_that_is_too_long(page: Page) -> None:
    ask(page, "why " * 100)
    expect(page.locator("#panel-ask [data-alarm]")).to_contain_text("shorten it")
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()


def test_a_server_that_has_been_stopped(open_page: Open, service: Service) -> None:
    with served(server_config(create_app(service), host="127.0.0.1", port=0, limits=LIMITS)) as address:
        page = open_page(address)
        expect(page.locator("#served")).to_contain_text(service.model_name)
    ask(page, "Number 2")
    expect(page.locator("#panel-ask [data-alarm]")).to_contain_text("cannot be reached")


def test_the_browsers_own_password_opens_the_page_and_all_that_it_asks(
    browser: Browser, open_page: Open, service: Service
) -> None:
    app = create_app(service, api_key=KEY)
    with served(server_config(app, host="127.0.0.1", port=0, limits=LIMITS)) as address:
        page = open_page(address, http_credentials={"username": "anyone", "password": KEY})
        expect(page.locator("#served")).to_contain_text(service.model_name)
        expect(page.locator("#key-form")).to_be_hidden()
        ask(page, "Number 3")
        expect(page.locator("#panel-ask .verdict")).to_be_visible()
        stranger = browser.new_context()
        assert stranger.request.get(address).status == 401
        stranger.close()
