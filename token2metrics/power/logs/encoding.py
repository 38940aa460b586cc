"""How the bytes of a text file are to be decoded."""

from __future__ import annotations

import codecs

UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def encoding_of(content: bytes) -> str:
    """Return the encoding of a text: UTF-16 where its mark says so, else UTF-8."""
    return "utf-16" if content.startswith(UTF_16_MARKS) else "utf-8-sig"
