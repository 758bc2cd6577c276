"""Reading of prompts: the tagger learns which known word each word of a prompt stands for.

Sentences are composed on the fly from templates, known words, other words for them, misspellings
and words of old books that mean nothing to a character. Some phrasings and some of the other words
are never composed for training and are what the network is judged on.
"""

from __future__ import annotations

import difflib
import json
import re
import zlib
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.errors import DataError
from aigc_assets.models.prompt_tagger import PromptTagger, PromptTaggerConfig, encode
from aigc_assets.training.characters.words.prompt_words import (
    GROUPS,
    HELD_TEMPLATES,
    KINDS,
    TEMPLATES,
)
from aigc_assets.training.trainer import AveragedTask, Ema, Run, cosine, set_lr

BATCH = 192
FILLERS = 12_000
"""Words of the books that stand for words that mean nothing."""
SURE = 0.85
"""Chance from which a reading is used; words below it stay unknown."""

NOTES = [
    "attributes: share of the words of held-out phrasings that ask for something, in other words "
    "than the rules know, that are read right; misspelt: the same for known and other words with "
    "one or two slips of the keys; silent_on_others: share of words that mean nothing (a fifth of "
    "the words of the books, never trained) that are left alone. A reading counts from a chance "
    "of 0.85.",
    "floor: 1, the words themselves. baseline: the known word that is nearest in spelling "
    "(difflib, ratio 0.75 and more).",
    "kind: share of held-out phrasings whose kind is right; baseline: always a person.",
    "A word that no training sentence holds and that looks like no other is not understood: of a "
    "fifth of the other words held out in an earlier run, 4 % were read right.",
]
"""What the card says about the metrics."""

Word = tuple[str, int]
"""A word and the number of the known word that it stands for, 0 for none."""


class Sentences:
    """Draws prompts with the reading of each word.

    Args:
        info: Description that `PromptTask.pack` made: ``concepts``, ``forms`` and ``fillers``.
    """

    def __init__(self, info: dict[str, Any]):
        self.concepts: list[str] = info["vocabulary"]["concepts"]
        number = {word: i for i, word in enumerate(self.concepts)}
        self.number = number
        self.groups = {name: [number[w] for w in table] for name, table in GROUPS.items()}
        self.forms = {int(k): v for k, v in info["forms"].items()}
        self.fillers = [w for w in info["fillers"] if not _held(w)] or ["something"]
        self.held_fillers = [w for w in info["fillers"] if _held(w)] or ["anything"]

    def draw(self, random: np.random.Generator, mode: str = "train") -> tuple[list[Word], int]:
        """Words with their readings and the kind; ``mode`` is train, misspelt or phrase."""
        pool = TEMPLATES if mode == "train" else HELD_TEMPLATES
        kind, _, body = pool[int(random.integers(len(pool)))].partition(": ")
        out: list[Word] = []
        for token in re.findall(r"\{[a-z ]+\??\}|\S+", body):
            if not token.startswith("{"):
                out.append((token, 0))
            elif not token.endswith("?}") or random.random() < 0.5:
                name = token.strip("{}?")
                group = self.groups[name]
                concept = group[int(random.integers(len(group)))]
                out.append((self._form(concept, mode, random), concept))
        fillers = self.fillers if mode == "train" else self.held_fillers
        for _ in range(int(random.integers(0, 6 if mode == "train" else 4))):
            word = fillers[int(random.integers(len(fillers)))]
            if mode == "train" and random.random() < 0.3:
                word = misspell(word, random)
            out.insert(int(random.integers(len(out) + 1)), (word, 0))
        return out, KINDS.index(kind)

    def _form(self, concept: int, mode: str, random: np.random.Generator) -> str:
        word = self.concepts[concept]
        known = self.forms.get(concept, [])
        if known and random.random() < (1.0 if mode == "phrase" else 0.5):
            word = known[int(random.integers(len(known)))]
        slips = {"train": 0.5, "misspelt": 1.0, "phrase": 0.0}[mode]
        return misspell(word, random) if random.random() < slips else word


def misspell(word: str, random: np.random.Generator) -> str:
    """A word with one or two slips of the keys; one of three letters or fewer as it is."""
    letters = list(word)
    if len(letters) < 4:
        return word
    for _ in range(1 if len(letters) < 7 or random.random() < 0.7 else 2):
        at = int(random.integers(1, len(letters) - 1))
        slip = int(random.integers(5))
        if slip == 0:
            del letters[at]
        elif slip == 1:
            letters.insert(at, letters[at])
        elif slip == 2:
            letters[at], letters[at - 1] = letters[at - 1], letters[at]
        elif slip == 3:
            letters[at] = "etaoinsrhldcumfpgwyb"[int(random.integers(20))]
        else:
            letters.append(("s", "y", "ed", "ish")[int(random.integers(4))])
    return "".join(letters)


def _held(word: str) -> bool:
    """Whether a word is kept from training."""
    return zlib.crc32(word.encode()) % 5 == 0


