#include "glmm/sparse_laplace.hpp"
#include "glmm/sparse_posterior.hpp"
#include "objective/accumulate.hpp"

namespace margmix {

namespace {

class SparseObjective final : public Objective {
 public:
  SparseObjective(const GroupedDesign& design, SparsePlan plan, const FamilySpec& spec,
                  const RowsMaker& make_rows)
      : Objective(design, spec),
        design_(design),
        plan_(std::move(plan)),
        rows_(make_rows(design_, *family_)),
        mode_(design_, plan_, *rows_) {}

  ObjectiveResult evaluate(const VectorXd& psi, const std::vector<int>&, const Modes& modes,
                           const ObjectiveRequest& ask, const RunContext& context) override;

  // Only the mode and its variance: there is no rule for means.
  PosteriorResult posterior(const VectorXd& psi, const std::vector<int>&, const Modes& modes, bool,
                            const RunContext& context) override {
    PosteriorResult out;
    out.status = at_mode(psi, modes, context, [&](SparseMode& mode) {
      for (const MatrixXd& variance : sparse_mode_variance(mode)) {
        out.levels.emplace_back();
        out.levels.back().mode_variance = variance;
      }
    });
    return out;
  }

  Status prediction_variance(const VectorXd& psi, const Modes& modes, const PredictionRows& rows,
                             const MatrixXd& V, const RunContext& context, VectorXd& out) override {
    return at_mode(psi, modes, context,
                   [&](SparseMode& mode) { out = sparse_prediction_variance(mode, rows, V); });
  }

 private:
  VectorXd start(const Modes& modes) const;
  VectorXd steps() const;
  template <class Work>
  Status at_mode(const VectorXd& psi, const Modes& modes, const RunContext& context, Work work);

  const GroupedDesign design_;
  const SparsePlan plan_;
  const std::unique_ptr<SparseRows> rows_;
  SparseMode mode_;
};

VectorXd SparseObjective::start(const Modes& modes) const {
  Modes by_level;
  for (const MatrixXd& u : modes) by_level.push_back(u.transpose());
  std::vector<MatrixMap> views;
  for (const MatrixXd& u : by_level) views.emplace_back(u.data(), u.rows(), u.cols());
  return modes.empty() ? VectorXd() : mode_.system().join(views);
}

// Steps that move the predictor by about 2e-4 of its unit.
VectorXd SparseObjective::steps() const {
  constexpr double kStep = 2e-4;
  VectorXd out = VectorXd::Constant(parameters(), kStep);
  out.head(design_.p()) = kStep * rows_->sizes_X().cwiseInverse();
  const VectorXd squares = rows_->sizes_Z().cwiseAbs2();
  for (Index t = 0; t < design_.n_theta(); ++t) {
    double sum = 0;
    design_.at_entries(t, [&](Index row, Index) { sum += squares[row]; });
    out[design_.p() + t] = kStep / std::sqrt(sum);
  }
  const Index aux = design_.D.cols();
  for (Index a = 0; a < aux; ++a)
    out[out.size() - aux + a] = kStep / root_mean_square(design_.D.col(a));
  return out;
}

// The Hessian, and the information of each cluster, are central differences of exact gradients, but
// where it is exact and there is one cluster.
ObjectiveResult SparseObjective::evaluate(const VectorXd& psi, const std::vector<int>&,
                                          const Modes& modes, const ObjectiveRequest& ask,
                                          const RunContext& context) {
  const bool whole = !ask.information || design_.clusters() == 1;
  const SparseLaplace r = sparse_laplace(mode_, psi, start(modes), ask.order, context);
  ObjectiveResult out;
  out.value = r.value;
  out.gradient = r.gradient;
  out.status = r.status;
  for (const MatrixXd& u : mode_.system().split(r.u)) out.modes.push_back(u.transpose());
  if (ask.scores) out.scores = r.scores;
  if (ask.order < 2 || r.status != Status::ok) return out;
  const Index p = design_.p(), H = ask.known_phi ? p : psi.size();
  if (whole && r.hessian.size() > 0) {
    out.hessian = r.hessian.topLeftCorner(H, H);
    if (ask.information) {
      const MatrixXd of_all = -r.hessian.topLeftCorner(p, p);
      out.information = VectorMap(of_all.data(), p * p);
    }
    return out;
  }
  const VectorXd step = steps();
  const auto beside = [&](Index k, double by, bool searched) {
    const VectorXd at = psi + by * VectorXd::Unit(psi.size(), k);
    return searched ? sparse_laplace(mode_, at, r.u, 1, context)
                    : sparse_laplace_beside(mode_, at, r.u + by * r.tangents.col(k), context);
  };
  out.hessian.resize(H, H);
  if (ask.information) out.information.resize(p * p, r.scores.cols());
  for (Index k = 0; k < H; ++k) {
    SparseLaplace above = beside(k, step[k], false), below = beside(k, -step[k], false);
    // A tangent may leave the range of a link. Both sides are searched then: what one is off by
    // alone would not cancel.
    if (worst(above.status, below.status) != Status::ok) {
      above = beside(k, step[k], true);
      below = beside(k, -step[k], true);
    }
    if (worst(above.status, below.status) != Status::ok) {
      out.hessian.setConstant(kNaN);
      out.information.setConstant(kNaN);
      return out;
    }
    out.hessian.col(k) = (above.gradient - below.gradient).head(H) / (2 * step[k]);
    if (ask.information && k < p)
      out.information.middleRows(k * p, p) =
          (below.scores - above.scores).topRows(p) / (2 * step[k]);
  }
  out.hessian = (0.5 * (out.hessian + out.hessian.transpose())).eval();
  return out;
}

// Calls work(mode) at the mode, factored.
template <class Work>
Status SparseObjective::at_mode(const VectorXd& psi, const Modes& modes, const RunContext& context,
                                Work work) {
  mode_.move(psi);
  const Status status = mode_.find_any(start(modes), context);
  if (status != Status::ok) return status;
  if (!mode_.system().factor()) return Status::no_mode;
  mode_.system().invert();
  work(mode_);
  return Status::ok;
}

}  // namespace

std::unique_ptr<Objective> sparse_objective(const GroupedDesign& design, SparsePlan plan,
                                            const FamilySpec& spec, const RowsMaker& make_rows) {
  return std::make_unique<SparseObjective>(design, std::move(plan), spec, make_rows);
}

std::unique_ptr<SparseRows> local_rows(const Design& design, Family& family) {
  return std::make_unique<LocalRows>(design, family);
}

}  // namespace margmix
