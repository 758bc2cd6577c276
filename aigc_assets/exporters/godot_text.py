"""Godot 4 text resources: the parts that scenes, tile sets and sprite frames share.

References:
    Godot documentation, "TSCN file format"; engine sources ``resource_format_text.cpp`` and
    ``resource_uid.cpp`` (4.3).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

from aigc_assets.exporters.names import identifiers
from aigc_assets.types.validation import Scalar

_UID_DIGITS = "abcdefghijklmnopqrstuvwxy012345678"
_CONTROL = re.compile(r"[\x01-\x08\x0b-\x1f\x7f]")
_NODE_FORBIDDEN = str.maketrans(dict.fromkeys('.:@/"%', "_"))


def uid(*names: str) -> str:
    """``uid://`` text that depends on ``names`` only, so references survive every new export.

    Godot numbers resources with 63 bits and writes them in base 34 with these digits.
    """
    digest = hashlib.sha256("/".join(("aigc_assets", *names)).encode()).digest()
    value = int.from_bytes(digest[:8], "big") & 0x7FFF_FFFF_FFFF_FFFF
    digits = ""
    while value:
        value, rest = divmod(value, len(_UID_DIGITS))
        digits = _UID_DIGITS[rest] + digits
    return f"uid://{digits}"


def quote(text: str) -> str:
    """A string literal; Godot's strings cannot hold NUL, which becomes U+FFFD."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "\ufffd")
    return '"' + _CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", text) + '"'


def literal(value: Scalar) -> str:
    """A value as Godot's text format writes it; floats keep a decimal point to stay floats."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        # Godot's int has 64 bits; a larger one is kept whole as text.
        return str(int(value)) if -(2**63) <= value < 2**63 else quote(str(int(value)))
    if isinstance(value, float):
        text = repr(float(value))
        return text if any(c in text for c in ".en") else text + ".0"
    return quote(value)


def coordinate(value: float) -> str:
    """A position or length in px: whole numbers without a decimal point."""
    return str(int(value)) if value == int(value) else repr(float(value))


def metadata(properties: Mapping[str, Scalar], taken: Iterable[str] = ()) -> list[str]:
    """Lines ``metadata/<key> = <value>``; keys are made identifiers, which ``set_meta`` demands."""
    keys = identifiers(properties, taken)
    return [f"metadata/{keys[key]} = {literal(value)}" for key, value in properties.items()]


def node_name(text: str, used: set[str]) -> str:
    """``text`` as a node name that no sibling in ``used`` has; adds it to ``used``.

    Godot replaces ``. : @ / " %`` itself, which would break paths that rely on the written name.
    """
    base = text.translate(_NODE_FORBIDDEN).replace("\\", "_").strip() or "node"
    base = "".join(c if ord(c) >= 32 else "_" for c in base)
    chosen, number = base, 2
    while chosen in used:
        chosen, number = f"{base}{number}", number + 1
    used.add(chosen)
    return chosen
