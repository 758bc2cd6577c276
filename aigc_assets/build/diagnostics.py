"""From pydantic's list of errors to one line that a person can act on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from aigc_assets.build.vocabulary import suggest
from aigc_assets.errors import ManifestError

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "too_long": "a shorter list",
}


def shown(value: object) -> str:
    """A value as it stands in TOML, shortened to one line."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = '"' + value.encode("unicode_escape").decode("ascii", "replace") + '"'
    elif isinstance(value, Mapping):
        text = "a table"
    else:
        text = repr(value).replace("\n", " ")
    return text if len(text) <= 80 else text[:77] + "..."


def describe(error: Exception) -> str:
    """The message of an exception on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def explain(
    error: ValidationError, values: Mapping[str, Any], file: str, model: type[BaseModel]
) -> ManifestError:
    """Turn what pydantic found into one `ManifestError` about the first problem."""
    problems = error.errors(include_url=False)
    first = problems[0]
    place, key = _place(first["loc"], values)
    where = f"{file}: {place}" + (f', key "{key}"' if key else "")
    kind = str(first["type"])
    got = first["input"]
    remedy = None
    if kind == "extra_forbidden":
        known = _keys(first["loc"], model)
        name = str(first["loc"][-1])
        what = "table" if len(first["loc"]) == 1 else "key"
        where = f"{file}: {place}" if len(first["loc"]) > 1 else file
        text = f"unknown {what} {shown(name)}{suggest(name, known)}"
        remedy = f"allowed: {', '.join(known)}"
    elif kind == "missing":
        name = str(first["loc"][-1])
        what = f"[{name}] is missing" if len(first["loc"]) == 1 else f"the key {name} is missing"
        where = f"{file}: {place}" if len(first["loc"]) > 1 else file
        text = what
        remedy = "`aigc-assets schema` lists what each table holds"
    elif kind == "value_error":
        text = describe(first["ctx"]["error"])
    elif kind == "list_type" and len(first["loc"]) == 1 and isinstance(got, Mapping):
        text = f"expected tables [[{key}]] with double brackets, got one table [{key}]"
        where = file
    else:
        text = f"expected {_TYPES.get(kind, describe(Exception(first['msg'])))}, got {shown(got)}"
    others = len({problem["loc"] for problem in problems}) - 1
    if others:
        text += f" [and {others} more problem{'s' if others > 1 else ''}]"
    return ManifestError(text, where=where, remedy=remedy)


def _place(loc: tuple[int | str, ...], values: Mapping[str, Any]) -> tuple[str, str]:
    """The table as it stands in the file, and the key within it."""
    table = str(loc[0])
    if len(loc) > 1 and isinstance(loc[1], int):
        place = f"[[{table}]] number {loc[1] + 1}"
        entries = values.get(table)
        entry = entries[loc[1]] if isinstance(entries, list) else None
        if isinstance(entry, Mapping) and isinstance(entry.get("id"), str):
            place += f" (id {shown(entry['id'])})"
        rest = loc[2:]
    else:
        place, rest = f"[{table}]", loc[1:]
    if not rest:
        return place, "" if len(loc) > 1 else table
    key = str(rest[0])
    for part in rest[1:]:
        key += f"[{part}]" if isinstance(part, int) else f".{part}"
    return place, key


def _keys(loc: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    """The keys that the table at ``loc`` may hold."""
    if len(loc) == 1:
        return list(model.model_fields)
    annotation: Any = model.model_fields[str(loc[0])].annotation
    inner = get_args(annotation)
    table = inner[0] if inner else annotation
    return list(table.model_fields)
