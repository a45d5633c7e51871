#include "glmm/other_modes.hpp"

#include "design/dispersion.hpp"
#include "glmm/peaks.hpp"
#include "glmm/stages.hpp"

namespace margmix {

OtherModes other_modes(const Design& design, Family& family, const ProductRule& rule,
                       const VectorXd& psi, const RunContext& context,
                       const VectorXd& cluster_weights) {
  if (family.log_concave()) return {};
  const Parameters parameters(design, psi.data());
  set_dispersion(design, psi, family);
  const VectorXd origin = VectorXd::Zero(design.q());
  return sum_other_modes(design.clusters(), context, [&](const Block& block, OtherModes& found) {
    Mode<Dynamic> mode;
    for (Index i = block.first; i < block.last; ++i) {
      const Index first = design.first(i), n = design.size(i);
      mode.reserve(n, design.q());
      attach_rows(
          design, [&](Index j, Index r) { return design.Z(first + j, r); }, parameters.beta,
          parameters.Lambda, first, n, mode);
      Peaks peaks(family, design.response.part(first, n), mode);
      if (!peaks.search(origin)) continue;
      found.better += peaks.has_better();
      found.missed += (cluster_weights.size() ? cluster_weights[i] : 1.0) * peaks.missed(rule);
    }
  });
}

}  // namespace margmix
