"""A page in one file that asks nothing of the network and runs no script but ours."""

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from tacitly.report.names import showable
from tacitly.report.palette import DARK, LIGHT, dark_of_light
from tacitly.report.pictures import Picture


def render_page(template: str, *, pictures: Sequence[Picture], styles: Sequence[str] = (), **values: Any) -> str:
    """Render a template that fills the shell of our pages.

    Args:
        template: A template of this package that extends `shell.html.j2`.
        pictures: The figures that the page shows.
        styles: Style sheets of this package beside `report.css`.
        values: What else the template names.

    Returns:
        HTML that can be written as UTF-8: everything that came from a model or from data is escaped.
    """
    plotly, drawing = _script(get_plotlyjs()), _script(_template_text("report.js"))
    style = "\n".join(_template_text(name) for name in ("report.css", *styles))
    return (
        _environment()
        .get_template(template)
        .render(
            light=LIGHT,
            dark=DARK,
            style=Markup(style),  # noqa: S704 (our own files)
            plotly=plotly,
            drawing=drawing,
            script_sources=" ".join(f"'{_digest(script)}'" for script in (plotly, drawing)),
            figures=_embedded({"figures": _figures(pictures), "dark": dark_of_light()}),
            **values,
        )
    )


def _environment() -> Environment:
    """Jinja with escaping everywhere, a complaint for every missing name, and nothing unshowable let through."""
    return Environment(
        loader=PackageLoader("tacitly.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: showable(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )


def _figures(pictures: Sequence[Picture]) -> dict[str, Any]:
    return {picture.key: json.loads(picture.figure.to_json()) for picture in pictures}


def _embedded(value: object) -> Markup:
    """JSON that can stand inside a script element: it holds no `<`, `>`, `&` and nothing beyond ASCII."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 (escaped just above)


def _template_text(name: str) -> str:
    return files("tacitly.report").joinpath("templates", name).read_text(encoding="utf-8")


def _script(code: str) -> Markup:
    """A script of ours; line ends as a browser reads them, or its digest would not fit."""
    return Markup(code.replace("\r\n", "\n").replace("\r", "\n"))  # noqa: S704 (our own file and Plotly's)


def _digest(script: str) -> str:
    """The hash by which the page's content security policy knows a script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
