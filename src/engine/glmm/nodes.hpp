// What the quadrature nodes of one cluster contribute.
//
// With eta_k = eta~ + V P z_k this holds, for the n rows of a cluster and the N nodes,
//   lsum[k] = sum_j l_j(eta_jk),   G[j,k] = g_j(eta_jk),   W[j,k] = W_j(eta_jk)
// and offers the only products the derivatives need:
//   weigh: G [rho, rho z'],  W [rho, rho z', rho z z'];   project: G'B;   apply: G B.
// Large clusters are swept in chunks of rows, so that memory does not grow with n N. For 0/1
// responses under the logit G and W are kept transposed: the nodes of a row share what belongs to
// the row, and are many enough to be computed together.
#pragma once

#include <vector>

#include "design/dispersion.hpp"
#include "family/family.hpp"
#include "glmm/mode.hpp"
#include "linalg/products.hpp"
#include "quadrature/gauss_hermite.hpp"

namespace margmix {

// Sums over nodes with weights rho, by row.
template <int Q>
struct NodeMoments {
  VectorXd g;     // n: sum rho g
  RowsByQ<Q> gz;  // n x q: sum rho g z'
  MatrixXd W;     // n x (1 + q + q (q + 1) / 2): sum rho W, rho W z', rho W z_r z_s (r <= s)
};

template <int Q>
class Nodes {
 public:
  Nodes(const Family& family, const ProductRule& rule) : family_(family), rule_(rule) {}

  // Evaluates every node; `order` is 0 (lsum), 1 (G) or 2 (G and W).
  void evaluate(const Rows& rows, const Mode<Q>& mode, int order);
  const VectorXd& lsum() {
    take_logarithms();
    return lsum_;
  }
  // Turns c into rho = exp(c + lsum) / sum, and returns the logarithm of the sum.
  double softmax(VectorXd& c);

  void weigh(const VectorXd& rho, NodeMoments<Q>& out, bool with_W);
  void project(const MatrixXd& B, MatrixXd& out);  // N x cols: G' B
  void apply(const MatrixXd& B, MatrixXd& out);    // n x cols: G B

  // sum_k rho_k sum_j dl_jk / dlog phi
  void dispersion(const VectorXd& rho, PhiDerivatives& out);

 private:
  static constexpr Index kChunkEntries = Index(1) << 20;

  void fill(Index first, Index count, bool add_to_lsum);
  void fill_exp(Index first, Index count, bool add_to_lsum);
  void fill_bernoulli(Index first, Index count, bool add_to_lsum);
  void tabulate(Index j);
  void bernoulli_run(double factor, const double* table, Index run, double y_1, Index k, Index j);
  void take_logarithms();
  double reach(Index j) const;
  double largest_reach(Index first, Index count) const;
  bool collapses() const;
  void evaluate_collapsed();
  void store(Index k, double l, bool add_to_lsum);
  void node_sums(const MatrixXd& G, const MatrixRef& B, Eigen::Ref<MatrixXd> out);

  // Calls work(first row, rows) after G and W hold that chunk.
  template <class Work>
  void for_each_chunk(Work work) {
    for (Index first = 0; first < n_; first += chunk_) {
      const Index count = std::min(chunk_, n_ - first);
      if (chunk_ < n_) fill(first, count, false);
      work(first, count);
    }
  }

  const Family& family_;
  const ProductRule& rule_;
  Rows rows_;
  const Mode<Q>* mode_ = nullptr;
  int order_ = 0;
  Index n_ = 0, chunk_ = 0;
  RowsByQ<Q> VP_;  // n x q
  VectorXd lsum_, eta_, exp_mode_;
  MatrixXd G_, W_;           // chunk x N, or transposed
  MatrixXd B_, GB_;          // of weigh(): N x columns, chunk x columns
  MatrixXd partial_;         // chunk x q: running products of exponentials
  std::vector<MatrixXd> F_;  // q of chunk x K: exp(VP z)
  // Bernoulli, logit link: lsum still lacks -log(product), if `pending`
  bool transposed_ = false, pending_ = false;
  double log_bound_ = 0;
  VectorXd product_;   // N
  MatrixXd table_;     // K x q: exp(VP z) of a row, for z on the line
  VectorXd table_of_;  // q: the VP of that row
  // Poisson, log link, one shift per node shared by the rows: g_jk = wy_j - mu_j f_k.
  bool collapsed_ = false;
  VectorXd wy_, mu_, f_;
};

}  // namespace margmix
