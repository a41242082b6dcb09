"""The page's files: which are served, how, and that they name no other host."""

import re
from importlib.resources import files

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tacitly.serve.errors import install_handlers
from tacitly.serve.page_route import PAGE, POLICY, STATIC_FILES, page_router

pytestmark = pytest.mark.unit

FOLDER = files("tacitly.serve").joinpath("static")


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI()
    install_handlers(app)
    app.include_router(page_router())
    return TestClient(app)


def test_all_files_are_served_and_nothing_else_lies_there() -> None:
    assert {one.name for one in FOLDER.iterdir()} == {PAGE, *STATIC_FILES}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/static/page.css", "text/css; charset=utf-8"),
        ("/static/main.js", "text/javascript; charset=utf-8"),
        ("/static/icon.svg", "image/svg+xml"),
    ],
)
def test_types_and_headers(client: TestClient, path: str, kind: str) -> None:
    reply = client.get(path)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == kind
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["content-security-policy"] == POLICY
    assert client.head(path).headers["content-length"] == str(len(reply.content))


def test_the_policy_allows_this_server_only() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in POLICY.split(";"))
    assert rules["default-src"] == "'none'"
    assert set(rules.values()) == {"'none'", "'self'"}


@pytest.mark.parametrize(
    "path",
    ["/static/", "/static/index.html", "/static/../page_route.py", "/static/%2e%2e%2fpage_route.py", "/static/x%00.js"],
)
def test_other_names_are_not_there(client: TestClient, path: str) -> None:
    reply = client.get(path)
    assert reply.status_code == 404
    assert reply.json()["error"]["type"] == "invalid_request_error"


def test_posting_to_the_page_is_refused(client: TestClient) -> None:
    assert client.post("/").status_code == 405


def test_no_file_names_another_host_or_writes_markup() -> None:
    for name in (PAGE, *STATIC_FILES):
        text = FOLDER.joinpath(name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|//[a-z0-9.-]+\.[a-z]{2,}/", text), name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", text), name


def test_the_page_has_no_script_or_style_of_its_own() -> None:
    page = FOLDER.joinpath(PAGE).read_text(encoding="utf-8")
    assert re.findall(r"<script(.*?)>(.*?)</script>", page) == [(' type="module" src="/static/main.js"', "")]
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page)
