// Sums over people of columns times packed genotypes, without a multiplication for each person.
#pragma once

#include <array>
#include <vector>

#include "core/types.hpp"
#include "linalg/wide_kernels.hpp"

namespace margmix {

using PackedBytes = std::array<unsigned char, 8>;  // of a variant

// A byte holds four people, see genotypes.hpp: a table has what each of its 256 values adds to the
// sums, and serves all variants of a range.
class PackedSums {
 public:
  static constexpr Index kLanes = 8;                     // columns at a time
  static constexpr Index kBytes = PackedBytes().size();  // whose tables stay in the cache

  // Columns (people x any) from `squared` on are multiplied with squares of genotypes.
  PackedSums(const MatrixXd& columns, Index squared);

  // Of the variants from `bytes` on, one for each column of `known`, to which the sums over known
  // genotypes are added; to `without` those of the columns themselves over people without one.
  void add(const unsigned char* bytes, MatrixXd& known, MatrixXd& without) const;

 private:
  using Lanes = Eigen::Array<double, kLanes, 1>;
  using Tables = std::vector<Lanes>;

  // Some columns, person after person; people beyond the last one are zero.
  struct Group {
    std::array<Lanes, 4> factor;  // of a genotype's two bits
    std::vector<Lanes> person;
  };

  void add(const Group& group, const unsigned char* bytes, std::vector<Lanes>& known,
           std::vector<Lanes>& without) const;
  void add_missing(const Group& group, Index byte, unsigned char value, Lanes& without) const;
  static void fill(const Group& group, Index byte, Lanes* table);

  Index people_, bytes_, columns_;
  std::vector<Group> groups_;
};

// For each variant the entries of its bytes in their tables, added to its sums: the same additions
// in the same order with any instructions, and so the same bits.
namespace baseline {
void add_entries(const double* tables, const std::vector<PackedBytes>& variants, double* sums);
}  // namespace baseline

#ifdef MARGMIX_WIDE_KERNELS
namespace wide {
void add_entries(const double* tables, const std::vector<PackedBytes>& variants, double* sums);
}  // namespace wide
#endif

}  // namespace margmix
