"""``mdungeons``: a hero fights his way through goblins and ogres to the exit, or dies.

Cells: 0 wall, 1 floor, 2 hero, 3 exit, 4 potion, 5 treasure, 6 goblin, 7 ogre. The hero has 5
health; a goblin takes 1, an ogre 2, a potion gives 2 back. Controls: ``col_treasures``, treasures
taken on the way, and ``solution_length``, its steps. At least eight enemies stand on the way.
"""

from __future__ import annotations

import numpy as np

from aigc_assets.pipelines.maps.benchmark_rules.mazes import grow_on, is_inside
from aigc_assets.pipelines.maps.benchmark_rules.rules import Content, Control, NoContent, inner
from aigc_assets.pipelines.maps.grid import steps

WIDTH, HEIGHT = 8, 12
CONTROLS = {"col_treasures": (0, 19), "solution_length": (16, 47)}
HERO, EXIT, POTION, TREASURE, GOBLIN, OGRE = 2, 3, 4, 5, 6, 7
ENEMIES = 8
_HEALTH, _DRAUGHT = 5, 2
_SPARE = 3
"""How far a control may be missed where both together do not fit."""


def generate(control: Control, random: np.random.Generator, slot: int) -> Content:
    """A dungeon, [12, 8]; ``slot`` has no part in it."""
    del slot
    width, height = WIDTH + 2, HEIGHT + 2
    treasures, length = control["col_treasures"], control["solution_length"]
    # Steps enough for eight goblins and two potions, and for the treasures as far as they fit.
    length = max(length, min(length + _SPARE, ENEMIES + 3 + treasures))
    treasures = min(treasures, length - 1 - ENEMIES - 2)
    for _ in range(300):
        path = _winding(width, height, length, random)
        if path:
            content = np.zeros(width * height, dtype=np.int64)
            content[path] = 1
            content[path[0]], content[path[-1]] = HERO, EXIT
            _furnish(content, path, treasures, random)
            _add_dead_ends(content, path, width, height, random)
            return inner(content.reshape(height, width))
    raise NoContent(f"a way of {length} steps")


def _winding(width: int, height: int, length: int, random: np.random.Generator) -> list[int]:
    """A random way of ``length`` steps that touches itself nowhere; empty where it got stuck."""
    around = steps(width)
    first = int(random.integers(1, height - 1)) * width + int(random.integers(1, width - 1))
    path, used = [first], {first}
    tried: list[set[int]] = [set()]
    for _ in range(40 * length):
        if len(path) == length + 1:
            return path
        free = [
            path[-1] + step
            for step in around
            if path[-1] + step not in used
            and path[-1] + step not in tried[-1]
            and is_inside(path[-1] + step, width, height)
            and sum(path[-1] + step + other in used for other in around) == 1
        ]
        if free:
            cell = free[int(random.integers(len(free)))]
            tried[-1].add(cell)
            path.append(cell)
            used.add(cell)
            tried.append(set())
        elif len(path) > 1:
            used.remove(path.pop())
            tried.pop()
        else:
            return []
    return []


def _furnish(
    content: Content, path: list[int], treasures: int, random: np.random.Generator
) -> None:
    """Enemies, potions and treasures along the way, so that the hero lives."""
    places = len(path) - 2
    spare = places - ENEMIES - treasures - 2
    # Each ogre, and each enemy more than eight, is paid for with potions.
    enemies = ENEMIES + int(random.integers(0, max(0, min(3, spare // 3)) + 1))
    ogres = int(random.integers(0, max(0, min(4, spare - 2 * (enemies - ENEMIES))) + 1))
    fights = [OGRE] * ogres + [GOBLIN] * (enemies - ogres)
    fights = [fights[i] for i in random.permutation(len(fights)).tolist()]
    line: list[int] = []
    health = _HEALTH
    for enemy in fights:
        harm = enemy - GOBLIN + 1
        thirsty = health - harm <= 0 or (health <= _HEALTH - _DRAUGHT and random.random() < 0.25)
        while thirsty:
            line.append(POTION)
            health = min(_HEALTH, health + _DRAUGHT)
            thirsty = health - harm <= 0
        line.append(enemy)
        health -= harm
    while len(line) + treasures > places:  # too many draughts for the way: weaker enemies
        line = _tamer(line)
    blanks = [TREASURE] * treasures + [1] * (places - len(line) - treasures)
    slots = np.sort(random.permutation(places)[: len(line)]).tolist()
    rest = iter([blanks[i] for i in random.permutation(len(blanks)).tolist()])
    things = iter(line)
    taken = set(slots)
    for place, cell in enumerate(path[1:-1]):
        content[cell] = next(things) if place in taken else next(rest)


def _tamer(line: list[int]) -> list[int]:
    """The shortest line: eight goblins, a potion before the fifth and one before the seventh."""
    return [GOBLIN] * 4 + [POTION] + [GOBLIN] * 2 + [POTION] + [GOBLIN] * 2


def _add_dead_ends(
    content: Content, path: list[int], width: int, height: int, random: np.random.Generator
) -> None:
    """Empty side passages that lead nowhere: they make dungeons differ, and shorten nothing."""
    free = bytearray((content > 0).astype(np.uint8).tobytes())
    grow_on(free, width, height, list(path[1:-1]), int(random.integers(36, 50)), random)
    content[(np.frombuffer(free, np.uint8) > 0) & (content == 0)] = 1