class PromptTask(AveragedTask):
    """See `aigc_assets.training.trainer.Task`."""

    kind: ClassVar[str] = "prompt"
    models: ClassVar[tuple[str, ...]] = ("prompt_tagger",)

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Read the words of ``dialogue/gutenberg``; all else comes with the code."""
        concepts = list(dict.fromkeys(w for table in GROUPS.values() for w in table))
        forms = {
            word: text.split() for table in GROUPS.values() for word, text in table.items() if text
        }
        taken = {*concepts, *(w for other in forms.values() for w in other)}
        fillers = [w for w in _common_words(sources) if w not in taken and w[:-1] not in taken]
        names = ["", *concepts]
        info = {
            "vocabulary": {"concepts": names, "kinds": list(KINDS), "sure": SURE},
            "forms": {names.index(word): other for word, other in forms.items()},
            "fillers": fillers[:FILLERS],
            "notes": NOTES,
            "sources": [
                {
                    "folder": "dialogue/gutenberg",
                    "licence": "public domain",
                    "attribution": "Project Gutenberg",
                    "used_for": "common words that stand for words without a meaning",
                }
            ],
        }
        return {"counts": np.array([len(names), len(fillers)])}, info

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run, self.info = run, info
        self.sentences = Sentences(info)
        self.config = PromptTaggerConfig(concepts=len(self.sentences.concepts), kinds=len(KINDS))
        network: Any = PromptTagger(self.config)
        self.network: PromptTagger = network.to(run.device)
        self.ema = Ema(self.network, 0.998)
        self.average: Any = self.ema.network
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), 1e-3, betas=(0.9, 0.98), weight_decay=0.05, fused=True
        )

    def step(self, progress: float) -> dict[str, float]:
        """One optimiser step on ``BATCH`` sentences."""
        random = np.random.Generator(np.random.Philox(int(self.run.indices(2**31, 1))))
        drawn = [self.sentences.draw(random) for _ in range(BATCH)]
        pieces, wanted, kind = self._batch(drawn)
        set_lr(self.optimizer, cosine(progress, 2e-3, 5e-5))
        with self.run.autocast():
            logits, whole = self.network(pieces)
        known = wanted >= 0
        reading = F.cross_entropy(logits.float()[known], wanted[known])
        kinds = F.cross_entropy(whole.float(), kind)
        loss = reading + 0.2 * kinds
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.ema.update(self.network)
        with torch.no_grad():
            hits = (logits.argmax(-1) == wanted)[known].float().mean()
            values = torch.stack([reading, kinds, hits]).tolist()
        return dict(zip(("reading", "kind", "accuracy"), values, strict=True))

    def _batch(self, drawn: list[tuple[list[Word], int]]) -> tuple[Tensor, Tensor, Tensor]:
        """Pieces [B, L, pieces], readings [B, L] (-1 where there is no word) and kinds [B]."""
        device = self.run.device
        pieces = encode([[word for word, _ in words] for words, _ in drawn], self.config)
        wanted = torch.full(pieces.shape[:2], -1, dtype=torch.long)
        for row, (words, _) in enumerate(drawn):
            numbers = [number for _, number in words][: wanted.shape[1]]
            wanted[row, : len(numbers)] = torch.tensor(numbers)
        kind = torch.tensor([kind for _, kind in drawn])
        return pieces.to(device), wanted.to(device), kind.to(device)

    @torch.no_grad()
    def evaluate(self) -> dict[str, dict[str, float]]:
        """Accuracy on phrasings, words and slips that training never shows."""
        metrics: dict[str, dict[str, float]] = {}
        concepts = self.sentences.concepts
        for mode, name in (("phrase", "attributes"), ("misspelt", "misspelt")):
            random = np.random.Generator(np.random.Philox(77))
            drawn = [self.sentences.draw(random, mode) for _ in range(400)]
            pieces, _, kind = self._batch(drawn)
            logits, whole = self.average(pieces)
            chance, read = logits.float().softmax(-1).max(-1)
            read = torch.where(chance >= SURE, read, torch.zeros_like(read)).cpu()
            hits, near, quiet, shy = [], [], [], []
            for row, (words, _) in enumerate(drawn):
                for column, (word, number) in enumerate(words[: read.shape[1]]):
                    if number == 0:
                        quiet.append(int(read[row, column]) == 0)
                        shy.append(not difflib.get_close_matches(word, concepts[1:], 1, 0.75))
                    elif word not in self.sentences.number:  # known words need no reading
                        hits.append(int(read[row, column]) == number)
                        close = difflib.get_close_matches(word, concepts[1:], 1, 0.75)
                        near.append(bool(close) and close[0] == concepts[number])
            metrics[name] = _row(_share(hits), _share(near))
            if mode == "phrase":
                metrics["silent_on_others"] = _row(_share(quiet), _share(shy))
                right = (whole.argmax(-1) == kind).float().mean()
                metrics["kind"] = _row(float(right), float((kind == 0).float().mean()))
        return metrics

    @torch.no_grad()
    def preview(self, path: Path) -> None:
        """Held-out prompts and what was read, as text."""
        random = np.random.Generator(np.random.Philox(5))
        lines = []
        for mode in ("misspelt", "phrase") * 12:
            drawn = self.sentences.draw(random, mode)
            logits, whole = self.average(self._batch([drawn])[0])
            chance, read = logits[0].float().softmax(-1).max(-1)
            said = [
                word + (f"={self.sentences.concepts[int(r)]}" if r and c >= SURE else "")
                for (word, _), r, c in zip(drawn[0], read, chance, strict=False)
            ]
            lines.append(f"{KINDS[int(whole[0].argmax())]}: {' '.join(said)}")
        path.with_suffix(".txt").write_text("\n".join(lines) + "\n", "utf-8")


def _share(hits: list[bool]) -> float:
    return sum(hits) / max(1, len(hits))


def _row(model: float, baseline: float) -> dict[str, float]:
    return {"model": round(float(model), 4), "floor": 1.0, "baseline": round(float(baseline), 4)}


def _common_words(sources: Path) -> list[str]:
    """Words of the books by falling frequency, ties by letters."""
    path = sources / "dialogue" / "gutenberg" / "dialogues.jsonl"
    counts: Counter[str] = Counter()
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                for turn in json.loads(line)["turns"]:
                    counts.update(re.findall(r"[a-z]{3,12}", turn["text"].lower()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"cannot read the books: {error}", where=str(path)) from error
    return sorted(counts, key=lambda word: (-counts[word], word))
