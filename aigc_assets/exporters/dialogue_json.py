"""Dialogues as plain JSON, for engines that bring their own dialogue runner.

The document, version 1 (JSON Schema: ``tests/exporters/dialogue.schema.json``)::

    {
      "format": "aigc_assets.dialogue", "version": 1,
      "id": "gate",                  name of the asset
      "start": "gate_01",            id of the first node
      "variables": {"friend": false},
      "nodes": [
        {
          "id": "gate_01", "speaker": "warden", "text": "Who goes there?",
          "tags": {"mood": "tense"},
          "choices": [               empty when the dialogue simply goes on
            {"id": "gate_01a", "text": "A friend.", "target": "gate_02",
             "condition": null,      show it only while this variable is true
             "sets": "friend"}       picking it makes this variable true
          ],
          "next": null               id of the following node; null with no choices: the end
        }
      ]
    }
"""

from __future__ import annotations

import json

from aigc_assets.exporters.names import encode
from aigc_assets.types import DialogueTree


def export_dialogue_json(asset: DialogueTree, name: str) -> dict[str, bytes]:
    """Write ``<name>.json``.

    Args:
        asset: The dialogue.
        name: File name without suffix; also the ``id`` in the document.
    """
    document = {
        "format": "aigc_assets.dialogue",
        "version": 1,
        "id": name,
        "start": asset.start,
        "variables": dict(asset.variables),
        "nodes": [
            {
                "id": node.id,
                "speaker": node.speaker,
                "text": node.text,
                "tags": dict(node.tags),
                "choices": [
                    {
                        "id": choice.id,
                        "text": choice.text,
                        "target": choice.target,
                        "condition": choice.condition,
                        "sets": choice.sets,
                    }
                    for choice in node.choices
                ],
                "next": node.next,
            }
            for node in asset.nodes
        ],
    }
    text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)
    return {f"{name}.json": encode(text + "\n")}
