"""Edited scenes: tracks of clips at a rational frame rate, in the vocabulary of OpenTimelineIO."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from aigc_assets.types.validation import (
    Scalar,
    require,
    require_int,
    require_pair,
    require_properties,
    require_text,
    require_tuple,
)

TRACK_KINDS = ("video", "sound", "subtitle", "marker")


@dataclass(frozen=True, slots=True)
class Keyframe:
    """At ``frame`` (counted from the start of the clip) the subject is at ``x, y``.

    Positions are whole px of the map picture; between keyframes they move linearly and are
    rounded down to whole px.
    """

    frame: int
    x: int
    y: int

    def __post_init__(self) -> None:
        require_int(self.frame, "Keyframe.frame", 0)
        require_int(self.x, "Keyframe.x", -(2**20), 2**20)
        require_int(self.y, "Keyframe.y", -(2**20), 2**20)


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of a track.

    Args:
        name: For people.
        start: First frame of the timeline on which it shows.
        duration: Frames.
        asset: Id of the asset in the pack that it shows, plays or speaks; "" for none.
        keyframes: Video tracks only. On the ``set`` track: top left corner of the camera. On an
            actor track: where the actor's pivot stands. In order of ``frame``.
        properties: Actor: ``tag`` (animation of the sheet, as ``walk_down``) and ``flip``.
            Set: ``fade_in`` and ``fade_out`` (frames).
            Subtitle: ``node`` (line id of the dialogue), ``speaker``, ``text``, ``reveal`` (frames
            until the last letter shows), ``place`` (``top`` or ``bottom``).
            Sound: ``cue`` (name of the clip that it belongs to), ``cue_frame`` (when that happens),
            ``gain_db``, ``pan`` (-1 left .. 1 right).
    """

    name: str
    start: int
    duration: int
    asset: str = ""
    keyframes: tuple[Keyframe, ...] = ()
    properties: Mapping[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(isinstance(self.name, str), "Clip.name", "text", self.name)
        require(isinstance(self.asset, str), f"Clip[{self.name}].asset", "an id or ''", self.asset)
        require_tuple(self.keyframes, f"Clip[{self.name}].keyframes", Keyframe)
        require_int(self.start, f"Clip[{self.name}].start", 0)
        require_int(self.duration, f"Clip[{self.name}].duration", 1)
        frames = [keyframe.frame for keyframe in self.keyframes]
        rising = all(a < b for a, b in itertools.pairwise(frames))
        require(rising, f"Clip[{self.name}].keyframes", "rising frames", frames)
        require_properties(self.properties, f"Clip[{self.name}].properties")

    @property
    def stop(self) -> int:
        """The first frame after the clip."""
        return self.start + self.duration

    def position(self, frame: int) -> tuple[int, int]:
        """Position at timeline ``frame``, whole px; held before the first and after the last key.

        Raises:
            ValueError: If the clip has no keyframes.
        """
        if not self.keyframes:
            raise ValueError(f"clip {self.name} has no keyframes")
        at = frame - self.start
        before = self.keyframes[0]
        for key in self.keyframes:
            if key.frame > at:
                if key is before:
                    return key.x, key.y
                span, part = key.frame - before.frame, at - before.frame
                return (
                    before.x + (key.x - before.x) * part // span,
                    before.y + (key.y - before.y) * part // span,
                )
            before = key
        return before.x, before.y


@dataclass(frozen=True, slots=True)
class Track:
    """Clips of one kind that do not overlap, in order of their start.

    The video track named ``set`` holds the map and the camera; the others hold one actor each and
    are painted from the back to the front: by the height of their feet, then in track order.
    """

    name: str
    kind: str
    clips: tuple[Clip, ...]

    def __post_init__(self) -> None:
        require_text(self.name, "Track.name")
        where = f"Track[{self.name}]"
        require(self.kind in TRACK_KINDS, f"{where}.kind", f"one of {TRACK_KINDS}", self.kind)
        require_tuple(self.clips, f"{where}.clips", Clip)
        for a, b in zip(self.clips, self.clips[1:], strict=False):
            require(a.stop <= b.start, f"{where}.clips", "no overlap, in order", (a.name, b.name))


@dataclass(frozen=True, slots=True)
class Timeline:
    """An edited scene.

    Args:
        tracks: Names unique.
        frame_rate: Frames per second.
        duration: Frames.
        resolution: Width and height of the finished picture in px; both even.
        scale: How many finished px one px of the art becomes; divides both sides.
    """

    tracks: tuple[Track, ...]
    frame_rate: Fraction
    duration: int
    resolution: tuple[int, int]
    scale: int

    def __post_init__(self) -> None:
        require_tuple(self.tracks, "Timeline.tracks", Track)
        names = [track.name for track in self.tracks]
        require(len(set(names)) == len(names), "Timeline.tracks", "unique names", names)
        sane = isinstance(self.frame_rate, Fraction) and 1 <= self.frame_rate <= 240
        require(sane, "Timeline.frame_rate", "a Fraction in 1..240", self.frame_rate)
        require_int(self.duration, "Timeline.duration", 1)
        require_int(self.scale, "Timeline.scale", 1, 64)
        require_pair(self.resolution, "Timeline.resolution", 16, 8192)
        for side in self.resolution:
            require(side % 2 == 0, "Timeline.resolution", "even sides", self.resolution)
            fits = side % self.scale == 0
            require(fits, "Timeline.scale", f"a divisor of {self.resolution}", self.scale)
        for track in self.tracks:
            for clip in track.clips:
                where = f"Clip[{clip.name}]"
                require(clip.stop <= self.duration, where, f"end <= {self.duration}", clip.stop)

    @property
    def canvas(self) -> tuple[int, int]:
        """Width and height of the picture in px of the art, before scaling."""
        return self.resolution[0] // self.scale, self.resolution[1] // self.scale

    def track(self, name: str) -> Track:
        """The track called ``name``.

        Raises:
            KeyError: If there is none.
        """
        for track in self.tracks:
            if track.name == name:
                return track
        raise KeyError(name)
