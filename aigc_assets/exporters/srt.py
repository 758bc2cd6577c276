"""Captions of a scene as SubRip text: UTF-8 without byte order mark, comma milliseconds."""

from __future__ import annotations

from fractions import Fraction

from aigc_assets.exporters.names import encode, one_line, require_file_name
from aigc_assets.types import Clip, Timeline


def export_srt(timeline: Timeline, name: str) -> dict[str, bytes]:
    """Write the captions of all subtitle tracks: ``{name}.srt``.

    Cues are in order of time and never overlap: where two tracks speak at once, the earlier cue
    ends when the later begins. Times are rounded down to the millisecond, so a cue never shows a
    frame early by more than that.

    Raises:
        UsageError: If ``name`` cannot be a file name.
    """
    require_file_name(name)
    clips = [clip for track in timeline.tracks if track.kind == "subtitle" for clip in track.clips]
    clips.sort(key=lambda clip: (clip.start, clip.stop))
    blocks: list[str] = []
    for i, clip in enumerate(clips):
        text = caption_text(clip)
        stop = min([clip.stop, *(c.start for c in clips[i + 1 :])])
        if not text or stop <= clip.start:
            continue
        times = (timestamp(Fraction(frame) / timeline.frame_rate) for frame in (clip.start, stop))
        blocks.append(f"{len(blocks) + 1}\n{' --> '.join(times)}\n{text}\n")
    return {f"{name}.srt": encode("\n".join(blocks))}


def caption_text(clip: Clip) -> str:
    """The words of a subtitle clip, in one line that no reader takes for a time line."""
    words = one_line(str(clip.properties.get("text", ""))).split()
    return " ".join(words).replace("-->", "→")


def timestamp(seconds: Fraction) -> str:
    """``hh:mm:ss,mmm``, rounded down."""
    total = int(seconds * 1000)
    minutes, milliseconds = divmod(total, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d},{milliseconds % 1000:03d}"
