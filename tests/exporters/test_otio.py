"""OpenTimelineIO, read back by its own library."""

from __future__ import annotations

import dataclasses
import sys
from fractions import Fraction

import pytest

from aigc_assets.errors import InvalidAssetError, MissingPartError
from aigc_assets.exporters import export_asset
from aigc_assets.exporters.otio import export_otio
from aigc_assets.types import Track
from tests import samples, scenes

otio = pytest.importorskip("opentimelineio")


def read(timeline, pack, name: str = "opening"):
    data = export_otio(timeline, name, pack)[f"{name}.otio"]
    return otio.adapters.read_from_string(data.decode(), "otio_json")


@pytest.fixture(scope="module")
def edit():
    pack = scenes.pack()
    return read(pack.assets["opening"], pack)


def test_times_and_tracks(edit):
    timeline = scenes.pack().assets["opening"]
    assert edit.global_start_time.to_timecode() == "01:00:00:00"
    assert edit.duration() == otio.opentime.RationalTime(timeline.duration, 24)
    kinds = [(track.name, track.kind) for track in edit.tracks]
    sounds = [(t.name, "Audio") for t in timeline.tracks if t.kind == "sound"]
    assert kinds == [("picture", "Video"), *sounds]
    for track in edit.tracks:
        assert track.duration() == edit.duration()


def test_media_lies_beside_the_file(edit):
    pack = scenes.pack()
    for clip in edit.find_clips():
        media = clip.media_reference
        assert "/" not in media.target_url and ":" not in media.target_url
        whole, used = media.available_range, clip.source_range
        assert used.start_time.value == 0
        assert (
            used.duration.to_seconds() <= whole.duration.to_seconds() + 1e-9
            or used.duration.value == 1
        )
        if media.target_url != "opening.mp4":
            sound = pack.assets[media.target_url.removesuffix(".wav")]
            assert whole.duration.value == sound.samples.shape[1]
            assert whole.duration.rate == sound.sample_rate
    assert edit.tracks[0][0].media_reference.target_url == "opening.mp4"


def test_sounds_lie_where_they_are_heard(edit):
    timeline = scenes.pack().assets["opening"]
    for track in edit.tracks[1:]:
        ours = timeline.track(track.name).clips
        found = [item for item in track if isinstance(item, otio.schema.Clip)]
        starts = [track.range_of_child(item).start_time.value for item in found]
        assert starts == [clip.start for clip in ours]
        for item, clip in zip(found, ours, strict=True):
            assert item.metadata["aigc_assets"]["gain_db"] == clip.properties["gain_db"]
            assert item.metadata["aigc_assets"]["cue"] == clip.properties["cue"]


def test_captions_and_moments_are_markers(edit):
    timeline = scenes.pack().assets["opening"]
    markers = edit.tracks[0][0].markers
    spoken = [m for m in markers if m.comment]
    clips = timeline.track("captions").clips
    assert [m.comment for m in spoken] == [c.properties["text"] for c in clips]
    assert [m.marked_range.start_time.value for m in spoken] == [c.start for c in clips]
    assert {m.name for m in markers} >= {"opening", "meeting", "farewell", "ending"}
    starts = [m.marked_range.start_time.value for m in markers]
    assert starts == sorted(starts)


def test_the_stage_travels_as_metadata(edit):
    body = edit.metadata["aigc_assets"]
    assert [track["name"] for track in body["tracks"]] == ["set", "mira", "warden"]
    assert body["tracks"][0]["clips"][0]["asset"] == "keep"


def test_broadcast_rates():
    timeline = dataclasses.replace(samples.timeline(), frame_rate=Fraction(30000, 1001))
    edit = read(timeline, samples.pack())
    assert edit.global_start_time.to_timecode(30000 / 1001, False) == "01:00:00:00"
    assert edit.duration().value == 24 and edit.duration().rate == pytest.approx(29.97, abs=1e-3)


def test_without_sound():
    timeline = dataclasses.replace(samples.timeline(), tracks=())
    edit = read(timeline, samples.pack())
    assert [track.name for track in edit.tracks] == ["picture"]


def test_a_sound_that_is_not_there_is_named():
    pack = samples.pack()
    sounds = samples.timeline().track("effects").clips
    gone = Track("effects", "sound", tuple(dataclasses.replace(c, asset="gone") for c in sounds))
    with pytest.raises(InvalidAssetError, match="gone"):
        read(dataclasses.replace(samples.timeline(), tracks=(gone,)), pack)


def test_without_the_library_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentimelineio", None)
    for call in (
        lambda: export_otio(samples.timeline(), "a", samples.pack()),
        lambda: export_asset(samples.timeline(), "a", "otio", samples.pack()),
    ):
        with pytest.raises(MissingPartError) as caught:
            call()
        assert caught.value.exit_code == 5 and "aigc_assets[film]" in str(caught.value)
