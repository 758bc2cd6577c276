// Rooms of which few are alike: `sokoban search SECONDS SEED SLOTS OUT [START]`, `sokoban show <
// ROOMS`.
//
// There are three families of rooms, by their number of boxes, and one room of each family in each
// slot. A hundred slots are used with a family each, so two rooms count as often as both are asked
// for. Which are alike is a graph; the sum of share / (1 + expected number of like rooms) over the
// rooms bounds from below what is left after taking the like ones away (Caro and Wei). Annealing
// raises it: a room is replaced by another, which may make a few rooms hopeless and the rest
// better.
//
// Rooms to try come from a pool, which grows by small changes of rooms in it and of those in use.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <unordered_set>

#include "ratcliff.h"
#include "room.h"
#include "solver.h"

namespace {

constexpr int kTenths = 5;
constexpr int kLeastMoves = 2 * kSide;
constexpr size_t kPool = 300'000;
constexpr int kFromPool = 12;  // rooms of the pool that are tried for each new one
constexpr double kHot = 0.008, kCold = 0.001;

struct Family {
  int least, most;
  double share;
};
// One box or two; three; four or five.
const std::vector<Family> kFamilies = {{1, 2, 0.2}, {3, 3, 0.6}, {4, 5, 0.2}};

struct Entry {
  Room room;
  std::string moves;
  std::string letters;
  Text text;
};

/// Turns of the walks (l, r, u, d) and pushes (k, e, y, s), each left, right, up, down.
std::string letters_of(const Room& room, const std::string& moves) {
  std::string out;
  Cells box = room.box;
  int player = room.player;
  for (char move : moves) {
    player += kStep[int(move)];
    const bool pushed = box & bit(player);
    if (pushed) box ^= bit(player) | bit(player + kStep[int(move)]);
    const char letter = (pushed ? "keys" : "lrud")[int(move)];
    if (out.empty() || out.back() != letter) out += letter;
  }
  return out;
}

/// How a room has to be turned so that the first move goes right and the first one up or down goes
/// down: false where it is so already.
bool turns_of(const std::string& moves, bool& transpose, bool& across, bool& along) {
  transpose = moves[0] >= 2;
  auto is_row = [&](char move) { return (move < 2) != transpose; };
  across = moves[0] % 2 == 0;
  along = false;
  for (char move : moves) {
    if (!is_row(move)) {
      along = move % 2 == 0;
      break;
    }
  }
  return transpose || across || along;
}

/// The room as it is shipped, turned; false where no search solves it, soon, or canonically.
bool judge(Solver& solver, Room room, bool hasty, Entry& out) {
  std::string moves = solver.solve(room, hasty);
  bool transpose, across, along;
  if (moves.empty()) return false;
  if (turns_of(moves, transpose, across, along)) {
    room = turned(room, transpose, across, along);
    moves = solver.solve(room, hasty);
    // Ties may come out otherwise in a room that is turned.
    if (moves.empty() || turns_of(moves, transpose, across, along)) return false;
  }
  if (int(moves.size()) < kLeastMoves) return false;
  out.letters = letters_of(room, moves);
  if (int(out.letters.size()) > kLongest) return false;
  out.room = room;
  out.moves = moves;
  out.text = Text(out.letters, "lrudkeys");
  return true;
}

class Search {
 public:
  Search(int slots, uint64_t seed) : slots_(slots), random_(seed) {
    const int families = int(kFamilies.size());
    for (int i = 0; i < families * slots; i++) {
      rooms_.emplace_back();
      const Family& family = kFamilies[i / slots];
      do {
      } while (!judge(solver_, random_room(random_, std::max(2, family.least)), true, rooms_[i]));
    }
    pools_.resize(families);
    known_.resize(families);
    alike_.assign(rooms_.size(), std::vector<char>(rooms_.size()));
    like_.assign(rooms_.size(), 0);
    connect();
  }

  /// Rooms of an earlier search, in the order of `write`.
  void read(std::istream& in) {
    std::string line;
    for (Entry& entry : rooms_) {
      if (!(in >> line) || !judge(solver_, read_room(line), false, entry)) {
        throw std::runtime_error("not enough good rooms");
      }
    }
    connect();
  }

