import re
from pathlib import Path

import pytest

from benchmarks import readme

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    path
    for path in ROOT.rglob("README.md")
    if not {".venv", ".venv-bpy", "node_modules", "build", "data", "runs"}
    & set(path.parts[len(ROOT.parts) :])
)


@pytest.mark.parametrize("page", readme.PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_tables_are_made_from_the_cards_and_the_results(page):
    assert readme.filled(page) == page.read_text(), "run: python -m benchmarks.readme"


def test_every_shipped_model_and_result_has_its_rows():
    for card in readme.WEIGHTS.glob("*.safetensors"):
        assert f"`{card.stem}`" in readme.models_table()
    assert len(list(readme.RESULTS.glob("*.json"))) >= 2


def test_every_tier_that_is_judged_has_its_column():
    judged = readme._result(readme.JUDGED)
    assert {row[0] for row in judged["rows"]} == set(readme.TIERS)
    rows = [line.split(" | ") for line in readme.characters_table().splitlines() if "| " in line]
    assert all(any(cell.strip(" |") for cell in cells[1:]) for cells in rows[1:]), rows


def test_the_tree_names_every_room():
    text = (ROOT / "README.md").read_text()
    rooms = [path.parent.name for path in (ROOT / "aigc_assets").glob("*/__init__.py")]
    assert rooms
    for room in rooms:
        assert f"  {room}/" in text, room


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.+)$", file.read_text(), re.M)
            assert anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in heads}, (
                target
            )
