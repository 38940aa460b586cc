"""A C99 header without dependencies: a function per model, no allocation, and only ``math.h``."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from token2metrics.export.identifiers import plain_words
from token2metrics.export.language import Language, numbers, statements
from token2metrics.export.metadata import (
    FLAGS,
    TEXTS,
    ModelMetadata,
    headline,
    metadata_of,
    unit_of,
)
from token2metrics.export.target import Bundle, ExportedModel, Target
from token2metrics.prediction.program import INPUTS
from token2metrics.symbolic import Operation
from token2metrics.vocabulary import FITTED_PHASES, MAX_TOKENS

GUARD_LETTERS = 12
NO_RANGE = (math.nan, math.nan)
LOOK_UP = "t2m_staircase({value}, {table}_edges, {table}_levels, {count})"
FIRST_PRINTABLE, AFTER_PRINTABLE = 0x20, 0x7F
SPECIAL = b'"\\?'
"""``?`` could begin a trigraph."""

HEAD = """\
#if defined(T2M_EXPORT) && !defined({guard})
#error "two different exports of Token2Metrics in one file; export all models into one header"
#endif
#ifndef {guard}
#define {guard}
#define T2M_EXPORT

#include <math.h>

#ifdef __FAST_MATH__
#error "compile without -ffast-math: what is unknown is NAN"
#endif

typedef char t2m_needs_a_double_of_64_bits[sizeof(double) == 8 ? 1 : -1];

/* What a prediction returns. */
enum t2m_status {{
    T2M_OK = 0,
    T2M_BAD_INPUT_TOKENS = 1, /* not a whole number from 0 to T2M_MAX_TOKENS */
    T2M_BAD_OUTPUT_TOKENS = 2 /* likewise */
}};

#define T2M_MAX_TOKENS {most}
#define T2M_MODEL_COUNT {count}

/* What a request costs; NAN where nothing was measured. */
struct t2m_prediction {{
{fields}
}};

/* The level of the last edge below a value, or 0. */
static inline double t2m_staircase(double value, const double *edges, const double *levels,
                                   int count)
{{
    int low = 0;
    int high = count;
    while (low < high) {{
        const int middle = low + (high - low) / 2;
        if (edges[middle] < value) {{
            low = middle + 1;
        }} else {{
            high = middle;
        }}
    }}
    return low > 0 ? levels[low - 1] : 0.0;
}}

static inline int t2m_is_count(double tokens)
{{
    return tokens >= 0.0 && tokens <= T2M_MAX_TOKENS && floor(tokens) >= tokens;
}}
"""

FUNCTION = """\
/* {words} */
{tables}static inline int t2m_{identifier}_predict(double input_tokens, double output_tokens,
    struct t2m_prediction *out)
{{
    if (!t2m_is_count(input_tokens)) {{
        return T2M_BAD_INPUT_TOKENS;
    }}
    if (!t2m_is_count(output_tokens)) {{
        return T2M_BAD_OUTPUT_TOKENS;
    }}
    {{
{lines}
    }}
    return T2M_OK;
}}
"""

MODELS = """\
struct t2m_model {{
{texts}
    double confidence; /* share of requests within each interval */
    int parallel; /* answers generated at once */
    /* What each phase rests on, and the fewest and most tokens that were measured; NAN for none. */
    const char *prefill_rests_on;
    const char *decode_rests_on;
    double prefill_input_tokens[2];
    double decode_input_tokens[2];
    double decode_output_tokens[2];
    int (*predict)(double, double, struct t2m_prediction *);
}};

static const char t2m_artifact_sha256[] = {digest};
static const char t2m_version[] = {version};

static const struct t2m_model t2m_models[T2M_MODEL_COUNT] = {{
{models}
}};