  void write(const char* file) const {
    std::ofstream out(file);
    for (const Entry& entry : rooms_) out << written(entry.room) << '\n';
  }

  void run(int steps, double heat) {
    for (int step = 0; step < steps; step++) {
      for (int i = 0; i < kFromPool; i++) {
        const int at = choose();
        const auto& pool = pools_[at / slots_];
        if (!pool.empty()) propose(at, pool[below(random_, int(pool.size()))], heat);
      }
      const int at = choose(), family = at / slots_;
      const int least = kFamilies[family].least, most = kFamilies[family].most;
      const auto& pool = pools_[family];
      const int kind = below(random_, 20);
      Room room;
      if (kind == 0) {
        room = random_room(random_, std::max(2, least));
      } else {
        room = kind < 8 && !pool.empty() ? from_pool(pool, kind < 5 ? 4 : 1).room
               : kind < 12               ? rooms_[family * slots_ + below(random_, slots_)].room
                                         : rooms_[at].room;
        if (!vary(random_, room, least, most)) continue;
      }
      Entry entry;
      tried_++;
      if (!judge(solver_, room, true, entry)) continue;
      keep(family, entry);
      propose(at, entry, heat);
    }
  }

  void report(double seconds) {
    const int families = int(kFamilies.size());
    std::vector<std::vector<int>> pairs(families, std::vector<int>(families));
    for (size_t i = 0; i < rooms_.size(); i++) {
      for (size_t j = 0; j < i; j++) {
        pairs[i / slots_][j / slots_] += alike_[i][j] && i % slots_ != j % slots_;
      }
    }
    fprintf(stderr, "%.0f s: bound %.1f, left %.1f of %d; like pairs", seconds, bound(), left(),
            slots_);
    for (int i = 0; i < families; i++) {
      for (int j = 0; j <= i; j++) fprintf(stderr, " %d-%d: %d", j, i, pairs[i][j]);
    }
    fprintf(stderr, "; pools");
    for (const auto& pool : pools_) fprintf(stderr, " %zu", pool.size());
    fprintf(stderr, "; tried %ld, took %ld\n", tried_, taken_);
  }

 private:
  int slots_;
  Random random_;
  Solver solver_;
  std::vector<Entry> rooms_;  // family by family
  std::vector<std::vector<char>> alike_;
  std::vector<double> like_;  // expected number of rooms in use that are like this one
  std::vector<std::vector<Entry>> pools_;
  std::vector<std::unordered_set<std::string>> known_;
  long tried_ = 0, taken_ = 0;

  double share(int at) const { return kFamilies[at / slots_].share; }
  double worth(int at, double like) const { return share(at) / (1 + like); }

  void connect() {
    for (size_t i = 0; i < rooms_.size(); i++) {
      like_[i] = 0;
      for (size_t j = 0; j < rooms_.size(); j++) {
        alike_[i][j] = i != j && similar(rooms_[i].text, rooms_[j].text, kTenths);
        if (alike_[i][j] && i % slots_ != j % slots_) like_[i] += share(int(j));
      }
    }
  }

  void keep(int family, const Entry& entry) {
    if (!known_[family].insert(entry.letters).second) return;
    auto& pool = pools_[family];
    if (pool.size() < kPool) {
      pool.push_back(entry);
    } else {
      pool[below(random_, int(kPool))] = entry;
    }
  }

  /// A room to replace: one of two, mostly the one that is asked for more or like more others.
  int choose() {
    const int one = below(random_, int(rooms_.size())), other = below(random_, int(rooms_.size()));
    return share(one) * (0.2 + like_[one]) > share(other) * (0.2 + like_[other]) ? one : other;
  }

