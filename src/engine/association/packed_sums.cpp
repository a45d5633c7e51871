#include "association/packed_sums.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "association/genotypes.hpp"

#ifdef MARGMIX_WIDE_KERNELS
#include <immintrin.h>
#endif

namespace margmix {

namespace {

constexpr Index kLanes = PackedSums::kLanes, kBytes = PackedSums::kBytes;
constexpr Index kTable = 256 * kLanes;
static_assert(kBytes == sizeof(std::uint64_t) && kLanes == 8);

// Whether one of the pairs of bits is kMissingCode.
bool any_missing(const PackedBytes& bytes) {
  std::uint64_t values;
  std::memcpy(&values, bytes.data(), kBytes);
  return (values & ~(values >> 1) & 0x5555555555555555U) != 0;
}

}  // namespace

namespace baseline {

void add_entries(const double* tables, const std::vector<PackedBytes>& variants, double* sums) {
  using Entry = Eigen::Array<double, kLanes, 1>;
  for (const PackedBytes& bytes : variants) {
    Entry sum = Entry::Zero();
    for (Index b = 0; b < kBytes; ++b)
      sum += Eigen::Map<const Entry>(tables + b * kTable + kLanes * bytes[b]);
    Eigen::Map<Entry> all(sums);
    all += sum;
    sums += kLanes;
  }
}

}  // namespace baseline

#ifdef MARGMIX_WIDE_KERNELS

namespace wide {

__attribute__((target("avx2"))) void add_entries(const double* tables,
                                                 const std::vector<PackedBytes>& variants,
                                                 double* sums) {
  for (const PackedBytes& bytes : variants) {
    __m256d low = _mm256_setzero_pd(), high = low;
#pragma GCC unroll 8
    for (Index b = 0; b < kBytes; ++b) {
      const double* entry = tables + b * kTable + kLanes * bytes[b];
      low = _mm256_add_pd(low, _mm256_loadu_pd(entry));
      high = _mm256_add_pd(high, _mm256_loadu_pd(entry + 4));
    }
    _mm256_storeu_pd(sums, _mm256_add_pd(_mm256_loadu_pd(sums), low));
    _mm256_storeu_pd(sums + 4, _mm256_add_pd(_mm256_loadu_pd(sums + 4), high));
    sums += kLanes;
  }
}

}  // namespace wide

#endif

namespace {

void add_entries(const double* tables, const std::vector<PackedBytes>& variants, double* sums) {
#ifdef MARGMIX_WIDE_KERNELS
  if (__builtin_cpu_supports("avx2")) return wide::add_entries(tables, variants, sums);
#endif
  baseline::add_entries(tables, variants, sums);
}

}  // namespace

PackedSums::PackedSums(const MatrixXd& columns, Index squared)
    : people_(columns.rows()), bytes_((people_ + 3) / 4), columns_(columns.cols()) {
  const Index whole = (bytes_ + kBytes - 1) / kBytes * kBytes;
  for (Index first = 0; first < columns_; first += kLanes) {
    Group group;
    group.person.assign(4 * whole, Lanes::Zero());
    const Index count = std::min(kLanes, columns_ - first);
    for (Index i = 0; i < people_; ++i)
      group.person[i].head(count) = columns.row(i).segment(first, count).transpose().array();
    for (int code = 0; code < 4; ++code) {
      group.factor[code].setConstant(kAlleles[code]);
      for (Index k = std::max<Index>(squared - first, 0); k < kLanes; ++k)
        group.factor[code][k] *= kAlleles[code];
    }
    groups_.push_back(std::move(group));
  }
}

void PackedSums::add(const unsigned char* bytes, MatrixXd& known, MatrixXd& without) const {
  for (size_t k = 0; k < groups_.size(); ++k) {
    std::vector<Lanes> sums(known.cols(), Lanes::Zero()), missing(known.cols(), Lanes::Zero());
    add(groups_[k], bytes, sums, missing);
    const Index first = static_cast<Index>(k) * kLanes, count = std::min(kLanes, columns_ - first);
    for (Index v = 0; v < known.cols(); ++v) {
      known.col(v).segment(first, count) += sums[v].head(count).matrix();
      without.col(v).segment(first, count) += missing[v].head(count).matrix();
    }
  }
}

void PackedSums::add(const Group& group, const unsigned char* bytes, std::vector<Lanes>& known,
                     std::vector<Lanes>& without) const {
  Tables tables(256 * kBytes);
  std::vector<PackedBytes> variants(known.size());
  for (Index first = 0; first < bytes_; first += kBytes) {
    for (Index b = 0; b < kBytes; ++b) fill(group, first + b, &tables[256 * b]);
    const Index count = std::min(kBytes, bytes_ - first);
    for (size_t v = 0; v < variants.size(); ++v) {
      variants[v].fill(0);
      std::copy_n(bytes + static_cast<Index>(v) * bytes_ + first, count, variants[v].begin());
      if (!any_missing(variants[v])) continue;
      for (Index b = 0; b < count; ++b) add_missing(group, first + b, variants[v][b], without[v]);
    }
    add_entries(tables[0].data(), variants, known[0].data());
  }
}

void PackedSums::add_missing(const Group& group, Index byte, unsigned char value,
                             Lanes& without) const {
  for (Index i = 0; i < 4; ++i)
    if ((value >> (2 * i) & 3) == kMissingCode) without += group.person[4 * byte + i];
}

// From the tables of two people each.
void PackedSums::fill(const Group& group, Index byte, Lanes* table) {
  std::array<std::array<Lanes, 16>, 2> pair;
  for (Index half = 0; half < 2; ++half) {
    const Lanes* person = &group.person[4 * byte + 2 * half];
    for (int value = 0; value < 16; ++value)
      pair[half][value] =
          group.factor[value & 3] * person[0] + group.factor[value >> 2] * person[1];
  }
  for (int value = 0; value < 256; ++value)
    table[value] = pair[1][value >> 4] + pair[0][value & 15];
}

}  // namespace margmix
