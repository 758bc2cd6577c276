"""What the prompt network takes unknown words for: misspelt, inflected or simply other words.

The rules come first. The network is asked about the words that they do not know, and only what it
is sure of counts; its answers are words that the rules know.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aigc_assets.pipelines.made import load_model

MODEL = "prompt_tagger"


def nearly(word: str, known: Iterable[str]) -> str:
    """The known word that one slip of the keys away from the first letter makes; empty if none.

    A slip is a letter too many, too few, another one, or two that changed places; words of four
    letters or fewer have too many neighbours for that.
    """
    if len(word) < 5:
        return ""
    near = (other for other in known if other[:1] == word[0] and _one_slip(word, other))
    return min(near, default="")


def _one_slip(a: str, b: str) -> bool:
    if abs(len(a) - len(b)) > 1 or a == b:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), None)
    if start is None:  # one is the other and a letter
        return True
    rest, other = a[start:], b[start:]
    swapped = rest[:2] == other[1::-1] and rest[2:] == other[2:]
    return swapped or rest[1:] == other[1:] or rest[1:] == other or rest == other[1:]


def read_unknown(words: list[str], unknown: Iterable[str]) -> tuple[dict[str, str], str]:
    """Known words that the unknown ones of a prompt stand for.

    Args:
        words: All words of the prompt, in order.
        unknown: Those that the rules do not know.

    Returns:
        Known word by unknown word, without those that mean nothing; and the sha256 of the weights.
    """
    import torch

    from aigc_assets.models.prompt_tagger import encode

    checkpoint = load_model(MODEL)
    network: Any = checkpoint.network
    vocabulary = checkpoint.card["vocabulary"]
    asked = set(unknown)
    found: dict[str, str] = {}
    step = network.config.words
    for start in range(0, len(words), step):
        part = words[start : start + step]
        if not asked & set(part):
            continue
        with torch.inference_mode():
            logits, _ = network(encode([part], network.config))
            chance, number = logits[0].float().softmax(-1).max(-1)
        for word, sure, which in zip(part, chance.tolist(), number.tolist(), strict=True):
            concept = vocabulary["concepts"][which]
            if word in asked and len(word) > 3 and concept and sure >= vocabulary["sure"]:
                found.setdefault(word, concept)
    return found, checkpoint.sha256
