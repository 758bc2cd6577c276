"""The shape of a dialogue before a word is written: who says what kind of line, and what follows.

A trunk of lines leads to a choice point; its branches merge into the next trunk or end the
dialogue. The number of spoken lines is exact, every line can be reached, and every line can reach
an end, by construction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from aigc_assets.models.dialogue_tags import ALONE, ANSWERS, FOLLOWS, TOPICS
from aigc_assets.pipelines.dialogue.request import DialogueRequest, role_of

_OPENINGS = {"tell", "warn", "ask", "quest", "threat"}
"""Acts that answer nothing and so can come at any time."""

_VARIABLES = {
    "accept": "promised",
    "refuse": "refused",
    "threat": "threatened",
    "answer": "confided",
    "thank": "listened",
    "ask": "curious",
}

_SHIFTS: dict[str, tuple[str, ...]] = {
    "neutral": ("friendly", "tense"),
    "friendly": ("joyful", "neutral"),
    "tense": ("angry", "fearful"),
    "angry": ("tense", "sad"),
    "sad": ("neutral", "fearful"),
    "fearful": ("tense", "sad"),
    "joyful": ("friendly", "neutral"),
    "mysterious": ("neutral", "tense"),
}

_MOOD_TOPICS: dict[str, tuple[str, ...]] = {
    "neutral": ("trade", "errand", "rumour", "passage"),
    "friendly": ("trade", "errand", "errand", "rumour"),
    "tense": ("passage", "passage", "hunt", "grudge"),
    "angry": ("grudge", "grudge", "passage", "trade"),
    "sad": ("rescue", "grudge", "errand"),
    "fearful": ("hunt", "rescue", "omen"),
    "joyful": ("trade", "hunt", "errand"),
    "mysterious": ("omen", "omen", "rumour"),
}
_ROLE_TOPICS: dict[str, str] = {
    "guard": "passage",
    "merchant": "trade",
    "crafter": "trade",
    "noble": "grudge",
    "sage": "omen",
    "healer": "rescue",
    "rogue": "rumour",
    "villager": "hunt",
    "traveller": "rumour",
    "villain": "grudge",
}
_FALLBACK_ROLES = ("villager", "merchant", "guard", "sage", "noble")


@dataclass
class PlannedChoice:
    """An answer of the player."""

    act: str
    mood: str
    target: int = 0
    condition: str | None = None
    sets: str | None = None


@dataclass
class PlannedLine:
    """A spoken line; ``number`` counts from 1, ``context`` names up to two lines before it.

    A context entry is (number of a line, index of a choice of it or -1 for the line itself).
    """

    number: int
    speaker: str
    listener: str | None
    mood: str
    act: str
    choices: list[PlannedChoice] = field(default_factory=list)
    next: int | None = None
    context: tuple[tuple[int, int], ...] = ()


@dataclass
class Plan:
    """Everything about a dialogue but its words."""

    topic: str
    roles: Mapping[str, str]
    lines: list[PlannedLine]
    variables: dict[str, bool]


@dataclass
class _Branch:
    choice: PlannedChoice
    length: int
    ends: bool = False


@dataclass
class _Point:
    trunk: int
    branches: list[_Branch]


def plan(request: DialogueRequest, random: np.random.Generator) -> Plan:
    """Draw the structure of a dialogue."""
    roles = {}
    for i, member in enumerate(request.cast):
        spare = "traveller" if i == 0 and len(request.cast) > 1 else _pick(random, _FALLBACK_ROLES)
        roles[member] = role_of(member, str(request.roles.get(member, "")), spare)
    options = list(_MOOD_TOPICS[request.mood])
    speakers = request.cast[1:] or request.cast
    options += [_ROLE_TOPICS[roles[member]] for member in speakers] * 2
    topic = _pick(random, [t for t in options if t in TOPICS])
    builder = _Builder(request, random)
    builder.build()
    return Plan(topic, roles, builder.lines, dict.fromkeys(sorted(builder.variables), False))


class _Builder:
    def __init__(self, request: DialogueRequest, random: np.random.Generator):
        self.request = request
        self.random = random
        self.cast = request.cast
        self.alone = len(request.cast) == 1
        self.follows = ALONE if self.alone else FOLLOWS
        self.lines: list[PlannedLine] = []
        self.variables: set[str] = set()

    def build(self) -> None:
        points, closing = self._shape()
        entry: list[tuple[PlannedLine, PlannedChoice | None]] = []
        """What leads to the next trunk: a line, or one of its choices."""
        for number, point in enumerate(points):
            kind = point.branches[0].choice.act  # filled in by _shape with the point's act
            start = None if number == 0 else "merge"
            trunk = self._walk(point.trunk, start, kind, npc_last=True)
            self._link(entry, trunk[0])
            last = trunk[-1]
            entry = []
            last.choices = self._choices(kind, len(point.branches), number)
            # A question must be heard: only other answers may lead straight on.
            order = sorted(
                range(len(point.branches)), key=lambda i: (last.choices[i].act != "ask", i)
            )
            lengths = sorted((b.length for b in point.branches), reverse=True)
            ends = [b.ends for b in point.branches]
            for rank, i in enumerate(order):
                point.branches[i].length = lengths[rank]
            for i, choice in enumerate(last.choices):
                length = point.branches[i].length
                if length == 0:
                    entry.append((last, choice))
                    continue
                ending = ends[i]
                branch = self._walk(
                    length, choice.act, "farewell" if ending else None, after=(last, i)
                )
                choice.target = branch[0].number
                if not ending:
                    entry.append((branch[-1], None))
        if closing:
            final = self._walk(closing, "merge", "farewell")
            self._link(entry, final[0])

    def _shape(self) -> tuple[list[_Point], int]:
        """How many lines each trunk and branch has; the sum is exactly what was asked for."""
        n, random = self.request.lines, self.random
        most = 1 if n < 9 else 2 if n < 18 else 3
        count = int(random.integers(1, most + 1)) if n < 24 else most
        shapes: list[list[int]] = []
        for number in range(count):
            wide = 3 if n >= 7 + 3 * number and random.random() < 0.45 else 2
            shapes.append([1] * wide)
        closing = 1 if n < 3 or random.random() < 0.6 else 0
        used = count + sum(map(sum, shapes)) + closing
        while used > n:  # let answers lead straight to where the branches merge
            short = [
                (i, j) for i, s in enumerate(shapes) for j, length in enumerate(s) if length
                and (closing or i + 1 < count)
            ]  # fmt: skip
            if not short:
                closing, used = 1, used + 1
                continue
            i, j = short[-1]
            shapes[i][j] = 0
            used -= 1
        segments: list[tuple[int, int]] = []  # (point, branch), branch -1 for the trunk
        for i, shape in enumerate(shapes):
            segments += [(i, -1)] * 3 + [(i, j) for j, length in enumerate(shape) if length]
        if closing:
            segments += [(count, -1)] * 2
        trunks = [1] * count + [closing]
        for _ in range(n - used):
            i, j = segments[int(random.integers(len(segments)))]
            if j < 0:
                trunks[i] += 1
            else:
                shapes[i][j] += 1
        points = []
        for i, shape in enumerate(shapes):
            kind = self._kind()
            goes_on = i + 1 < count or closing > 0
            branches = [_Branch(PlannedChoice(kind, ""), length) for length in shape]
            for j, branch in enumerate(branches):
                branch.ends = not goes_on
                if goes_on and j == len(branches) - 1 and min(shape) > 0:
                    branch.ends = random.random() < 0.3
            points.append(_Point(trunks[i], branches))
        return points, trunks[count]

    def _kind(self) -> str:
        """What a choice point is about."""
        sharp = self.request.mood in ("tense", "angry")
        kinds = ["quest", "quest", "quest", "ask", "warn", "threat" if sharp else "ask"]
        if self.alone:
            kinds = ["quest", "quest", "ask", "warn"]
        return _pick(self.random, kinds)

    def _choices(self, kind: str, count: int, point: int) -> list[PlannedChoice]:
        base = self.request.mood
        acts = list(ANSWERS[kind][:2])
        if count > 2 or self.random.random() < 0.25:
            acts = list(ANSWERS[kind]) if count > 2 else [acts[0], ANSWERS[kind][2]]
        choices = []
        for act in acts:
            mood = base if act != "threat" else "angry"
            choices.append(PlannedChoice(act, mood))
        known = sorted(self.variables)
        if count > 2 and known and self.random.random() < 0.7:
            choices[-1].condition = _pick(self.random, known)
        for choice in choices:
            if choice.act in _VARIABLES and self.random.random() < (0.6 if point == 0 else 0.3):
                name = f"{_VARIABLES[choice.act]}_{self.request.id}".replace("-", "_")[:64]
                choice.sets = name
                self.variables.add(name)
        return choices

    def _link(
        self, entry: Sequence[tuple[PlannedLine, PlannedChoice | None]], line: PlannedLine
    ) -> None:
        for source, choice in entry:
            if choice is None:
                source.next = line.number
            else:
                choice.target = line.number

    def _walk(
        self,
        length: int,
        start: str | None,
        goal: str | None,
        npc_last: bool = False,
        after: tuple[PlannedLine, int] | None = None,
    ) -> list[PlannedLine]:
        """A chain of lines; ``start`` is what they answer, None the opening, "merge" a new turn."""
        acts = self._acts(length, start, goal)
        first = len(self.lines) + 1
        speakers = self._speakers(acts, npc_last, after)
        chain: list[PlannedLine] = []
        previous = after[0].speaker if after and self.alone else self.cast[0] if after else None
        for i, act in enumerate(acts):
            speaker = speakers[i]
            listener = previous if previous != speaker else None
            if listener is None:
                later = [s for s in speakers[i + 1 :] if s != speaker]
                others = [m for m in self.cast if m != speaker]
                listener = later[0] if later else others[0] if others else None
            context: tuple[tuple[int, int], ...] = ()
            if after:
                earlier = ((after[0].number, -1), (after[0].number, after[1]))
                context = (*earlier, *((c.number, -1) for c in chain))[-2:]
            else:
                context = tuple((c.number, -1) for c in chain[-2:])
            line = PlannedLine(first + i, speaker, listener, self._mood(act), act, context=context)
            if chain:
                chain[-1].next = line.number
            chain.append(line)
            previous = speaker
        self.lines += chain
        return chain

    def _acts(self, length: int, start: str | None, goal: str | None) -> list[str]:
        """A random walk over acts of exactly ``length`` steps that ends at ``goal`` if it can."""
        follows = self.follows
        good: list[set[str]] = [{goal} if goal else {a for a in follows if a != "farewell"}]
        for position in range(length - 2, -1, -1):
            good.append({a for a, after in follows.items() if good[-1] & set(after)})
            if position > 1:  # two greet each other, and that is that
                good[-1].discard("greet")
        first: tuple[str, ...]
        if start is None:
            first = ("greet", "greet", "greet", "tell", "warn")
        elif start == "merge":
            first = ("tell", "tell", "warn", "ask", "quest")
        else:
            # The answer to a player comes from somebody else, even when the cast is one.
            first = FOLLOWS[start]
        acts: list[str] = []
        options: Sequence[str] = first
        for step in range(length):
            remaining = good[length - 1 - step]
            fitting = [a for a in options if a in remaining and (a != "farewell" or a == goal)]
            if goal == "farewell" and step < length - 1:
                fitting = [a for a in fitting if a != "farewell"]
            if not fitting:
                # Too short for the way to the goal. A choice point must come, an ending need not.
                if goal in ANSWERS:
                    fitting = sorted(remaining & _OPENINGS) or sorted(remaining)
                else:
                    fitting = [a for a in options if a not in ("farewell", "ask")] or [*options]
            weights = np.linspace(2.0, 1.0, len(fitting))
            weights[[a == "refuse" for a in fitting]] *= 0.5
            if acts:  # not the same kind of line again and again
                weights *= np.array([0.3 if a == acts[-1] else 1.0 for a in fitting])
            picked = int(self.random.choice(len(fitting), p=weights / weights.sum()))
            acts.append(fitting[picked])
            options = follows[acts[-1]]
        return acts

    def _speakers(
        self, acts: Sequence[str], npc_last: bool, after: tuple[PlannedLine, int] | None
    ) -> list[str]:
        if self.alone:
            return [self.cast[0]] * len(acts)
        player, others = self.cast[0], self.cast[1:]
        speakers: list[str] = []
        if after:  # who spoke to the player answers the player
            speakers.append(after[0].speaker)
        else:
            # Speakers alternate, so that the last line, where the player answers, is not theirs.
            player_first = len(acts) % 2 == 0 if npc_last else bool(self.random.random() < 0.5)
            speakers.append(player if player_first else _pick(self.random, others))
        while len(speakers) < len(acts):
            if speakers[-1] == player:
                speakers.append(_pick(self.random, others))
            else:
                aside = [m for m in others if m != speakers[-1]]
                swap = aside and not npc_last and self.random.random() < 0.35
                speakers.append(_pick(self.random, aside) if swap else player)
        return speakers

    def _mood(self, act: str) -> str:
        mood = self.request.mood
        if act == "threat" and mood not in ("tense", "angry", "mysterious"):
            return "angry" if self.random.random() < 0.6 else "tense"
        if self.random.random() < 0.18:
            return _pick(self.random, _SHIFTS[mood])
        return mood


def _pick(random: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(random.integers(len(options)))]
