"""How a sound file is spoilt: as bytes, as text, and as what it is, so that damage gets deep."""

from __future__ import annotations

import ast
import copy
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import polars as pl

from token2metrics.data.workbook_size import NOT_AN_ARCHIVE

Change = Callable[[bytes, Random], bytes]
"""Returns a spoilt copy of a file's content."""

MOST_CHANGES = 4
MOST_CUT_BYTES = 64
DEEP = 100_000
LONG_DIGITS = 5_000
LONG_TEXT = 20_000
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    0.5,
    1e-320,
    1e308,
    10**30,
    -(10**400),
    float("nan"),
    float("inf"),
    float("-inf"),
    "",
    "x",
    "12",
    "nan",
    "=1+1",
    "../../etc/passwd",
    "\ud800",
    "\0",
    [],
    {},
    [[1]],
    [None, -1, float("nan")],
    {"value": 1, "unit": "ms"},
)
"""What is put in the place of a value."""

ODD_TEXTS = (
    "",
    "-1",
    "0",
    "nan",
    "inf",
    "1e400",
    "1e308",
    "x",
    '"',
    "'",
    ",",
    ";",
    "|",
    "\t",
    "\r",
    "\n",
    "\0",
    "\u2028",
    "\ufeff",
    "\u0661",
    "²",
    "{",
    "[",
    "}",
    "=1+1",
    "9" * LONG_DIGITS,
    "[" * DEEP,
    '{"a":' * DEEP,
)
"""What is put into a text."""


def spoil_bytes(content: bytes, chance: Random) -> bytes:
    """Cut, flip, repeat or insert bytes."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, MOST_CHANGES)):
        start = chance.randint(0, len(changed))
        end = min(len(changed), start + chance.randint(1, MOST_CUT_BYTES))
        match chance.randint(0, 4):
            case 0:
                del changed[start:]
            case 1:
                del changed[start:end]
            case 2:
                changed[start:start] = changed[start:end] or b"\0"
            case 3:
                changed[start:end] = chance.randbytes(end - start)
            case _ if start < len(changed):
                changed[start] ^= 1 << chance.randrange(8)
    return bytes(changed)


def spoil_text(content: bytes, chance: Random) -> bytes:
    """Put something odd between, or in the place of, the characters of a text."""
    text = content.decode(errors="surrogateescape")
    for _ in range(chance.randint(1, MOST_CHANGES)):
        start = chance.randint(0, len(text))
        end = min(len(text), start + chance.choice((0, 1, 8)))
        odd = chance.choice((*ODD_TEXTS, _repeated(text[start:end])))
        text = text[:start] + odd + text[end:]
    encoding = chance.choice(("utf-8", "utf-8", "utf-8", "utf-16", "utf-8-sig"))
    return text.encode(encoding, errors="surrogatepass" if encoding == "utf-16" else "replace")


def _repeated(part: str) -> str:
    """Return a part over and over: what patterns try again from every place of."""
    return part * (LONG_TEXT // max(1, len(part)))


def spoil_lines(content: bytes, chance: Random) -> bytes:
    """Repeat, remove or swap lines, or spoil the cells of one."""
    lines = content.splitlines(keepends=True) or [b""]
    place = chance.randrange(len(lines))
    match chance.randint(0, 3):
        case 0:
            del lines[place]
        case 1:
            lines.insert(place, chance.choice(lines))
        case 2:
            cells = lines[place].split(b",")
            cells[chance.randrange(len(cells))] = chance.choice(ODD_TEXTS).encode()
            lines[place] = b",".join(cells)
        case _:
            lines[place] = spoil_text(lines[place], chance)
    return b"".join(lines)


def spoil_json(content: bytes, chance: Random) -> bytes:
    """Spoil values of a JSON document, or of one document per line."""
    try:
        documents = [json.loads(content)]
    except (ValueError, RecursionError):
        documents = _json_lines(content)
    if not documents:
        return spoil_text(content, chance)
    documents = copy.deepcopy(documents)
    for _ in range(chance.randint(1, MOST_CHANGES)):
        _spoil_value(documents, chance)
    text = "\n".join(json.dumps(one) for one in documents)
    return text.encode(errors="surrogatepass")


def _json_lines(content: bytes) -> list[Any]:
    """Return the JSON documents of lines that are one."""
    found = []
    for line in content.splitlines():
        try:
            found.append(json.loads(line))
        except (ValueError, RecursionError):
            continue
    return found


def _spoil_value(documents: list[Any], chance: Random) -> None:
    """Remove, replace, wrap or repeat one value."""
    places = [place for document in documents for place in _places(document)]
    if not places:
        return
    tree, key = chance.choice(places)
    match chance.randint(0, 4):
        case 0:
            del tree[key]
        case 1:
            tree[key] = [tree[key]]
        case 2:
            other, name = chance.choice(places)
            tree[key] = copy.deepcopy(other[name]) if name in _keys(other) else None
        case _:
            tree[key] = copy.deepcopy(chance.choice(ODD_VALUES))


def _keys(tree: Any) -> Sequence[Any]:
    """Return the keys of a container, none of anything else."""
    if isinstance(tree, dict):
        return list(tree)
    return range(len(tree)) if isinstance(tree, list) else ()


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Return every container of a document with every key of it."""
    found = [(tree, key) for key in _keys(tree)]
    return found + [place for key in _keys(tree) for place in _places(tree[key])]


