// Sums over people of columns times packed genotypes, without a multiplication for each person.
#pragma once

#include <array>
#include <vector>

#include "core/types.hpp"

namespace margmix {

// A byte holds four people, see genotypes.hpp: a table has what each of its 256 values adds to the
// sums, and serves all variants of a range.
class PackedSums {
 public:
  // Columns (people x any) from `squared` on are multiplied with squares of genotypes.
  PackedSums(const MatrixXd& columns, Index squared);

  // Of the variants from `bytes` on, one for each column of `known`, to which the sums over known
  // genotypes are added; to `without` those of the columns themselves over people without one.
  void add(const unsigned char* bytes, MatrixXd& known, MatrixXd& without) const;

 private:
  static constexpr Index kLanes = 8;  // columns at a time
  static constexpr Index kBytes = 8;  // whose tables stay in the cache
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

}  // namespace margmix
