"""Random dialogues with texts that try to break out of a format, and a player to compare with."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from aigc_assets.types import Choice, DialogueNode, DialogueTree

FRAGMENTS = (
    *("\"'[]{}#%<>\\|~-*+=()$:;&@^`_!?.,/"),
    *("//", "/*", "*/", "->", "<-", "=>", "<<", ">>", "==", "===", "---", "<>", "\\n", "{x}"),
    *("[b]", "[/b]", "<br>", "#line:z", "$x", "TODO:", "VAR", "INCLUDE", "if", "else", "->END"),
    *(
        "title:",
        "<<jump a>>",
        "word",
        "a",
        " ",
        "  ",
        "100%",
        "é",
        "日本語",
        "🙂",
        "\u00a0",
        "\u2028",
    ),
)

texts = st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=8).map("".join).map(
    str.strip
).filter(bool) | st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1, max_size=40
).map(str.strip).filter(bool)


@st.composite
def trees(draw: st.DrawFn) -> DialogueTree:
    """Up to six nodes; each leads to the next one, choices may also jump ahead."""
    count = draw(st.integers(1, 6))
    ids = [f"d_{i:02d}" for i in range(count)]
    names = draw(st.lists(st.sampled_from(["flag", "2nd-flag", "2nd_flag", "not"]), unique=True))
    variable = st.sampled_from(names) if names else st.none()
    nodes = []
    for i, node_id in enumerate(ids):
        last = i == count - 1
        choices = []
        if not last and draw(st.booleans()):
            for k, letter in enumerate("abc"[: draw(st.integers(1, 3))]):
                target = ids[i + 1] if k == 0 else draw(st.sampled_from(ids[i + 1 :]))
                condition = None if k == 0 else draw(st.none() | variable)
                choices.append(
                    Choice(
                        node_id + letter,
                        draw(texts),
                        target,
                        condition,
                        draw(st.none() | variable),
                    )
                )
        following = None if last or choices else ids[i + 1]
        tags = draw(st.dictionaries(st.sampled_from(["mood", "x y"]), st.sampled_from([1, "a b"])))
        speaker = draw(st.sampled_from(["mira", "2-b"]))
        nodes.append(DialogueNode(node_id, speaker, draw(texts), tuple(choices), following, tags))
    return DialogueTree(tuple(nodes), ids[0], {name: draw(st.booleans()) for name in names})


def played(tree: DialogueTree, picks: Sequence[int]) -> tuple[list[tuple], list[int]]:
    """What a player meets: (speaker, text, id) for lines, [(text, id), ...] for available choices.

    ``picks`` choose among the available choices, modulo their number, the last one repeating; the
    second result is the list of the picks made, as indices into all choices of the node.
    """
    values, events, made = dict(tree.variables), [], []
    node = tree.node(tree.start)
    while True:
        events.append((node.speaker, node.text, node.id))
        if node.choices:
            open_choices = [c for c in node.choices if c.condition is None or values[c.condition]]
            events.append(tuple((c.text, c.id) for c in open_choices))
            choice = open_choices[picks[min(len(made), len(picks) - 1)] % len(open_choices)]
            made.append(node.choices.index(choice))
            if choice.sets is not None:
                values[choice.sets] = True
            node = tree.node(choice.target)
        elif node.next is not None:
            node = tree.node(node.next)
        else:
            return events, made
