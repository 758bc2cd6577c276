"""From a request and the assets it names to a `Timeline`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeVar

from aigc_assets.errors import UsageError
from aigc_assets.pipelines.cutscenes.blocking import (
    STEPS,
    Cell,
    Figure,
    Part,
    directions,
    figure_of,
    one_sided,
    plan_blocking,
)
from aigc_assets.pipelines.cutscenes.cues import Cues
from aigc_assets.pipelines.cutscenes.screenplay import (
    Speech,
    answering,
    cast_of,
    write_screenplay,
)
from aigc_assets.pipelines.made import Made, generator
from aigc_assets.types import (
    Asset,
    Clip,
    DialogueTree,
    Keyframe,
    Provenance,
    Sound,
    SpriteSheet,
    Tilemap,
    Timeline,
    Track,
)
from aigc_assets.types.validation import Scalar

SHORTEST = 15
"""Seconds that a scene lasts at least."""
STANDS, WALKS = "idle", "walk"
"""Animations of an actor, with a tag for each facing; seen from one side only, ``idle`` alone."""

_CANVAS_HEIGHT = 180  # px of the art that suit captions and 16 px tiles
_CANVAS_LIMITS = ((160, 720), (96, 480))  # width, height
_WALK_SPEED = 3  # cells per second
_MOST_ACTORS = 6
_CAPTION_ROOM = 64  # px at the bottom of the canvas that a caption may cover

_A = TypeVar("_A", Tilemap, DialogueTree, SpriteSheet, Sound)


@dataclass(frozen=True)
class CutsceneRequest:
    """What a cutscene is made of.

    Args:
        map: Id of the map that it plays on.
        dialogue: Id of the dialogue that is spoken; its speakers are the cast.
        sounds: Ids of the sounds that may be played -> their kind.
        resolution: Width and height of the finished picture in px.
        frame_rate: Frames per second, 12..60.
    """

    map: str
    dialogue: str
    sounds: Mapping[str, str] = field(default_factory=dict)
    resolution: tuple[int, int] = (1280, 720)
    frame_rate: int = 24


def check_resolution(resolution: tuple[int, int]) -> int:
    """The whole factor by which art is enlarged to this size.

    The canvas comes as near to 180 px of height as the divisors of both sides allow; of two equally
    near factors the even one wins, because 4:2:0 video then keeps every colour.

    Raises:
        UsageError: If no factor gives a canvas of 160..720 x 96..480 px, or a side is odd.
    """
    width, height = resolution
    fitting = [
        scale
        for scale in range(1, 65)
        if width % scale == 0
        and height % scale == 0
        and all(
            low <= side // scale <= high
            for side, (low, high) in zip(resolution, _CANVAS_LIMITS, strict=True)
        )
    ]
    if not fitting or width % 2 or height % 2:
        raise UsageError(
            f"{width}x{height} is no whole multiple of a pixel-art canvas",
            where="cutscene.resolution",
            remedy="use even sides with a common divisor, such as 640x360, 1280x720, 1920x1080",
        )
    return min(fitting, key=lambda scale: (abs(height // scale - _CANVAS_HEIGHT), scale % 2))


def compose_cutscene(request: CutsceneRequest, assets: Mapping[str, Asset], seed: int) -> Made:
    """Stage a scene: walk in, talk, walk off.

    Args:
        request: What to stage.
        assets: By id: the map, the dialogue, the sheet of every speaker, and the sounds.
        seed: Chooses among equally good places and answers.

    Returns:
        A `Timeline` with the tracks ``set``, one per actor, ``captions``, ``scene`` (markers) and
        the sounds; every caption carries the id and text of a dialogue node or answer.

    Raises:
        UsageError: If the request or one of the assets it names does not fit.
        GenerationError: If the map has no room for the cast.
    """
    if isinstance(request.frame_rate, bool) or not 12 <= request.frame_rate <= 60:
        raise UsageError(
            f"expected 12..60 frames per second, got {request.frame_rate!r}",
            where="cutscene.frame_rate",
        )
    scale = check_resolution(request.resolution)
    tilemap = _find(assets, request.map, Tilemap, "map")
    tree = _find(assets, request.dialogue, DialogueTree, "dialogue")
    sounds = {key: _find(assets, key, Sound, "sounds") for key in request.sounds}
    sheets = _sheets(tree, assets)
    random = generator(seed)
    speeches = write_screenplay(tree, request.frame_rate, random)
    view = request.resolution[0] // scale, request.resolution[1] // scale
    figures = {name: figure_of(sheet) for name, sheet in sheets.items()}
    parts = plan_blocking(tilemap, figures, view, random)
    timeline = _Staging(
        request, scale, tilemap, sheets, figures, parts, speeches, sounds
    ).timeline()
    notes = [f"scale {scale}: canvas {view[0]}x{view[1]} px"]
    provenance = Provenance(
        "cutscene",
        "composition",
        "",
        seed,
        {
            "map": request.map,
            "dialogue": request.dialogue,
            "resolution": f"{request.resolution[0]}x{request.resolution[1]}",
            "frame_rate": request.frame_rate,
        },
        operations=("blocking on free cells", "dialogue path", "camera and sound cues"),
        notes=tuple(notes),
    )
    return Made(timeline, provenance)


def _find(assets: Mapping[str, Asset], asset_id: str, kind: type[_A], key: str) -> _A:
    asset = assets.get(asset_id)
    if not isinstance(asset, kind):
        found = "nothing" if asset is None else f"a {type(asset).__name__}"
        raise UsageError(
            f"expected the id of a {kind.__name__}, {asset_id!r} is {found}",
            where=f"cutscene.{key}",
        )
    return asset


def _sheets(tree: DialogueTree, assets: Mapping[str, Asset]) -> dict[str, SpriteSheet]:
    """The sheets of the cast: the one who walks in first, their partner, then the others."""
    cast = list(cast_of(tree))
    hero = answering(tree) or cast[0]
    cast = [hero, *(name for name in cast if name != hero)]
    if len(cast) > _MOST_ACTORS:
        raise UsageError(
            f"a scene has at most {_MOST_ACTORS} actors, the dialogue has {len(cast)} speakers",
            where="cutscene.dialogue",
            remedy="use a dialogue with a smaller cast",
        )
    sheets = {}
    for name in cast:
        sheet = assets.get(name)
        if not isinstance(sheet, SpriteSheet):
            raise UsageError(
                f"the speaker {name!r} has no character",
                where="cutscene.dialogue",
                remedy=f'add a [[character]] with id = "{name}"',
            )
        known = {tag.name for tag in sheet.tags}
        missing = [f"{a}_{d}" for a in (STANDS, WALKS) for d in STEPS if f"{a}_{d}" not in known]
        if missing and not one_sided(sheet):
            raise UsageError(
                f"the character {name!r} has no animation {missing[0]!r}",
                where="cutscene.dialogue",
                remedy='its animations need "idle" and "walk"',
            )
        sheets[name] = sheet
    return sheets


class _Staging:
    """Turns parts and speeches into clips; all times in frames, all places in px of the map."""

    def __init__(
        self,
        request: CutsceneRequest,
        scale: int,
        tilemap: Tilemap,
        sheets: Mapping[str, SpriteSheet],
        figures: Mapping[str, Figure],
        parts: Mapping[str, Part],
        speeches: Sequence[Speech],
        sounds: Mapping[str, Sound],
    ):
        self.request, self.scale, self.tilemap = request, scale, tilemap
        self.sheets, self.figures, self.parts, self.sounds = sheets, figures, parts, sounds
        self.rate = request.frame_rate
        self.view = request.resolution[0] // scale, request.resolution[1] // scale
        self.cell_frames = max(1, round(self.rate / _WALK_SPEED))
        hero, *others = parts
        self.hero, self.partner = hero, others[0] if others else None

        # The scene in order: fade in, walk in, a breath, the lines, a breath, walk off, fade out.
        self.fade_in = self.rate * 3 // 4
        self.walk = self.rate // 2  # the hero sets off
        self.meeting = self.walk + self._frames(parts[hero].path)
        at = self.meeting + self.rate // 2
        self.speeches = []
        for speech in speeches:
            self.speeches.append((at, speech))
            at += speech.duration
        self.farewell = at
        off = self.farewell + self.rate // 2
        walk_off = self._frames(parts[hero].leave)
        self.walk_off = max(off, SHORTEST * self.rate - walk_off)
        tail = max(walk_off, self.rate * 3 // 2)
        self.duration = max(self.walk_off + tail, SHORTEST * self.rate)
        self.fade_out = self.rate

    def timeline(self) -> Timeline:
        """Put the tracks together."""
        actors = {name: self._actor(name) for name in self.parts}
        tracks = [self._set_track()]
        tracks += [Track(name, "video", tuple(clips)) for name, clips in actors.items()]
        tracks.append(self._captions())
        moments = {"opening": self.rate // 4, "meeting": self.meeting, "farewell": self.farewell}
        moments["ending"] = max(self.duration - 2 * self.fade_out, self.farewell + 1)
        markers = [Clip(name, frame, 1) for name, frame in moments.items()]
        tracks.append(Track("scene", "marker", tuple(markers)))
        cues = Cues(self.request.sounds, self.sounds, self.rate, self.duration)
        cues.captions(self.speeches)
        for name, clips in actors.items():
            cues.footsteps(name, self.sheets[name], clips)
        has_door = any(item.cls == "door" for item in self.tilemap.objects)
        cues.story(moments, self.speeches[0][1].mood, has_door)
        cues.ambience("opening")
        tracks += cues.tracks()
        return Timeline(
            tuple(tracks), Fraction(self.rate), self.duration, self.request.resolution, self.scale
        )

    def _frames(self, path: tuple[Cell, ...]) -> int:
        return (len(path) - 1) * self.cell_frames

    def _foot(self, cell: Cell) -> tuple[int, int]:
        """Where a pivot stands on a cell: in the middle, a little above its lower edge."""
        width, height = self.tilemap.tile_size
        return cell[0] * width + width // 2, cell[1] * height + height * 3 // 4

    def _actor(self, name: str) -> list[Clip]:
        part = self.parts[name]
        walk = self._frames(part.path)
        clips: list[Clip] = []
        if walk or name == self.hero:
            # The partner sets off so as to arrive a moment before the hero.
            early = max(0, self.meeting - self.rate // 3 - walk)
            start = self.walk if name == self.hero else early
            facing = directions(part.path)[0] if walk else "down"
            self._stand(clips, name, 0, start, part.path[0], facing)
            self._step(clips, name, start, part.path)
            arrived = start + walk
        else:
            # Who waits looks at the audience and turns when the hero is near.
            arrived = max(1, self.meeting - self.rate)
            self._stand(clips, name, 0, arrived, part.place, "down")
        leave = self._frames(part.leave)
        until = self.walk_off if leave else self.duration
        self._stand(clips, name, arrived, until, part.place, part.facing)
        if leave:
            self._step(clips, name, until, part.leave)
            facing = directions(part.leave)[-1]
            self._stand(clips, name, until + leave, self.duration, part.leave[-1], facing)
        return clips

    def _stand(
        self, clips: list[Clip], name: str, start: int, stop: int, cell: Cell, facing: str
    ) -> None:
        if stop > start:
            keys = (Keyframe(0, *self._foot(cell)),)
            shown = self._shown(name, STANDS, facing)
            clips.append(Clip(f"{name} {STANDS}_{facing}", start, stop - start, name, keys, shown))

    def _step(self, clips: list[Clip], name: str, start: int, path: tuple[Cell, ...]) -> None:
        """One clip for every straight stretch of a path."""
        facings = directions(path)
        first = 0
        for i in range(1, len(facings) + 1):
            if i < len(facings) and facings[i] == facings[first]:
                continue
            length = (i - first) * self.cell_frames
            keys = (
                Keyframe(0, *self._foot(path[first])),
                Keyframe(length, *self._foot(path[i])),
            )
            shown = self._shown(name, WALKS, facings[first])
            at = start + first * self.cell_frames
            label = f"{name} {WALKS}_{facings[first]} {first}"
            clips.append(Clip(label, at, length, name, keys, shown))
            first = i

    def _shown(self, name: str, action: str, facing: str) -> dict[str, Scalar]:
        """Properties of a clip; who is drawn from one side only is mirrored to look right."""
        if not one_sided(self.sheets[name]):
            return {"tag": f"{action}_{facing}"}
        return {"tag": STANDS, "flip": True} if facing == "right" else {"tag": STANDS}

    def _captions(self) -> Track:
        clips = []
        for start, speech in self.speeches:
            properties: dict[str, Scalar] = {
                "node": speech.line_id,
                "speaker": speech.speaker,
                "text": speech.text,
                "reveal": speech.reveal,
                "place": self._caption_place(),
            }
            clips.append(
                Clip(speech.line_id, start, speech.duration, self.request.dialogue, (), properties)
            )
        return Track("captions", "subtitle", tuple(clips))

    def _caption_place(self) -> str:
        """At the bottom, unless the actors stand there because the camera cannot go lower."""
        _, camera_y = self._framed(*self._centre())
        feet = [self._foot(part.place)[1] - camera_y for part in self.parts.values()]
        heads = [
            foot - self.figures[name].height for name, foot in zip(self.parts, feet, strict=True)
        ]
        bottom_free = max(feet) < self.view[1] - _CAPTION_ROOM
        hidden_above = _CAPTION_ROOM - min(heads)
        hidden_below = max(feet) - (self.view[1] - _CAPTION_ROOM)
        return "bottom" if bottom_free or hidden_below <= hidden_above else "top"

    def _centre(self) -> tuple[int, int]:
        """Foot level between the two who talk."""
        spots = [self._foot(self.parts[self.hero].place)]
        if self.partner is not None:
            spots.append(self._foot(self.parts[self.partner].place))
        return sum(x for x, _ in spots) // len(spots), max(y for _, y in spots)

    def _framed(self, x: int, y: int) -> tuple[int, int]:
        """Camera corner that shows a foot at (x, y) well: in the middle, above the captions."""
        width, height = self.tilemap.tile_size
        wanted = x - self.view[0] // 2, y - self.view[1] * 57 // 100
        free = (
            self.tilemap.width * width - self.view[0],
            self.tilemap.height * height - self.view[1],
        )
        # As the stage does it: inside the map, or centred where the map is smaller than the view.
        corner = [
            min(max(at, 0), room) if room >= 0 else -(-room // 2)
            for at, room in zip(wanted, free, strict=True)
        ]
        return corner[0], corner[1]

    def _set_track(self) -> Track:
        """The map under a camera that follows the hero and then leans to who speaks."""
        part = self.parts[self.hero]
        centre = self._centre()
        keys: dict[int, tuple[int, int]] = {}
        # Following: the average of where the hero will be over the next second leads the eye. Keys
        # lie on whole cells of the walk, so that hero and camera round alike and do not jitter.
        feet = [self._foot(cell) for cell in part.path]
        cells = max(1, round(self.rate / self.cell_frames))
        for i in range(len(feet)):
            ahead = [feet[min(i + k, len(feet) - 1)] for k in range(2 * cells)]
            left = len(feet) - 1 - i
            weight = min(left, cells)  # glide over to the middle between the two
            x = sum(p[0] for p in ahead) // len(ahead) * weight + centre[0] * (cells - weight)
            y = sum(p[1] for p in ahead) // len(ahead) * weight + centre[1] * (cells - weight)
            keys[self.walk + i * self.cell_frames] = self._framed(x // cells, y // cells)
        keys[0] = keys[self.walk]
        if self.partner is not None:
            lean = min(16, abs(self._foot(self.parts[self.partner].place)[0] - centre[0]))
            before = self._framed(*centre)
            for start, speech in self.speeches:
                foot_x = self._foot(self.parts[speech.speaker].place)[0]
                shift = max(-lean, min(lean, (foot_x - centre[0]) // 2))
                wanted = self._framed(centre[0] + shift, centre[1])
                if wanted != before and start not in keys:
                    keys.update(_eased(start, self.rate * 2 // 3, before, wanted))
                before = wanted
        last = keys[max(keys)]
        walk_off = self._frames(part.leave)
        if walk_off:
            x, y = self._foot(part.leave[-1])
            target = self._framed((centre[0] + x) // 2, (centre[1] + y) // 2)
            keys.update(_eased(self.walk_off, walk_off, last, target))
        frames = tuple(Keyframe(n, *keys[n]) for n in sorted(keys) if n < self.duration)
        properties: dict[str, Scalar] = {"fade_in": self.fade_in, "fade_out": self.fade_out}
        clip = Clip(self.request.map, 0, self.duration, self.request.map, frames, properties)
        return Track("set", "video", (clip,))


def _eased(
    start: int, length: int, a: tuple[int, int], b: tuple[int, int]
) -> dict[int, tuple[int, int]]:
    """Keys of a camera move that starts and stops gently (smoothstep in whole numbers)."""
    keys = {}
    pieces = max(2, min(8, length))
    for i in range(pieces + 1):
        part = Fraction(i, pieces)
        smooth = part * part * (3 - 2 * part)
        keys[start + length * i // pieces] = (
            a[0] + math.floor((b[0] - a[0]) * smooth),
            a[1] + math.floor((b[1] - a[1]) * smooth),
        )
    return keys
