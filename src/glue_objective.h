// A mixed model at its parameters, and the result of an objective as R reads it.
#pragma once

#include "glue.h"

#include "objective/objective.hpp"

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

inline margmix::ObjectiveRequest objective_request(const Rcpp::List& ask) {
  return {ask["order"], ask["scores"], ask["information"], ask["known_phi"]};
}

// Modes as R has them, levels x effects: the matrix of one factor, or a list of those of several,
// or of one with related levels.
inline SEXP from_modes(const margmix::Modes& modes, const Rcpp::List& design) {
  Rcpp::List out(modes.size());
  for (std::size_t k = 0; k < modes.size(); ++k) out[k] = matrix(modes[k].transpose());
  const bool several = Rf_inherits(design, "margmix_several_factors");
  return modes.size() == 1 && !several ? SEXP(out[0]) : SEXP(out);
}

// None, NULL or an empty list: the search starts at zeros.
inline margmix::Modes modes(const Rcpp::RObject& x) {
  margmix::Modes out;
  if (x.isNULL()) return out;
  const Rcpp::List list = Rf_isMatrix(x) ? Rcpp::List::create(x) : Rcpp::List(x);
  for (R_xlen_t k = 0; k < list.size(); ++k) {
    const Rcpp::NumericMatrix u = list[k];
    out.emplace_back(margmix::MatrixMap(u.begin(), u.nrow(), u.ncol()).transpose());
  }
  return out;
}

inline Rcpp::List objective_list(const margmix::ObjectiveResult& r, const Rcpp::List& design) {
  return Rcpp::List::create(
      Rcpp::_["value"] = r.value, Rcpp::_["gradient"] = vector(r.gradient),
      Rcpp::_["hessian"] = matrix(r.hessian), Rcpp::_["modes"] = from_modes(r.modes, design),
      Rcpp::_["scores"] = matrix(r.scores.transpose()),
      Rcpp::_["information"] = matrix(r.information), Rcpp::_["values"] = vector(r.values),
      Rcpp::_["status"] = name(r.status));
}

}  // namespace glue
