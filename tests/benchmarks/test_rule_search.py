from __future__ import annotations

import runpy
from difflib import SequenceMatcher
from itertools import combinations, groupby
from pathlib import Path

import pytest

from benchmarks.rule_search import __main__ as command
from benchmarks.rule_search import native, tables

pytestmark = pytest.mark.skipif(native.compiler() is None, reason="needs a C++ compiler")
MOVES = {"l": (0, -1), "r": (0, 1), "u": (-1, 0), "d": (1, 0)}
PUSHES = dict(zip("lrud", "keys", strict=True))
BOXES = ((1, 2), (3, 3), (4, 5))


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("programs")
    return {problem: native.build(problem, folder) for problem in native.PROBLEMS}


def played(room: str, moves: str) -> str:
    """Turns of the walks and pushes of a solution; fails where it is none: the tests' own game."""
    rows = room.split("/")
    assert [len(row) for row in rows] == [5] * 5
    at = {(y, x): c for y, row in enumerate(rows) for x, c in enumerate(row)}
    boxes = {cell for cell, c in at.items() if c == "$"}
    goals = {cell for cell, c in at.items() if c == "."}
    (player,) = [cell for cell, c in at.items() if c == "@"]
    letters = ""
    for move in moves:
        dy, dx = MOVES[move]
        player = player[0] + dy, player[1] + dx
        assert at.get(player, "#") != "#"
        if player in boxes:
            beyond = player[0] + dy, player[1] + dx
            assert at.get(beyond, "#") != "#" and beyond not in boxes
            boxes = boxes - {player} | {beyond}
            move = PUSHES[move]
        letters += move
    assert boxes == goals
    return "".join(letter for letter, _ in groupby(letters))


def check_rooms(program: Path, rooms: list[str]) -> list[str]:
    """Letters of rooms, family by family, all of which are good."""
    shown = native.show(program, rooms)
    assert [room for room, _, _ in shown] == rooms
    for number, (room, moves, letters) in enumerate(shown):
        least, most = BOXES[number * len(BOXES) // len(rooms)]
        assert least <= room.count("$") == room.count(".") <= most
        assert len(moves) >= 10
        assert moves[0] == "r" and next((move for move in moves if move in "ud"), "d") == "d"
        assert played(room, moves) == letters
    return [letters for _, _, letters in shown]


def written(turns: str, start: int) -> str:
    y, x = divmod(start, 11)
    text = f"{x},{y}|"
    for turn in turns:
        dy, dx = MOVES[turn]
        y, x = y + dy, x + dx
        text += f"{x},{y}|"
    return text


def most_alike(a: str, b: str) -> float:
    return max(SequenceMatcher(None, a, b).ratio(), SequenceMatcher(None, b, a).ratio())


def test_the_rooms_in_use_are_good(programs: dict[str, Path]) -> None:
    rooms = tables.shipped("sokoban")
    assert len(rooms) == len(BOXES) * native.SLOTS
    letters = check_rooms(programs["sokoban"], rooms)
    assert max(map(len, letters)) < 200, "longer ones would be measured otherwise"


def test_the_ways_in_use_are_all_different(programs: dict[str, Path]) -> None:
    ways = tables.shipped("zelda")
    assert len(ways) >= 90
    shown = native.show(programs["zelda"], ways)
    assert [" ".join(entry[:2]) for entry in shown] == ways
    assert {like for _, _, like in shown} == {"0"}
    some = [written(turns, int(start)) for start, turns, _ in shown[::8]]
    assert max(most_alike(2 * a, 2 * b) for a, b in combinations(some, 2)) <= 0.7


def test_ways_are_alike_where_difflib_says_so(programs: dict[str, Path]) -> None:
    ways = ["1 lddddrruuurrrrrr", "1 lddddrruuurrrrrd", "0 rrrrrddldllldldd"]
    strings = [written(turns, int(start)) for start, turns in map(str.split, ways)]
    assert most_alike(strings[0], strings[1]) > 0.7 > most_alike(strings[0], strings[2])
    assert [like for _, _, like in native.show(programs["zelda"], ways)] == ["1", "1", "0"]


@pytest.mark.parametrize(
    ("problem", "entry"),
    [
        ("sokoban", "@$.__/__"),
        ("sokoban", "@$___/_____/_____/_____/_____"),
        ("zelda", "0 rrrrrrrrrrrr"),
        ("zelda", "0 rrdllddddddddddd"),
    ],
)
def test_what_is_no_entry_is_refused(programs: dict[str, Path], problem: str, entry: str) -> None:
    with pytest.raises(native.subprocess.CalledProcessError):
        native.show(programs[problem], [entry])


def test_a_room_that_is_not_solved_is_no_good(programs: dict[str, Path]) -> None:
    stuck = "$_@__/_____/_____/_____/____."
    assert native.show(programs["sokoban"], [stuck]) == [[stuck, "-", "-"]]


def test_a_short_search_finds_good_rooms(programs: dict[str, Path]) -> None:
    rooms = native.search(programs["sokoban"], "sokoban", 0.5, slots=4, quiet=True)
    assert len(rooms) == 3 * 4
    first = check_rooms(programs["sokoban"], rooms)
    more = native.search(programs["sokoban"], "sokoban", 1, start=rooms, slots=4, quiet=True)
    second = check_rooms(programs["sokoban"], more)
    alike = [sum(most_alike(a, b) > 0.5 for a, b in combinations(x, 2)) for x in (first, second)]
    assert alike[1] <= alike[0] + 5


def test_the_command_writes_a_module(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "ways.py"
    assert command.main(["zelda", "--minutes", "0.01", "--out", str(out)]) == 0
    routes = runpy.run_path(str(out))["ROUTES"]
    assert f"{len(routes)} entries" in capsys.readouterr().out
    strings = [written(turns, start) for start, turns in routes]
    assert len(strings) > 5
    assert max(most_alike(a, b) for a, b in combinations(strings, 2)) <= 0.7


def test_modules_of_rooms_need_whole_families() -> None:
    text = tables.write_sokoban([f"room {i}" for i in range(6)])
    namespace: dict[str, object] = {}
    exec(text, namespace)
    rooms = (("room 0", "room 1"), ("room 2", "room 3"), ("room 4", "room 5"))
    assert namespace["ROOMS"] == rooms
    with pytest.raises(ValueError, match="7 rooms"):
        tables.write_sokoban(["room"] * 7)
