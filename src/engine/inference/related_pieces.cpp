#include "inference/related_pieces.hpp"

#include <memory>

#include "linalg/decompositions.hpp"

namespace margmix {

namespace {

// Rows of the effects of column c of a factor, by level, in a matrix of all effects.
using Levelwise = Eigen::Map<MatrixXd, 0, Eigen::Stride<Dynamic, Dynamic>>;

Levelwise by_level(MatrixXd& x, Index first, Index levels, Index q) {
  return {x.data() + first, levels, x.cols(), Eigen::Stride<Dynamic, Dynamic>(x.rows(), q)};
}

// A parameter of the covariance of a factor: an entry of Sigma, or the r-th slope of K.
struct Parameter {
  int factor;
  Index slope;  // -1: an entry of Sigma
  VarianceEntry entry;
};

class RelatedCluster {
 public:
  RelatedCluster(const WorkingLayout& layout, const VectorXd& W, const MatrixXd& Lambda,
                 const VectorXd& rho, const std::vector<int>& slopes);
  Index parameters() const { return static_cast<Index>(parameters_.size()); }
  bool add(Index i, KenwardRogerPieces& sum);

 private:
  struct Factor {
    Index q = 0, first = 0, levels = 0;  // of the cluster
    MatrixXd Sigma;
    std::unique_ptr<LevelCovariance> relation;
    std::vector<std::vector<int>> block;  // all levels, by cluster
    std::vector<MatrixXd> K;              // and its slopes; empty: independent levels
  };
  void add_rho(const VectorXd& rho, const std::vector<int>& slopes);
  bool set_levels(Index i);
  void add_rows(Index i, KenwardRogerPieces& sum);
  MatrixXd times_S(MatrixXd x) const;
  MatrixXd times_K(const Factor& factor, Index which, MatrixXd x) const;
  MatrixXd times_Sigma(const Factor& factor, MatrixXd x) const;
  MatrixXd derivative_times(const Parameter& v, const MatrixXd& x) const;
  void add_parameters(const MatrixXd& B, const MatrixXd& Y, KenwardRogerPieces& sum) const;

