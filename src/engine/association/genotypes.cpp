#include "association/genotypes.hpp"

#include <algorithm>
#include <cmath>

namespace margmix {

namespace {

bool is_missing(double x) { return std::isnan(x); }
bool is_missing(int x) { return x == std::numeric_limits<int>::min(); }

template <class Value>
void read_numbers(const Value* g, Index first, Index count, double* out,
                  std::vector<Index>& missing, GenotypeRange& range) {
  for (Index i = 0; i < count; ++i) {
    const Value value = g[first + i];
    if (is_missing(value)) {
      missing.push_back(first + i);
      out[i] = 0;
      continue;
    }
    out[i] = value;
    range.smallest = std::min(range.smallest, out[i]);
    range.largest = std::max(range.largest, out[i]);
  }
}

}  // namespace

GenotypeReader::GenotypeReader(const Genotypes& genotypes) : genotypes_(genotypes) {
  for (int byte = 0; byte < 256; ++byte) {
    any_missing_[byte] = false;
    for (int i = 0; i < 4; ++i) {
      const int code = byte >> (2 * i) & 3;
      alleles_[byte][i] = kAlleles[code];
      if (code == kMissingCode) any_missing_[byte] = true;
    }
  }
}

void GenotypeReader::read(const unsigned char* bytes, Index first, Index count, double* out,
                          std::vector<Index>& missing, GenotypeRange&) const {
  const unsigned char* from = bytes + first / 4;
  const Index whole = count / 4, rest = count % 4;
  bool complete = true;
  for (Index k = 0; k < whole; ++k) {
    Eigen::Map<Eigen::Array4d>(out + 4 * k) =
        Eigen::Map<const Eigen::Array4d>(&alleles_[from[k]][0]);
    complete &= !any_missing_[from[k]];
  }
  if (rest > 0) std::copy_n(alleles_[from[whole]].begin(), rest, out + 4 * whole);
  if (complete && rest == 0) return;
  for (Index i = 0; i < count; ++i)
    if ((from[i / 4] >> (2 * (i % 4)) & 3) == kMissingCode) missing.push_back(first + i);
}

void GenotypeReader::read(Index variant, Index first, Index count, double* out,
                          std::vector<Index>& missing, GenotypeRange& range) const {
  const Index people = genotypes_.people;
  if (const auto bytes = std::get_if<const unsigned char*>(&genotypes_.values))
    read(*bytes + variant * ((people + 3) / 4), first, count, out, missing, range);
  else if (const auto integers = std::get_if<const int*>(&genotypes_.values))
    read_numbers(*integers + variant * people, first, count, out, missing, range);
  else
    read_numbers(std::get<const double*>(genotypes_.values) + variant * people, first, count, out,
                 missing, range);
}

GenotypeColumns::GenotypeColumns(const Genotypes& genotypes, const IntegerMap& people, bool impute)
    : reader_(genotypes), people_(people), impute_(impute), all_(genotypes.people) {}

void GenotypeColumns::read(Index variant, double* out) {
  GenotypeRange range;
  missing_.clear();
  reader_.read(variant, 0, all_.size(), all_.data(), missing_, range);
  for (const Index i : missing_) all_[i] = kNaN;
  Eigen::Map<VectorXd> column(out, people_.size());
  double sum = 0, known = 0;
  for (Index i = 0; i < column.size(); ++i) {
    column[i] = all_[people_[i]];
    if (std::isnan(column[i])) continue;
    sum += column[i];
    ++known;
  }
  const double mean = known > 0 ? sum / known : 0.0;
  if (impute_ && known < static_cast<double>(column.size()))
    column = column.unaryExpr([mean](double x) { return std::isnan(x) ? mean : x; }).eval();
}

MatrixXd genotype_columns(const Genotypes& genotypes, const IntegerMap& people,
                          const IntegerMap& variants, bool impute) {
  GenotypeColumns columns(genotypes, people, impute);
  MatrixXd out(people.size(), variants.size());
  for (Index k = 0; k < variants.size(); ++k) columns.read(variants[k], out.col(k).data());
  return out;
}

}  // namespace margmix
