#include "glmm/sparse_posterior.hpp"

namespace margmix {

std::vector<MatrixXd> sparse_mode_variance(const SparseMode& mode) {
  const auto& groups = mode.system().design().groups;
  const MatrixXd Lambda = mode.system().design().whole(mode.Lambda());
  std::vector<MatrixXd> blocks = mode.system().variance_blocks();
  for (std::size_t k = 0; k < groups.size(); ++k) {
    const Index q = groups[k].q();
    MatrixXd L(q, q);
    for (Index r = 0; r < q; ++r)
      for (Index c = 0; c < q; ++c) L(r, c) = Lambda(groups[k].columns[r], groups[k].columns[c]);
    for (Index l = 0; l < groups[k].levels; ++l) {
      Eigen::Map<MatrixXd> block(blocks[k].col(l).data(), q, q);
      block = (L * block * L.transpose()).eval();
    }
  }
  return blocks;
}

VectorXd sparse_prediction_variance(const SparseMode& mode, const PredictionRows& rows,
                                    const MatrixXd& V) {
  const SparseSystem& system = mode.system();
  const GroupedDesign& design = system.design();
  const MatrixXd Lambda = design.whole(mode.Lambda());
  const SparsePlan& plan = system.plan();
  const Index p = design.p(), n = rows.X.rows(), G = static_cast<Index>(design.groups.size());
  const MatrixXd tangents = sparse_mode_tangents(mode);
  std::vector<int> run_of(plan.big < 0 ? 0 : design.groups[plan.big].levels);
  for (Index s = 0; s < plan.runs() && plan.big >= 0; ++s)
    run_of[plan.run_level[s]] = static_cast<int>(s);
  VectorXd out(n), d(V.rows()), v1(plan.q1());
  for (Index j = 0; j < n; ++j) {
    const VectorXd z = rows.Z.row(j), v = Lambda.transpose() * z;
    d.setZero();
    d.head(p) = rows.X.row(j);
    std::vector<int> at;
    std::vector<double> values;
    Index run = -1;
    double fresh = 0;
    VectorXd u = VectorXd::Zero(design.q());  // modes of the row's effects by column of Z
    for (Index k = 0; k < G; ++k) {
      const Group& group = design.groups[k];
      const int level = rows.levels(j, k);
      for (Index c = 0; c < group.q(); ++c) {
        const int column = group.columns[c];
        if (level < 0) {
          fresh += v[column] * v[column];
          continue;
        }
        Index position;
        if (k == plan.big) {
          run = run_of[level];
          v1[c] = v[column];
          position = run * group.q() + c;
        } else {
          at.push_back(plan.places[k][level * group.q() + c]);
          values.push_back(v[column]);
          position = plan.size1() + at.back();
        }
        u[column] = mode.u()[position];
        d += v[column] * tangents.row(position).transpose();
      }
    }
    for (Index t = 0; t < design.n_theta(); ++t)
      design.at_entries(t, [&](Index r, Index c) { d[p + t] += z[r] * u[c]; });
    out[j] = d.dot(V * d) + fresh +
             system.inverse_quadratic(run, v1, at, VectorMap(values.data(), values.size()));
  }
  return out;
}

}  // namespace margmix
