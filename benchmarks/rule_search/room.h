// Sokoban rooms of five by five cells in a ring of wall, and how they are varied.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using Cells = uint64_t;
using Random = std::mt19937_64;

constexpr int kSide = 5;
constexpr int kWidth = kSide + 2;
constexpr int kArea = kWidth * kWidth;
/// Left, right, up, down.
constexpr int kStep[4] = {-1, 1, -kWidth, kWidth};

constexpr Cells bit(int cell) { return Cells(1) << cell; }
inline int below(Random& random, int n) { return int((random() >> 32) * uint64_t(n) >> 32); }
inline int size(Cells cells) { return __builtin_popcountll(cells); }

constexpr Cells make_inside() {
  Cells cells = 0;
  for (int y = 1; y <= kSide; y++) {
    for (int x = 1; x <= kSide; x++) cells |= bit(kWidth * y + x);
  }
  return cells;
}
constexpr Cells kInside = make_inside();

struct Room {
  Cells wall = ~kInside & (bit(kArea) - 1);
  Cells box = 0, goal = 0;
  int player = 0;

  Cells floor() const { return kInside & ~(wall | box | goal | bit(player)); }
};

/// Rows of "#" wall, "_" floor, "@" player, "$" box, "." goal, joined by "/".
inline std::string written(const Room& room) {
  std::string out;
  for (int cell = 0; cell < kArea; cell++) {
    if (!(kInside & bit(cell))) continue;
    if (cell % kWidth == 1 && !out.empty()) out += '/';
    out += room.wall & bit(cell)   ? '#'
           : room.box & bit(cell)  ? '$'
           : room.goal & bit(cell) ? '.'
           : room.player == cell   ? '@'
                                   : '_';
  }
  return out;
}

inline Room read_room(const std::string& line) {
  Room room;
  std::string cells;
  for (char c : line) {
    if (c != '/') cells += c;
  }
  if (cells.size() != kSide * kSide) throw std::runtime_error("no room: " + line);
  for (int i = 0; i < kSide * kSide; i++) {
    const int cell = kWidth * (i / kSide + 1) + i % kSide + 1;
    if (cells[i] == '#') room.wall |= bit(cell);
    if (cells[i] == '$') room.box |= bit(cell);
    if (cells[i] == '.') room.goal |= bit(cell);
    if (cells[i] == '@') room.player = cell;
  }
  if (!room.player || !room.box || size(room.box) != size(room.goal)) {
    throw std::runtime_error("no room: " + line);
  }
  return room;
}

/// A cell of a set at random, -1 of an empty one.
inline int pick(Random& random, Cells cells) {
  if (!cells) return -1;
  for (int i = below(random, size(cells)); i > 0; i--) cells &= cells - 1;
  return __builtin_ctzll(cells);
}

inline Room random_room(Random& random, int boxes) {
  for (;;) {
    Room room;
    const int density = 20 + 10 * below(random, 40);  // of a thousand
    std::vector<int> free;
    for (int cell = 0; cell < kArea; cell++) {
      if (!(kInside & bit(cell))) continue;
      if (below(random, 1000) < density) {
        room.wall |= bit(cell);
      } else {
        free.push_back(cell);
      }
    }
    if (int(free.size()) < 2 * boxes + 2) continue;
    std::shuffle(free.begin(), free.end(), random);
    for (int i = 0; i < boxes; i++) {
      room.box |= bit(free[i]);
      room.goal |= bit(free[boxes + i]);
    }
    room.player = free[2 * boxes];
    return room;
  }
}

/// Transposed, then mirrored from side to side, then from top to bottom.
inline Room turned(const Room& room, bool transpose, bool across, bool along) {
  Room out;
  for (int cell = 0; cell < kArea; cell++) {
    int y = cell / kWidth, x = cell % kWidth;
    if (transpose) std::swap(x, y);
    if (across) x = kWidth - 1 - x;
    if (along) y = kWidth - 1 - y;
    const Cells there = bit(kWidth * y + x);
    if (room.wall & bit(cell)) out.wall |= there;
    if (room.box & bit(cell)) out.box |= there;
    if (room.goal & bit(cell)) out.goal |= there;
    if (room.player == cell) out.player = kWidth * y + x;
  }
  return out;
}

/// One to four small changes; false where there was no place for one.
inline bool vary(Random& random, Room& room, int least_boxes, int most_boxes) {
  int changes = 1;
  while (changes < 4 && below(random, 3) == 0) changes++;
  while (changes--) {
    const int free = pick(random, room.floor());
    const int wall = pick(random, kInside & room.wall);
    const int kind = below(random, 7);
    const bool needs_wall = kind == 0 || kind == 5;
    if ((kind != 0 && free < 0) || (needs_wall && wall < 0)) return false;
    switch (kind) {
      case 0:
        room.wall ^= bit(wall);
        break;
      case 1:
        room.wall ^= bit(free);
        break;
      case 2:
        room.box ^= bit(free) | bit(pick(random, room.box));
        break;
      case 3:
        room.goal ^= bit(free) | bit(pick(random, room.goal));
        break;
      case 4:
        room.player = free;
        break;
      case 5:
        room.wall ^= bit(free) | bit(wall);
        break;
      default:
        if (below(random, 2)) {
          const int other = pick(random, room.floor() & ~bit(free));
          if (size(room.box) >= most_boxes || other < 0) return false;
          room.box |= bit(free);
          room.goal |= bit(other);
        } else {
          if (size(room.box) <= least_boxes) return false;
          room.box ^= bit(pick(random, room.box));
          room.goal ^= bit(pick(random, room.goal));
        }
    }
  }
  return true;
}
