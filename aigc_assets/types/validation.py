"""The checks that every plain type shares; each failure names field, expectation and value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from aigc_assets.errors import InvalidAssetError

ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9_\-]{0,63}")
"""Ids become file names in every engine: ASCII lower case, no separator, no leading dot."""

Scalar = bool | int | float | str
"""What a custom property may hold: the types that Tiled, Godot and JSON all know."""


def require(ok: bool, field: str, expected: str, got: object) -> None:
    """Raise `InvalidAssetError` unless ``ok``."""
    if not ok:
        shown = repr(got)
        if len(shown) > 80:
            shown = shown[:77] + "..."
        raise InvalidAssetError(f"expected {expected}, got {shown}", where=field)


def require_id(value: object, field: str) -> None:
    """Check that ``value`` is an id that is safe as a file name."""
    require(
        isinstance(value, str) and ID_PATTERN.fullmatch(value) is not None,
        field,
        "an id of 1..64 characters from a-z 0-9 _ - that starts with a letter or digit",
        value,
    )


def require_int(value: object, field: str, low: int, high: int | None = None) -> None:
    """Check that ``value`` is an integer in ``low..high`` (inclusive)."""
    ok = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    ok = ok and int(value) >= low and (high is None or int(value) <= high)  # type: ignore[call-overload]
    if not ok:  # words cost more than the check
        require(ok, field, f"an integer in {low}..{'' if high is None else high}", value)


def require_text(value: object, field: str) -> None:
    """Check for a non-empty name or other text."""
    require(isinstance(value, str) and value != "", field, "non-empty text", value)


def require_tuple(value: object, field: str, item: type, length: int | None = None) -> None:
    """Check for a tuple of ``item``; lists would let a frozen asset change."""
    ok = isinstance(value, tuple) and (length is None or len(value) == length)
    ok = ok and all(isinstance(entry, item) for entry in value)  # type: ignore[attr-defined]
    if not ok:
        count = "" if length is None else f"{length} "
        require(ok, field, f"a tuple of {count}{item.__name__}", value)


def require_pair(value: object, field: str, low: int, high: int | None = None) -> None:
    """Check for a tuple of two integers in ``low..high``."""
    require(isinstance(value, tuple) and len(value) == 2, field, "a pair of integers", value)
    assert isinstance(value, tuple)
    for entry in value:
        require_int(entry, field, low, high)


def require_properties(value: object, field: str) -> None:
    """Check that ``value`` maps names to bool, int, finite float or text."""
    require(isinstance(value, Mapping), field, "a mapping", value)
    assert isinstance(value, Mapping)
    for key, item in value.items():
        if not (isinstance(key, str) and key != ""):
            require(False, f"{field} key", "a non-empty name", key)
        ok = isinstance(item, (bool, int, str)) or (isinstance(item, float) and np.isfinite(item))
        if not ok:
            require(ok, f"{field}[{key!r}]", "bool, int, finite float or text", item)


def frozen_array(
    value: object, field: str, dtype: Any, shape: tuple[int | None, ...]
) -> np.ndarray[Any, Any]:
    """Check dtype and shape (None = any length) and return a contiguous read-only array.

    An array that is already read-only and contiguous is passed through, another is copied, so
    that nobody who holds the original can change the asset afterwards.
    """
    if not isinstance(value, np.ndarray):
        require(False, field, f"a numpy array {_shape(shape)}", type(value))
    assert isinstance(value, np.ndarray)
    if value.dtype != np.dtype(dtype):
        require(False, field, f"dtype {np.dtype(dtype)}", str(value.dtype))
    fits = value.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, value.shape, strict=True)
    )
    if not fits:
        require(fits, field, f"shape {_shape(shape)}", value.shape)
    if not value.flags.c_contiguous or _changeable(value):
        value = np.array(value, order="C")
        value.setflags(write=False)
    return value


def _changeable(value: np.ndarray[Any, Any]) -> bool:
    """Whether somebody can still write to this memory, if only through what it is a view of."""
    owner: Any = value
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return True
        owner = owner.base
    return owner is not None and not isinstance(owner, bytes)


def _shape(shape: tuple[int | None, ...]) -> str:
    return "[" + ", ".join("?" if n is None else str(n) for n in shape) + "]"
