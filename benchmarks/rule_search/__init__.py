"""Where the tables of the benchmark rule sets come from: searches in C++, compiled when they run.

``python -m benchmarks.rule_search sokoban --minutes 120 --out FILE`` searches rooms of which few
are alike and writes the module that holds them; ``zelda`` does so for the ways to the key.
``--start`` goes on from the table that is shipped. Longer is better; runs differ from each other.
"""
