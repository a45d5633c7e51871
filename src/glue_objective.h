// A mixed model at its parameters.
#pragma once

#include "glue.h"

namespace glue {

// `family`: an object of R.
struct ModelAt {
  ModelAt(const Rcpp::List& design_list, const Rcpp::List& family_list,
          const Rcpp::NumericVector& at, int threads)
      : design(design_list),
        spec(glue::spec(family_list, design_list)),
        psi(margmix::VectorMap(at.begin(), at.size())),
        context(glue::context(threads)) {}

  std::unique_ptr<margmix::Family> family() const { return margmix::make_family(spec); }

  const Rcpp::List design;
  const margmix::FamilySpec spec;
  const margmix::VectorXd psi;
  const margmix::RunContext context;
};

}  // namespace glue
