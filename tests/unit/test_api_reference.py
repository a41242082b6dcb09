"""`docs/reference/api.md` is what the server says of itself."""

import runpy
from pathlib import Path

import pytest

from tacitly.serve.app import create_app
from tacitly.serve.limits import Limits
from tests.unit.serve_samples import made_model, made_service

pytestmark = pytest.mark.unit

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_is_up_to_date(tmp_path: Path) -> None:
    service = made_service(made_model(tmp_path), limits=Limits())
    made = runpy.run_path(str(DOCS / "api_reference.py"))["describe"](create_app(service).openapi())
    assert made == (DOCS / "reference" / "api.md").read_text(encoding="utf-8"), "run: python docs/api_reference.py"


def test_the_script_needs_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = runpy.run_path(str(DOCS / "api_reference.py"))
    monkeypatch.setitem(script["main"].__globals__, "PAGE", tmp_path / "api.md")
    script["main"]()
    assert (tmp_path / "api.md").read_text(encoding="utf-8").startswith("# The server's API")


def test_the_limits_in_the_how_to_are_the_server_s() -> None:
    text = (DOCS / "how-to" / "serve.md").read_text(encoding="utf-8")
    limits = Limits()
    for shown, value in {
        "1 MB": limits.body_bytes == 1_000_000,
        "32 levels": limits.depth == 32,
        "(2,048), and 16 characters for each": 16 * limits.prompt_tokens == limits.prompt_characters,
        "`--new-tokens` (1,024)": limits.new_tokens == 1024,
        "| `n` | 8 |": limits.answers == 8,
        "`--streams` (64)": limits.streams == 64,
        "`--queue` (64)": limits.waiting == 64,
        "256, each of 3,072 tokens": (limits.score_answers, limits.score_tokens) == (256, 3072),
        "| requests for scores under way | 16 |": limits.scoring == 16,
        "| connections | 512 |": limits.connections == 512,
        "10 and 30 seconds": (limits.head_seconds, limits.body_seconds) == (10, 30),
        "| 30 seconds | closed |": limits.idle_seconds == limits.stuck_seconds == 30,
    }.items():
        assert shown in text
        assert value, shown
