"""What can be asked for: kinds and sizes of characters, and which module draws each of them.

A tier is one kind at one size; it names its own animations. Nothing here loads torch: a manifest
is checked to the end before any work begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aigc_assets.errors import UsageError
from aigc_assets.models.own_drawings import OwnDrawings, own_drawings
from aigc_assets.pipelines.characters.reference import Reference, read_reference
from aigc_assets.pipelines.characters.words.kinds import KINDS, kind_of
from aigc_assets.pipelines.characters.words.lexicon import words
from aigc_assets.pipelines.characters.words.prompt import clean


@dataclass(frozen=True)
class Tier:
    """One kind of character at one size.

    Args:
        module: Has ``vocabulary() -> Mapping`` (``attributes``: values by name; ``colours``: named
            ramps of sRGB tones, dark to light, by kind of ramp), for the prompt to be read with,
            and ``draw_character(request, wish, palette, seed) -> Made``.
        animations: All it can be drawn in.
        default: Those that are drawn when a request names none.
    """

    module: str
    animations: tuple[str, ...]
    default: tuple[str, ...]


_HERE = "aigc_assets.pipelines.characters"
_TINY = ("idle", "walk", "attack", "jump", "hurt", "dead")
TIERS: Mapping[tuple[int, str], Tier] = {
    (64, "person"): Tier(
        f"{_HERE}.size64.people64",
        ("idle", "walk", "run", "jump", "sit", "slash", "attack"),
        ("idle", "walk"),
    ),
    (16, "person"): Tier(f"{_HERE}.size16.people16", _TINY, _TINY),
    (16, "monster"): Tier(f"{_HERE}.size16.creatures16", _TINY, _TINY),
    (16, "animal"): Tier(f"{_HERE}.size16.creatures16", _TINY, _TINY),
    (32, "person"): Tier(f"{_HERE}.size32.people32", ("idle",), ("idle",)),
    (64, "portrait"): Tier(f"{_HERE}.size64.portraits64", ("portrait",), ("portrait",)),
    **{
        (32, kind): Tier(f"{_HERE}.size32.creatures32", ("idle",), ("idle",))
        for kind in ("monster", "animal", "item", "effect")
    },
}
"""By size in px and kind; the order is the order in which kinds are offered."""

GENERATORS = ("auto", "plans")
"""What draws: the networks, or, for well-known creatures of 16 px, plans of their parts by rule."""

CROWD_SIZE, LARGEST_CROWD = 32, 1024
CROWD_KINDS = ("person", "monster", "animal")
"""Crowds are drawn by a fast network of their own, in ``size32/crowds.py``."""

SIZES: tuple[int, ...] = tuple(sorted({size for size, _ in TIERS}))
"""Sides of a frame in px that something can be drawn at with the shipped weights."""
_SINGLE = TIERS[32, "monster"]
"""The tier whose weights may have learnt from the user's own drawings, of another size say."""
ANIMATIONS: tuple[str, ...] = tuple(dict.fromkeys(a for t in TIERS.values() for a in t.animations))
"""Animations of all tiers; ``attack`` of a 64 px person is another name of ``slash``."""


def sizes() -> tuple[int, ...]:
    """Sides of a frame in px that something can be drawn at with the weights in use."""
    own = own_drawings()
    return SIZES if own is None else tuple(sorted({*SIZES, own.side}))


