"""Benchmarks: how fast the ops, models and pipelines are, next to the best plain-torch way.

``python -m benchmarks`` runs every suite, ``python -m benchmarks.<suite>`` one. A suite is a module
of this package with a function ``run(options) -> dict`` that returns a result as
`benchmarks.timing.result` makes it; it is found by that name, so a new file enrols itself.

Method: variants that are compared run in turn in one process on the same inputs, threads are
pinned, and the tenth percentile is reported beside the median, because noise only ever adds time.
Losses are published beside wins.
"""
