"""JSON from a stranger: limits while it is read, and values that are what they should be."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from aigc_assets.errors import DataError

_T = TypeVar("_T")


def parse_json(data: bytes, where: str) -> Any:
    """The value of a document.

    Raises:
        DataError: If it is not JSON, or nested deeper than Python can follow.
    """
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError) as error:
        raise DataError(f"is not JSON: {error}", where=where) from error
    except RecursionError as error:
        raise DataError("is nested too deeply", where=where) from error


def get(value: object, key: str, kind: type[_T], default: _T) -> _T:
    """``value[key]`` if ``value`` is an object that has it with this very type."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if type(found) is kind else default


def objects(value: object, key: str) -> list[dict[str, Any]]:
    """The objects in the list ``value[key]``; whatever else stands there is left out."""
    return [entry for entry in get(value, key, list, []) if isinstance(entry, dict)]
