"""Which sounds of the pack a scene plays, and when."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from aigc_assets.exporters.raster import animation_frame
from aigc_assets.pipelines.cutscenes.screenplay import Speech
from aigc_assets.types import Clip, Sound, SpriteSheet, Track
from aigc_assets.types.validation import Scalar

_VOICE = ("ui_click",)
_STEPS = ("footstep",)
_AMBIENCE = ("ambience", "wind", "rain", "water", "fire")
_DOOR = ("door",)
_TENSE = ("sword", "hit", "alert")
_REWARD = ("coin", "pickup", "powerup", "win_jingle", "treasure")
_MAGIC = ("magic",)
_TENSE_MOODS = ("tense", "angry", "fearful")

_GAIN = {"voice": -6.0, "steps": -8.0, "effects": -2.0, "ambience": -18.0}  # dB


class Cues:
    """Collects the sound clips of a scene, one track for each purpose.

    Args:
        kinds: Sound id -> kind, as the manifest names it.
        sounds: The sounds by id.
        frame_rate: Frames per second.
        duration: Frames of the scene.
    """

    def __init__(
        self,
        kinds: Mapping[str, str],
        sounds: Mapping[str, Sound],
        frame_rate: int,
        duration: int,
    ):
        self._kinds = dict(sorted(kinds.items()))
        self._sounds = sounds
        self._frame_rate = frame_rate
        self._duration = duration
        self._tracks: dict[str, list[Clip]] = {}

    def of_kind(self, words: Sequence[str]) -> list[str]:
        """Ids of the sounds whose kind contains a word; the earliest word that fits decides."""
        for word in words:
            found = [sound_id for sound_id, kind in self._kinds.items() if word in kind]
            if found:
                return found
        return []

    def add(
        self,
        track: str,
        sound_id: str,
        frame: int,
        cue: str,
        gain_db: float,
        pan: float | None = None,
    ) -> None:
        """Play a sound from ``frame`` on; ``cue`` names the clip that it belongs to."""
        sound = self._sounds[sound_id]
        frames = max(1, math.ceil(sound.duration * self._frame_rate))
        frames = min(frames, self._duration - frame)
        if frames < 1:
            return
        properties: dict[str, Scalar] = {"cue": cue, "cue_frame": frame, "gain_db": gain_db}
        if pan is not None:
            properties["pan"] = round(pan, 2)
        self._tracks.setdefault(track, []).append(
            Clip(sound_id, frame, frames, sound_id, (), properties)
        )

    def captions(self, speeches: Sequence[tuple[int, Speech]]) -> None:
        """A blip when each caption opens."""
        voices = self.of_kind(_VOICE)
        speakers = list(dict.fromkeys(speech.speaker for _, speech in speeches))
        for start, speech in speeches if voices else ():
            voice = voices[speakers.index(speech.speaker) % len(voices)]
            self.add("voice", voice, start, speech.line_id, _GAIN["voice"])

    def footsteps(self, actor: str, sheet: SpriteSheet, clips: Sequence[Clip]) -> None:
        """A step whenever a foot comes down: twice in each turn of a walking animation.

        Animations of few frames turn faster than anybody walks; their steps are thinned out.
        """
        steps = self.of_kind(_STEPS)
        count, last = 0, -self._frame_rate
        for clip in clips if steps else ():
            tag = sheet.tag(str(clip.properties["tag"]))
            if not tag.name.startswith("walk_"):
                continue
            landing = {tag.start, tag.start + (tag.stop - tag.start) // 2}
            before = None
            for n in range(clip.start, clip.stop):
                elapsed = int((n - clip.start) * 1000 / Fraction(self._frame_rate))
                index = animation_frame(sheet, tag, elapsed)
                if index != before and index in landing and (n - last) * 5 >= self._frame_rate:
                    sound_id = steps[count % len(steps)]
                    self.add(f"steps {actor}", sound_id, n, clip.name, _GAIN["steps"])
                    count, last = count + 1, n
                before = index

    def story(self, moments: Mapping[str, int], mood: str, has_door: bool) -> None:
        """Effects on the moments of the scene (names and frames of the marker clips)."""
        wanted = [
            ("opening", _DOOR if has_door else ()),
            ("meeting", _TENSE if mood in _TENSE_MOODS else ()),
            ("farewell", _REWARD if mood not in _TENSE_MOODS else ()),
            ("ending", _MAGIC),
        ]
        for name, words in wanted:
            found = self.of_kind(words)
            if found and name in moments:
                self.add("effects", found[0], moments[name], name, _GAIN["effects"])

    def ambience(self, cue: str) -> None:
        """A loop under the whole scene, if the pack has a sound that loops or lasts."""
        for sound_id in self.of_kind(_AMBIENCE):
            if self._sounds[sound_id].loop is not None:
                properties: dict[str, Scalar] = {
                    "cue": cue, "cue_frame": 0, "gain_db": _GAIN["ambience"],
                }  # fmt: skip
                clip = Clip(sound_id, 0, self._duration, sound_id, (), properties)
                self._tracks["ambience"] = [clip]
                return

    def tracks(self) -> list[Track]:
        """The tracks; a clip ends where the next of its track begins."""
        result = []
        for name, clips in self._tracks.items():
            ordered = sorted(clips, key=lambda clip: clip.start)
            fitted = []
            for clip, following in zip(ordered, [*ordered[1:], None], strict=True):
                room = following.start - clip.start if following is not None else clip.duration
                if room > 0:
                    length = min(clip.duration, room)
                    fitted.append(
                        Clip(clip.name, clip.start, length, clip.asset, (), clip.properties)
                    )
            result.append(Track(name, "sound", tuple(fitted)))
        return result
