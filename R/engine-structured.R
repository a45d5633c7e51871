# Calls of the engine for related levels.

#' What follows from the precision of related levels alone
#' @param relation From [relation_of()].
#' @return A list: `definite`; `log_det`, of Q; `variance`, the diagonal of its inverse.
#' @noRd
engine_relation_facts <- function(relation, rho = numeric()) {
  relation_facts_(relation, as.double(rho))
}

#' Random effects of related levels at unit scale, from standard normal draws
#' @param draws levels x columns.
#' @noRd
related_draws <- function(relation, rho, draws) {
  if (is.null(relation)) return(draws)
  relation_draws_(relation, as.double(rho), draws)
}
