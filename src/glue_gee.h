// Conversions of marginal models.
#pragma once

#include <memory>

#include "gee/local_source.hpp"
#include "gee/registry.hpp"
#include "glue.h"

namespace glue {

margmix::Layout layout(const Rcpp::List& design);
margmix::MarginalData marginal_data(const Rcpp::List& design);
margmix::MomentRule moment_rule(const Rcpp::List& options);
Rcpp::List rule_list(const margmix::MomentRule& rule);
margmix::MomentSums moment_sums(const Rcpp::List& list, margmix::Index q);
Rcpp::List moment_list(const margmix::MomentSums& sums);

// With its `shared` facts, where the clusters of the layout are not all.
std::unique_ptr<margmix::Correlation> correlation(const Rcpp::List& list,
                                                  const margmix::Layout& layout);

// The rows of a design and what they are rows of.
struct MarginalRows {
  MarginalRows(const Rcpp::List& design, const Rcpp::List& family, int threads);

  const margmix::MarginalData data;
  const std::unique_ptr<margmix::Family> distribution;
  const margmix::MarginalFamily family;
  const margmix::RunContext context;
};

// What a search asks: a design whose rows are here; or a list with a function `ask` that returns
// the sums of gee_rows_(), the number of coefficients `p`, and clusters that stand for all.
class Asked {
 public:
  Asked(const Rcpp::List& design, const Rcpp::List& family, int threads);

  margmix::EquationSource& operator*() const { return *source_; }
  const margmix::Layout& layout() const { return layout_; }

 private:
  const margmix::Layout layout_;
  std::unique_ptr<MarginalRows> rows_;
  std::unique_ptr<margmix::EquationSource> source_;
};

}  // namespace glue