#endif
"""


class C(Language):
    """C99, also read by C++."""

    functions: ClassVar[Mapping[Operation, str]] = {
        Operation.EXP: "exp",
        Operation.TANH: "tanh",
        Operation.LOG1P: "log1p",
        Operation.CEIL: "ceil",
        Operation.POWER: "pow",
    }
    square_root = "sqrt"
    unknown = "(double)NAN"

    def choice(self, test: str, then: str, otherwise: str) -> str:
        """Return a conditional expression."""
        return f"{test} ? {then} : {otherwise}"


LANGUAGE = C()


class CHeader(Target):
    """Writes the header."""

    def encode(self, bundle: Bundle) -> bytes:
        """Return the content of the file."""
        functions = "\n".join(_function(one) for one in bundle.models)
        body = f"{functions}\n{_models(bundle)}"
        digest = hashlib.sha256(body.encode()).hexdigest()[:GUARD_LETTERS].upper()
        comment = "\n".join(f" * {line}" for line in headline(bundle))
        head = HEAD.format(
            guard=f"T2M_EXPORT_{digest}",
            most=f"{MAX_TOKENS:.1f}",
            count=len(bundle.models),
            fields="\n".join(_field(name) for name in bundle.quantities),
        )
        return f"/*\n{comment}\n */\n{head}\n{body}".encode()

    def usage(self, bundle: Bundle, path: Path) -> tuple[str, ...]:
        """Return lines of C."""
        shown = bundle.example
        return (
            f'#include "{path.name}"  /* link with -lm */',
            f"struct t2m_prediction cost; /* cost.{shown}, ... */",
            f"int status = t2m_{bundle.models[0].identifier}_predict(512, 128, &cost);",
        )


def text_literal(text: str | None) -> str:
    """Return a text as a C string, or the null pointer."""
    return "0" if text is None else f'"{"".join(map(_letter, text.encode(errors="replace")))}"'


def _letter(byte: int) -> str:
    """Return a byte within a string."""
    plain = FIRST_PRINTABLE <= byte < AFTER_PRINTABLE and byte not in SPECIAL
    return chr(byte) if plain else f"\\{byte:03o}"


def _field(quantity: str) -> str:
    """Return the declaration of a result."""
    kind = "int" if quantity in FLAGS else "double"
    return f"    {kind} {quantity}; /* {unit_of(quantity)} */"


def _function(one: ExportedModel) -> str:
    """Return the function of a model and its staircases."""
    stem = f"t2m_{one.identifier}"
    written = statements(
        one.program, LANGUAGE, f"{stem}_steps", LOOK_UP, {name: name for name in INPUTS}
    )
    tables = "".join(
        f"static const double {name}_{part}[] = {{{numbers(LANGUAGE, values)}}};\n"
        for name, steps in written.tables.items()
        for part, values in (("edges", steps.edges), ("levels", steps.levels))
    )
    lines = [f"        const double {name} = {text};" for name, text in written.lines]
    lines += [
        f"        out->{name} = {f'{result} >= 1.0' if name in FLAGS else result};"
        for name, result in written.results.items()
    ]
    words = f"{plain_words(one.record.name)} on {plain_words(one.record.device)}"
    return FUNCTION.format(
        words=words, tables=tables, identifier=one.identifier, lines="\n".join(lines)
    )


def _models(bundle: Bundle) -> str:
    """Return the table of models."""
    metadata = metadata_of(bundle)
    return MODELS.format(
        texts="\n".join(f"    const char *{name};" for name in TEXTS),
        digest=text_literal(bundle.provenance.artifact_sha256),
        version=text_literal(bundle.provenance.token2metrics),
        models=",\n".join(_row(one, bundle) for one in metadata.models),
    )


def _row(one: ModelMetadata, bundle: Bundle) -> str:
    """Return the line of a model in the table."""
    texts = ", ".join(text_literal(getattr(one, name)) for name in TEXTS)
    prefill, decode = (one.phases.get(phase) for phase in FITTED_PHASES)
    rests = ",\n     ".join(
        text_literal(told.rests_on if told else None) for told in (prefill, decode)
    )
    spans = (
        prefill and prefill.input_tokens,
        decode and decode.input_tokens,
        decode and decode.output_tokens,
    )
    ends = ", ".join(f"{{{numbers(LANGUAGE, span or NO_RANGE)}}}" for span in spans)
    told = f"{LANGUAGE.number(bundle.confidence)}, {bundle.parallel},\n     {rests}, {ends}"
    return f"    {{{texts},\n     {told}, t2m_{one.identifier}_predict}}"
