// How alike two strings are, by Ratcliff and Obershelp's measure: twice the letters that match over
// all letters, where the longest common substring matches (of several the first) and, again, what
// lies before it and what lies behind it. Same as Python's difflib for strings below 200 letters.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

constexpr int kMostWords = 3;
constexpr int kLongest = 64 * kMostWords - 1;
constexpr int kLetters = 12;

/// A set of places in a string of 64 letters a word.
template <int words>
struct Places {
  std::array<uint64_t, words> word;

  bool any() const {
    uint64_t all = 0;
    for (uint64_t part : word) all |= part;
    return all;
  }

  /// The first place in [from, to), -1 where there is none.
  int first(int from, int to) const {
    for (int i = words == 1 ? 0 : from >> 6; i < words && 64 * i < to; i++) {
      const uint64_t part = word[i] & (64 * i < from ? ~uint64_t(0) << (from & 63) : ~uint64_t(0));
      if (part) {
        const int place = 64 * i + __builtin_ctzll(part);
        return place < to ? place : -1;
      }
    }
    return -1;
  }

  /// Those that come right after one of `before`: matches that go on.
  Places after(const Places& before) const {
    Places out;
    uint64_t carry = 0;
    for (int i = 0; i < words; i++) {
      out.word[i] = word[i] & (before.word[i] << 1 | carry);
      carry = before.word[i] >> 63;
    }
    return out;
  }
};

/// A string of at most kLongest letters out of an alphabet of at most kLetters.
struct Text {
  std::string codes;
  std::array<std::array<uint64_t, kMostWords>, kLetters> at{};
  std::array<uint8_t, kLetters> count{};

  Text() = default;
  Text(const std::string& letters, const std::string& alphabet) {
    for (size_t i = 0; i < letters.size(); i++) {
      const size_t code = alphabet.find(letters[i]);
      codes += char(code);
      at[code][i >> 6] |= uint64_t(1) << (i & 63);
      count[code]++;
    }
  }
  int size() const { return int(codes.size()); }
};

/// Letters of `a` and `b` that match; the places in `b` fit in `words`.
template <int words>
int matches(const Text& a, const Text& b) {
  // run[k][i]: places of b where a common substring of k letters ends that ends at i in a.
  static Places<words> run[kLongest + 2][kLongest];
  const int n = a.size();
  for (int i = 0; i < n; i++) {
    std::copy_n(b.at[size_t(a.codes[i])].begin(), words, run[1][i].word.begin());
  }
  int longest = 1;
  for (; longest < n; longest++) {
    bool found = false;
    for (int i = longest; i < n; i++) {
      run[longest + 1][i] = run[longest][i].after(run[longest][i - 1]);
      found |= run[longest + 1][i].any();
    }
    if (!found) break;
  }
  auto within = [](auto self, int a_low, int a_high, int b_low, int b_high, int most) -> int {
    for (int k = std::min({most, a_high - a_low, b_high - b_low}); k > 0; k--) {
      for (int i = a_low + k - 1; i < a_high; i++) {
        const int j = run[k][i].first(b_low + k - 1, b_high);
        if (j >= 0) {
          return k + self(self, a_low, i - k + 1, b_low, j - k + 1, k) +
                 self(self, i + 1, a_high, j + 1, b_high, k);
        }
      }
    }
    return 0;
  };
  return within(within, 0, n, 0, b.size(), longest);
}

inline int matches(const Text& a, const Text& b) {
  return b.size() <= 64 ? matches<1>(a, b) : b.size() <= 128 ? matches<2>(a, b) : matches<3>(a, b);
}

/// Whether the ratio exceeds `tenths` / 10 in either order; the order decides which of several
/// longest substrings is the first.
inline bool similar(const Text& a, const Text& b, int tenths) {
  const int all = tenths * (a.size() + b.size());
  if (20 * std::min(a.size(), b.size()) <= all) return false;
  int most = 0;
  for (int i = 0; i < kLetters; i++) most += std::min(a.count[i], b.count[i]);
  return 20 * most > all && (20 * matches(a, b) > all || 20 * matches(b, a) > all);
}
