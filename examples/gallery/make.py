"""Contact sheets of what the generators make: ``python examples/gallery/make.py [sheet ...]``.

The pictures lie beside this file and are the same bytes on every run with the same weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import characters
import maps
from picture import Picture, encode

SHEETS: dict[str, Callable[[], Picture]] = {
    **{name: partial(maps.draw_sheet, name, wanted) for name, wanted in maps.SHEETS.items()},
    "tiles": maps.draw_tiles,
    **{name: partial(characters.draw_sheet, cast) for name, cast in characters.SHEETS.items()},
}


def main() -> None:
    """Draw the sheets that are named, or all of them."""
    parser = argparse.ArgumentParser(description="Draw contact sheets of maps and characters.")
    parser.add_argument("sheets", nargs="*", metavar="sheet", help=f"of {', '.join(SHEETS)}")
    chosen = parser.parse_args().sheets or list(SHEETS)
    unknown = [name for name in chosen if name not in SHEETS]
    if unknown:
        parser.error(f"no sheet {unknown[0]!r}; there are {', '.join(SHEETS)}")
    for name in chosen:
        (Path(__file__).parent / f"{name}.png").write_bytes(encode(SHEETS[name]()))


if __name__ == "__main__":
    main()
