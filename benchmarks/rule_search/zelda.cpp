// Ways through a room of which no two are alike: `zelda search SECONDS SEED OUT [START]`,
// `zelda show < WAYS`.
//
// A way is its start, a cell in the upper left part, and its turns. It never touches itself. It is
// used whole or cut, and written as places ("x,y|" each), once and twice over. A new way at random
// comes in where it is like none of the set, or takes the place of the only one that it is like.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "ratcliff.h"

namespace {

constexpr int kTenths = 7;
constexpr int kFar = 5;  // tenths
constexpr int kWidth = 11, kHeight = 7;
constexpr int kShortest = 13, kLongestWay = 16;
constexpr int kAcross[4] = {-1, 1, 0, 0}, kAlong[4] = {0, 0, -1, 1};  // l, r, u, d

struct Way {
  int start = 0;
  std::string turns;
  std::vector<Text> texts, twice;  // of kShortest steps, one more, ... kLongestWay
};

bool inside(int x, int y) { return x >= 0 && y >= 0 && x < kWidth && y < kHeight; }

/// Whether the turns lead along cells of the room, each of which touches the one before alone.
bool places_of(const Way& way, std::vector<std::pair<int, int>>& places) {
  int x = way.start % kWidth, y = way.start / kWidth;
  places = {{x, y}};
  for (char turn : way.turns) {
    const size_t move = std::string("lrud").find(turn);
    if (move == std::string::npos) return false;
    x += kAcross[move];
    y += kAlong[move];
    if (!inside(x, y)) return false;
    for (const auto& [a, b] : places) {
      const int far = std::abs(a - x) + std::abs(b - y);
      if (far == 0 || (far == 1 && std::pair(a, b) != places.back())) return false;
    }
    places.emplace_back(x, y);
  }
  return true;
}

bool prepare(Way& way) {
  std::vector<std::pair<int, int>> places;
  const bool near = way.start % kWidth <= kWidth / 2 && way.start / kWidth <= kHeight / 2;
  if (!near || int(way.turns.size()) != kLongestWay || !places_of(way, places)) return false;
  std::string letters;
  for (int i = 0; i <= kLongestWay; i++) {
    letters += std::to_string(places[i].first) + "," + std::to_string(places[i].second) + "|";
    if (i < kShortest) continue;
    way.texts.emplace_back(letters, "0123456789,|");
    way.twice.emplace_back(letters + letters, "0123456789,|");
  }
  return true;
}

/// Whether they are alike at some lengths; `hasty` looks at ways that are far apart whole no
/// closer.
bool alike(const Way& a, const Way& b, bool hasty) {
  if (hasty && !similar(a.texts.back(), b.texts.back(), kFar)) return false;
  for (int i = kLongestWay - kShortest; i >= 0; i--) {
    for (int j = kLongestWay - kShortest; j >= 0; j--) {
      if (similar(a.texts[i], b.texts[j], kTenths)) return true;
      if (similar(a.twice[i], b.twice[j], kTenths)) return true;
    }
  }
  return false;
}

/// A walk that mostly keeps its direction; of several turns each is as likely.
Way random_way(std::mt19937_64& random) {
  auto below = [&](int n) { return int((random() >> 32) * uint64_t(n) >> 32); };
  for (;;) {
    Way way;
    way.start = below(kHeight / 2 + 1) * kWidth + below(kWidth / 2 + 1);
    const int bends = 15 + 10 * below(5);  // of a hundred steps, at least
    char last = 0;
    while (int(way.turns.size()) < kLongestWay) {
      std::string open;
      for (char turn : std::string("lrud")) {
        Way longer = way;
        longer.turns += turn;
        std::vector<std::pair<int, int>> places;
        if (places_of(longer, places)) open += turn;
      }
      if (open.empty()) break;
      const bool keep = open.find(last) != std::string::npos && below(100) >= bends;
      if (!keep) last = open[size_t(below(int(open.size())))];
      way.turns += last;
    }
    if (prepare(way)) return way;
  }
}

std::vector<Way> read(std::istream& in) {
  std::vector<Way> ways;
  for (Way way; in >> way.start >> way.turns; way.texts.clear(), way.twice.clear()) {
    if (!prepare(way)) throw std::runtime_error("no way: " + way.turns);
    ways.push_back(way);
  }
  return ways;
}

void write(const std::vector<Way>& ways, const char* out) {
  std::ofstream file(out);
  for (const Way& way : ways) file << way.start << ' ' << way.turns << '\n';
}

int search(double seconds, uint64_t seed, const char* out, const char* from) {
  std::mt19937_64 random(seed);
  std::vector<Way> ways;
  if (from) {
    std::ifstream in(from);
    for (const Way& way : read(in)) {
      bool fits = true;
      for (const Way& other : ways) fits &= !alike(way, other, false);
      if (fits) ways.push_back(way);
    }
  }
  const auto start = std::chrono::steady_clock::now();
  long tried = 0;
  double next = 0;
  for (double used = 0; used < seconds;) {
    const Way way = random_way(random);
    tried++;
    size_t like = 0, which = 0;
    for (bool hasty : {true, false}) {  // few come so far that they are looked at closely
      if (like > 1) break;
      like = 0;
      for (size_t i = 0; i < ways.size() && like < 2; i++) {
        if (alike(way, ways[i], hasty)) like++, which = i;
      }
    }
    if (like == 0) {
      ways.push_back(way);
    } else if (like == 1) {
      ways[which] = way;
    }
    used = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (used >= next) {
      fprintf(stderr, "%.0f s: %zu ways of %ld\n", used, ways.size(), tried);
      write(ways, out);
      next += seconds / 30;
    }
  }
  write(ways, out);
  return 0;
}

/// Each way and the number of others that it is like.
int show() {
  const std::vector<Way> ways = read(std::cin);
  for (size_t i = 0; i < ways.size(); i++) {
    int like = 0;
    for (size_t j = 0; j < ways.size(); j++) like += i != j && alike(ways[i], ways[j], false);
    std::cout << ways[i].start << ' ' << ways[i].turns << ' ' << like << '\n';
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string what = count > 1 ? arguments[1] : "";
  try {
    if (what == "show") return show();
    if (what == "search" && count >= 5) {
      return search(std::stod(arguments[2]), std::stoull(arguments[3]), arguments[4],
                    count > 5 ? arguments[5] : nullptr);
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  std::cerr << "zelda search SECONDS SEED OUT [START] | zelda show\n";
  return 2;
}
