"""The schema of what is asked and answered, made of the types that decode and encode it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from inspect import cleandoc
from typing import Any

import msgspec
from msgspec import inspect

REFERENCE = "#/components/schemas/{name}"
ATTRIBUTES = re.compile(r"\n+Attributes:\n(?P<fields>(?:    .*(?:\n|$)|\n)+)")
FIELD = re.compile(r"^    (?P<name>\w+): (?P<words>.*(?:\n        .*)*)", re.MULTILINE)
RAISES = re.compile(r"\n+Raises:\n(?:    .*(?:\n|$))+")
NONE = re.compile(r"\bNone\b")
DESCRIPTION, PROPERTIES = "description", "properties"

Schema = dict[str, Any]


def schemas_of(types: Sequence[Any]) -> tuple[list[Schema], dict[str, Schema]]:
    """Return the schema of each type, and the components that they refer to.

    Args:
        types: Structs, and what is made of them.
    """
    schemas, components = msgspec.json.schema_components(types, ref_template=REFERENCE)
    for kind in struct_types(types):
        _describe(components[kind.__name__], kind)
    return list(schemas), components


def struct_types(types: Iterable[Any]) -> set[type]:
    """Return every Struct that types are made of."""
    found: set[type] = set()
    waiting = list(inspect.multi_type_info(types))
    while waiting:
        node = waiting.pop()
        if isinstance(node, inspect.StructType):
            if node.cls in found:
                continue
            found.add(node.cls)
        waiting.extend(_parts(node))
    return found


def _parts(node: inspect.Type) -> Iterator[inspect.Type]:
    """Yield the types that a type is made of."""
    for name in node.__struct_fields__:
        value = getattr(node, name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, inspect.Field):
                yield part.type
            elif isinstance(part, inspect.Type):
                yield part


def _describe(schema: Schema, kind: type) -> None:
    """Say in the schema of a Struct what its docstrings say of it and of its fields."""
    schema[DESCRIPTION] = _legible(_summary(kind))
    told: dict[str, str] = {}
    for parent in reversed(kind.__mro__):
        told.update(_fields(parent))
    for name, of_field in schema.get(PROPERTIES, {}).items():
        if name in told:
            of_field[DESCRIPTION] = _legible(told[name])


def _summary(kind: type) -> str:
    """Return a docstring without the sections of fields and errors."""
    told = cleandoc(kind.__doc__ or "")
    return RAISES.sub("", ATTRIBUTES.sub("", told))


def _fields(kind: type) -> dict[str, str]:
    """Return what a docstring says of fields, by name."""
    section = ATTRIBUTES.search(cleandoc(kind.__doc__ or ""))
    if section is None:
        return {}
    return {
        match["name"]: " ".join(match["words"].split())
        for match in FIELD.finditer(section["fields"])
    }


def _legible(words: str) -> str:
    """Return words of Python in those of JSON and Markdown."""
    return NONE.sub("null", words.replace("``", "`"))
