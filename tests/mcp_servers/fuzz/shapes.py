"""Arguments made from a tool's own schema: some that fit it, some that a confused or hostile client would send."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]

HOSTILE = [
    *(
        "",
        " ",
        "\0",
        "\r\n",
        "\u202e",
        "a" * 300,
        "[" * 60,
        "None",
        "NaN",
        "1e999",
        "-1",
        "--help",
        "-rf",
        "--output=/tmp/x",
    ),
    *("../../etc/passwd", "/etc/passwd", "~/.ssh/id_rsa", "%2e%2e%2fetc%2fpasswd", "..\\..\\windows", "C:\\x", "con"),
    *("file:///etc/passwd", "http://169.254.169.254/", "http://[::1]:1/", "gopher://x", "javascript:1"),
    *("'; DROP TABLE Track;--", "$(id)", "`id`", "{{7*7}}", "(a+)+$", "<script>", "__import__('os')", "{}", "[]"),
    *("default", "Track", "SELECT 1", "1+1", "2024-01-01", "offline", "token", "minilm"),
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(HOSTILE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def fitting(schema: Schema) -> st.SearchStrategy[Any]:
    """Values that a schema allows."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    if "anyOf" in schema:
        return st.one_of(*(fitting(option) for option in schema["anyOf"]))
    kind = schema.get("type")
    if isinstance(kind, list):
        return st.one_of(*(fitting({**schema, "type": each}) for each in kind))
    match kind:
        case "string":
            return _texts(schema)
        case "integer":
            return st.integers(schema.get("minimum", -10), schema.get("maximum", 1000))
        case "number":
            return st.floats(schema.get("minimum", -10), schema.get("maximum", 1000))
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "array":
            fewest = schema.get("minItems", 0)
            most = min(schema.get("maxItems", 4), fewest + 3)
            return st.lists(fitting(schema.get("items", {})), min_size=fewest, max_size=most)
        case _:
            return _objects(schema)


def confused(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    """Arguments with the right names, some left out, and anything at all as values."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(schema.get("properties", {}), ANYTHING))


def _texts(schema: Schema) -> st.SearchStrategy[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", 200)
    known = [text for text in HOSTILE if least <= len(text) <= most] or ["a" * least]
    texts = st.sampled_from(known) | st.text(min_size=least, max_size=min(most, least + 40))
    if "pattern" in schema:
        texts |= st.from_regex(schema["pattern"], fullmatch=True).filter(lambda text: least <= len(text) <= most)
    return texts


def _objects(schema: Schema) -> st.SearchStrategy[Any]:
    properties = schema.get("properties", {})
    if not properties:
        return st.dictionaries(st.text(max_size=8), st.none() | st.integers(-5, 5) | st.text(max_size=8), max_size=3)
    required = schema.get("required", [])
    return st.fixed_dictionaries(
        {name: fitting(each) for name, each in properties.items() if name in required},
        optional={name: fitting(each) for name, each in properties.items() if name not in required},
    )
