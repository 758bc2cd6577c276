"""Scenes as OpenTimelineIO: what editing tools need to cut the film again.

The timeline holds one picture track (the rendered ``{name}.mp4``), one audio track per sound track
(each sound is ``{sound id}.wav`` beside the file) and markers for captions and story moments. The
actors and the camera, which no editing tool knows, travel as metadata under ``aigc_assets``.

References:
    OpenTimelineIO 0.18, file format specification and "Time Coordinate Spaces".
"""

from __future__ import annotations

from typing import Any

from aigc_assets.errors import MissingPartError
from aigc_assets.exporters.mixdown import clip_sound
from aigc_assets.exporters.names import require_file_name
from aigc_assets.exporters.srt import caption_text
from aigc_assets.types import AssetPack, Clip, Timeline, Track

_START_HOUR = 1  # programmes start at 01:00:00:00 by convention


def export_otio(timeline: Timeline, name: str, pack: AssetPack) -> dict[str, bytes]:
    """Write ``{name}.otio``, through the OpenTimelineIO library.

    All times are whole frames at the rate of the scene; the available range of a sound is counted
    in its own samples. Gain, pan and cue of a sound are metadata of its clip.

    Raises:
        MissingPartError: If OpenTimelineIO is not installed.
        UsageError: If ``name`` cannot be a file name.
        InvalidAssetError: If the scene names a sound that the pack does not have.
    """
    require_file_name(name)
    try:
        import opentimelineio as otio
    except ModuleNotFoundError as error:
        raise MissingPartError(
            "otio needs the package opentimelineio", remedy="pip install 'aigc_assets[film]'"
        ) from error
    rate = float(timeline.frame_rate)
    hour = otio.opentime.RationalTime(_START_HOUR * 3600 * round(rate), rate)
    result = otio.schema.Timeline(name, global_start_time=hour)
    result.metadata["aigc_assets"] = {
        "resolution": list(timeline.resolution),
        "scale": timeline.scale,
        "tracks": [_described(track) for track in timeline.tracks if track.kind == "video"],
    }
    picture = otio.schema.Track("picture", kind=otio.schema.TrackKind.Video)
    whole = _range(otio, 0, timeline.duration, rate)
    media = otio.schema.ExternalReference(f"{name}.mp4", whole)
    clip = otio.schema.Clip(name, media, _range(otio, 0, timeline.duration, rate))
    clip.markers.extend(_markers(otio, timeline, rate))
    picture.append(clip)
    result.tracks.append(picture)
    for track in timeline.tracks:
        if track.kind == "sound":
            result.tracks.append(_sound_track(otio, track, pack, timeline))
    text: str = otio.adapters.write_to_string(result, "otio_json")
    return {f"{name}.otio": f"{text.rstrip()}\n".encode()}


def _range(otio: Any, start: int, duration: int, rate: float) -> Any:
    time = otio.opentime.RationalTime
    return otio.opentime.TimeRange(time(start, rate), time(duration, rate))


def _sound_track(otio: Any, track: Track, pack: AssetPack, timeline: Timeline) -> Any:
    rate = float(timeline.frame_rate)
    result = otio.schema.Track(track.name, kind=otio.schema.TrackKind.Audio)
    at = 0
    for clip in track.clips:
        if not clip.asset:
            continue
        sound = clip_sound(clip, pack)
        if clip.start > at:
            result.append(otio.schema.Gap(source_range=_range(otio, 0, clip.start - at, rate)))
        # Editing tools refuse a clip that is longer than its media, so it ends with the sound.
        frames = max(1, min(clip.duration, int(sound.duration * timeline.frame_rate)))
        media = otio.schema.ExternalReference(
            f"{clip.asset}.wav", _range(otio, 0, int(sound.samples.shape[1]), sound.sample_rate)
        )
        metadata = {"aigc_assets": dict(clip.properties)}
        result.append(
            otio.schema.Clip(clip.name, media, _range(otio, 0, frames, rate), metadata=metadata)
        )
        at = clip.start + frames
    if timeline.duration > at:
        result.append(otio.schema.Gap(source_range=_range(otio, 0, timeline.duration - at, rate)))
    return result


def _markers(otio: Any, timeline: Timeline, rate: float) -> list[Any]:
    colours = {
        "subtitle": otio.schema.MarkerColor.CYAN,
        "marker": otio.schema.MarkerColor.GREEN,
    }
    found = []
    for track in timeline.tracks:
        for clip in track.clips if track.kind in colours else ():
            marker = otio.schema.Marker(
                clip.name,
                _range(otio, clip.start, clip.duration, rate),
                colours[track.kind],
                {"aigc_assets": {"track": track.name, **dict(clip.properties)}},
                comment=caption_text(clip),
            )
            found.append((clip.start, marker))
    return [marker for _, marker in sorted(found, key=lambda item: item[0])]


def _described(track: Track) -> dict[str, Any]:
    return {"name": track.name, "clips": [_described_clip(clip) for clip in track.clips]}


def _described_clip(clip: Clip) -> dict[str, Any]:
    return {
        "name": clip.name,
        "asset": clip.asset,
        "start": clip.start,
        "duration": clip.duration,
        "keyframes": [[key.frame, key.x, key.y] for key in clip.keyframes],
        "properties": dict(clip.properties),
    }