  const WorkingLayout& layout_;
  const VectorXd& W_;
  std::vector<Factor> factors_;
  std::vector<Parameter> parameters_;
  Index m_ = 0;      // effects in the cluster
  MatrixXd C_, WX_;  // Z'WZ, Z'WX
};

RelatedCluster::RelatedCluster(const WorkingLayout& layout, const VectorXd& W,
                               const MatrixXd& Lambda, const VectorXd& rho,
                               const std::vector<int>& slopes)
    : layout_(layout), W_(W), factors_(layout.factors()) {
  for (int f = 0; f < layout.factors(); ++f) {
    const MatrixXd L = layout.Lambda(Lambda, f);
    factors_[f].q = layout.group(f).q();
    factors_[f].Sigma = L * L.transpose();
  }
  for (Index a = 0; a < layout.variances(); ++a)
    parameters_.push_back({layout.entry(a).factor, -1, layout.entry(a)});
  add_rho(rho, slopes);
}

void RelatedCluster::add_rho(const VectorXd& rho, const std::vector<int>& slopes) {
  Index first = 0;
  for (int f = 0; f < layout_.factors(); ++f) {
    const Group& group = layout_.group(f);
    if (!group.relation) continue;
    const Index last = first + group.relation->n_rho();
    std::vector<Index> own;
    for (const int r : slopes)
      if (r >= first && r < last) {
        parameters_.push_back({f, static_cast<Index>(own.size()), {}});
        own.push_back(r - first);
      }
    Factor& factor = factors_[f];
    factor.relation = std::make_unique<LevelCovariance>(*group.relation, rho.data() + first, own);
    factor.block.resize(layout_.design().clusters());
    for (int l = 0; l < group.levels; ++l)
      factor.block[group.cluster.empty() ? 0 : group.cluster[l]].push_back(l);
    first = last;
  }
}

// Where the effects of each factor lie, and the covariances of the levels that have rows.
bool RelatedCluster::set_levels(Index i) {
  const Index first = layout_.design().first(i), last = first + layout_.design().size(i);
  m_ = 0;
  for (int f = 0; f < layout_.factors(); ++f) {
    Factor& factor = factors_[f];
    factor.first = m_;
    factor.levels = layout_.count(i, f);
    m_ += factor.levels * factor.q;
    if (!factor.relation) continue;
    std::vector<int> wanted(factor.levels);
    for (Index j = first; j < last; ++j) wanted[layout_.place(j, f)] = layout_.group(f).index[j];
    factor.K = factor.relation->of(factor.block[i], wanted);
    if (factor.K.empty()) return false;
  }
  return true;
}

void RelatedCluster::add_rows(Index i, KenwardRogerPieces& sum) {
  const GroupedDesign& design = layout_.design();
  C_ = MatrixXd::Zero(m_, m_);
  WX_ = MatrixXd::Zero(m_, design.p());
  std::vector<std::pair<Index, double>> effects;  // of a row: place, value of Z
  for (Index j = design.first(i); j < design.first(i) + design.size(i); ++j) {
    effects.clear();
    for (int f = 0; f < layout_.factors(); ++f)
      for (Index c = 0; c < factors_[f].q; ++c)
        effects.emplace_back(factors_[f].first + layout_.place(j, f) * factors_[f].q + c,
                             design.Z(j, layout_.group(f).columns[c]));
    for (const auto& [k, z] : effects) {
      WX_.row(k) += W_[j] * z * design.X.row(j);
      for (const auto& [l, other] : effects) C_(k, l) += W_[j] * z * other;
    }
  }
  const auto X = design.X.middleRows(design.first(i), design.size(i));
  const MatrixXd XWX = X.transpose() * W_.segment(design.first(i), design.size(i)).asDiagonal() * X;
  sum.M_0 += XWX;
  sum.M += XWX;
}

// (K (x) I) x for the effects of a factor.
MatrixXd RelatedCluster::times_K(const Factor& factor, Index which, MatrixXd x) const {
  if (factor.K.empty()) return x;
  for (Index c = 0; c < factor.q; ++c) {
    auto rows = by_level(x, c, factor.levels, factor.q);
    rows = (factor.K[which] * rows).eval();
  }
  return x;
}

// (I (x) Sigma) x likewise.
MatrixXd RelatedCluster::times_Sigma(const Factor& factor, MatrixXd x) const {
  for (Index l = 0; l < factor.levels; ++l) {
    auto rows = x.middleRows(l * factor.q, factor.q);
    rows = (factor.Sigma * rows).eval();
  }
  return x;
}

MatrixXd RelatedCluster::times_S(MatrixXd x) const {
  for (const Factor& factor : factors_) {
    auto rows = x.middleRows(factor.first, factor.levels * factor.q);
    rows = times_Sigma(factor, times_K(factor, 0, rows));
  }
  return x;
}

// D_a x: its rows of the factor that it belongs to, all others being zero.
MatrixXd RelatedCluster::derivative_times(const Parameter& v, const MatrixXd& x) const {
  const Factor& factor = factors_[v.factor];
  const auto rows = x.middleRows(factor.first, factor.levels * factor.q);
  if (v.slope >= 0) return times_Sigma(factor, times_K(factor, 1 + v.slope, rows));
  MatrixXd out = MatrixXd::Zero(rows.rows(), x.cols());
  apply_entry(v.entry, factor.q, times_K(factor, 0, rows), 0, factor.levels, out);
  return out;
}

bool RelatedCluster::add(Index i, KenwardRogerPieces& sum) {
  if (!set_levels(i)) return false;
  add_rows(i, sum);
  const MatrixXd SC = times_S(C_);
  MatrixXd right(m_, m_ + WX_.cols()), A = SC.transpose();
  A.diagonal().array() += 1;
  right << C_, WX_;
  const MatrixXd solved = solve_square(A, right);
  const MatrixXd Y = solved.rightCols(WX_.cols());
  sum.M.noalias() -= WX_.transpose() * times_S(Y);
  if (!parameters_.empty()) add_parameters(solved.leftCols(m_), Y, sum);
  return solved.allFinite();
}

void RelatedCluster::add_parameters(const MatrixXd& B, const MatrixXd& Y,
                                    KenwardRogerPieces& sum) const {
  const Index n = parameters();
  std::vector<MatrixXd> DB(n), DY(n), BDY(n);
  const auto first = [&](Index a) { return factors_[parameters_[a].factor].first; };
  for (Index a = 0; a < n; ++a) {
    DB[a] = derivative_times(parameters_[a], B);
    DY[a] = derivative_times(parameters_[a], Y);
    BDY[a].noalias() = B.middleCols(first(a), DY[a].rows()) * DY[a];
    sum.P[a].noalias() -= Y.middleRows(first(a), DY[a].rows()).transpose() * DY[a];
    sum.t[a] += DB[a].middleCols(first(a), DB[a].rows()).trace();
  }
  for (Index a = 0; a < n; ++a)
    for (Index b = 0; b <= a; ++b) {
      const Index rows_a = DY[a].rows(), rows_b = DY[b].rows();
      sum.Q[KenwardRogerPieces::pair(a, b)].noalias() +=
          DY[a].transpose() * BDY[b].middleRows(first(a), rows_a);
      sum.T(a, b) += DB[a]
                         .middleCols(first(b), rows_b)
                         .cwiseProduct(DB[b].middleCols(first(a), rows_a).transpose())
                         .sum();
    }
}

}  // namespace

KenwardRogerPieces related_pieces(const GroupedDesign& design, const VectorXd& W,
                                  const MatrixXd& Lambda, const VectorXd& rho,
                                  const std::vector<int>& slopes, const RunContext& context) {
  const WorkingLayout layout(design);
  RelatedCluster cluster(layout, W, Lambda, rho, slopes);
  KenwardRogerPieces out(design.p(), cluster.parameters());
  for (Index i = 0; i < design.clusters() && out.status == Status::ok; ++i) {
    if (!cluster.add(i, out)) out.status = Status::not_finite;
    if (context.interrupted()) out.status = Status::interrupted;
  }
  out.symmetrize();
  return out;
}

}  // namespace margmix
