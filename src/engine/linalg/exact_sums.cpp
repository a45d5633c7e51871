#include "linalg/exact_sums.hpp"

#include <algorithm>
#include <cmath>

namespace margmix {

// Digits 0 ... 2^32 - 1, and a last one with the sign: a total has one such form.
void ExactSums::carry(std::int64_t* digits) {
  for (int i = 0; i + 1 < kDigits; ++i) {
    digits[i + 1] += digits[i] >> 32;
    digits[i] &= 0xffffffff;
  }
}

void ExactSums::carry() {
  for (Index k = 0; k < count(); ++k) carry(&digits_[k * kDigits]);
  waiting_ = 0;
}

void ExactSums::add(const ExactSums& other) {
  ExactSums carried = other;
  carried.carry();
  if (++waiting_ >= kMostWaiting) carry();
  for (std::size_t i = 0; i < digits_.size(); ++i) digits_[i] += carried.digits_[i];
  for (std::size_t k = 0; k < special_.size(); ++k) special_[k] += carried.special_[k];
}

void ExactSums::add_lower(Index first, const MatrixXd& A) {
  for (Index c = 0; c < A.cols(); first += A.cols() - c, ++c) add(first, &A(c, c), A.cols() - c);
}

// Of the leading 64 bits, with a last bit that stands for all that follow, the processor makes the
// nearest double. Totals below 2^-1022 have no more bits than a double there.
double ExactSums::round(std::int64_t* digits) {
  carry(digits);
  const bool negative = digits[kDigits - 1] < 0;
  if (negative) {
    for (int i = 0; i < kDigits; ++i) digits[i] = -digits[i];
    carry(digits);
  }
  int top = kDigits - 1;
  while (top >= 0 && digits[top] == 0) --top;
  if (top < 0) return 0;
  auto digit = [&](int i) { return i < 0 ? std::uint64_t(0) : std::uint64_t(digits[i]); };
  std::uint64_t leading = digit(top) << 32 | digit(top - 1);
  int shift = 0;
  for (; !(leading >> 63); ++shift) leading <<= 1;
  if (shift) leading |= digit(top - 2) >> (32 - shift);
  const std::uint64_t rest = digit(top - 2) << shift & 0xffffffff;
  const bool more = rest || std::any_of(digits, digits + std::max(top - 2, 0),
                                        [](std::int64_t d) { return d != 0; });
  if (more) leading |= 1;
  const double size = std::ldexp(static_cast<double>(leading), 32 * (top - 1) - shift - 1075);
  return negative ? -size : size;
}

double ExactSums::rounded(Index k) const {
  const double special = special_[k];
  if (std::isnan(special)) return kNaN;
  if (special != 0) return special;
  std::int64_t digits[kDigits];
  std::copy_n(&digits_[k * kDigits], kDigits, digits);
  return round(digits);
}

VectorXd ExactSums::rounded(Index first, Index size) const {
  VectorXd out(size);
  for (Index k = 0; k < size; ++k) out[k] = rounded(first + k);
  return out;
}

MatrixXd ExactSums::slices(Index first, Index size) const {
  std::vector<VectorXd> columns;
  ExactSums rest = *this;
  for (bool more = true; more;) {
    const VectorXd slice = rest.rounded(first, size);
    more = false;
    for (Index k = 0; k < size; ++k) {
      if (std::isfinite(slice[k]))
        rest.add(first + k, -slice[k]);
      else
        rest.special_[first + k] = 0, std::fill_n(&rest.digits_[(first + k) * kDigits], kDigits, 0);
      more = more || slice[k] != 0;
    }
    if (more || columns.empty()) columns.push_back(slice);
  }
  MatrixXd out(size, columns.size());
  for (Index c = 0; c < out.cols(); ++c) out.col(c) = columns[c];
  return out;
}

MatrixXd from_lower(const VectorXd& lower, Index n) {
  MatrixXd A(n, n);
  for (Index c = 0, k = 0; c < n; ++c)
    for (Index r = c; r < n; ++r) A(r, c) = A(c, r) = lower[k++];
  return A;
}

}  // namespace margmix
