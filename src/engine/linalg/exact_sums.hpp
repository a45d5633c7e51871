// Sums of doubles without rounding, so that their order, and how they are split into parts, does
// not matter.
//
// A total is an integer in units of 2^-1075, wide enough for every double (Kulisch 2013), in digits
// of 32 bits that are kept in 64, so that carries wait for a thousand addends (the small
// superaccumulator of Neal 2015, arXiv:1505.05571). It is rounded once, at the end, to the nearest
// double. What travels are slices: the rounded total, the rounded rest, and so on, doubles whose
// sum is the total.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "core/types.hpp"

namespace margmix {

class ExactSums {
 public:
  explicit ExactSums(Index count = 0) : digits_(count * kDigits, 0), special_(count, 0.0) {}

  Index count() const { return static_cast<Index>(special_.size()); }

  // x[0], ..., x[size - 1] to the totals first, first + 1, ...
  void add(Index first, const double* x, Index size) {
    if (++waiting_ == kMostWaiting) carry();
    for (Index k = 0; k < size; ++k) add_one(first + k, x[k]);
  }
  void add(Index k, double x) { add(k, &x, 1); }
  void add(const ExactSums& other);
  // The lower triangle of a square matrix, by columns.
  void add_lower(Index first, const MatrixXd& A);

  double rounded(Index k) const;
  VectorXd rounded(Index first, Index size) const;
  // size x as many as the total with most of them needs.
  MatrixXd slices(Index first, Index size) const;

 private:
  static constexpr int kDigits = 68;  // of 2046 + 53 bits, and of 2^63 addends
  static constexpr int kMostWaiting = 1000;

  void add_one(Index k, double x) {
    std::uint64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    int exponent = static_cast<int>(bits >> 52) & 0x7ff;
    std::int64_t m = static_cast<std::int64_t>(bits & ((std::uint64_t(1) << 52) - 1));
    if (exponent == 0x7ff) {
      special_[k] += x;
      return;
    }
    m |= std::int64_t(exponent != 0) << 52;
    exponent += exponent == 0;
    const std::int64_t sign = static_cast<std::int64_t>(bits) >> 63;  // 0 or -1
    m = (m ^ sign) - sign;
    // m 2^exponent = low + high 2^32 in units of the digit
    std::int64_t* digit = &digits_[k * kDigits + (exponent >> 5)];
    const int shift = exponent & 31;
    digit[0] += static_cast<std::uint32_t>(static_cast<std::uint64_t>(m) << shift);
    digit[1] += m >> (32 - shift);
  }
  void carry();
  static void carry(std::int64_t* digits);
  static double round(std::int64_t* digits);

  std::vector<std::int64_t> digits_;  // count x kDigits; the last one has the sign
  std::vector<double> special_;       // sums of what is not finite
  int waiting_ = 0;                   // addends since the last carry
};

inline Index triangle_size(Index n) { return n * (n + 1) / 2; }

// The symmetric matrix of which `lower` is the lower triangle, by columns.
MatrixXd from_lower(const VectorXd& lower, Index n);

}  // namespace margmix
