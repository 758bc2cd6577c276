"""The weights that are shipped: whole, small, licensed, and described by their cards."""

from __future__ import annotations

import datetime
import hashlib
import json
import math
from pathlib import Path

import pytest
from safetensors import safe_open

from aigc_assets.models import MODELS
from aigc_assets.models.cards import SHIPPED

FREE = {"CC0-1.0", "BSD-3-Clause", "BSD-2-Clause", "MIT", "Apache-2.0", "public domain"}
"""Licences that ask for no more than a notice."""
BY = {"CC-BY-3.0", "CC-BY-4.0", "OGA-BY-3.0"}
"""Licences that ask for attribution wherever the work goes."""
LIMIT_BYTES = 60_000_000

every_model = pytest.mark.parametrize("name", list(MODELS))


def card_of(name: str) -> dict:
    return json.loads((SHIPPED / f"{name}.json").read_bytes())


def test_nothing_else_is_shipped():
    stems = {path.name.split(".")[0] for path in SHIPPED.glob("*.safetensors")}
    assert stems == set(MODELS)
    assert not [p for p in SHIPPED.iterdir() if p.suffix in (".pt", ".pth", ".pkl", ".bin")]


def test_small_enough_together():
    assert sum(path.stat().st_size for path in SHIPPED.glob("*.safetensors")) <= LIMIT_BYTES


@every_model
def test_the_card_names_these_weights(name: str):
    data = (SHIPPED / f"{name}.safetensors").read_bytes()
    card = card_of(name)
    assert card["sha256"] == hashlib.sha256(data).hexdigest()
    assert card["name"] == name
    assert card["kind"] == MODELS[name].kind


@every_model
def test_the_card_counts_the_parameters(name: str):
    from aigc_assets.models import checkpoint

    card = card_of(name)
    network = checkpoint.load(name).network
    assert sum(p.numel() for p in network.parameters()) == card["parameters"]
    with safe_open(SHIPPED / f"{name}.safetensors", "pt") as file:
        assert set(file.keys()) == set(network.state_dict())


@every_model
def test_licences(name: str):
    card = card_of(name)
    sources = card["data"]
    assert sources, "a card names what its model learnt from"
    for source in sources:
        assert source["folder"]
        assert source["used_for"]
        licence = source["licence"]
        assert licence in FREE | BY or licence.lower() == "public domain", source
        if source["licence"] in BY:
            assert str(source.get("attribution", "")).strip(), source
            assert source["attribution"] in card["attributions"]
        if source["licence"].startswith(("BSD", "MIT")):
            assert str(source.get("attribution", "")).strip(), source  # their notice must be kept
    assert set(card["licences"]) == {source["licence"] for source in sources}
    if set(card["licences"]) & BY:
        assert card["attributions"]
        assert all(text.strip() for text in card["attributions"])


@every_model
def test_metrics_come_with_floor_and_baseline(name: str):
    card = card_of(name)
    assert card["metrics"]
    assert "floor" in card["metrics_note"]
    for metric, row in card["metrics"].items():
        assert "model" in row, metric
        assert all(math.isfinite(value) for value in row.values()), metric
    assert any({"model", "floor", "baseline"} <= set(row) for row in card["metrics"].values())
    assert any(
        "baseline" in row and row["model"] != row["baseline"] for row in card["metrics"].values()
    )


@every_model
def test_training_can_be_repeated(name: str):
    card = card_of(name)
    assert card["command"].startswith("python -m aigc_assets.training --only ")
    assert f"--seed {card['training']['seed']}" in card["command"]
    assert card["training"]["steps"] > 0
    assert datetime.date.fromisoformat(card["date"])


@every_model
def test_no_path_of_a_machine_in_a_card(name: str):
    text = (SHIPPED / f"{name}.json").read_text(encoding="utf-8")
    for part in ("/home/", "/tmp/", "/root/", "C:\\\\"):
        assert part not in text


def test_cards_lie_in_the_package():
    import aigc_assets

    assert Path(aigc_assets.__file__).parent in SHIPPED.parents
