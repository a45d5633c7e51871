#include "association/score_scan.hpp"

#include <algorithm>
#include <optional>

#include "association/packed_sums.hpp"
#include "linalg/dense_kernels.hpp"
#include "parallel/blocks.hpp"

namespace margmix {

namespace {

// Of a tile of numbers, which stays in the cache. All tiles are as wide, the last one with columns
// of zeros: then a product has the same bits wherever in a block its variant is.
constexpr Index kVariants = 16, kPeople = 1024;
// Of packed genotypes, whose tables serve a range.
constexpr Index kFewestPacked = 256, kMostPacked = 2048;

// Sums over people by variant: of columns times known genotypes, the last ones times their squares;
// and of the columns over people without.
struct Sums {
  MatrixXd known, without;

  Sums(Index columns, Index variants)
      : known(MatrixXd::Zero(columns, variants)), without(MatrixXd::Zero(columns, variants)) {}
};

class Pass {
 public:
  Pass(const std::vector<ScanNull>& models, const Genotypes& genotypes, Scan& out)
      : models_(models), genotypes_(genotypes), reader_(genotypes), out_(out) {
    squared_ = 0;
    for (const ScanNull& model : models) {
      first_.push_back(squared_);
      squared_ += model.columns.cols();
    }
    columns_.resize(genotypes.people, squared_ + static_cast<Index>(models.size()));
    people_of_.resize(2, static_cast<Index>(models.size()));
    for (size_t m = 0; m < models.size(); ++m) {
      columns_.middleCols(first_[m], models[m].columns.cols()) = models[m].columns;
      columns_.col(squared_ + static_cast<Index>(m)) = models[m].W;
      people_of_.col(static_cast<Index>(m)) = models[m].columns.leftCols(2).colwise().sum();
    }
    bytes_ = std::get_if<const unsigned char*>(&genotypes.values);
    if (bytes_) packed_.emplace(columns_, squared_);
  }

  // How many at a time.
  Index range(int threads) const {
    const Index share = genotypes_.variants / std::max(threads, 1) + 1;
    return bytes_ ? std::clamp(share, kFewestPacked, kMostPacked) : kVariants;
  }

  // Variants first .. last - 1, at most range().
  void variants(Index first, Index last) const {
    Sums sums(columns_.cols(), last - first);
    if (bytes_)
      packed_->add(*bytes_ + first * ((genotypes_.people + 3) / 4), sums.known, sums.without);
    else
      add_numbers(first, sums);
    for (Index k = 0; k < last - first; ++k)
      for (size_t m = 0; m < models_.size(); ++m)
        finish(m, first + k, sums.known.col(k), sums.without.col(k));
  }

 private:
  void add_numbers(Index first, Sums& sums) const {
    const Index count = sums.known.cols(), people = genotypes_.people;
    MatrixXd g = MatrixXd::Zero(kPeople, kVariants);
    MatrixXd linear = MatrixXd::Zero(squared_, kVariants);
    MatrixXd squares = MatrixXd::Zero(columns_.cols() - squared_, kVariants);
    std::vector<std::vector<Index>> missing(count);
    std::vector<GenotypeRange> range(count);
    for (Index i = 0; i < people; i += kPeople) {
      const Index rows = std::min(kPeople, people - i);
      for (Index k = 0; k < count; ++k)
        reader_.read(first + k, i, rows, g.col(k).data(), missing[k], range[k]);
      add_cross_products({&columns_(0, 0) + i, people, squared_}, {g.data(), kPeople, kVariants},
                         rows, linear.data());
      g = g.cwiseAbs2();
      add_cross_products({&columns_(0, squared_) + i, people, squares.rows()},
                         {g.data(), kPeople, kVariants}, rows, squares.data());
    }
    sums.known << linear.leftCols(count), squares.leftCols(count);
    for (Index k = 0; k < count; ++k) {
      out_.smallest[first + k] = range[k].smallest;
      out_.largest[first + k] = range[k].largest;
      for (const Index i : missing[k]) sums.without.col(k) += columns_.row(i).transpose();
    }
  }

  // Sums to what the model is told.
  void finish(size_t m, Index k, Eigen::Ref<const VectorXd> known,
              Eigen::Ref<const VectorXd> without) const {
    const Index at = static_cast<Index>(m), first = first_[m];
    const Index p = models_[m].columns.cols() - 3;
    ScanResult& out = out_.models[m];
    const double people = people_of_(0, at) - without[first];
    const double mean = people > 0 ? known[first] / people : 0.0;
    const VectorXd b = known.segment(first + 3, p) + mean * without.segment(first + 3, p);
    out.missing[k] = without[first];
    out.sum[k] = known[first];
    out.cases[k] = people_of_(1, at) - without[first + 1];
    out.case_sum[k] = known[first + 1];
    out.score[k] = known[first + 2] + mean * without[first + 2];
    out.weight[k] = known[squared_ + at] + mean * mean * without[squared_ + at];
    out.variance[k] = out.weight[k] - b.dot(models_[m].C * b);
    out.products.col(k) = b;
  }

  const std::vector<ScanNull>& models_;
  const Genotypes& genotypes_;
  const GenotypeReader reader_;
  MatrixXd columns_;    // of all models, side by side, and then their W
  Index squared_;       // where these begin
  MatrixXd people_of_;  // all and cases of each model, 2 x models
  const unsigned char* const* bytes_;
  std::optional<PackedSums> packed_;
  std::vector<Index> first_;
  Scan& out_;
};

}  // namespace

Scan score_scan(const std::vector<ScanNull>& models, const Genotypes& genotypes,
                const RunContext& context) {
  const Index n = genotypes.variants;
  Scan out;
  out.smallest.setConstant(n, kInf);
  out.largest.setConstant(n, -kInf);
  for (const ScanNull& model : models) out.models.emplace_back(model.columns.cols() - 3, n);
  const Pass pass(models, genotypes, out);
  const auto work = [&](int, const Block& block) { pass.variants(block.first, block.last); };
  std::vector<Block> tiles;
  const Index range = pass.range(context.threads);
  for (Index k = 0; k < n; k += range) tiles.push_back({k, std::min(k + range, n)});
  if (n > 0 && !for_each_block(tiles, context, work)) out.status = Status::interrupted;
  return out;
}

}  // namespace margmix
