"""Ink stories.

The knot named after the asset leads to the first line, so a game diverts to a name that stays.
Lines carry the tags ``line`` (their id), ``speaker`` and their own; choices carry ``line``.

References:
    inkle, "Writing with Ink", parts 1 and 2; a backslash before a character takes its meaning away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aigc_assets.exporters.names import encode, identifiers, one_line
from aigc_assets.exporters.passages import Passage, passages, tag_word
from aigc_assets.types import Choice, DialogueNode, DialogueTree

_KEYWORDS = (
    *("and", "or", "not", "mod", "has", "hasnt", "true", "false", "else", "return", "function"),
    *("ref", "temp", "cycle", "once", "shuffle", "stopping", "divert", "lt", "gt"),
)
_ANYWHERE = re.compile(r"[\\\[\]{}#|<]|-(?=>)|(?<=/)[/*]")
_AT_START = re.compile(r"^(?:[-*+=~(]|VAR|CONST|LIST|INCLUDE|EXTERNAL|TODO)")


def export_ink(asset: DialogueTree, name: str) -> dict[str, bytes]:
    """Write ``<name>.ink``.

    Choices are sticky (``+``), since a dialogue may come back to a question.

    Args:
        asset: The dialogue.
        name: File name without suffix; also the name of the first knot.
    """
    parts = passages(asset)
    # Knots and variables share one name space in Ink.
    entry = identifiers([name], taken=_KEYWORDS)[name]
    taken = (*_KEYWORDS, entry)
    knots = identifiers((part.id for part in parts), taken=taken)
    variables = identifiers(asset.variables, taken=(*taken, *knots.values()))
    lines = []
    for variable, value in asset.variables.items():
        lines.append(f"VAR {variables[variable]} = {'true' if value else 'false'}")
    lines += [f"-> {entry}", "", f"=== {entry} ===", f"-> {knots[asset.start]}"]
    for part in parts:
        lines += _knot(part, knots, variables)
    return {f"{name}.ink": encode("\n".join(lines) + "\n")}


def _knot(part: Passage, knots: Mapping[str, str], variables: Mapping[str, str]) -> list[str]:
    lines = ["", f"=== {knots[part.id]} ==="]
    lines += [_line(node) for node in part.lines]
    choices = part.lines[-1].choices
    for choice in choices:
        lines += _choice(choice, knots, variables)
    if part.next is not None:
        lines.append(f"-> {knots[part.next]}")
    elif not choices:
        lines.append("-> END")
    return lines


def _line(node: DialogueNode) -> str:
    tags = {"line": node.id, "speaker": node.speaker, **node.tags}
    marks = [f"# {tag_word(key)}:{tag_word(value)}" for key, value in tags.items()]
    return " ".join([_escape(node.text), *marks])


def _choice(choice: Choice, knots: Mapping[str, str], variables: Mapping[str, str]) -> list[str]:
    condition = f"{{{variables[choice.condition]}}} " if choice.condition is not None else ""
    lines = [f"+ {condition}[{_escape(choice.text)} # line:{choice.id}]"]
    if choice.sets is not None:
        lines.append(f"    ~ {variables[choice.sets]} = true")
    return [*lines, f"    -> {knots[choice.target]}"]


def _escape(text: str) -> str:
    text = _ANYWHERE.sub(r"\\\g<0>", one_line(text))
    return "\\" + text if _AT_START.match(text) else text
