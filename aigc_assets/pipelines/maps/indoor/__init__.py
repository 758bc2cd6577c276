"""Dungeons, caves and bases seen from above: drawn by a network, furnished and proved by code.

`sampling` turns what a network drew into terrain, `repair` joins what is apart, keeping pins and
mirror images, and `drafts` chooses the map of a pass that needs few repairs. `placement` chooses
start and exit; `locks` finds or builds gates between them, `keys` puts keys where the walk becomes
as long as asked, `ways` leads it through doors that are pinned, `shaping` sets liquid, open air and
detours, `inhabitants` adds monsters and treasure. `generate` puts the map together.

What is refused: what cannot be (`feasible`, with the numbers), walks longer than a corridor that
winds through the whole map, and, on maps of about 8 to 12 cells a side, requests that leave hardly
a cell or a step to spare, above all mirrored ones. Every refusal names what was missing.
"""
