// What the covariance of Kenward and Roger (1997) is made of, for a linear mixed model with the
// weights W: y = X beta + Z b + e, var(e) = W^-1, var(b) = Sigma = Lambda Lambda',
// V = W^-1 + Z Sigma Z'. With v the free entries of Sigma, in which V is linear, E_a = dSigma /
// dv_a and, over all levels of the factors, Y = Z'V^-1 X and B = Z'V^-1 Z,
//
//   M = X'V^-1 X,  M_0 = X'WX,  P_a = -Y'E_a Y,  Q_ab = Y'E_a B E_b Y,  T_ab = tr(B E_a B E_b), t_a
//   = tr(B E_a).
//
// All are sums over independent clusters, linear in the rows. Sigma may be singular. In a cluster,
// D = W^-1 + Z_1 Sigma_1 Z_1' has a block for each level of its largest factor, and the effects of
// all other factors, the border, make V = D + Z_2 Sigma_2 Z_2', so that
// V^-1 = D^-1 - D^-1 Z_2 H Z_2'D^-1 with H = L (I + L'Z_2'D^-1 Z_2 L)^-1 L', L L' = Sigma_2.
#pragma once

#include "core/run_context.hpp"
#include "inference/working_layout.hpp"
#include "parallel/blocks.hpp"

namespace margmix {

struct KenwardRogerPieces {
  MatrixXd M, M_0;          // p x p; M_0 empty where it depends on v
  std::vector<MatrixXd> P;  // by a: p x p
  std::vector<MatrixXd> Q;  // by pair, see pair(): p x p, symmetric part
  MatrixXd T;
  VectorXd t;
  Status status = Status::ok;

  KenwardRogerPieces() = default;
  KenwardRogerPieces(Index p, Index n_v)
      : M(MatrixXd::Zero(p, p)),
        M_0(MatrixXd::Zero(p, p)),
        P(n_v, MatrixXd::Zero(p, p)),
        Q(n_v * (n_v + 1) / 2, MatrixXd::Zero(p, p)),
        T(MatrixXd::Zero(n_v, n_v)),
        t(VectorXd::Zero(n_v)) {}

  static Index pair(Index a, Index b) {  // (0, 0), (1, 0), (1, 1), (2, 0), ...
    return a >= b ? a * (a + 1) / 2 + b : pair(b, a);
  }
  void add(const KenwardRogerPieces& other) {
    M += other.M;
    M_0 += other.M_0;
    for (std::size_t a = 0; a < P.size(); ++a) P[a] += other.P[a];
    for (std::size_t k = 0; k < Q.size(); ++k) Q[k] += other.Q[k];
    T += other.T;
    t += other.t;
  }
  void symmetrize() {  // from the lower triangle of T, and Q_ab
    for (MatrixXd& q : Q) q = (0.5 * (q + q.transpose())).eval();
    T = T.selfadjointView<Eigen::Lower>();
  }
};

// One cluster at a time; adds its pieces to a sum.
class KenwardRogerCluster {
 public:
  KenwardRogerCluster(const WorkingLayout& layout, const VectorXd& W, const MatrixXd& Lambda);
  bool add(Index i, KenwardRogerPieces& sum);  // false: I + Lambda'Z'WZ Lambda is not definite

 private:
  struct Run {  // of a level of the largest factor
    Index first = 0, last = 0;
    MatrixXd y, b, f;       // Z_1'D^-1 X, Z_1'D^-1 Z_1, Z_1'D^-1 Z_2 in the columns `near`
    std::vector<int> near;  // effects of the border that its rows have
  };
  struct Border {
    MatrixXd c, y, H, g;                // Z_2'D^-1 Z_2, Z_2'D^-1 X, H, H Z_2'D^-1 X
    std::vector<MatrixXd> tau, phi, K;  // by a: E_a Y_2; f'E_a Y_1 and f'E_a f summed over runs
  };
  void split_runs(Index i);
  bool add_run(Run& run, KenwardRogerPieces& sum);
  MatrixXd border_rows(Run& run, const MatrixXd& WX, const MatrixXd& WZ);
  bool solve_border(Index i, MatrixXd& M);
  void add_leaf_terms(Run& run, KenwardRogerPieces& sum);
  void add_border_terms(Index i, KenwardRogerPieces& sum);
  void add_border_traces(Index i, KenwardRogerPieces& sum) const;

  const WorkingLayout& layout_;
  const VectorXd& W_;
  std::vector<MatrixXd> Lambda_;  // by factor
  Index p_, q1_, n_v_, m_ = 0;    // m: effects in the border
  std::vector<Run> runs_;
  std::vector<int> where_;  // position in the border -> place in `near`
  std::vector<Index> offset_;
  Border border_;
  std::vector<MatrixXd> tau_, b_tau_;
};

KenwardRogerPieces kenward_roger_pieces(const GroupedDesign& design, const VectorXd& W,
                                        const MatrixXd& Lambda, const RunContext& context);

}  // namespace margmix
