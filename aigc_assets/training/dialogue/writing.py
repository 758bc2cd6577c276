"""Training of the dialogue model on short lines of published works and of our own grammar."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_assets.metrics import texts
from aigc_assets.models.decoder_transformer import (
    Cache,
    DecoderTransformer,
    DecoderTransformerConfig,
)
from aigc_assets.models.dialogue_tags import (
    ANY,
    BOS,
    EOL,
    MOODS,
    SLOTS,
    Vocabulary,
    special_tokens,
    tag,
)
from aigc_assets.training.dialogue import grammar, works
from aigc_assets.training.trainer import Run, cosine, set_lr

NAME = "dialogue_transformer"
VOCAB_SIZE = 2048
GRAMMAR_SHARE = 0.57
"""Share of our own grammar among the training lines; the rest comes from works."""
GRAMMAR_SEED = 20250101
MAX_REPEATS = 6
HELD_OUT_EXCHANGES = 700
BLOCK, HELD_OUT_BLOCK = 40, 14
LENGTH, ROWS = 96, 24
TAG_DROPOUT = 0.1
LR_MATRIX, LR_OTHER = 0.02, 0.004
NUM_SAMPLES = 1000


class _Place(nn.Module):
    """How many batches were drawn; a module, so that it is part of every checkpoint."""

    batches: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))


class DialogueTask:
    """Next-token training with open tags, so that any subset of them can be given.

    Matrices of the blocks are trained with Muon, everything else with AdamW.

    References:
        Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
    """

    kind: ClassVar[str] = "dialogue"
    models: ClassVar[tuple[str, ...]] = (NAME,)
    # The corpus is small: held-out bits per byte were 0.60 after 1,261 steps, 0.68 after 4,365.
    step_limit: ClassVar[int | None] = 1300

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Clean, label, generate, train the tokenizer, and encode."""
        found, kept = works.read_sources(sources / "dialogue")
        train, held_out = _split(found)
        real = sum(len(e.lines) for e in train)
        random = np.random.Generator(np.random.Philox(GRAMMAR_SEED))
        made = _grammar(random, round(real * GRAMMAR_SHARE / (1 - GRAMMAR_SHARE)))
        test_random = np.random.Generator(np.random.Philox(GRAMMAR_SEED + 1))
        held_out += [grammar.exchange(test_random) for _ in range(HELD_OUT_EXCHANGES)]
        lines = [line.text for e in train + made for line in e.lines]
        tokenizer = _train_tokenizer(lines)
        vocabulary = Vocabulary(tokenizer.to_str())
        arrays = {
            "train": _encode(train + made, tokenizer, vocabulary),
            "held_out": _encode(held_out, tokenizer, vocabulary),
        }
        written = sum(len(e.lines) for e in made)
        ours = {
            "folder": "grammar",
            "licence": "Apache-2.0",
            "attribution": "The aigc_assets authors",
            "used_for": f"{written} lines from {grammar.template_count()} templates of our own",
        }
        used = [
            {**s, "folder": f"dialogue/{s['folder']}",
             "used_for": f"{kept[s['folder']]} lines, cut to 2..{grammar.MAX_WORDS} words"}
            for s in works.SOURCES
        ]  # fmt: skip
        info = {
            "sources": [*used, ours],
            "tokenizer": tokenizer.to_str(),
            "vocabulary": {
                "size": VOCAB_SIZE,
                "moods": list(MOODS),
                "lines_of_works": real,
                "lines_of_grammar": written,
                "held_out_lines": sum(len(e.lines) for e in held_out),
            },
            "notes": [
                f"{written / (written + real):.0%} of the training lines come from our own grammar "
                f"of {grammar.template_count()} templates with alternatives and word lists.",
                "Moods, acts and roles of the works were labelled by word lists and punctuation "
                "and are noisy; those of the grammar are exact.",
                "Held out: whole blocks of consecutive exchanges of the works, and fresh draws "
                "of the grammar, whose parts were therefore seen in training.",
                "bits_per_byte: floor is the same network on training lines; baseline is an "
                "interpolated Witten-Bell 5-gram over the same tokens without tags.",
                "distinct_2, copied_lines and mood_accuracy: floor is held-out real lines, "
                "baseline is text of that 5-gram. Plain samples at temperature 0.8, no ranking.",
            ],
            "limits": "English only; single lines of 2..18 words; names, places and things are "
            "slots that the pipeline fills.",
        }
        return arrays, info

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run):
        self.run = run
        self.tokenizer = str(info["tokenizer"])
        self.vocabulary = Vocabulary(self.tokenizer)
        self.train = _documents(data["train"], self.vocabulary)
        self.held_out = _documents(data["held_out"], self.vocabulary)
        lines = [line.text for d in self.train for line in self._lines(d)]
        # Lines, to tell copies; single words, to tell words that the pieces only made up.
        seen = {texts.fingerprint(line) for line in lines}
        seen |= {texts.fingerprint(w) for line in lines for w in texts.words(line)}
        config = DecoderTransformerConfig(
            vocab_size=len(self.vocabulary.tokens),
            num_seen=len(seen),
            tokenizer_sha256=hashlib.sha256(self.tokenizer.encode()).hexdigest(),
        )
        torch.manual_seed(run.seed)
        self.network = DecoderTransformer(config)
        self.network.seen.copy_(torch.tensor(sorted(seen), dtype=torch.int32))
        self.network.to(run.device)
        blocks = list(self.network.blocks.named_parameters())
        matrices = [p for _, p in blocks if p.dim() == 2]
        others = [p for p in self.network.parameters() if all(p is not m for m in matrices)]
        self.muon = torch.optim.Muon(matrices, lr=LR_MATRIX, weight_decay=0.1, momentum=0.95)
        self.adam = torch.optim.AdamW(others, lr=LR_OTHER, weight_decay=0.0, betas=(0.9, 0.98))
        self.place = _Place()
        self.epoch, self.rows = -1, (torch.zeros(0), torch.zeros(0))

    def _next(self) -> tuple[Tensor, Tensor]:
        """The next `ROWS` rows of concatenated documents: tokens, document numbers.

        The order of an epoch depends on the seed and its number only, so that a resumed run goes
        on with the rows that would have come next.
        """
        size = LENGTH + 1
        total = sum(len(document) for document in self.train)
        copies = 1 + ROWS * size // total  # for tiny corpora
        batches = copies * total // size // ROWS
        epoch, batch = divmod(int(self.place.batches), batches)
        self.place.batches += 1
        if epoch != self.epoch:
            source = torch.Generator().manual_seed(self.run.seed * 100_003 + epoch)
            order = torch.randperm(len(self.train), generator=source).tolist()
            stream = torch.cat([self.train[i] for i in order]).long().repeat(copies)
            number = (stream == self.vocabulary.ids[BOS]).cumsum(0)
            used = batches * ROWS * size
            self.epoch = epoch
            self.rows = stream[:used].view(-1, size), number[:used].view(-1, size)
        part = slice(batch * ROWS, (batch + 1) * ROWS)
        return self.rows[0][part], self.rows[1][part]

    def step(self, progress: float) -> dict[str, float]:
        """One batch of `ROWS` x `LENGTH` tokens."""
        for optimizer, lr in ((self.muon, LR_MATRIX), (self.adam, LR_OTHER)):
            set_lr(optimizer, cosine(progress, lr, lr * 0.01))
            optimizer.zero_grad(set_to_none=True)
        tokens, numbers = self._next()
        target = tokens[:, 1:]
        spoken = (target >= self.vocabulary.first_text) | (target == self.vocabulary.ids[EOL])
        tokens = self._drop_tags(tokens)[:, :-1]
        device = self.run.device
        self.network.train()
        with self.run.autocast():
            features = self.network.features(tokens.to(device), numbers[:, :-1].to(device))
            logits = self.network.head(features[spoken.to(device)])
        loss = F.cross_entropy(logits.float(), target[spoken].to(device))
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.muon.step()
        self.adam.step()
        return {"nats_per_token": float(loss.detach())}

    def _drop_tags(self, tokens: Tensor) -> Tensor:
        """Leave each tag open with a small probability."""
        droppable = (tokens > self.vocabulary.ids[ANY]) & (tokens < self.vocabulary.first_text)
        chosen = torch.rand(tokens.shape, generator=self.run.generator) < TAG_DROPOUT
        return torch.where(droppable & chosen, torch.tensor(self.vocabulary.ids[ANY]), tokens)

    def modules(self) -> dict[str, nn.Module]:
        """The network, and how far it has read."""
        return {"network": self.network, "place": self.place}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Muon and AdamW."""
        return {"muon": self.muon, "adam": self.adam}

    def shipped(self) -> dict[str, tuple[nn.Module, dict[str, Any]]]:
        """The network; its tokenizer is written beside the weights."""
        import dataclasses

        folder = self.run.out / "weights"
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{NAME}.tokenizer.json.part"
        part.write_bytes(self.tokenizer.encode())
        part.replace(folder / f"{NAME}.tokenizer.json")
        return {NAME: (self.network, dataclasses.asdict(self.network.config))}

    @torch.no_grad()
    def nats(self, documents: list[Tensor]) -> tuple[float, int]:
        """Nats of all spoken tokens, and the bytes of their text with line ends."""
        self.network.eval()
        total, num_bytes = 0.0, 0
        eol, first = self.vocabulary.ids[EOL], self.vocabulary.first_text
        for start in range(0, len(documents), 64):
            batch = [d.long() for d in documents[start : start + 64]]
            tokens = nn.utils.rnn.pad_sequence(batch, batch_first=True)
            target = tokens[:, 1:].clone()
            spoken = (target >= first) | (target == eol)
            target[~spoken] = -100
            logits = self.network(tokens[:, :-1].to(self.run.device)).float().cpu()
            total += float(F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="sum"))
            num_bytes += sum(len(line.text) + 1 for d in batch for line in self._lines(d))
        return total, num_bytes

    def watch(self) -> dict[str, dict[str, float]]:
        """`evaluate`: there are no validation data."""
        return self.evaluate()

    def evaluate(self) -> dict[str, dict[str, float]]:
        """Predictability, variety, copying and recognisable moods, beside naive baselines."""
        held_lines = [line for d in self.held_out for line in self._lines(d)]
        held = [line.text for line in held_lines]
        train_lines = [line for d in self.train for line in self._lines(d)]
        trained = {texts.fingerprint(line.text) for line in train_lines}
        ours = texts.bits_per_byte(*self.nats(self.held_out))
        works_seen = [d for d in self.train if self._is_works(d)][:: 2 * HELD_OUT_BLOCK]
        made_seen = [d for d in self.train if not self._is_works(d)][:HELD_OUT_EXCHANGES]
        floor = texts.bits_per_byte(*self.nats(works_seen + made_seen))
        works_only = [d for d in self.held_out if self._is_works(d)]
        sequences = [ids for d in self.train for ids in self._sequences(d)]
        held_ids = [ids for d in self.held_out for ids in self._sequences(d)]
        works_ids = [ids for d in works_only for ids in self._sequences(d)]
        size = len(self.vocabulary.tokens)
        held_bytes = sum(len(t) + 1 for t in held)
        works_bytes = sum(len(line.text) + 1 for d in works_only for line in self._lines(d))
        five = texts.WittenBell(sequences, 5, size)
        one = texts.WittenBell(sequences, 1, size)
        count = min(NUM_SAMPLES, len(held_lines))
        random = np.random.Generator(np.random.Philox(0))
        picks = [held_lines[int(i)] for i in random.choice(len(held_lines), count, replace=False)]
        samples = self.sample([(p.role, p.mood, p.act) for p in picks], temperature=0.8)
        real = [p.text for p in picks]
        eol = self.vocabulary.ids[EOL]
        naive = [self.vocabulary.decode(five.sample(random, eol, 40)) for _ in range(count)]  # type: ignore[arg-type]
        judge = texts.NaiveBayes([x.text for x in train_lines], [x.mood for x in train_lines])
        moods = [p.mood for p in picks]
        gzip_ours = texts.deflate_bits_per_byte(held, [x.text for x in train_lines[-2000:]])
        return {
            "bits_per_byte": {
                "model": ours,
                "floor": floor,
                "baseline": texts.bits_per_byte(five.nats(held_ids), held_bytes),
            },
            "bits_per_byte_works": {
                "model": texts.bits_per_byte(*self.nats(works_only)),
                "floor": texts.bits_per_byte(*self.nats(works_seen)),
                "baseline": texts.bits_per_byte(five.nats(works_ids), works_bytes),
            },
            "bits_per_byte_unigram": {
                "model": ours,
                "floor": floor,
                "baseline": texts.bits_per_byte(one.nats(held_ids), held_bytes),
            },
            "bits_per_byte_gzip": {"model": ours, "floor": floor, "baseline": gzip_ours},
            "distinct_2": {
                "model": texts.distinct_n(samples),
                "floor": texts.distinct_n(real),
                "baseline": texts.distinct_n(naive),
            },
            "copied_lines": {
                "model": texts.copy_rate(samples, trained, 4),
                "floor": texts.copy_rate(real, trained, 4),
                "baseline": texts.copy_rate(naive, trained, 4),
            },
            "mood_accuracy": {
                "model": judge.accuracy(samples, moods),
                "floor": judge.accuracy(real, moods),
                "baseline": judge.accuracy(naive, moods),
            },
        }

    def preview(self, path: Path) -> None:
        """Write one line per mood and act as text."""
        tags = [
            (role, mood, act)
            for mood in MOODS
            for role, act in (("guard", "greet"), ("merchant", "quest"), ("player", "ask"),
                              ("villain", "threat"), ("sage", "tell"), ("villager", "warn"))
        ]  # fmt: skip
        lines = self.sample(tags, temperature=0.7)
        shown = [f"{' '.join(t):28s} {line}" for t, line in zip(tags, lines, strict=True)]
        path.with_name(path.name + ".txt").write_text("\n".join(shown) + "\n")

    @torch.no_grad()
    def sample(
        self, tags: list[tuple[str, str, str]], temperature: float, max_length: int = 40
    ) -> list[str]:
        """One line for each (role, mood, act), source and topic left open, no masks, no ranking."""
        self.network.eval()
        vocabulary, device = self.vocabulary, self.run.device
        generator = torch.Generator().manual_seed(self.run.seed)
        start = vocabulary.opening("", "")
        tokens = torch.tensor([start + vocabulary.turn(*t) for t in tags])
        cache = Cache(self.network.config)
        logits = self.network(tokens.to(device), cache=cache)[:, -1]
        columns: list[Tensor] = []
        for _ in range(max_length):
            scaled = logits.float().cpu() / temperature
            scaled[:, : vocabulary.first_text] = torch.where(
                torch.arange(vocabulary.first_text) == vocabulary.ids[EOL],
                scaled[:, : vocabulary.first_text],
                torch.tensor(-torch.inf),
            )
            drawn = torch.multinomial(scaled.softmax(-1), 1, generator=generator)
            columns.append(drawn[:, 0])
            logits = self.network(drawn.to(device), cache=cache)[:, -1]
        result = []
        for row in torch.stack(columns, 1).tolist():
            end = row.index(vocabulary.ids[EOL]) if vocabulary.ids[EOL] in row else len(row)
            result.append(vocabulary.decode(row[:end]))
        return result

    def _sequences(self, document: Tensor) -> list[list[int]]:
        """Token ids of each line with its line end."""
        eol, first = self.vocabulary.ids[EOL], self.vocabulary.first_text
        result: list[list[int]] = []
        line: list[int] = []
        for token in document.tolist():
            if token >= first or token == eol:
                line.append(token)
            if token == eol:
                result.append(line)
                line = []
        return result

    def _lines(self, document: Tensor) -> list[grammar.Line]:
        """Lines of a document with their tags."""
        ids = document.tolist()
        lines, start = [], 3
        while start < len(ids):
            end = ids.index(self.vocabulary.ids[EOL], start)
            tags = [self.vocabulary.tokens[i] for i in ids[start : start + 3]]
            names = [name.strip("<>").partition(":")[2] for name in tags]
            text = self.vocabulary.decode(ids[start + 3 : end])
            lines.append(grammar.Line(names[0], names[1], names[2], text))
            start = end + 1
        return lines

    def _is_works(self, document: Tensor) -> bool:
        return int(document[1]) == self.vocabulary.ids[tag("source", "works")]


def _split(
    found: list[tuple[str, grammar.Exchange]],
) -> tuple[list[grammar.Exchange], list[grammar.Exchange]]:
    """Every `HELD_OUT_BLOCK`-th block of consecutive exchanges of a work is held out."""
    train: list[grammar.Exchange] = []
    held_out: list[grammar.Exchange] = []
    position: Counter[str] = Counter()
    for work, exchange in found:
        block = position[work] // BLOCK
        position[work] += 1
        (held_out if block % HELD_OUT_BLOCK == HELD_OUT_BLOCK // 2 else train).append(exchange)
    return train, held_out


def _grammar(random: np.random.Generator, num_lines: int) -> list[grammar.Exchange]:
    """Exchanges of about ``num_lines`` lines; long lines come back at most `MAX_REPEATS` times."""
    counts: Counter[str] = Counter()
    made: list[grammar.Exchange] = []
    total = 0
    while total < num_lines:
        exchange = grammar.exchange(random)
        long = [line.text for line in exchange.lines if len(line.text.split()) > 4]
        if any(counts[text] >= MAX_REPEATS for text in long):
            continue
        counts.update(long)
        made.append(exchange)
        total += len(exchange.lines)
    return made


def _train_tokenizer(lines: list[str]) -> Any:
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    # A slot swallows the space before it, so that "the <item>" is two tokens.
    special = [AddedToken(token, lstrip=token in SLOTS, special=True) for token in special_tokens()]
    alphabet = sorted(set("".join(lines)) - set("<>"))
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=special,
        initial_alphabet=[c.replace(" ", "\u0120") for c in alphabet],
        show_progress=False,
        min_frequency=3,
    )
    plain = [part for line in lines for part in _between_slots(line)]
    tokenizer.train_from_iterator(plain, trainer)
    return tokenizer


def _between_slots(line: str) -> list[str]:
    import re

    return [part for part in re.split(r"\s*<[a-z]+>", line) if part]


def _encode(
    exchanges: list[grammar.Exchange], tokenizer: Any, vocabulary: Vocabulary
) -> np.ndarray:
    ids: list[int] = []
    for exchange in exchanges:
        ids += vocabulary.opening(exchange.source, exchange.topic)
        for line in exchange.lines:
            ids += vocabulary.turn(line.role, line.mood, line.act)
            ids += tokenizer.encode(line.text).ids
            ids.append(vocabulary.ids[EOL])
    return np.array(ids, dtype=np.uint16)


def _documents(stream: np.ndarray, vocabulary: Vocabulary) -> list[Tensor]:
    starts = np.flatnonzero(stream == vocabulary.ids[BOS])
    parts = np.split(stream.astype(np.int32), starts[1:])
    return [torch.from_numpy(part) for part in parts]
