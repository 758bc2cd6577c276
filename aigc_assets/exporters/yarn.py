r"""Yarn Spinner scripts.

The first node is named after the asset, declares the variables and jumps to the first line, so a
game starts the dialogue by a name that stays. Every line and every option carries its ``#line:``
id.

References:
    Yarn Spinner 2 documentation, "Syntax and File Format" and "Escaping text". The grammar takes a
    backslash before ``\``, ``<``, ``>``, ``{``, ``}``, ``#`` and ``/``, its markup parser before
    ``[`` and ``]``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aigc_assets.exporters.names import encode, identifiers, one_line
from aigc_assets.exporters.passages import Passage, passages, tag_word
from aigc_assets.types import Choice, DialogueNode, DialogueTree

_ESCAPED = re.compile(r"[\\<{}#/\[\]]|(?<=[-=])>")


def export_yarn(asset: DialogueTree, name: str) -> dict[str, bytes]:
    """Write ``<name>.yarn``.

    Speakers stand before their lines (``mira: ...``), tags follow as hashtags.

    Args:
        asset: The dialogue.
        name: File name without suffix; also the title of the first node.
    """
    parts = passages(asset)
    entry = identifiers([name])[name]
    titles = identifiers((part.id for part in parts), taken=(entry,))
    variables = identifiers(asset.variables)
    lines = [f"title: {entry}", "---"]
    for variable, value in asset.variables.items():
        lines.append(f"<<declare ${variables[variable]} = {'true' if value else 'false'}>>")
    lines += [f"<<jump {titles[asset.start]}>>", "==="]
    for part in parts:
        lines += _node(part, titles, variables)
    return {f"{name}.yarn": encode("\n".join(lines) + "\n")}


def _node(part: Passage, titles: Mapping[str, str], variables: Mapping[str, str]) -> list[str]:
    lines = [f"title: {titles[part.id]}", "---"]
    lines += [_line(node) for node in part.lines]
    for choice in part.lines[-1].choices:
        lines += _option(choice, titles, variables)
    if part.next is not None:
        lines.append(f"<<jump {titles[part.next]}>>")
    return [*lines, "==="]


def _line(node: DialogueNode) -> str:
    tags = [f"#{tag_word(key)}:{tag_word(value)}" for key, value in node.tags.items()]
    return " ".join([f"{node.speaker}: {_escape(node.text)}", f"#line:{node.id}", *tags])


def _option(choice: Choice, titles: Mapping[str, str], variables: Mapping[str, str]) -> list[str]:
    shown = f" <<if ${variables[choice.condition]}>>" if choice.condition is not None else ""
    # Yarn takes what stands before a colon for the speaker, unless one is named.
    speaker = '[character name=""/]' if ":" in choice.text else ""
    lines = [f"-> {speaker}{_escape(choice.text)}{shown} #line:{choice.id}"]
    if choice.sets is not None:
        lines.append(f"    <<set ${variables[choice.sets]} to true>>")
    return [*lines, f"    <<jump {titles[choice.target]}>>"]


def _escape(text: str) -> str:
    return _ESCAPED.sub(r"\\\g<0>", one_line(text))
