"""JSON schemas as plain as clients can read them: no `$ref`, no `$defs`, no titles, no `anyOf` with null."""

from __future__ import annotations

from typing import Any, cast

Schema = dict[str, Any]


def flatten(schema: Schema) -> Schema:
    """Return an equivalent schema without indirection; a recursive `$ref` becomes a plain object."""
    definitions = cast("dict[str, Schema]", schema.get("$defs", {}))
    return cast("Schema", _flat({k: v for k, v in schema.items() if k != "$defs"}, definitions, ()))


def _flat(node: Any, definitions: dict[str, Schema], inside: tuple[str, ...], *, names: bool = False) -> Any:
    if isinstance(node, list):
        return [_flat(item, definitions, inside) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    schema = cast("Schema", node)
    if names:  # the keys are property names here, one of which may well be "title"
        return {name: _flat(value, definitions, inside) for name, value in schema.items()}
    if "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[-1]
        if name in inside:
            return {"type": "object"}
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return _flat({**definitions[name], **rest}, definitions, (*inside, name))
    if "anyOf" in schema:
        options = [option for option in cast("list[Schema]", schema["anyOf"]) if option.get("type") != "null"]
        rest = {
            key: value for key, value in schema.items() if key != "anyOf" and not (key == "default" and value is None)
        }
        if len(options) == 1:
            return _flat({**options[0], **rest}, definitions, inside)
        # A cell of a row may be empty: in a list of plain types null is one of them.
        kinds = {option.get("type") for option in cast("list[Schema]", schema["anyOf"])}
        if all(set(option) == {"type"} for option in options):
            return _flat({**rest, "type": sorted(str(kind) for kind in kinds)}, definitions, inside)
        schema = {**rest, "anyOf": options}
    return {
        key: _flat(value, definitions, inside, names=key in ("properties", "patternProperties"))
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str))
    }
