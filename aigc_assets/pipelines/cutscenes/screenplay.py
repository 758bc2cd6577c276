"""Which lines of a dialogue a scene speaks, by whom, and how long each caption stays."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from aigc_assets.errors import UsageError
from aigc_assets.types import Choice, DialogueNode, DialogueTree

READING_SPEED = 15
"""Characters per second that a caption stays for; subtitling guides allow 12 to 17."""

TYPING_SPEED = 32
"""Characters per second that the typewriter reveals."""

_SHORTEST = Fraction(8, 5)  # seconds
_LONGEST_SCENE = 300  # seconds


@dataclass(frozen=True)
class Speech:
    """One caption: ``line_id`` and ``text`` are those of a dialogue node or of a chosen answer.

    ``duration`` and ``reveal`` (until the last letter shows) are frames.
    """

    line_id: str
    speaker: str
    text: str
    mood: str
    duration: int
    reveal: int


def cast_of(tree: DialogueTree) -> tuple[str, ...]:
    """The speakers in the order in which their first lines are written down."""
    return tuple(dict.fromkeys(node.speaker for node in tree.nodes))


def answering(tree: DialogueTree) -> str | None:
    """Who gives the answers that a player would pick: the one whom most questions are put to."""
    votes = [_partner(tree, node) for node in tree.nodes if node.choices]
    counted = [vote for vote in votes if vote is not None]
    return max(dict.fromkeys(counted), key=counted.count) if counted else None


def write_screenplay(
    tree: DialogueTree, frame_rate: int, random: np.random.Generator
) -> tuple[Speech, ...]:
    """Walk the tree from its start to an end, choosing among the answers that are open.

    Args:
        tree: The dialogue.
        frame_rate: Frames per second of the scene.
        random: Decides between answers; on a line that was already spoken the shortest way out is
            taken instead, so the walk ends in every tree.

    Returns:
        The captions in order.

    Raises:
        UsageError: If they would take longer than five minutes.
    """
    distance = _distance_to_end(tree)
    variables = dict(tree.variables)
    spoken: set[str] = set()
    lines: list[Speech] = []
    node: DialogueNode | None = tree.node(tree.start)
    while node is not None:
        mood = str(node.tags.get("mood", ""))
        lines.append(_speech(node.id, node.speaker, node.text, mood, frame_rate))
        again, following = node.id in spoken, node.next
        spoken.add(node.id)
        if node.choices:
            choice = _choose(node.choices, variables, distance, spoken, again, random)
            if choice.sets is not None:
                variables[choice.sets] = True
            speaker = _partner(tree, node)
            if speaker is not None:
                lines.append(_speech(choice.id, speaker, choice.text, mood, frame_rate))
            following = choice.target
        node = tree.node(following) if following is not None else None
        if sum(line.duration for line in lines) > _LONGEST_SCENE * frame_rate:
            raise UsageError(
                f"the dialogue takes longer than {_LONGEST_SCENE // 60} minutes to read",
                where="cutscene.dialogue",
                remedy="use a dialogue with fewer lines, or several cutscenes",
            )
    return tuple(lines)


def _speech(line_id: str, speaker: str, text: str, mood: str, frame_rate: int) -> Speech:
    seconds = max(_SHORTEST, Fraction(len(text), READING_SPEED))
    reveal = max(1, math.ceil(Fraction(len(text) * frame_rate, TYPING_SPEED)))
    return Speech(line_id, speaker, text, mood, math.ceil(seconds * frame_rate), reveal)


def _choose(
    choices: tuple[Choice, ...],
    variables: dict[str, bool],
    distance: dict[str, int],
    spoken: set[str],
    again: bool,
    random: np.random.Generator,
) -> Choice:
    options = [c for c in choices if c.condition is None or variables[c.condition]] or list(choices)
    if again:
        return min(choices, key=lambda choice: distance[choice.target])
    fresh = [choice for choice in options if choice.target not in spoken] or options
    # The longer branch tells more of the story; the seed decides between equally long ones.
    longest = max(distance[choice.target] for choice in fresh)
    best = [choice for choice in fresh if distance[choice.target] == longest]
    return best[int(random.integers(len(best)))]


def _partner(tree: DialogueTree, node: DialogueNode) -> str | None:
    """Who answers a line: the other speaker nearest to it in the order of writing."""
    at = tree.nodes.index(node)
    others = sorted(
        (abs(i - at), i, other.speaker)
        for i, other in enumerate(tree.nodes)
        if other.speaker != node.speaker
    )
    return others[0][2] if others else None


def _distance_to_end(tree: DialogueTree) -> dict[str, int]:
    behind: dict[str, list[str]] = {node.id: [] for node in tree.nodes}
    distance: dict[str, int] = {}
    for node in tree.nodes:
        targets = [choice.target for choice in node.choices]
        targets += [node.next] if node.next is not None else []
        for target in targets:
            behind[target].append(node.id)
        if not targets:
            distance[node.id] = 0
    todo = deque(distance)
    while todo:
        at = todo.popleft()
        for source in behind[at]:
            if source not in distance:
                distance[source] = distance[at] + 1
                todo.append(source)
    return distance
