"""Whether the assets of a pack agree with each other, looked at from the outside.

Every check compares what a consumer would see or hear with the assets it claims to come from: the
pixels of rendered frames with sheets and map, captions with lines of dialogue, the mixed sound with
its cues. Each function returns its findings in words; an empty list means coherent.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import AigcError
from aigc_assets.exporters.mp4 import yuv420_planes
from aigc_assets.exporters.raster import SET_TRACK, Stage, clip_at, timeline_audio
from aigc_assets.types import (
    AssetPack,
    Clip,
    DialogueTree,
    Sound,
    SpriteSheet,
    Tilemap,
    Timeline,
)

SAMPLED_FRAMES = 12
"""Frames of a scene that are looked at px by px."""

MIN_PSNR = 30.0
"""dB that a decoded frame must reach against the rendered one."""

_CUE_TOLERANCE = 1  # frames
_AUDIBLE = 0.25  # of the level that a sound alone would have


def check_pack(pack: AssetPack) -> list[str]:
    """Check everything that the assets of a pack promise each other.

    Sprites and tiles stay within the pack palette; witnesses are accepted; and of every scene:
    actors are px of their sheets, the set is the map, captions are lines of the dialogue, sounds
    start on their cues, actors stand on free cells.

    Returns:
        Findings, each starting with the id of the asset; empty when the pack is coherent.
    """
    from aigc_assets.metrics.playability import verify_witness

    problems: list[str] = []
    for asset_id, asset in pack.assets.items():
        found: Iterable[str] = ()
        if isinstance(asset, SpriteSheet) and not _is_data(pack, asset_id):
            found = _check_colours(
                pack, (("palette", asset.palette), ("sheet", _visible(asset.image)))
            )
        elif isinstance(asset, Tilemap):
            sets = [(f"tileset {tiles.name}", _visible(tiles.image)) for tiles in asset.tilesets]
            found = _check_colours(pack, sets)
            if asset.witness is not None:
                found = [*found, *verify_witness(asset)]
        elif isinstance(asset, Timeline):
            found = check_timeline(asset, pack)
        problems += [f"{asset_id}: {problem}" for problem in found]
    return problems


def check_timeline(timeline: Timeline, pack: AssetPack) -> list[str]:
    """Check one scene against the pack that it is made of."""
    problems = check_captions(timeline, pack)
    try:
        stage = Stage(timeline, pack)
        problems += check_footing(timeline, pack)
        for n in sampled_frames(stage):
            problems += check_frame(stage.frame(n), stage, n)
        problems += check_cues(timeline)
        problems += check_mix(timeline_audio(timeline, pack), timeline, pack)
    except AigcError as error:
        problems.append(str(error))
    return problems


def sampled_frames(stage: Stage) -> list[int]:
    """Frames spread over a scene at which its picture is not faded."""
    timeline = stage.timeline
    bright = [n for n in range(timeline.duration) if stage.fade_level(n) == 256]
    count = min(SAMPLED_FRAMES, len(bright))
    return [bright[i * len(bright) // count] for i in range(count)]


def check_frame(frame: NDArray[np.uint8], stage: Stage, n: int) -> list[str]:
    """Check the picture of an unfaded frame px by px.

    Args:
        frame: [height, width, 3] uint8 at full resolution.
        stage: The scene that it belongs to.
        n: Number of the frame.
    """
    timeline = stage.timeline
    width, height = timeline.resolution
    scale = timeline.scale
    if frame.shape != (height, width, 3):
        return [f"frame {n} has the shape {frame.shape}, not {(height, width, 3)}"]
    canvas = frame[::scale, ::scale]
    problems = []
    if not np.array_equal(canvas.repeat(scale, axis=0).repeat(scale, axis=1), frame):
        problems.append(f"frame {n} is not enlarged by whole px")
    hidden = np.zeros(canvas.shape[:2], dtype=bool)
    for caption in stage.captions(n):
        x, y, w, h = stage.caption_area(caption)
        hidden[max(y, 0) : y + h, max(x, 0) : x + w] = True
    for placement in reversed(stage.placements(n)):  # the front first: it hides what is behind
        sprite = stage.sprite(placement)
        shown = np.zeros((*hidden.shape, 4), dtype=np.uint8)
        _paste(shown, sprite, *placement.corner)
        visible = (shown[..., 3] == 255) & ~hidden
        wrong = int((canvas[visible] != shown[visible][:, :3]).any(axis=1).sum())
        if wrong:
            problems.append(
                f"frame {n}: {wrong} px of {placement.asset} differ from frame"
                f" {placement.frame} of its sheet"
            )
        hidden |= shown[..., 3] == 255
    backdrop = np.zeros((*hidden.shape, 4), dtype=np.uint8)
    clip = _set_clip(timeline, n)
    if clip is not None:
        x, y = stage.camera(n)
        _paste(backdrop, stage.picture(clip.asset), -x, -y)
    # Translucent tiles lie over black; maps of our own have none.
    rgb = backdrop[..., :3].astype(np.uint16) * backdrop[..., 3:].astype(np.uint16)
    wrong = int((canvas[~hidden] != ((rgb + 127) // 255)[~hidden]).any(axis=1).sum())
    if wrong:
        problems.append(f"frame {n}: {wrong} px of the set differ from the map")
    return problems


def check_captions(timeline: Timeline, pack: AssetPack) -> list[str]:
    """Check that every caption says what the dialogue says under its line id."""
    problems = []
    for clip in _clips(timeline, "subtitle"):
        tree = pack.assets.get(clip.asset)
        if not isinstance(tree, DialogueTree):
            problems.append(f"caption {clip.name}: {clip.asset!r} is no dialogue of the pack")
            continue
        line_id = clip.properties.get("node")
        lines = {node.id: (node.text, {node.speaker}) for node in tree.nodes}
        everybody = {node.speaker for node in tree.nodes}
        for node in tree.nodes:
            lines.update({choice.id: (choice.text, everybody) for choice in node.choices})
        if line_id not in lines:
            problems.append(f"caption {clip.name}: {clip.asset} has no line {line_id!r}")
            continue
        text, speakers = lines[str(line_id)]
        if clip.properties.get("text") != text:
            problems.append(f"caption {clip.name}: its text is not that of line {line_id}")
        if clip.properties.get("speaker") not in speakers:
            problems.append(f"caption {clip.name}: line {line_id} has another speaker")
    return problems


def check_footing(timeline: Timeline, pack: AssetPack) -> list[str]:
    """Check that in every frame every actor stands on a cell that is free."""
    problems = []
    solids: dict[str, tuple[NDArray[np.bool_], tuple[int, int]]] = {}
    actors = [t for t in timeline.tracks if t.kind == "video" and t.name != SET_TRACK]
    for track in actors:
        for clip in track.clips:
            for n in range(clip.start, clip.stop) if clip.keyframes else ():
                backdrop = _set_clip(timeline, n)
                if backdrop is None:
                    continue
                if backdrop.asset not in solids:
                    tilemap = pack.assets[backdrop.asset]
                    assert isinstance(tilemap, Tilemap)
                    solids[backdrop.asset] = tilemap.solid(), tilemap.tile_size
                solid, tile = solids[backdrop.asset]
                x, y = clip.position(n)
                column, row = x // tile[0], y // tile[1]
                inside = 0 <= row < solid.shape[0] and 0 <= column < solid.shape[1]
                if not inside or solid[row, column]:
                    where = "a solid cell" if inside else "no cell of the map"
                    problems.append(
                        f"frame {n}: {track.name} stands on {where} ({column}, {row})"
                        f" in {clip.name!r}"
                    )
                    break
    return problems


def check_cues(timeline: Timeline) -> list[str]:
    """Check that every sound starts within one frame of what it belongs to."""
    problems = []
    spans: dict[str, list[Clip]] = {}
    for kind in ("video", "subtitle", "marker"):
        for clip in _clips(timeline, kind):
            spans.setdefault(clip.name, []).append(clip)
    for clip in _clips(timeline, "sound"):
        cue, frame = clip.properties.get("cue"), clip.properties.get("cue_frame")
        what = f"sound {clip.name} at frame {clip.start}"
        if not isinstance(cue, str) or not isinstance(frame, int):
            problems.append(f"{what} has no cue")
        elif cue not in spans:
            problems.append(f"{what}: there is no clip {cue!r} for it to belong to")
        elif not any(span.start <= frame < span.stop for span in spans[cue]):
            problems.append(f"{what}: its cue frame {frame} lies outside of {cue!r}")
        elif abs(clip.start - frame) > _CUE_TOLERANCE:
            problems.append(f"{what} misses its cue at frame {frame}")
    return problems


def check_mix(mix: Sound, timeline: Timeline, pack: AssetPack) -> list[str]:
    """Check that a mixed sound is as long as its scene and that every sound can be heard in it.

    Args:
        mix: The sound of the whole scene.
        timeline: The scene.
        pack: Holds the sounds.
    """
    problems = []
    length = timeline.duration / timeline.frame_rate
    if abs(mix.duration - length) > 1 / timeline.frame_rate:
        problems.append(f"the sound lasts {float(mix.duration):.3f} s, not {float(length):.3f} s")
    wave = np.abs(mix.samples).max(axis=0).astype(np.float64)
    for clip in _clips(timeline, "sound"):
        sound = pack.assets.get(clip.asset)
        if not isinstance(sound, Sound):
            problems.append(f"sound {clip.name}: {clip.asset!r} is no sound of the pack")
            continue
        seconds = min(clip.duration / timeline.frame_rate, sound.duration, Fraction(1, 4))
        alone = np.abs(sound.samples[:, : max(1, int(seconds * sound.sample_rate))]).max(axis=0)
        gain = 10 ** (float(clip.properties.get("gain_db", 0.0)) / 20)
        start = int(clip.start * mix.sample_rate / timeline.frame_rate)
        heard = wave[start : start + max(1, int(seconds * mix.sample_rate))]
        if _level(heard) < _AUDIBLE * gain * _level(alone):
            problems.append(f"sound {clip.name} cannot be heard at frame {clip.start}")
    return problems


def check_video(source: bytes | Path, timeline: Timeline, pack: AssetPack) -> list[str]:
    """Check an encoded scene: decode it and compare it with the timeline.

    Frame count, frame rate, size and length must be exact; sampled frames must reach `MIN_PSNR`
    against the rendered ones; every sound must be audible on its cue.

    Args:
        source: The file or its bytes.
        timeline: The scene that it should show.
        pack: What the scene is made of.
    """
    import av

    stage = Stage(timeline, pack)
    wanted = {i * (timeline.duration - 1) // 7 for i in range(8)}
    problems = []
    opened = io.BytesIO(source) if isinstance(source, bytes) else str(source)
    try:
        with av.open(opened, "r") as container:
            if not container.streams.video or not container.streams.audio:
                return ["the video has no picture or no sound"]
            video, audio = container.streams.video[0], container.streams.audio[0]
            if video.average_rate != timeline.frame_rate:
                problems.append(
                    f"{video.average_rate} frames per second, not {timeline.frame_rate}"
                )
            if (video.width, video.height) != timeline.resolution:
                size = f"{video.width}x{video.height}"
                return [*problems, f"{size} px, not {timeline.resolution}"]
            length = timeline.duration / timeline.frame_rate
            for stream in (video, audio):
                lasts = (stream.duration or 0) * (stream.time_base or Fraction(1))
                if abs(lasts - length) > Fraction(1, 1000):
                    problems.append(f"the {stream.type} lasts {float(lasts):.3f} s")
            count, blocks = 0, []
            for decoded in container.decode(video, audio):
                if isinstance(decoded, av.AudioFrame):
                    blocks.append(decoded.to_ndarray())
                    continue
                if not isinstance(decoded, av.VideoFrame):
                    continue
                if count in wanted:
                    planes = yuv420_planes(stage.canvas(count), timeline.scale)
                    shown = np.asarray(decoded.to_ndarray(format="yuv420p"), dtype=np.uint8)
                    quality = psnr(shown, planes)
                    if quality < MIN_PSNR:
                        problems.append(f"frame {count} has only {quality:.1f} dB PSNR")
                count += 1
            rate = audio.rate
    except (av.FFmpegError, ValueError, IndexError) as error:
        return [f"the video cannot be decoded: {error}"]
    if count != timeline.duration:
        problems.append(f"{count} frames, not {timeline.duration}")
    if blocks:
        samples = np.clip(np.concatenate(blocks, axis=1), -1, 1).astype(np.float32)
        keep = math.ceil(length * rate)  # the codec fills its last block
        problems += check_mix(Sound(samples[:, :keep], rate), timeline, pack)
    return problems


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio of two equally shaped pictures in dB; inf when equal."""
    error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def _is_data(pack: AssetPack, asset_id: str) -> bool:
    """Whether the pixels of a sheet are numbers, such as normals, that no palette binds."""
    from aigc_assets.pipelines.characters.variants import DATA

    made = pack.provenance.get(asset_id)
    return made is not None and made.request.get("variant") in DATA


