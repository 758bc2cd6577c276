"""Branching dialogue whose every line has an id that survives edits elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aigc_assets.types.validation import (
    Scalar,
    require,
    require_id,
    require_properties,
    require_tuple,
)


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer that the player can pick.

    Args:
        id: Line id, unique over the nodes and choices of the tree.
        text: What the player reads.
        target: Id of the node that follows.
        condition: Name of a boolean variable that must be true, or None.
        sets: Name of a boolean variable that becomes true when it is picked, or None.
    """

    id: str
    text: str
    target: str
    condition: str | None = None
    sets: str | None = None

    def __post_init__(self) -> None:
        require_id(self.id, "Choice.id")
        require_line(self.text, f"Choice[{self.id}].text")
        require(isinstance(self.target, str), f"Choice[{self.id}].target", "a node id", self.target)


@dataclass(frozen=True, slots=True)
class DialogueNode:
    """One spoken line and what follows it.

    Args:
        id: Line id, unique over the nodes and choices of the tree.
        speaker: Id of the character who speaks.
        text: The line; one paragraph, no line break.
        choices: Answers; empty when the dialogue simply goes on.
        next: Id of the following node when there are no choices; None ends the dialogue.
        tags: Mood and the like.
    """

    id: str
    speaker: str
    text: str
    choices: tuple[Choice, ...] = ()
    next: str | None = None
    tags: Mapping[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_id(self.id, "DialogueNode.id")
        require_id(self.speaker, f"DialogueNode[{self.id}].speaker")
        require_line(self.text, f"DialogueNode[{self.id}].text")
        require_tuple(self.choices, f"DialogueNode[{self.id}].choices", Choice)
        one = not (self.choices and self.next is not None)
        require(one, f"DialogueNode[{self.id}]", "either choices or next, not both", self.next)
        require_properties(self.tags, f"DialogueNode[{self.id}].tags")


@dataclass(frozen=True, slots=True)
class DialogueTree:
    """A dialogue: every target exists, every node is reachable and can reach an end.

    Args:
        nodes: In the order they are written down.
        start: Id of the first node.
        variables: Boolean story variables and their first values.
    """

    nodes: tuple[DialogueNode, ...]
    start: str
    variables: Mapping[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_tuple(self.nodes, "DialogueTree.nodes", DialogueNode)
        require(len(self.nodes) > 0, "DialogueTree.nodes", "at least one node", 0)
        ids = [node.id for node in self.nodes]
        ids += [choice.id for node in self.nodes for choice in node.choices]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        require(not twice, "DialogueTree.nodes", "line ids used once", twice)
        known = {node.id for node in self.nodes}
        require(self.start in known, "DialogueTree.start", "the id of a node", self.start)
        is_mapping = isinstance(self.variables, Mapping)
        require(is_mapping, "DialogueTree.variables", "a mapping", self.variables)
        for name, value in self.variables.items():
            require_id(name, "DialogueTree.variables")
            require(isinstance(value, bool), f"DialogueTree.variables[{name}]", "a bool", value)
        ahead: dict[str, set[str]] = {}
        for node in self.nodes:
            targets = {choice.target for choice in node.choices}
            targets |= {node.next} if node.next is not None else set()
            where = f"DialogueNode[{node.id}]"
            require(targets <= known, where, "targets that exist", sorted(targets - known))
            ahead[node.id] = targets
            for choice in node.choices:
                for variable in (choice.condition, choice.sets):
                    ok = variable is None or variable in self.variables
                    require(ok, f"Choice[{choice.id}]", "a declared variable", variable)
        reached = _closure({self.start}, ahead)
        lost = sorted(known - reached)
        require(not lost, "DialogueTree.nodes", "nodes reachable from the start", lost)
        behind: dict[str, set[str]] = {node_id: set() for node_id in known}
        for source, targets in ahead.items():
            for target in targets:
                behind[target].add(source)
        ends = {node_id for node_id, targets in ahead.items() if not targets}
        stuck = sorted(known - _closure(ends, behind))
        require(not stuck, "DialogueTree.nodes", "nodes from which an end is reachable", stuck)

    def node(self, node_id: str) -> DialogueNode:
        """The node with this id.

        Raises:
            KeyError: If there is none.
        """
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)


def require_line(value: object, field_name: str) -> None:
    """Check for one non-empty paragraph without control characters."""
    ok = isinstance(value, str) and value.strip() == value and value != ""
    ok = ok and all(ord(c) >= 32 and ord(c) != 127 for c in str(value))
    require(ok, field_name, "one trimmed, non-empty line of text", value)


def _closure(first: set[str], edges: Mapping[str, set[str]]) -> set[str]:
    seen, todo = set(first), list(first)
    while todo:
        for target in edges[todo.pop()]:
            if target not in seen:
                seen.add(target)
                todo.append(target)
    return seen
