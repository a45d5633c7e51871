#include "glmm/posterior_density.hpp"

#include "glmm/coordinate_posterior.hpp"
#include "parallel/blocks.hpp"

namespace margmix {

MatrixXd posterior_log_density(const Design& design, Family& family, const VectorXd& psi,
                               Index coordinate, int K, const VectorMap& mean, const VectorMap& sd,
                               const VectorMap& t, const RunContext& context) {
  const Parameters parameters(design, psi.data());
  set_dispersion(design, psi, family);
  const Index q = design.q(), m = design.clusters();
  const ProductRule inner = product_rule(q == 1 ? 1 : K, std::max<Index>(1, q - 1));
  MatrixXd out = MatrixXd::Constant(t.size(), m, kNaN);
  for_each_block(cluster_blocks(m), context, [&](int, const Block& block) {
    for (Index i = block.first; i < block.last; ++i) {
      CoordinatePosterior density(design, family, parameters, i, coordinate, inner);
      if (density.scale() == 0 || !(sd[i] > 0)) continue;
      for (Index k = 0; k < t.size(); ++k)
        out(k, i) = density((mean[i] + sd[i] * t[k]) / density.scale());
    }
  });
  return out;
}

}  // namespace margmix