  void propose(int at, const Entry& entry, double heat) {
    if (entry.letters == rooms_[at].letters) return;
    const double least = heat * std::log((below(random_, 1 << 30) + 1.0) / (1 << 30));
    double gain = share(at) - worth(at, like_[at]), like = 0;
    const int n = int(rooms_.size());
    for (int j = 0; j < n; j++) {
      if (alike_[at][j] && j % slots_ != at % slots_) {
        gain += worth(j, like_[j] - share(at)) - worth(j, like_[j]);
      }
    }
    static std::vector<char> hits;
    hits.assign(n, 0);
    // The gain only falls from here on, so that most are given up soon.
    for (int i = 0; i < n; i++) {
      const int j = (i + slots_) % n;  // the family that is asked for most comes first
      if (j == at || !similar(entry.text, rooms_[j].text, kTenths)) continue;
      hits[j] = 1;
      if (j % slots_ == at % slots_) continue;
      gain -= worth(at, like) - worth(at, like + share(j));
      like += share(j);
      gain -= alike_[at][j] ? worth(j, like_[j] - share(at)) - worth(j, like_[j])
                            : worth(j, like_[j]) - worth(j, like_[j] + share(at));
      if (gain < least) return;
    }
    for (int j = 0; j < n; j++) {
      if (j % slots_ != at % slots_) like_[j] += (hits[j] - alike_[at][j]) * share(at);
      alike_[at][j] = alike_[j][at] = hits[j];
    }
    like_[at] = like;
    rooms_[at] = entry;
    taken_++;
  }

  /// The one with the longest solution of a few: long ones are rare, and unlike all short ones.
  const Entry& from_pool(const std::vector<Entry>& pool, int draws) {
    const Entry* longest = nullptr;
    while (draws--) {
      const Entry& entry = pool[below(random_, int(pool.size()))];
      if (!longest || entry.letters.size() > longest->letters.size()) longest = &entry;
    }
    return *longest;
  }

  double bound() const {
    double sum = 0;
    for (size_t i = 0; i < rooms_.size(); i++) sum += worth(int(i), like_[i]);
    return sum;
  }

  /// Slots left where a family is drawn for each and the one like most others goes until none is.
  double left() {
    const int draws = 200;
    long sum = 0;
    for (int draw = 0; draw < draws; draw++) {
      std::vector<int> used;
      for (int slot = 0; slot < slots_; slot++) {
        double chance = below(random_, 1000) / 1000.0;
        size_t family = 0;
        while (family + 1 < kFamilies.size() && chance >= kFamilies[family].share) {
          chance -= kFamilies[family++].share;
        }
        used.push_back(int(family) * slots_ + slot);
      }
      for (;;) {
        size_t worst = 0;
        int most = 0;
        for (size_t i = 0; i < used.size(); i++) {
          int like = 0;
          for (int other : used) like += alike_[used[i]][other];
          if (like > most) most = like, worst = i;
        }
        if (!most) break;
        used.erase(used.begin() + long(worst));
      }
      sum += long(used.size());
    }
    return double(sum) / draws;
  }
};

int search(double seconds, uint64_t seed, int slots, const char* out, const char* from) {
  Search search(slots, seed);
  if (from) {
    std::ifstream in(from);
    search.read(in);
  }
  const auto start = std::chrono::steady_clock::now();
  double next = seconds / 30;
  for (double used = 0; used < seconds;) {
    search.run(100, kHot * std::pow(kCold / kHot, used / seconds));
    used = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (used > next) {
      search.report(used);
      search.write(out);
      next += seconds / 30;
    }
  }
  search.write(out);
  return 0;
}

/// Each room, its moves and its letters; "-" where it is no good.
int show() {
  Solver solver;
  std::string line;
  while (std::cin >> line) {
    Entry entry;
    const Room room = read_room(line);
    if (!judge(solver, room, false, entry) || written(entry.room) != line) {
      std::cout << line << " - -\n";
      continue;
    }
    std::cout << line << ' ';
    for (char move : entry.moves) std::cout << "lrud"[int(move)];
    std::cout << ' ' << entry.letters << '\n';
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string what = count > 1 ? arguments[1] : "";
  try {
    if (what == "show") return show();
    if (what == "search" && count >= 6) {
      return search(std::stod(arguments[2]), std::stoull(arguments[3]), std::stoi(arguments[4]),
                    arguments[5], count > 6 ? arguments[6] : nullptr);
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  std::cerr << "sokoban search SECONDS SEED SLOTS OUT [START] | sokoban show\n";
  return 2;
}
