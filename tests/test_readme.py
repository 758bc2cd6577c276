from pathlib import Path

from benchmarks import readme

ROOT = Path(__file__).resolve().parent.parent


def test_tables_are_made_from_the_cards_and_the_results():
    text = readme.README.read_text()
    assert readme.filled(text) == text, "run: python -m benchmarks.readme"


def test_every_shipped_model_and_result_has_its_rows():
    for card in readme.WEIGHTS.glob("*.safetensors"):
        assert f"`{card.stem}`" in readme.models_table()
    assert len(list(readme.RESULTS.glob("*.json"))) >= 2


def test_the_tree_names_every_room():
    text = readme.README.read_text()
    rooms = [path.parent.name for path in (ROOT / "aigc_assets").glob("*/__init__.py")]
    assert rooms
    for room in rooms:
        assert f"  {room}/" in text, room
