"""One lane of a platformer level: rhythm groups along a ground line, from left to right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

AIR, SOLID, ONE_WAY, HAZARD, LADDER = range(5)
"""Codes of a cell. A one-way platform is passed from below and stood upon; a hazard kills."""

JUMP = 3
"""Rows that a jump may be asked to climb."""
MAX_GAP = 5
"""Widest pit in columns between ledges of equal height."""

Grid = NDArray[np.uint8]
Cell = tuple[int, int]


class Lane:
    """One lane, drawn from left to right; row 0 is its top.

    Args:
        height, width: Cells of the lane.
        sky: Whether it is open above; else it is a cave with a ceiling.
        opening: Whether the level begins here.
    """

    def __init__(
        self,
        height: int,
        width: int,
        sky: bool,
        opening: bool,
        random: np.random.Generator,
        difficulty: float,
    ):
        self.height, self.width, self.sky = height, width, sky
        self.random, self.difficulty = random, difficulty
        self.opening = opening
        self.cells: Grid = np.zeros((height, width), dtype=np.uint8)
        self.need = np.full(width, height, dtype=np.int64)
        """Highest row of each column that has to stay free below a ceiling."""
        self.low = height - 2 if height < 12 else height - 3
        self.high = min(self.low, max(5, round(height * (0.45 if sky else 0.5))))
        self.base = (self.low + self.high + 1) // 2
        self.ground = self.base
        """Row of the topmost solid cell of the column that comes next."""
        self.x = 0
        self.cloud = 0
        """Column up to which there are planks overhead."""
        self.tail = min(7, max(3, width // 6))
        """Columns of the closing stretch."""
        self.wet = False
        """Whether pools are preferred."""
        self.first: Cell = (0, 0)
        self.last: Cell = (0, 0)

    # --- material -----------------------------------------------------------------------------

    def dice(self, low: int, high: int) -> int:
        """A number from low to high, both included."""
        return int(self.random.integers(low, high + 1)) if high > low else low

    def chance(self, share: float) -> bool:
        """True with this probability."""
        return bool(self.random.random() < share)

    def span(self) -> int:
        """Width of a gap for the difficulty."""
        wide = 1.2 + 3.8 * self.difficulty + 0.9 * (self.random.random() - 0.5)
        return min(MAX_GAP, max(1, round(wide)))

    def rest(self) -> int:
        """Length of a calm stretch."""
        return self.dice(3, 6) if self.chance(1.1 - self.difficulty) else self.dice(2, 3)

    def room(self) -> int:
        """Columns left before the closing stretch."""
        return self.width - self.tail - self.x

    def lay(self, length: int) -> int:
        """Ground for the next columns; returns the first of them."""
        x = self.x
        stop = min(x + length, self.width)
        self.cells[self.ground :, x:stop] = SOLID
        self.need[x:stop] = self.ground - 5
        self.x = stop
        return x

    def pit(self, length: int, depth: int) -> int:
        """A basin with something deadly in it; returns its first column."""
        x, surface = self.lay(length), min(self.ground + depth, self.height - 1)
        self.cells[self.ground : surface, x : self.x] = AIR
        self.cells[surface : min(surface + 2, self.height), x : self.x] = HAZARD
        return x

    def platform(self, x: int, y: int, length: int, code: int = ONE_WAY) -> None:
        """A platform whose top is row y, with room to stand and jump above it."""
        stop = min(x + length, self.width)
        self.cells[y, x:stop] = code
        self.need[x:stop] = np.minimum(self.need[x:stop], y - 5)

    def shift(self, most: int) -> int:
        """A change of the ground's row within bounds, drawn towards the middle."""
        down = 0.5 + 0.17 * (self.base - self.ground)
        step = self.dice(1, most) * (1 if self.chance(down) else -1)
        return min(self.low, max(self.high, self.ground + step)) - self.ground

    # --- groups: each lays itself at x if it fits, and says whether it did ---------------------

    def gap(self) -> bool:
        """A pit; what lies behind it may be higher or lower."""
        wide = self.span()
        if self.room() < wide + 5:
            return False
        self.lay(2)
        self.pit(wide, self.dice(2, 4))
        if wide < MAX_GAP and self.chance(0.5):
            self.ground += self.shift(2 if wide < MAX_GAP - 1 else 1)
        self.lay(2)
        return True

    def double_gap(self) -> bool:
        """Two gaps with a narrow pillar between them."""
        wide, pillar = self.span(), self.dice(1, 2)
        if self.room() < 2 * wide + 6:
            return False
        self.lay(2)
        x = self.pit(2 * wide + pillar, self.dice(3, 5))
        top = self.ground - (self.dice(0, 1) if wide < MAX_GAP else 0)
        self.cells[top:, x + wide : x + wide + pillar] = SOLID
        self.lay(2)
        return True

    def stones(self) -> bool:
        """A pool with pillars or planks to cross on, of varied height."""
        count, wide = self.dice(2, 4), max(2, self.span() - 1)
        size = self.dice(1, 2) if self.difficulty > 0.5 else self.dice(2, 3)
        while count > 1 and self.room() < count * (wide + size) + wide + 4:
            count -= 1
        if self.room() < count * (wide + size) + wide + 4:
            return False
        self.lay(2)
        x = self.pit(count * (wide + size) + wide, 2)
        planks, before = self.chance(0.5), self.ground
        for i in range(count):
            left, step = x + wide + i * (wide + size), self.dice(-1, 1)
            ends = self.ground - before
            top = before + (step if i + 1 < count else max(-1, min(1, ends)))
            top = min(self.ground + 1, max(self.ground - 3, top))
            if planks:
                self.platform(left, top, size)
            else:
                self.cells[top:, left : left + size] = SOLID
                self.need[left : left + size] = top - 5
            before = top
        self.lay(2)
        return True

    def bridge(self) -> bool:
        """Planks across a pool; some are missing."""
        length = self.dice(6, 12)
        if self.room() < length + 4:
            return False
        self.lay(2)
        x = self.pit(length, self.dice(2, 3))
        self.platform(x, self.ground, length)
        wide = 1 + round(self.difficulty)
        holes = min(1 + round(self.difficulty * length / 5), (length - 2) // (wide + 1))
        for i in range(holes):
            at = x + 1 + round((i + 0.5) * (length - 2) / holes) - wide // 2
            self.cells[self.ground, at : at + wide] = AIR
        self.lay(2)
        return True

    def spikes(self) -> bool:
        """Rows of spikes let into the ground, the longer the harder."""
        count = 1 + round(2 * self.difficulty * float(self.random.random()) + self.difficulty)
        wide = min(4, max(1, self.span() - 1))
        apart = self.dice(2, 4)
        if self.room() < count * (wide + apart) + 2:
            return False
        self.lay(2)
        for _ in range(count):
            x = self.lay(wide)
            self.cells[self.ground, x : self.x] = HAZARD
            self.lay(apart)
        return True

    def stairs(self) -> bool:
        """Steps up or down."""
        step, tread, count = 1 + int(self.chance(0.3)), self.dice(1, 3), self.dice(2, 4)
        if self.room() < count * tread + 2:
            return False
        sign = 1 if self.chance(0.5 + 0.2 * (self.base - self.ground)) else -1
        for _ in range(count):
            wanted = self.ground + sign * step
            if not self.high <= wanted <= self.low:
                break
            self.ground = wanted
            self.lay(tread)
        self.lay(2)
        return True

    def pyramid(self) -> bool:
        """Steps up and down, perhaps with a gap where the top would be."""
        rise = min(self.dice(2, 4), self.ground - self.high)
        top = self.dice(2, 3)
        if rise < 2 or self.room() < 2 * rise + top + 2:
            return False
        floor = self.ground
        hollow = self.chance(0.3 + 0.5 * self.difficulty)
        for i in range(1, rise + 1):
            self.ground = floor - i
            self.lay(1)
        if hollow:
            depth = self.height - 1 - self.ground
            self.pit(min(self.span(), 4), min(depth, rise + 1))
        else:
            self.lay(top)
        for i in range(rise, 0, -1):
            self.ground = floor - i
            self.lay(1)
        self.ground = floor
        self.lay(1)
        return True

    def cliff(self) -> bool:
        """A wall too high to jump, with a ladder."""
        if self.room() < 8:
            return False
        up, down = self.ground - self.high, self.low - self.ground
        rising = up >= down
        step = min(max(up, down), self.dice(4, 6))
        if step < 4:
            return False
        if rising:
            self.lay(3)
            x, self.ground = self.x - 1, self.ground - step
            self.lay(3)
            self.cells[self.ground : self.ground + step, x] = LADDER
            self.need[x - 1 : x + 1] = self.ground - 5
        else:
            self.lay(3)
            above, self.ground = self.ground, self.ground + step
            x = self.lay(3)
            self.cells[above : self.ground, x] = LADDER
            self.need[x : x + 2] = above - 5
        return True

    def high_road(self) -> bool:
        """Platforms over the ground: a second way with something to find, spikes below it."""
        length = self.dice(6, 12)
        if self.room() < length + 2 or self.ground < 6:
            return False
        start = self.lay(length)
        row = self.ground - JUMP
        x = start + 1
        tiers = 1 + int(self.ground - 2 * JUMP >= 3 and self.chance(0.55))
        code = ONE_WAY if self.chance(0.65) else SOLID
        while x < start + length - 1:
            part = min(self.dice(3, 5), start + length - 1 - x)
            self.platform(x, row, part, code)
            if tiers == 2 and part > 2 and self.chance(0.7):
                self.platform(x + 1, row - JUMP, part - 1)
            x += part + self.dice(1, 2)
        if self.chance(0.2 + 0.6 * self.difficulty):
            middle = start + length // 2
            wide = 1 + round(self.difficulty)
            self.cells[self.ground, middle : middle + wide] = HAZARD
        return True

    def tunnel(self) -> bool:
        """A hill with a blind passage and a ladder up its end; one can also climb over it."""
        length, tall = self.dice(8, 13), self.dice(3, 4)
        roof = self.ground - 1 - tall
        top = roof - self.dice(0, 1)
        if not self.sky or self.room() < length + 6 or top < 5:
            return False
        x = self.lay(length + 4)
        left, right = x + 2, self.x - 2
        self.cells[top : roof + 1, left:right] = SOLID
        self.cells[top:, right - 3 : right] = SOLID
        self.cells[top : self.ground, [right - 4, right]] = LADDER
        self.cells[self.ground - JUMP, left - 1] = ONE_WAY
        self.need[left - 1 : right + 1] = top - 5
        if self.chance(0.3 + 0.5 * self.difficulty):
            middle = (left + right) // 2 - 1
            self.cells[self.ground, middle : middle + 1 + round(self.difficulty)] = HAZARD
        return True

    def cellar(self) -> bool:
        """A chamber below the ground, down a ladder: a nook that one can miss."""
        wide, tall = self.dice(5, 9), 3
        floor = self.ground + 2 + tall
        if floor > self.height - 1 or self.room() < wide + 4:
            return False
        x = self.lay(wide + 2) + 1
        self.cells[self.ground + 2 : floor, x : x + wide] = AIR
        at = x if self.chance(0.5) else x + wide - 1
        self.cells[self.ground : floor, at] = LADDER
        return True

    def undercroft(self) -> bool:
        """A pool to jump over, or to pass below by two ladders and a passage."""
        wide = self.span()
        length = wide + 6
        floor = self.ground + 6
        if floor > self.height - 1 or self.room() < length + 2:
            return False
        x = self.lay(2)
        self.lay(1)
        pool = self.pit(wide, 1)
        self.cells[self.ground + 2 : floor, pool : pool + wide] = SOLID
        self.lay(4)
        left, right = x + 1, x + length - 2
        self.cells[floor - 3 : floor, left : right + 1] = AIR
        self.cells[self.ground : floor, [left, right]] = LADDER
        return True

    def watchtower(self) -> bool:
        """Decks around a ladder, with a prize on top: a landmark."""
        wide, floors = self.dice(5, 7), 3
        while floors and self.ground - floors * JUMP < 4:
            floors -= 1
        if not self.sky or floors < 1 or self.room() < wide + 4:
            return False
        x = self.lay(wide + 2) + 1
        at = x + wide // 2
        for floor in range(1, floors + 1):
            deck = wide if floor % 2 else max(3, wide - 2)
            self.platform(at - deck // 2, self.ground - floor * JUMP, deck)
        self.cells[self.ground - floors * JUMP : self.ground, at] = LADDER
        return True

    def clouds(self) -> bool:
        """A ladder to planks high above whatever comes next: a way over it all."""
        row = self.high - 4
        length = min(self.room() - 2, self.dice(14, 26))
        if not self.sky or row < 3 or length < 12 or self.cloud > self.x:
            return False
        x = self.lay(4) + 1
        self.cells[row : self.ground, x] = LADDER
        at, end = x + 1, x + length
        while at < end - 1:
            part = min(self.dice(3, 6), end - at)
            self.platform(at, row - self.dice(0, 1), part)
            at += part + self.dice(1, 1 + round(2 * self.difficulty))
        self.cloud = end + 12
        return True

    def island(self) -> bool:
        """An island in the air above a run or a pool."""
        wide = self.dice(4, 7)
        length = wide + 6
        row = self.ground - 2 * JUMP
        if not self.sky or self.room() < length + 2 or row < 4:
            return False
        x = self.lay(length)
        self.platform(x + 1, self.ground - JUMP, 2)
        self.platform(x + 3, row, wide, SOLID)
        self.cells[row + 1, x + 4 : x + 2 + wide] = SOLID
        self.platform(x + length - 3, self.ground - JUMP, 2)
        return True

    # --- composition --------------------------------------------------------------------------

    def draw(self) -> None:
        """Lay the whole lane."""
        challenges: list[Callable[[], bool]] = [
            self.gap, self.gap, self.double_gap, self.stones, self.stones, self.bridge, self.spikes,
        ]  # fmt: skip
        if self.wet:
            challenges = [self.stones, self.bridge]
        scenes: list[Callable[[], bool]] = [
            self.stairs, self.pyramid, self.cliff, self.high_road, self.high_road, self.tunnel,
            self.cellar, self.undercroft, self.watchtower, self.island, self.clouds,
        ]  # fmt: skip
        head = min(5, max(3, self.width // 8))
        self.lay(head)
        self.first = (min(2, head - 1) if self.opening else min(3, head - 1), self.ground - 1)
        used: list[Callable[[], bool]] = []
        challenge_next = self.opening and self.width < 40
        while self.room() > 4:
            table = challenges if challenge_next else scenes
            fresh = [group for group in table if group not in used[-4:]] or table
            order = self.random.permutation(len(fresh))
            done = next((fresh[i] for i in order if fresh[i]()), None)
            if done is None:
                table = scenes if challenge_next else challenges
                order = self.random.permutation(len(table))
                done = next((table[i] for i in order if table[i]()), None)
            if done is None:
                break
            used.append(done)
            # One idea twice in a row is a phrase; then something to look at.
            if challenge_next and self.chance(0.25 + 0.4 * self.difficulty) and self.room() > 10:
                self.lay(self.dice(1, 2))
                done()
            self.lay(min(self.rest(), max(0, self.room())))
            challenge_next = self.wet or not challenge_next
        self.lay(self.width - self.x)
        self.last = (self.width - 1 - min(3, self.tail - 1), self.ground - 1)
        if not self.sky:
            self.ceiling()
        self.garnish()

    def garnish(self) -> None:
        """Planks over long stretches of level ground, which would be dull without."""
        x = self.first[0] + 3
        while x < self.width - self.tail - 4:
            wide = self.dice(3, 5)
            window = self.cells[:, x - 1 : x + wide + 1]
            tops = np.argmax(window != AIR, axis=0)
            if self.chance(0.75) and not self._plank(x, int(tops[0]), wide):
                x += 1
                continue
            x += wide + self.dice(4, 9)

    def _plank(self, x: int, ground: int, wide: int) -> bool:
        """Planks above one level stretch, if nothing is there; says whether there are now."""
        clear = 2 * JUMP
        stretch = self.cells[:, x - 1 : x + wide + 1]
        if ground < clear + 1 or not (stretch[ground] == SOLID).all():
            return False
        if (stretch[ground - clear : ground] != AIR).any():
            return False
        self.cells[ground - JUMP, x : x + wide] = ONE_WAY
        higher = ground - 2 * JUMP
        at = x + (wide - 1 if self.chance(0.5) else -2)
        if higher >= 4 and self.chance(0.5) and 1 <= at < self.width - self.tail - 3:
            above = self.cells[higher - 3 : higher + 2, at - 1 : at + 4]
            if (above == AIR).all():
                self.cells[higher, at : at + 3] = ONE_WAY
        return True

    def ceiling(self) -> None:
        """Rock above a cave, uneven, as low as what is below it allows; walls at both ends."""
        need = self.need
        padded = np.pad(need, 2, mode="edge")
        free = np.min([padded[i : i + self.width] for i in range(5)], axis=0)
        x = 0
        while x < self.width:
            run = self.dice(2, 6)
            part = slice(x, min(x + run, self.width))
            edge = max(1, int(free[part].min()) - self.dice(0, 2))
            self.cells[:edge, part][self.cells[:edge, part] == AIR] = SOLID
            if run > 4 and edge + 1 < int(free[part].min()) and self.chance(0.6):
                self.cells[edge, x + run // 2 if x + run // 2 < self.width else x] = SOLID
            x += run
        thick = 1 + int(self.width > 24)
        self.cells[:, :thick] = self.cells[:, self.width - thick :] = SOLID
