#include "design/equal_rows.hpp"

#include <cstdint>
#include <cstring>

namespace margmix {

namespace {

std::uint64_t bits(int x) { return static_cast<std::uint64_t>(x); }
std::uint64_t bits(double x) {
  const double y = x + 0.0;  // -0 becomes 0
  std::uint64_t out;
  std::memcpy(&out, &y, sizeof out);
  return out;
}

// The finaliser of splitmix64 (Steele, Lea and Flood 2014), which spreads each bit over all.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

std::vector<std::uint64_t> hashes(const std::vector<Column>& columns, Index n) {
  std::vector<std::uint64_t> out(static_cast<std::size_t>(n), 0);
  for (const Column& column : columns) {
    std::visit(
        [&](auto x) {
          for (Index j = 0; j < n; ++j) out[j] = mix(out[j] ^ bits(x[j]));
        },
        column);
  }
  return out;
}

bool same(const std::vector<Column>& columns, Index j, Index k) {
  for (const Column& column : columns) {
    if (!std::visit([&](auto x) { return x[j] == x[k]; }, column)) return false;
  }
  return true;
}

}  // namespace

std::vector<int> equal_rows(const std::vector<Column>& columns, Index n) {
  const std::vector<std::uint64_t> hash = hashes(columns, n);
  std::size_t size = 16;
  while (size < 2 * static_cast<std::size_t>(n)) size *= 2;
  std::vector<int> table(size, -1);  // sets, by open addressing
  std::vector<Index> first;          // of each set
  std::vector<int> set(static_cast<std::size_t>(n));
  for (Index j = 0; j < n; ++j) {
    std::size_t at = hash[j] & (size - 1);
    while (table[at] >= 0) {
      const Index k = first[table[at]];
      if (hash[j] == hash[k] && same(columns, j, k)) break;
      at = (at + 1) & (size - 1);
    }
    if (table[at] < 0) {
      table[at] = static_cast<int>(first.size());
      first.push_back(j);
    }
    set[j] = table[at];
  }
  return set;
}

}  // namespace margmix
