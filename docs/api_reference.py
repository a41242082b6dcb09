"""Writes `docs/reference/api.md` from the server's own description: `python docs/api_reference.py`.

A test compares the page with what this makes.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tacitly.serve.app import create_app
from tacitly.serve.limits import Limits
from tacitly.serve.metrics import Metrics

PAGE = Path(__file__).parent / "reference" / "api.md"
OWN_REPLIES = ("ScoreReply", "LayersReply")  # OpenAI's are described elsewhere
HEAD = """# The server's API

Made from `/openapi.json` by `docs/api_reference.py`. [How to serve](../how-to/serve.md) says how it is used. Every
address but `/health` wants the key, where the server has one, and every refusal has the form
`{"error": {"message", "type", "param", "code"}}`.
"""

_WORDS = {"Successful Response": "What was asked for."}

Schema = dict[str, Any]


def describe(description: Schema) -> str:
    """The page.

    Args:
        description: The server's, as `/openapi.json` has it.
    """
    named = description["components"]["schemas"]
    parts = [HEAD]
    for path, methods in description["paths"].items():
        for method, route in methods.items():
            parts.append(_route(f"{method.upper()} {path}", route, named))
    return "\n".join(parts)


def _route(name: str, route: Schema, named: Schema) -> str:
    lines = [f"## {name}", "", f"{route['summary']}. {' '.join(route.get('description', '').split())}", ""]
    content = route.get("requestBody", {}).get("content", {})
    if content:
        schema = content["application/json"]["schema"]
        one, *many = schema.get("anyOf", [schema])
        most = f" Or a list of 1 to {many[0]['maxItems']:,} of them." if many else ""
        lines += [f"The body: {one['description'][0].lower()}{one['description'][1:]}{most}", "", *_table(one, named)]
    lines += ["| reply | |", "|---|---|"]
    lines += [
        f"| {status} | {_one_line(_WORDS.get(said['description'], said['description']))} |"
        for status, said in route["responses"].items()
    ]
    reply = _named(route["responses"]["200"].get("content", {}).get("application/json", {}).get("schema", {}))
    if reply in OWN_REPLIES:
        lines += ["", "What a reply of 200 says:", "", *_table(named[reply], named)[:-1]]
    return "\n".join([*lines, ""])


def _named(schema: Schema) -> str | None:
    first = schema.get("anyOf", [schema])[0]
    return str(first["$ref"]).rpartition("/")[2] if "$ref" in first else None


def _table(schema: Schema, named: Schema) -> list[str]:
    """The fields of an object."""
    needed = schema.get("required", ())
    wanted = any("default" in field for field in schema["properties"].values()) or "additionalProperties" in schema
    lines = ["| field | holds | |", "|---|---|---|"]
    for name, field in schema["properties"].items():
        said = _one_line(field.get("description", ""))
        default = field.get("default")
        if default not in (None, [], "") and wanted:
            said += f" By default {str(default).lower()}."
        shown = f"`{name}`" + (" (needed)" if wanted and name in needed else "")
        lines.append(f"| {shown} | {_kind(field, named)} | {said.strip()} |")
    return [*lines, ""]


def _kind(schema: Schema, named: Schema) -> str:
    """What a field may hold, in words."""
    if "$ref" in schema:
        return _kind(named[str(schema["$ref"]).rpartition("/")[2]], named)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(one, named) for one in schema["anyOf"]))
    if "const" in schema or "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_kind(schema['items'], named)}" + _bounds(schema, "minItems", "maxItems", "")
    if kind == "object":
        return f"object with {', '.join(f'`{name}`' for name in schema.get('properties', {}))}"
    if kind == "string":
        return "text" + _bounds(schema, "minLength", "maxLength", " characters")
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    over, under = ("over " if "exclusiveMinimum" in schema else ""), ("under " if "exclusiveMaximum" in schema else "")
    ends = [over + _number(low) if low is not None else "", under + _number(high) if high is not None else ""]
    bounds = f" ({ends[0]} to {ends[1]})" if all(ends) else f" ({ends[0]} or more)" if ends[0] else ""
    return {"integer": "integer", "number": "number", "boolean": "true or false"}.get(kind, kind) + bounds


def _bounds(schema: Schema, low: str, high: str, what: str) -> str:
    return f" (at most {schema[high]:,}{what})" if high in schema else " (not empty)" if schema.get(low) else ""


def _number(value: float) -> str:
    return f"{value:g}" if abs(value) < 1e6 else "2^63" if value > 2**62 else "-2^63" if value < -(2**62) else "2^31"


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Write the page."""
    limits = Limits()
    nothing: Any = SimpleNamespace(
        limits=limits, model_name="model", chat=SimpleNamespace(asking=None), metrics=Metrics(), cautions=()
    )
    PAGE.write_text(describe(create_app(nothing, limits=limits).openapi()), encoding="utf-8")


if __name__ == "__main__":
    main()
