"""JSON that stays small in large files and can still be read and compared line by line."""

from __future__ import annotations

import json
from typing import Any

from aigc_assets.exporters.names import encode


def outline(value: Any, depth: int) -> bytes:
    """UTF-8 JSON with one entry per line down to ``depth``, without any space below it."""
    return encode(_lines(value, depth, "") + "\n")


def _lines(value: Any, depth: int, indent: str) -> str:
    if depth == 0 or not isinstance(value, (dict, list)) or not value:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    inner = indent + " "
    if isinstance(value, dict):
        rows = [
            f"{inner}{json.dumps(key, ensure_ascii=False)}: {_lines(entry, depth - 1, inner)}"
            for key, entry in value.items()
        ]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    rows = [inner + _lines(entry, depth - 1, inner) for entry in value]
    return "[\n" + ",\n".join(rows) + f"\n{indent}]"
