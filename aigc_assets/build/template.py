"""The manifest that ``aigc-assets new`` writes."""

from __future__ import annotations

from pathlib import Path

from aigc_assets.build.cache import writing
from aigc_assets.errors import OutputError, UsageError
from aigc_assets.types.validation import ID_PATTERN

_TEXT = """\
# A pack: maps, characters, sounds, dialogue and a cutscene that belong together.
#   aigc-assets build {name}/pack.toml -o {name}/build
# Change anything and build again: only what depends on it is made anew.

[pack]
name = "{name}"
seed = 1                # another number, another pack
palette = 32            # shared colours, 8..64; or a .gpl or .hex file beside this one

[[map]]
id = "cellar"
theme = "dungeon"       # `aigc-assets schema` lists themes, kinds, moods and animations
size = [32, 24]         # cells, 8..256
require = ["start -> exit", "monsters 2..5"]

[[character]]
id = "hero"
prompt = "young ranger, green cloak, brown hair"
animations = ["idle", "walk"]

[[character]]
id = "keeper"
prompt = "old innkeeper, red shirt, grey beard"

[[sound]]
id = "coin"
kind = "coin"
variations = 2          # makes coin_1 and coin_2

[[sound]]
id = "step"
kind = "footstep"

[[dialogue]]
id = "greeting"
cast = ["hero", "keeper"]
mood = "friendly"
lines = 8
# Your own words for any line; the ids stand in the built dialogue:
# text = {{ greeting_01 = "You are late." }}

[[cutscene]]
id = "arrival"
map = "cellar"
dialogue = "greeting"

[export]
targets = ["tiled", "godot", "film", "yarn"]
"""


def write_template(name: str, parent: Path) -> Path:
    """Write ``<parent>/<name>/pack.toml``.

    Returns:
        The file.

    Raises:
        UsageError: If the name is not an id.
        OutputError: If the file is there already, or cannot be written.
    """
    if ID_PATTERN.fullmatch(name) is None:
        raise UsageError(
            f"{name!r} is not a name for a pack",
            where="NAME",
            remedy="use 1..64 characters from a-z 0-9 _ -, a letter or digit first",
        )
    path = parent / name / "pack.toml"
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x", encoding="utf-8") as handle:
                handle.write(_TEXT.format(name=name))
        except FileExistsError:
            raise OutputError(
                "there is a manifest already", where=str(path), remedy="choose another name"
            ) from None
    return path
