"""A dialogue cut into straight runs of lines, the passages that Yarn and Ink are written in."""

from __future__ import annotations

import re
from typing import NamedTuple

from aigc_assets.types import DialogueNode, DialogueTree
from aigc_assets.types.validation import Scalar


class Passage(NamedTuple):
    """Lines that follow each other without a branch.

    ``id`` is the id of the first line. The last line ends the dialogue, offers choices, or goes on
    to the passage ``next``.
    """

    id: str
    lines: tuple[DialogueNode, ...]
    next: str | None


def passages(tree: DialogueTree) -> list[Passage]:
    """Cut ``tree`` at every line that can be reached in more than one way, or by a choice.

    Passages stand in the order in which their first lines do; each line is in exactly one.
    """
    entries = {tree.start: 2}  # the start is always a first line
    for node in tree.nodes:
        for choice in node.choices:
            entries[choice.target] = 2
        if node.next is not None:
            entries[node.next] = entries.get(node.next, 0) + 1
    by_id = {node.id: node for node in tree.nodes}
    found = []
    for first in tree.nodes:
        if entries[first.id] < 2:
            continue
        lines = [first]
        while lines[-1].next is not None and entries[lines[-1].next] < 2:
            lines.append(by_id[lines[-1].next])
        found.append(Passage(first.id, tuple(lines), lines[-1].next))
    return found


def tag_word(value: Scalar) -> str:
    """A tag value as one word that Yarn and Ink both read: letters, digits, ``_``, ``-``, ``.``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return re.sub(r"[^\w.\-]+", "_", str(value)) or "_"
