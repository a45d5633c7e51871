#include "association/score_scan.hpp"

#include "linalg/dense_kernels.hpp"
#include "parallel/blocks.hpp"

namespace margmix {

namespace {

// Of a tile, which stays in the cache. All tiles are as wide, the last one with columns of zeros:
// then a product has the same bits wherever in a block its variant is.
constexpr Index kVariants = 16, kPeople = 1024;

class Pass {
 public:
  Pass(const std::vector<ScanNull>& models, const Genotypes& genotypes, Scan& out)
      : models_(models), reader_(genotypes), people_(genotypes.people), out_(out) {
    Index columns = 0;
    for (const ScanNull& model : models) {
      first_.push_back(columns);
      columns += model.columns.cols();
    }
    columns_.resize(people_, columns);
    W_.resize(people_, static_cast<Index>(models.size()));
    people_of_.resize(2, W_.cols());
    for (size_t m = 0; m < models.size(); ++m) {
      columns_.middleCols(first_[m], models[m].columns.cols()) = models[m].columns;
      W_.col(static_cast<Index>(m)) = models[m].W;
      people_of_.col(static_cast<Index>(m)) = models[m].columns.leftCols(2).colwise().sum();
    }
  }

  // Variants first .. last - 1, at most kVariants.
  void variants(Index first, Index last) const {
    const Index count = last - first;
    MatrixXd g = MatrixXd::Zero(kPeople, kVariants);
    MatrixXd sums = MatrixXd::Zero(columns_.cols(), kVariants);
    MatrixXd squares = MatrixXd::Zero(W_.cols(), kVariants);
    std::vector<std::vector<Index>> missing(count);
    std::vector<GenotypeRange> range(count);
    for (Index i = 0; i < people_; i += kPeople) {
      const Index rows = std::min(kPeople, people_ - i);
      for (Index k = 0; k < count; ++k)
        reader_.read(first + k, i, rows, g.col(k).data(), missing[k], range[k]);
      add_cross_products({&columns_(0, 0) + i, people_, columns_.cols()},
                         {g.data(), kPeople, kVariants}, rows, sums.data());
      g = g.cwiseAbs2();
      add_cross_products({&W_(0, 0) + i, people_, W_.cols()}, {g.data(), kPeople, kVariants}, rows,
                         squares.data());
    }
    for (Index k = 0; k < count; ++k) {
      out_.smallest[first + k] = range[k].smallest;
      out_.largest[first + k] = range[k].largest;
      for (size_t m = 0; m < models_.size(); ++m)
        finish(m, first + k, sums.col(k), squares(static_cast<Index>(m), k), missing[k]);
    }
  }

 private:
  // Sums over known genotypes, and those over people without, to what the model is told.
  void finish(size_t m, Index k, const VectorXd& all_sums, double square,
              const std::vector<Index>& missing) const {
    const ScanNull& model = models_[m];
    const Index width = model.columns.cols();
    VectorXd sums = all_sums.segment(first_[m], width), without = VectorXd::Zero(width);
    double without_W = 0;
    for (const Index i : missing) {
      without += model.columns.row(i).transpose();
      without_W += model.W[i];
    }
    ScanResult& out = out_.models[m];
    const double known = people_of_(0, static_cast<Index>(m)) - without[0];
    const double mean = known > 0 ? sums[0] / known : 0.0;
    out.missing[k] = without[0];
    out.sum[k] = sums[0];
    out.cases[k] = people_of_(1, static_cast<Index>(m)) - without[1];
    out.case_sum[k] = sums[1];
    sums += mean * without;
    const VectorXd b = sums.tail(width - 3);
    out.score[k] = sums[2];
    out.weight[k] = square + mean * mean * without_W;
    out.variance[k] = out.weight[k] - b.dot(model.C * b);
    out.products.col(k) = b;
  }

  const std::vector<ScanNull>& models_;
  const GenotypeReader reader_;
  const Index people_;
  MatrixXd columns_, W_;  // of all models, side by side
  MatrixXd people_of_;    // all and cases of each model, 2 x models
  std::vector<Index> first_;
  Scan& out_;
};

}  // namespace

Scan score_scan(const std::vector<ScanNull>& models, const Genotypes& genotypes,
                const RunContext& context) {
  const Index n = genotypes.variants;
  Scan out;
  out.smallest.resize(n);
  out.largest.resize(n);
  for (const ScanNull& model : models) out.models.emplace_back(model.columns.cols() - 3, n);
  const Pass pass(models, genotypes, out);
  const auto work = [&](int, const Block& block) { pass.variants(block.first, block.last); };
  std::vector<Block> tiles;
  for (Index k = 0; k < n; k += kVariants) tiles.push_back({k, std::min(k + kVariants, n)});
  if (n > 0 && !for_each_block(tiles, context, work)) out.status = Status::interrupted;
  return out;
}

}  // namespace margmix
