// Genotypes as they come: doubles, integers, or two bits each.
#pragma once

#include <array>
#include <variant>
#include <vector>

#include "core/types.hpp"

namespace margmix {

// People x variants, by variant. Missing is NaN, or the smallest integer. Bytes hold four people
// each, from the lowest bits, as in a PLINK .bed file: 0 is two copies of the allele that is
// counted, 1 missing, 2 one copy, 3 none.
struct Genotypes {
  std::variant<const double*, const int*, const unsigned char*> values;
  Index people, variants;
};

constexpr int kMissingCode = 1;
constexpr std::array<double, 4> kAlleles = {2, 0, 1, 0};  // of the two bits; missing is 0

struct GenotypeRange {
  double smallest = kInf, largest = -kInf;
};

// Reads genotypes; remembers what a byte stands for.
class GenotypeReader {
 public:
  explicit GenotypeReader(const Genotypes& genotypes);

  // People first .. first + count - 1 of a variant; those that are missing count as 0, and are
  // appended to `missing`. `first` is a multiple of 4. The range of packed genotypes stays as it
  // is.
  void read(Index variant, Index first, Index count, double* out, std::vector<Index>& missing,
            GenotypeRange& range) const;

 private:
  void read(const unsigned char* bytes, Index first, Index count, double* out,
            std::vector<Index>& missing, GenotypeRange& range) const;

  const Genotypes& genotypes_;
  std::array<std::array<double, 4>, 256> alleles_;
  std::array<bool, 256> any_missing_;
};

// Variants of some people. Missing genotypes are NaN, or with `impute` the mean of the others, 0 if
// there are none.
class GenotypeColumns {
 public:
  // `people`: positions among those of the genotypes.
  GenotypeColumns(const Genotypes& genotypes, const IntegerMap& people, bool impute);

  // As many as people.
  void read(Index variant, double* out);

 private:
  const GenotypeReader reader_;
  const IntegerMap people_;
  const bool impute_;
  VectorXd all_;
  std::vector<Index> missing_;
};

// People x variants.
MatrixXd genotype_columns(const Genotypes& genotypes, const IntegerMap& people,
                          const IntegerMap& variants, bool impute);

}  // namespace margmix
