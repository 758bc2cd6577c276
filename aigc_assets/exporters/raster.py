"""Pictures of maps and scenes, in whole pixels: what every picture and film exporter draws with.

Everything is integer arithmetic on uint8, so equal assets give equal pixels on every machine.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import InvalidAssetError
from aigc_assets.exporters.caption_box import CaptionBox, interface_colours
from aigc_assets.exporters.mixdown import timeline_audio
from aigc_assets.types import AssetPack, Clip, SpriteSheet, Tag, Tilemap, Timeline, Track
from aigc_assets.types.tilemap import FLIP_MASK

__all__ = [
    "SET_TRACK",
    "Placement",
    "Stage",
    "animation_frame",
    "blend",
    "clip_at",
    "tile_image",
    "tilemap_image",
    "timeline_audio",
    "timeline_frame",
]

SET_TRACK = "set"
"""The video track that holds the map and the camera."""

_A = TypeVar("_A", Tilemap, SpriteSheet)

_FLIP_HORIZONTAL = 0x80000000
_FLIP_VERTICAL = 0x40000000
_FLIP_DIAGONAL = 0x20000000


def tilemap_image(tilemap: Tilemap) -> NDArray[np.uint8]:
    """Paint all tile layers of a map, bottom first.

    Tiles larger or smaller than a cell stand on the bottom left corner of their cell, as in Tiled;
    what sticks out of the map is cut off.

    Args:
        tilemap: The map.

    Returns:
        Straight-alpha picture, [H * tile height, W * tile width, 4] uint8; zero where no tile is.

    References:
        Tiled TMX map format, "Global tile ids" (order of the three flips).
    """
    width, height = tilemap.tile_size
    picture = np.zeros((tilemap.height * height, tilemap.width * width, 4), dtype=np.uint8)
    for layer in tilemap.layers:
        used, cells = np.unique(layer.gids, return_inverse=True)
        cells = cells.reshape(layer.gids.shape)
        tiles = [tile_image(tilemap, int(gid)) for gid in used]
        if all(tile.shape[:2] in ((height, width), (0, 0)) for tile in tiles):
            blank = np.zeros((height, width, 4), dtype=np.uint8)
            table = np.stack([tile if tile.size else blank for tile in tiles])
            painted = table[cells].transpose(0, 2, 1, 3, 4).reshape(picture.shape)
            blend(picture, painted, 0, 0)
            continue
        for row, column in np.argwhere(layer.gids != 0):
            tile = tiles[cells[row, column]]
            blend(picture, tile, int(column) * width, int(row + 1) * height - tile.shape[0])
    return picture


def tile_image(tilemap: Tilemap, gid: int) -> NDArray[np.uint8]:
    """Picture of one tile with its flips applied, [h, w, 4] uint8; [0, 0, 4] for gid 0."""
    plain = gid & ~FLIP_MASK & 0xFFFFFFFF
    for first, tileset in zip(
        reversed(tilemap.first_gids), reversed(tilemap.tilesets), strict=True
    ):
        if plain >= first:
            row, column = divmod(plain - first, tileset.columns)
            w, h = tileset.tile_size
            tile = tileset.image[row * h : (row + 1) * h, column * w : (column + 1) * w]
            # The diagonal flip comes first: it swaps the axes, the others mirror the result.
            if gid & _FLIP_DIAGONAL:
                tile = tile.transpose(1, 0, 2)
            if gid & _FLIP_HORIZONTAL:
                tile = tile[:, ::-1]
            if gid & _FLIP_VERTICAL:
                tile = tile[::-1]
            return tile
    return np.zeros((0, 0, 4), dtype=np.uint8)


def blend(target: NDArray[np.uint8], source: NDArray[np.uint8], x: int, y: int) -> None:
    """Lay ``source`` [h, w, 4] over ``target`` [H, W, 3 or 4] in place, its top left at (x, y).

    Straight alpha, exact for alpha 0 and 255, rounded to nearest in between; parts outside the
    target are cut off.
    """
    left, top = max(x, 0), max(y, 0)
    right = min(x + source.shape[1], target.shape[1])
    bottom = min(y + source.shape[0], target.shape[0])
    if left >= right or top >= bottom:
        return
    part = source[top - y : bottom - y, left - x : right - x]
    under = target[top:bottom, left:right]
    channels = target.shape[2]
    opaque = part[..., 3] == 255
    np.copyto(under, part[..., :channels], where=opaque[..., None])
    partly = (part[..., 3] > 0) & ~opaque
    if not partly.any():
        return
    over, below = part[partly].astype(np.int64), under[partly].astype(np.int64)
    alpha = over[:, 3:]
    rest = (below[:, 3:] if channels == 4 else np.full_like(alpha, 255)) * (255 - alpha)
    total = alpha * 255 + rest  # opacity of the result, times 255
    mixed = (over[:, :3] * alpha * 255 + below[:, :3] * rest + total // 2) // total
    if channels == 4:
        mixed = np.concatenate([mixed, (total + 127) // 255], axis=1)
    under[partly] = mixed.astype(np.uint8)


class Placement(NamedTuple):
    """One actor in one frame of a scene.

    Args:
        track: Name of the actor's track.
        asset: Id of the sprite sheet.
        frame: Index of the sheet's frame.
        flip: Whether it is mirrored left to right.
        foot: Where its pivot stands, px of the map picture.
        corner: Top left of the frame on the canvas, px; may lie outside.
    """

    track: str
    asset: str
    frame: int
    flip: bool
    foot: tuple[int, int]
    corner: tuple[int, int]


class Stage:
    """Draws the frames of one timeline; keeps the map picture and the laid-out text between them.

    Frame numbers count from 0 to ``timeline.duration - 1``. The clip on the ``set`` track may carry
    ``fade_in`` and ``fade_out`` (frames); a subtitle clip may carry ``reveal`` (frames until the
    last letter shows) and ``place`` (``top`` or ``bottom``).

    Args:
        timeline: The scene.
        pack: Holds the map, the sheets and the palette that the scene names.

    Raises:
        InvalidAssetError: If a clip names an asset or a tag that the pack does not have.
    """

    def __init__(self, timeline: Timeline, pack: AssetPack):
        self.timeline = timeline
        self.pack = pack
        self._pictures: dict[str, NDArray[np.uint8]] = {}
        self._boxes: dict[str, CaptionBox] = {}
        self._set = next((t for t in timeline.tracks if t.name == SET_TRACK), None)
        self._actors = [t for t in timeline.tracks if t.kind == "video" and t.name != SET_TRACK]
        self._colours = interface_colours(pack.palette)
        for track in timeline.tracks:
            if track.kind == "video":
                for clip in track.clips:
                    if track.name == SET_TRACK:
                        self._asset(clip, Tilemap)
                    elif clip.keyframes:
                        self._tag(clip)

    def frame(self, n: int) -> NDArray[np.uint8]:
        """The finished picture, [height, width, 3] uint8 at full resolution."""
        scale = self.timeline.scale
        return self.canvas(n).repeat(scale, axis=0).repeat(scale, axis=1)

    def canvas(self, n: int) -> NDArray[np.uint8]:
        """The finished picture before scaling, [canvas height, canvas width, 3] uint8."""
        width, height = self.timeline.canvas
        canvas = np.zeros((height, width, 3), dtype=np.uint8)
        clip = clip_at(self._set, n)
        if clip is not None:
            x, y = self.camera(n)
            blend(canvas, self.picture(clip.asset), -x, -y)
        for placement in self.placements(n):
            blend(canvas, self.sprite(placement), *placement.corner)
        for caption in self.captions(n):
            self._box(caption).draw(canvas, caption, n)
        level = self.fade_level(n)
        if level < 256:
            canvas = (canvas.astype(np.uint16) * np.uint16(level) >> 8).astype(np.uint8)
        return canvas

    def camera(self, n: int) -> tuple[int, int]:
        """Map px that frame ``n`` shows at the top left of the canvas.

        Kept inside the map; along an axis where the map is smaller than the canvas it is centred
        (and the corner is negative).
        """
        clip = clip_at(self._set, n)
        if clip is None:
            return 0, 0
        tilemap = self._asset(clip, Tilemap)
        wanted = clip.position(n) if clip.keyframes else (0, 0)
        corner = []
        for at, view, cells, cell in zip(
            wanted,
            self.timeline.canvas,
            (tilemap.width, tilemap.height),
            tilemap.tile_size,
            strict=True,
        ):
            free = cells * cell - view
            corner.append(-(-free // 2) if free < 0 else min(max(at, 0), free))
        return corner[0], corner[1]

    def placements(self, n: int) -> list[Placement]:
        """The actors of frame ``n`` in the order they are painted: from the back to the front."""
        camera_x, camera_y = self.camera(n)
        found = []
        for track in self._actors:
            clip = clip_at(track, n)
            if clip is None or not clip.keyframes:
                continue
            sheet, tag = self._tag(clip)
            elapsed = (n - clip.start) * 1000 / self.timeline.frame_rate
            index = animation_frame(sheet, tag, int(elapsed))
            x, y = clip.position(n)
            flip = bool(clip.properties.get("flip", False))
            pivot_x, pivot_y = sheet.frames[index].pivot
            if flip:
                pivot_x = sheet.frames[index].rect[2] - 1 - pivot_x
            corner = (x - camera_x - pivot_x, y - camera_y - pivot_y)
            found.append(Placement(track.name, clip.asset, index, flip, (x, y), corner))
        return sorted(found, key=lambda placement: placement.foot[1])  # stable: then track order

    def sprite(self, placement: Placement) -> NDArray[np.uint8]:
        """Pixels of a placed actor as they are painted, [h, w, 4] uint8."""
        sheet = self.pack.assets[placement.asset]
        assert isinstance(sheet, SpriteSheet)
        image = sheet.frame_image(placement.frame)
        return image[:, ::-1] if placement.flip else image

    def picture(self, asset_id: str) -> NDArray[np.uint8]:
        """The whole map that a set shows, [H, W, 4] uint8; painted once."""
        if asset_id not in self._pictures:
            tilemap = self.pack.assets[asset_id]
            assert isinstance(tilemap, Tilemap)
            self._pictures[asset_id] = tilemap_image(tilemap)
        return self._pictures[asset_id]

    def captions(self, n: int) -> list[Clip]:
        """The subtitle clips that frame ``n`` shows, in track order."""
        tracks = (track for track in self.timeline.tracks if track.kind == "subtitle")
        found = (clip_at(track, n) for track in tracks)
        return [clip for clip in found if clip is not None]

    def caption_area(self, clip: Clip) -> tuple[int, int, int, int]:
        """What a caption covers at most: x, y, width, height in canvas px."""
        return self._box(clip).area

    def fade_level(self, n: int) -> int:
        """Brightness of frame ``n``: 0 is black, 256 unchanged."""
        clip = clip_at(self._set, n)
        if clip is None:
            return 256
        level = 256
        fade_in, fade_out = (int(clip.properties.get(key, 0)) for key in ("fade_in", "fade_out"))
        if fade_in > 0:
            level = min(level, 256 * (n - clip.start) // fade_in)
        if fade_out > 0:
            level = min(level, 256 * (clip.stop - 1 - n) // fade_out)
        return level

    def _asset(self, clip: Clip, kind: type[_A]) -> _A:
        asset = self.pack.assets.get(clip.asset)
        if not isinstance(asset, kind):
            raise InvalidAssetError(
                f"expected the id of a {kind.__name__} of the pack, got {clip.asset!r}",
                where=f"Clip[{clip.name}].asset",
            )
        return asset

    def _tag(self, clip: Clip) -> tuple[SpriteSheet, Tag]:
        sheet = self._asset(clip, SpriteSheet)
        name = str(clip.properties.get("tag", ""))
        try:
            return sheet, sheet.tag(name)
        except KeyError:
            known = ", ".join(tag.name for tag in sheet.tags)
            raise InvalidAssetError(
                f"expected an animation of {clip.asset} ({known}), got {name!r}",
                where=f"Clip[{clip.name}].properties['tag']",
            ) from None

    def _box(self, clip: Clip) -> CaptionBox:
        speaker = str(clip.properties.get("speaker", ""))
        text = str(clip.properties.get("text", ""))
        place = str(clip.properties.get("place", "bottom"))
        key = f"{speaker}\n{place}\n{text}"
        if key not in self._boxes:
            sheet = self.pack.assets.get(speaker)
            face = sheet if isinstance(sheet, SpriteSheet) else None
            self._boxes[key] = CaptionBox(
                self.timeline.canvas, speaker, text, place == "top", face, self._colours
            )
        return self._boxes[key]


def timeline_frame(timeline: Timeline, pack: AssetPack, n: int) -> NDArray[np.uint8]:
    """Draw frame ``n`` of a scene, [height, width, 3] uint8 sRGB at full resolution.

    For many frames of one scene, keep a `Stage`.

    Raises:
        InvalidAssetError: If the scene names what the pack does not have.
    """
    return Stage(timeline, pack).frame(n)


def animation_frame(sheet: SpriteSheet, tag: Tag, milliseconds: int) -> int:
    """Index of the frame that shows ``milliseconds`` after the start of a looping animation."""
    order = list(range(tag.start, tag.stop))
    if tag.direction == "reverse":
        order.reverse()
    elif tag.direction == "pingpong":
        order += order[-2:0:-1]
    left = milliseconds % sum(sheet.frames[i].duration_ms for i in order)
    for index in order:
        left -= sheet.frames[index].duration_ms
        if left < 0:
            return index
    raise AssertionError("unreachable: durations are positive")


def clip_at(track: Track | None, n: int) -> Clip | None:
    """The clip of a track that shows on frame ``n``."""
    for clip in track.clips if track is not None else ():
        if clip.start <= n < clip.stop:
            return clip
    return None