@dataclass(frozen=True)
class CharacterRequest:
    """What to draw.

    Args:
        prompt: Who it is, such as "young alchemist woman, green cloak, brown hair".
        animations: Names from those of the tier, which None leaves to the tier; tags are
            ``<animation>_<direction>`` where there are directions, in this order.
        size: Side of a frame in px, one of `SIZES`.
        kind: One of `KINDS`; empty reads it from the prompt, and is never empty afterwards.
        like: A picture whose colours are taken where the prompt names none: the bytes of a PNG,
            JPEG, GIF or WebP file, or what `read_reference` made of it.
        crowd: Figures of a crowd, 1..`LARGEST_CROWD`, all in one sheet with the tags ``idle_1``,
            ``idle_2``, ...; 0 for a single character.
        generator: One of `GENERATORS`. ``plans`` draws monsters and animals of 16 px whose species
            the prompt names, by rule; they read better than what the networks draw and are farther
            from the pictures that those learnt from.

    Raises:
        UsageError: If the prompt is empty, too long or no text, or if the size, the kind, an
            animation, the picture or the generator is not available.
    """

    prompt: str
    animations: tuple[str, ...] = None  # type: ignore[assignment]  # set below
    size: int = 64
    kind: str = ""
    like: Reference | None = None
    crowd: int = 0
    generator: str = "auto"
    guessed: str = field(default="", init=False)
    """The kind that the words named, where the size has none of it and another is drawn."""
    named: bool = field(default=True, init=False)
    """Whether the request or a word of the prompt says which kind it is."""

    def __post_init__(self) -> None:
        clean(self.prompt)
        self._check_generator()
        if self.crowd:
            self._check_crowd()
            return
        if self.size not in sizes():
            raise UsageError(
                f"no characters of {self.size} px",
                where="size",
                remedy=f"one of: {', '.join(map(str, sizes()))}",
            )
        own = own_drawings()
        if not self.kind:
            self._set("kind", self._kind_of_words(own))
        self._check_kind(own)
        if self.generator == "plans" and self.tier.module != TIERS[16, "monster"].module:
            raise UsageError(
                f"there are plans of monsters and animals, not of this {self.kind!r}",
                where="generator",
                remedy="name a creature, or leave the generator out",
            )
        if self.like is not None and not isinstance(self.like, Reference):
            self._set("like", read_reference(self.like))
        self._check_animations()

    def _check_generator(self) -> None:
        if self.generator not in GENERATORS:
            raise UsageError(
                f"no generator {self.generator!r}",
                where="generator",
                remedy=f"one of: {', '.join(GENERATORS)}",
            )
        if self.generator == "plans" and (self.size != 16 or self.crowd):
            raise UsageError(
                "there are plans for creatures of 16 px only",
                where="generator",
                remedy="ask for size 16, or leave the generator out",
            )

    @property
    def tier(self) -> Tier:
        """What draws it."""
        own = own_drawings()
        if own is not None and self.size == own.side and self.kind in own.kinds:
            return _SINGLE
        return TIERS[self.size, self.kind]

    def _check_kind(self, own: OwnDrawings | None) -> None:
        """That it is a kind, and that something draws it at this size."""
        here = [kind for size, kind in TIERS if size == self.size]
        if self.kind not in KINDS:
            raise UsageError(
                f"no kind {self.kind!r}", where="kind", remedy=f"one of: {', '.join(KINDS)}"
            )
        if own is not None and self.size == own.side and self.kind in own.kinds:
            return
        if self.kind not in here:
            elsewhere = [str(size) for size, kind in sorted(TIERS) if kind == self.kind]
            there = f"{self.kind}: {', '.join(elsewhere)} px; " if elsewhere else ""
            raise UsageError(
                f"no {self.kind} of {self.size} px",
                where="kind",
                remedy=f"{there}of {self.size} px: {', '.join(here)}",
            )
        if own is not None and TIERS[self.size, self.kind] == _SINGLE:
            raise UsageError(
                f"these weights draw {', '.join(own.kinds)} of {own.side} px, as the drawings they "
                "have learnt from",
                where="kind" if self.size == own.side else "size",
                remedy=f"say size = {own.side} and such a kind, or use other weights",
            )

    def _check_crowd(self) -> None:
        """A crowd has one size, breathes, and is of people or creatures."""
        if not 1 <= self.crowd <= LARGEST_CROWD:
            raise UsageError(
                f"a crowd has 1..{LARGEST_CROWD} figures, not {self.crowd}", where="crowd"
            )
        if self.size != CROWD_SIZE:
            raise UsageError(
                f"no crowds of {self.size} px", where="size", remedy=f"say size = {CROWD_SIZE}"
            )
        named = self.kind or kind_of(self.prompt) or "person"
        if named not in CROWD_KINDS:
            if self.kind:
                offer = f"one of: {', '.join(CROWD_KINDS)}"
                raise UsageError(f"no crowds of kind {self.kind!r}", where="kind", remedy=offer)
            self._set("guessed", named)
            named = "person"
        self._set("kind", named)
        if self.animations is not None and tuple(self.animations) != ("idle",):
            raise UsageError("a crowd has: idle", where="animations")
        self._set("animations", ("idle",))
        if self.like is not None:
            raise UsageError(
                "a crowd takes its colours from no picture", where="like", remedy="leave it out"
            )

    def _kind_of_words(self, own: OwnDrawings | None) -> str:
        named = kind_of(self.prompt)
        if own is not None and self.size == own.side:
            said = [own.words[word] for word in words(self.prompt[:2000]) if word in own.words]
            named = (said or [named or own.kinds[0]])[-1]
            if named in own.kinds:
                return named
        self._set("named", bool(named))
        named = named or "person"
        if (self.size, named) in TIERS:
            return named
        self._set("guessed", named)
        if (self.size, "person") in TIERS:
            return "person"
        return next(kind for size, kind in TIERS if size == self.size)

    def _check_animations(self) -> None:
        tier = self.tier
        if self.animations is None:
            self._set("animations", tier.default)
        self._set("animations", tuple(self.animations))
        offer = f"a {self.kind} of {self.size} px has: {', '.join(tier.animations)}"
        if not self.animations:
            raise UsageError("no animation asked for", where="animations", remedy=offer)
        for name in self.animations:
            if name not in tier.animations:
                raise UsageError(f"no animation {name!r}", where="animations", remedy=offer)
        if len(set(self.animations)) != len(self.animations):
            raise UsageError("an animation is listed twice", where="animations")

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
