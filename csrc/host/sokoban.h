// Sokoban: playing backwards from the solved position, and a solver.
// aigc_assets/pipelines/maps/sokoban/search.py is the same in Python and states what is meant; both
// give equal results.
#pragma once

#include <cstdint>
#include <vector>

namespace aigc_assets::sokoban {

// A floor plan whose outermost ring is wall. Cells are numbers y * width + x, at most 65,536.
struct Board {
  int width = 0;
  std::vector<std::uint8_t> wall;  // [height * width]
  std::vector<int> goals;
};

// The box on `cell` goes one cell on by `step`.
struct Push {
  int cell, step;
};

struct Position {
  std::vector<int> boxes;  // sorted
  int player = 0;          // lowest cell that the player reaches
  int lines = 0;           // straight runs of one box
  int moves = -1;          // steps from before the first push until after the last; -1: not counted
  bool exact = false;      // whether there is no solution of fewer pushes
  std::vector<Push> pushes;
};

struct Solution {
  bool found = false;
  int nodes = 0;
  std::vector<Push> pushes;
};

// `walk`: most moves of a position, -1 for any. `bend`: what a line is worth.
std::vector<Position> retreat(const Board& board, int end, int start, std::uint64_t seed, int beam,
                              int max_states, int walk, int bend);

Solution solve(const Board& board, const std::vector<int>& boxes, int player, int end,
               int max_nodes, int weight);

// Steps of a shortest solution in moves, breadth first; empty where `max_looks` positions taken
// from the queue, repetitions included, do not suffice.
std::vector<int> walk(const Board& board, const std::vector<int>& boxes, int player, int max_looks);

}  // namespace aigc_assets::sokoban