def _visible(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    visible: NDArray[np.uint8] = image[image[..., 3] > 0][:, :3]
    return visible


def _check_colours(pack: AssetPack, parts: Iterable[tuple[str, NDArray[np.uint8]]]) -> list[str]:
    known = {tuple(colour) for colour in pack.palette.tolist()}
    problems = []
    for what, colours in parts:
        # One number for each colour: numbers are sorted many times faster than rows.
        packed = np.unique(colours.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32))
        rows = (packed[:, None] >> np.array([16, 8, 0])) & 255
        stray = {tuple(c) for c in rows.tolist()} - known
        if stray:
            shown = ", ".join("#{:02x}{:02x}{:02x}".format(*c) for c in sorted(stray)[:4])
            more = ", ..." if len(stray) > 4 else ""
            problems.append(f"{what} leaves the pack palette: {shown}{more}")
    return problems


def _clips(timeline: Timeline, kind: str) -> list[Clip]:
    return [clip for track in timeline.tracks if track.kind == kind for clip in track.clips]


def _set_clip(timeline: Timeline, n: int) -> Clip | None:
    tracks = [track for track in timeline.tracks if track.name == SET_TRACK]
    return clip_at(tracks[0], n) if tracks else None


def _paste(target: NDArray[np.uint8], source: NDArray[np.uint8], x: int, y: int) -> None:
    """Copy what fits of ``source`` to (x, y) of ``target``."""
    left, top = max(x, 0), max(y, 0)
    right = min(x + source.shape[1], target.shape[1])
    bottom = min(y + source.shape[0], target.shape[0])
    if left < right and top < bottom:
        target[top:bottom, left:right] = source[top - y : bottom - y, left - x : right - x]


def _level(wave: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) if wave.size else 0.0
