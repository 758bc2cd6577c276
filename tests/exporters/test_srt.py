"""SubRip captions, read back by a parser written from the format's description."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_assets.errors import UsageError
from aigc_assets.exporters.srt import export_srt, timestamp
from aigc_assets.types import Clip, Timeline, Track
from tests import samples, scenes
from tests.conftest import need_program

TIME = re.compile(r"(\d\d):([0-5]\d):([0-5]\d),(\d{3}) --> (\d\d):([0-5]\d):([0-5]\d),(\d{3})")


def parse(data: bytes) -> list[tuple[int, int, str]]:
    """(start ms, stop ms, text) of each cue."""
    text = data.decode("utf-8")
    assert not text.startswith("\ufeff") and "\r" not in text
    cues = []
    for i, block in enumerate(filter(None, text.split("\n\n")), 1):
        number, times, *words = block.strip("\n").split("\n")
        assert int(number) == i and len(words) == 1
        h, m, s, ms, h2, m2, s2, ms2 = map(int, TIME.fullmatch(times).groups())
        start, stop = ((a * 60 + b) * 60 + c for a, b, c in ((h, m, s), (h2, m2, s2)))
        cues.append((start * 1000 + ms, stop * 1000 + ms2, words[0]))
    return cues


def captions(*tracks: list[tuple[int, int, str]], rate: Fraction = Fraction(24)) -> Timeline:
    made = []
    for i, cues in enumerate(tracks):
        clips = tuple(Clip("c", a, b - a, "", (), {"text": text}) for a, b, text in cues)
        made.append(Track(f"t{i}", "subtitle", clips))
    last = max((b for cues in tracks for _, b, _ in cues), default=1)
    return Timeline(tuple(made), rate, last, (64, 32), 1)


def test_the_captions_of_a_scene_come_back():
    timeline = scenes.pack().assets["opening"]
    files = export_srt(timeline, "opening")
    assert list(files) == ["opening.srt"]
    wanted = [
        (c.start * 1000 // 24, c.stop * 1000 // 24, c.properties["text"])
        for c in timeline.track("captions").clips
    ]
    assert parse(files["opening.srt"]) == wanted


def test_tracks_are_merged_without_overlap():
    timeline = captions([(0, 48, "one"), (96, 120, "three")], [(24, 72, "two"), (96, 130, "four")])
    cues = parse(export_srt(timeline, "a")["a.srt"])
    assert [text for _, _, text in cues] == ["one", "two", "four"]
    assert cues[0][:2] == (0, 1000) and cues[1][:2] == (1000, 3000)


def test_no_captions_no_cues():
    assert export_srt(captions(), "a") == {"a.srt": b""}


def test_text_that_looks_like_a_time_line_does_not_break_the_file():
    cues = parse(export_srt(captions([(0, 24, "a --> b"), (24, 48, "100\u2028é")]), "a")["a.srt"])
    assert [text for _, _, text in cues] == ["a → b", "100 é"]


@given(st.fractions(0, 359_999))
def test_timestamps_round_down(seconds):
    h, m, rest = timestamp(seconds).split(":")
    s, ms = rest.split(",")
    shown = ((int(h) * 60 + int(m)) * 60 + int(s)) * 1000 + int(ms)
    assert shown == seconds * 1000 // 1


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 9)), max_size=9), st.integers(12, 60))
def test_cues_never_overlap(spans, rate):
    cues, at = [], 0
    for gap, length in spans:
        cues.append((at + gap, at + gap + length, "text"))
        at += gap + length
    found = parse(export_srt(captions(cues, rate=Fraction(rate)), "a")["a.srt"])
    assert len(found) == len(cues)
    for (_, stop, _), (start, _, _) in itertools.pairwise(found):
        assert stop <= start
    assert all(start < stop for start, stop, _ in found)


def test_names_are_file_names():
    with pytest.raises(UsageError):
        export_srt(samples.timeline(), "../a")


@pytest.mark.external
def test_ffprobe_reads_the_captions(tmp_path):
    ffprobe = need_program("ffprobe")
    timeline = scenes.pack().assets["opening"]
    path = tmp_path / "opening.srt"
    path.write_bytes(export_srt(timeline, "opening")["opening.srt"])
    command = [ffprobe, "-v", "error", "-show_packets", "-of", "json", str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    packets = json.loads(run.stdout)["packets"]
    clips = timeline.track("captions").clips
    assert [p["pts"] for p in packets] == [c.start * 1000 // 24 for c in clips]
