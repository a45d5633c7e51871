#include <algorithm>

#include "glmm/sparse_laplace.hpp"
#include "glmm/sparse_posterior.hpp"
#include "objective/accumulate.hpp"

namespace margmix {

namespace {

class SparseObjective final : public Objective {
 public:
  SparseObjective(const GroupedDesign& design, SparsePlan plan, const FamilySpec& spec)
      : Objective(design, spec), design_(design), plan_(std::move(plan)), system_(design_, plan_) {}

  ObjectiveResult evaluate(const VectorXd& psi, const std::vector<int>&, const Modes& modes,
                           const ObjectiveRequest& ask, const RunContext& context) override;

  // Only the mode and its variance: there is no rule for means.
  PosteriorResult posterior(const VectorXd& psi, const std::vector<int>&, const Modes& modes, bool,
                            const RunContext& context) override {
    PosteriorResult out;
    out.status = at_mode(psi, modes, context, [&](SparseMode& mode, const MatrixXd& Lambda) {
      for (const MatrixXd& variance : sparse_mode_variance(mode, Lambda)) {
        out.levels.emplace_back();
        out.levels.back().mode_variance = variance;
      }
    });
    return out;
  }

  Status prediction_variance(const VectorXd& psi, const Modes& modes, const PredictionRows& rows,
                             const MatrixXd& V, const RunContext& context, VectorXd& out) override {
    return at_mode(psi, modes, context, [&](SparseMode& mode, const MatrixXd& Lambda) {
      out = sparse_prediction_variance(mode, *family_, Lambda, rows, V);
    });
  }

 private:
  VectorXd start(const Modes& modes) const;
  SparseLaplace laplace(const VectorXd& psi, const VectorXd& u, int order,
                        const RunContext& context) {
    return sparse_laplace(design_, plan_, *family_, psi, u, order, context);
  }
  VectorXd steps() const;
  template <class Work>
  Status at_mode(const VectorXd& psi, const Modes& modes, const RunContext& context, Work work);

  const GroupedDesign design_;
  const SparsePlan plan_;
  const SparseSystem system_;
};

VectorXd SparseObjective::start(const Modes& modes) const {
  Modes by_level;
  for (const MatrixXd& u : modes) by_level.push_back(u.transpose());
  std::vector<MatrixMap> views;
  for (const MatrixXd& u : by_level) views.emplace_back(u.data(), u.rows(), u.cols());
  return modes.empty() ? VectorXd() : system_.join(views);
}

// Steps that move the predictor by about 1e-3 of its unit.
VectorXd SparseObjective::steps() const {
  auto step = [](const auto& column) { return 1e-3 / root_mean_square(column); };
  VectorXd out = VectorXd::Constant(parameters(), 1e-3);
  for (Index k = 0; k < design_.p(); ++k) out[k] = step(design_.X.col(k));
  for (Index t = 0; t < design_.n_theta(); ++t) {
    double squares = 0;
    design_.at_entries(t, [&](Index row, Index) {
      const double rms = root_mean_square(design_.Z.col(row));
      squares += rms * rms;
    });
    out[design_.p() + t] = 1e-3 / std::sqrt(squares);
  }
  const Index aux = design_.D.cols();
  for (Index a = 0; a < aux; ++a) out[out.size() - aux + a] = step(design_.D.col(a));
  return out;
}

// The Hessian, and the information of each cluster, are central differences of exact gradients, but
// where it is exact and there is one cluster.
ObjectiveResult SparseObjective::evaluate(const VectorXd& psi, const std::vector<int>&,
                                          const Modes& modes, const ObjectiveRequest& ask,
                                          const RunContext& context) {
  const bool whole = !ask.information || design_.clusters() == 1;
  const SparseLaplace r =
      laplace(psi, start(modes), whole ? ask.order : std::min(ask.order, 1), context);
  ObjectiveResult out;
  out.value = r.value;
  out.gradient = r.gradient;
  out.status = r.status;
  for (const MatrixXd& u : system_.split(r.u)) out.modes.push_back(u.transpose());
  if (ask.scores) out.scores = r.scores;
  if (ask.order < 2 || r.status != Status::ok) return out;
  const Index p = design_.p(), H = ask.known_phi ? p : psi.size();
  if (r.hessian.size() > 0) {
    out.hessian = r.hessian.topLeftCorner(H, H);
    if (ask.information) {
      const MatrixXd of_all = -r.hessian.topLeftCorner(p, p);
      out.information = VectorMap(of_all.data(), p * p);
    }
    return out;
  }
  const VectorXd step = steps();
  out.hessian.resize(H, H);
  if (ask.information) out.information.resize(p * p, r.scores.cols());
  for (Index k = 0; k < H; ++k) {
    const VectorXd e = step[k] * VectorXd::Unit(psi.size(), k);
    const SparseLaplace above = laplace(psi + e, r.u, 1, context);
    const SparseLaplace below = laplace(psi - e, r.u, 1, context);
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

// Calls work(mode, Lambda) at the mode, factored.
template <class Work>
Status SparseObjective::at_mode(const VectorXd& psi, const Modes& modes, const RunContext& context,
                                Work work) {
  const Parameters parameters(design_, psi.data());
  set_dispersion(design_, psi, *family_);
  SparseMode mode(design_, plan_, *family_, parameters);
  const Status status = mode.find(family_->log_concave() ? start(modes) : VectorXd(), context);
  if (status != Status::ok) return status;
  if (!mode.system().factor()) return Status::no_mode;
  mode.system().invert();
  work(mode, parameters.Lambda);
  return Status::ok;
}

}  // namespace

std::unique_ptr<Objective> sparse_objective(const GroupedDesign& design, SparsePlan plan,
                                            const FamilySpec& spec) {
  return std::make_unique<SparseObjective>(design, std::move(plan), spec);
}

}  // namespace margmix