def spoil_archive(content: bytes, chance: Random) -> bytes:
    """Spoil one member of a ZIP archive, such as a sheet of a workbook, and pack it again."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except NOT_AN_ARCHIVE:
        return spoil_bytes(content, chance)
    if not members:
        return spoil_bytes(content, chance)
    name = chance.choice(sorted(members))
    members[name] = chance.choice((spoil_bytes, spoil_text))(members[name], chance)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, spoilt in members.items():
            archive.writestr(member, spoilt)
    return packed.getvalue()


COLUMN_TYPES: tuple[Any, ...] = (
    pl.Boolean(),
    pl.Int8(),
    pl.Int64(),
    pl.UInt64(),
    pl.Float32(),
    pl.Float64(),
    pl.String(),
    pl.Binary(),
    pl.Date(),
    pl.Time(),
    pl.Datetime("ns", "UTC"),
    pl.Duration("us"),
    pl.Categorical(),
    pl.Enum(["prefill", "decode"]),
    pl.Decimal(38, 2),
    pl.Null(),
    pl.List(pl.Float64()),
    pl.Struct({"a": pl.Int64()}),
)
"""Types that a column of a Parquet file may have where another one is expected."""


def spoil_columns(content: bytes, chance: Random) -> bytes:
    """Give a column of a Parquet file another type or name, remove it, or empty the table."""
    try:
        frame = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return spoil_bytes(content, chance)
    if not frame.width:
        return spoil_bytes(content, chance)
    name = chance.choice(frame.columns)
    match chance.randint(0, 4):
        case 0:
            frame = frame.drop(name)
        case 1:
            frame = frame.rename({name: f"{name}{chance.choice(('x', ' ', '_of_file'))}"})
        case 2:
            frame = frame.head(chance.randint(0, frame.height))
        case _:
            kind = chance.choice(COLUMN_TYPES)
            frame = frame.with_columns(_retyped(frame.get_column(name), kind))
    written = io.BytesIO()
    frame.write_parquet(written)
    return written.getvalue()


def _retyped(column: pl.Series, kind: Any) -> pl.Series:
    """Return a column in another type; null where it has no such value."""
    try:
        return column.cast(kind, strict=False)
    except pl.exceptions.PolarsError:
        return pl.Series(column.name, [None] * len(column), kind)


def spoil_literals(content: bytes, chance: Random) -> bytes:
    """Replace constants of a Python file; nothing else, for such a file is run."""
    tree = ast.parse(content)
    constants = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and not isinstance(node.value, bytes)
    ]
    for node in chance.sample(constants, min(len(constants), chance.randint(1, MOST_CHANGES))):
        node.value = copy.deepcopy(chance.choice(PLAIN_VALUES))
    return ast.unparse(tree).encode(errors="replace")


PLAIN_VALUES = tuple(
    value for value in ODD_VALUES if not isinstance(value, list | dict) and value != -(10**400)
)
"""Values that are written as a constant in Python."""


def any_of(*changes: Change) -> Change:
    """Return a change that is one of several, by chance."""

    def change(content: bytes, chance: Random) -> bytes:
        return chance.choice(changes)(content, chance)

    return change
