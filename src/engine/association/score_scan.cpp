#include "association/score_scan.hpp"

#include <cmath>

#include "parallel/blocks.hpp"

namespace margmix {

namespace {

bool is_missing(double x) { return std::isnan(x); }
bool is_missing(int x) { return x == std::numeric_limits<int>::min(); }

class Scan {
 public:
  explicit Scan(const ScanNull& null)
      : null_(null), WX_((null.W.asDiagonal() * null.X).transpose()), p_(null.X.cols()) {}

  template <class Value>
  void variant(const Value* g, Index people, ScanResult& out, Index k) const {
    VectorXd x(people);
    impute(g, x, out, k);
    VectorXd b = VectorXd::Zero(p_);  // X'Wg
    double score = 0, weight = 0;
    for (Index j = 0; j < null_.r.size(); ++j) {
      const double xj = x[null_.person[j]];
      if (xj == 0) continue;  // as most are where an allele is rare
      score += xj * null_.r[j];
      weight += xj * xj * null_.W[j];
      const double* WX = WX_.data() + j * p_;
      for (Index l = 0; l < p_; ++l) b[l] += xj * WX[l];
    }
    out.score[k] = score;
    out.weight[k] = weight;
    out.variance[k] = weight - b.dot(null_.C * b);
  }

 private:
  template <class Value>
  void impute(const Value* g, VectorXd& x, ScanResult& out, Index k) const {
    Index missing = 0, cases = 0;
    double sum = 0, case_sum = 0, smallest = kInf, largest = -kInf;
    for (Index i = 0; i < x.size(); ++i) {
      if (is_missing(g[i])) {
        ++missing;
        continue;
      }
      x[i] = g[i];
      sum += x[i];
      cases += null_.is_case[i];
      case_sum += null_.is_case[i] * x[i];
      smallest = std::min(smallest, x[i]);
      largest = std::max(largest, x[i]);
    }
    const Index known = x.size() - missing;
    const double mean = known > 0 ? sum / static_cast<double>(known) : 0.0;
    for (Index i = 0; missing > 0 && i < x.size(); ++i)
      if (is_missing(g[i])) x[i] = mean;
    out.missing[k] = static_cast<double>(missing);
    out.sum[k] = sum;
    out.cases[k] = static_cast<double>(cases);
    out.case_sum[k] = case_sum;
    out.smallest[k] = smallest;
    out.largest[k] = largest;
  }

  const ScanNull& null_;
  const MatrixXd WX_;  // p x n
  const Index p_;
};

}  // namespace

ScanResult score_scan(const ScanNull& null, const Genotypes& genotypes, const RunContext& context) {
  const Scan scan(null);
  ScanResult out(genotypes.variants);
  const Index people = genotypes.people;
  const auto work = [&](int, const Block& block) {
    std::visit(
        [&](auto g) {
          for (Index k = block.first; k < block.last; ++k)
            scan.variant(g + k * people, people, out, k);
        },
        genotypes.values);
  };
  if (!for_each_block(cluster_blocks(genotypes.variants), context, work))
    out.status = Status::interrupted;
  return out;
}

}  // namespace margmix
