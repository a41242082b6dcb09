"""The page at `/`: a few files, served as they lie in the package, that may ask this server only."""

from importlib.resources import files
from types import MappingProxyType

from fastapi import APIRouter, Response

from tacitly.serve.errors import ApiError

TYPES = MappingProxyType(
    {
        "html": "text/html; charset=utf-8",
        "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml",
    }
)

PAGE = "index.html"

STATIC_FILES = (
    "page.css",
    "icon.svg",
    "main.js",
    "answer.js",
    "ask.js",
    "existing.js",
    "key.js",
    "models.js",
    "problems.js",
    "result.js",
    "server.js",
    "stream.js",
    "strip.js",
    "tabs.js",
    "tip.js",
    "verdict.js",
    "words.js",
)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

# `no-store`: after an upgrade no browser mixes old and new modules, and none keeps what a key opened.
HEADERS = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)


def page_router() -> APIRouter:
    """Routes for the page and its files; any other name under `/static/` is not there.

    The files are read once, here, so no name that a client sends ever reaches the file system.
    """
    router = APIRouter(include_in_schema=False)
    contents = _read_files()

    @router.api_route("/", methods=["GET", "HEAD"])
    async def page() -> Response:
        return _reply(PAGE, contents[PAGE])

    @router.api_route("/static/{name}", methods=["GET", "HEAD"])
    async def static_file(name: str) -> Response:
        if name not in STATIC_FILES:
            raise ApiError(404, "there is no such file", code="not_found")
        return _reply(name, contents[name])

    return router


def _read_files() -> dict[str, bytes]:
    folder = files("tacitly.serve").joinpath("static")
    return {name: folder.joinpath(name).read_bytes() for name in (PAGE, *STATIC_FILES)}


def _reply(name: str, content: bytes) -> Response:
    return Response(content, media_type=TYPES[name.rpartition(".")[2]], headers=dict(HEADERS))
