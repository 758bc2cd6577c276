"""Names that files, engines and scripting languages accept, and text as bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from aigc_assets.errors import UsageError

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,95}")
_SEPARATORS = re.compile("[\x85\u2028\u2029]")


def require_file_name(name: str) -> None:
    """Check that ``name`` can start a file name on every system.

    Raises:
        UsageError: If it is empty, too long, or holds a separator or another unsafe character.
    """
    if not isinstance(name, str) or _FILE_NAME.fullmatch(name) is None:
        raise UsageError(
            f"{name!r} is not a file name",
            where="name",
            remedy="1..96 letters, digits, _ - or . that do not start with - or .",
        )


def identifiers(names: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Map each name to an ASCII identifier (letters, digits, _; no digit first), all different.

    A name that already is one keeps it; where two names fall together, the later one gets a number.

    Args:
        names: Names in a fixed order; the order decides who keeps a contested identifier.
        taken: Identifiers that must not be given, such as the keywords of a language.
    """
    used = set(taken)
    mapping: dict[str, str] = {}
    for name in names:
        if name in mapping:
            continue
        base = re.sub(r"[^A-Za-z0-9_]", "_", name)
        if not base or base[0].isdigit():
            base = f"_{base}"
        chosen, number = base, 2
        while chosen in used:
            chosen, number = f"{base}_{number}", number + 1
        used.add(chosen)
        mapping[name] = chosen
    return mapping


def one_line(text: str) -> str:
    """``text`` with the line separators that are not control characters turned into spaces."""
    return _SEPARATORS.sub(" ", text)


def encode(text: str) -> bytes:
    """UTF-8 without a byte order mark; a lone surrogate, which UTF-8 cannot hold, becomes ``?``."""
    return text.encode("utf-8", "replace")
