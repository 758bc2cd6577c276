"""Branching dialogue: a planned graph whose lines the dialogue model writes.

Structure, speakers, choices and variables are planned first (`graph`), so that the tree is always
valid; the words come from the model under a line automaton (`masks`, `writer`); names, places and
things are filled in last (`slots`).
"""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING

from aigc_assets.errors import UsageError, WeightsError
from aigc_assets.models.dialogue_tags import EOL, MOODS, Vocabulary
from aigc_assets.pipelines.dialogue import slots
from aigc_assets.pipelines.dialogue.graph import Plan, PlannedLine, plan
from aigc_assets.pipelines.dialogue.request import DialogueRequest, display_name
from aigc_assets.pipelines.made import Made, derive_seed, generator, load_model, provenance
from aigc_assets.types import Choice, DialogueNode, DialogueTree
from aigc_assets.types.validation import Scalar

if TYPE_CHECKING:
    from aigc_assets.models.checkpoint import Checkpoint
    from aigc_assets.pipelines.dialogue.writer import Written

__all__ = ["MOODS", "DialogueRequest", "generate_dialogue", "line_ids"]

MODEL = "dialogue_transformer"


def generate_dialogue(request: DialogueRequest, seed: int) -> Made:
    """Write a dialogue.

    Line ids are ``<id>_<number>`` and ``<id>_<number><letter>`` for the player's answers; they
    depend on the request and the seed, never on the words. Every node carries the tags ``mood``
    and ``act``.

    Args:
        request: Checked on construction.
        seed: Any non-negative integer below 2^63.

    Raises:
        UsageError: If ``request.texts`` names a line that this dialogue does not have.
        GenerationError: If the model finds no new line.
        WeightsError: If weights or tokenizer are missing or altered.
    """
    planned = plan(request, generator(derive_seed(seed, "dialogue", request.id, "plan")))
    _check_texts(request, planned)
    checkpoint = load_model(MODEL)
    texts = _write(request, planned, checkpoint, derive_seed(seed, "dialogue", request.id))
    texts.update(request.texts)
    nodes = []
    for line in planned.lines:
        choices = tuple(
            Choice(
                _choice_id(request, line, i),
                texts[_choice_id(request, line, i)],
                _line_id(request, choice.target),
                choice.condition,
                choice.sets,
            )
            for i, choice in enumerate(line.choices)
        )
        line_id = _line_id(request, line.number)
        following = None if line.next is None else _line_id(request, line.next)
        tags = {"mood": line.mood, "act": line.act}
        nodes.append(DialogueNode(line_id, line.speaker, texts[line_id], choices, following, tags))
    tree = DialogueTree(tuple(nodes), _line_id(request, 1), planned.variables)
    asked: dict[str, Scalar] = {
        "id": request.id,
        "cast": " ".join(request.cast),
        "mood": request.mood,
        "lines": request.lines,
    }
    notes = [f"topic: {planned.topic}"]
    notes += [f"{member}: {planned.roles[member]}" for member in request.cast]
    operations = ["graph planned before the words", "line automaton", "ranked candidates"]
    if request.texts:
        operations.append("lines of the user's own: " + ", ".join(sorted(request.texts)))
    return Made(tree, provenance(checkpoint, seed, asked, tuple(operations), tuple(notes)))


def line_ids(request: DialogueRequest, seed: int) -> tuple[str, ...]:
    """The ids of all lines and answers that `generate_dialogue` gives, without writing them."""
    return _ids(
        request, plan(request, generator(derive_seed(seed, "dialogue", request.id, "plan")))
    )


def _ids(request: DialogueRequest, planned: Plan) -> tuple[str, ...]:
    result = []
    for line in planned.lines:
        result.append(_line_id(request, line.number))
        result += [_choice_id(request, line, i) for i in range(len(line.choices))]
    return tuple(result)


def _check_texts(request: DialogueRequest, planned: Plan) -> None:
    known = _ids(request, planned)
    stray = sorted(set(request.texts) - set(known))
    if stray:
        raise UsageError(
            f"no such line: {', '.join(stray)}",
            where=f"dialogue {request.id}: texts",
            remedy=f"one of: {', '.join(known)}",
        )


def _write(
    request: DialogueRequest, planned: Plan, checkpoint: Checkpoint, seed: int
) -> dict[str, str]:
    from aigc_assets.pipelines.dialogue.writer import (
        Prompt,
        Writer,
        available_slots,
        context_tokens,
    )

    vocabulary = _vocabulary(str(checkpoint.card["config"]["tokenizer_sha256"]))
    writer = Writer(checkpoint.network, vocabulary, planned.topic, seed)  # type: ignore[arg-type]
    values = slots.choose(planned.topic, generator(derive_seed(seed, "slots")))
    eol = vocabulary.ids[EOL]
    written: dict[tuple[int, int], Written] = {}
    texts: dict[str, str] = {}
    player = request.cast[0] if len(request.cast) > 1 else None
    for line in planned.lines:
        line_id = _line_id(request, line.number)
        other = _third(request, line.speaker, line.listener, line.number)
        context = context_tokens(written, line.context, eol)
        prompt = Prompt(line_id, planned.roles[line.speaker], line.mood, line.act, context,
                        available_slots(line.listener, other))  # fmt: skip
        written[line.number, -1] = writer.write(prompt)
        text = written[line.number, -1].text
        texts[line_id] = slots.fill(text, _names(values, line.speaker, line.listener, other))
        earlier = context_tokens(written, (*line.context[-1:], (line.number, -1)), eol)
        for i, choice in enumerate(line.choices):
            choice_id = _choice_id(request, line, i)
            other = _third(request, player, line.speaker, line.number)
            free = available_slots(line.speaker, other) - {"<self>"}
            prompt = Prompt(choice_id, "player", choice.mood, choice.act, earlier, free, short=True)
            written[line.number, i] = writer.write(prompt)
            text = written[line.number, i].text
            texts[choice_id] = slots.fill(text, _names(values, player, line.speaker, other))
    return texts


def _names(
    values: dict[str, str], speaker: str | None, listener: str | None, other: str | None
) -> dict[str, str]:
    people = {"<self>": speaker, "<name>": listener, "<other>": other}
    return values | {slot: display_name(who) for slot, who in people.items() if who is not None}


def _third(
    request: DialogueRequest, speaker: str | None, listener: str | None, number: int
) -> str | None:
    """Somebody of the cast who neither speaks nor is spoken to."""
    rest = [member for member in request.cast if member not in (speaker, listener)]
    if len(request.cast) < 3 or not rest:
        return None
    return rest[number % len(rest)]


def _line_id(request: DialogueRequest, number: int) -> str:
    return f"{request.id}_{number:02d}"


def _choice_id(request: DialogueRequest, line: PlannedLine, index: int) -> str:
    return f"{_line_id(request, line.number)}{'abcdefgh'[index]}"


@functools.lru_cache(maxsize=2)
def _vocabulary(sha256: str) -> Vocabulary:
    """The tokenizer that lies beside the weights, checked against the card.

    Raises:
        WeightsError: If it is missing or was altered.
    """
    from aigc_assets.models.checkpoint import weights_folder

    path = weights_folder() / f"{MODEL}.tokenizer.json"
    remedy = "install the package again, or retrain with `aigc-assets train`"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"cannot read the tokenizer: {error.strerror}", where=str(path), remedy=remedy
        ) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise WeightsError("the tokenizer was altered", where=str(path), remedy=remedy)
    try:
        return Vocabulary(data.decode())
    except ValueError as error:
        raise WeightsError(str(error), where=str(path), remedy=remedy) from error
