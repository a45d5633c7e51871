# Coefficients of variants by Firth's penalized likelihood.

#' The regression of the rows on the covariates and a variant, penalized
#'
#' The random effects are an offset: they stay at their modes in the null model.
#'
#' @param G A block of variants; `null` from [scan_null()]; `p` their p-values.
#' @return A list by variant: `firth.estimate`, `firth.std.error`, `NA` where `p` is not below
#'   `null$firth`. Empty where the model asks for none.
#' @section Errors: Warning: `firth`, where the search does not end.
#' @noRd
firth_effects <- function(G, null, p) {
  if (is.null(null$firth)) return(list())
  out <- list(firth.estimate = rep(NA_real_, length(p)), firth.std.error = rep(NA_real_, length(p)))
  chosen <- which(p < null$firth)
  if (!length(chosen)) return(out)
  genotypes <- model_genotypes(G, null, chosen)
  failed <- 0L
  for (k in seq_along(chosen)) {
    found <- engine_firth(null, genotypes[null$person + 1L, k])
    failed <- failed + !found$converged
    if (!found$converged) next
    last <- length(found$beta)
    out$firth.estimate[chosen[k]] <- found$beta[last]
    V <- scaled_inverse(found$information, "null_model")
    out$firth.std.error[chosen[k]] <- sqrt(V[last, last])
  }
  if (failed > 0L) {
    warn("firth", paste0("No maximum of Firth's likelihood was found for ",
      count_of(failed, "variant"), "; their `firth.estimate` is NA."
    ))
  }
  out
}

# The threshold of those models that have such a likelihood.
firth_threshold <- function(nulls, firth) {
  if (!is.numeric(firth) || length(firth) != 1L || !isTRUE(firth >= 0 && firth <= 1)) {
    abort("argument", "`firth` must be a p-value between 0 and 1.", given = deparse(firth)[1L])
  }
  able <- vapply(nulls, function(null) length(count_law(null$fit$family)) > 0L, NA)
  if (firth > 0 && !any(able)) {
    abort("argument", "`firth` is for binomial and Poisson null models.",
      given = nulls[[1L]]$fit$family$family
    )
  }
  lapply(able, function(can) if (can && firth > 0) firth)
}

# Families whose tails and penalized likelihoods are known: the law of their rows.
count_law <- function(family) intersect(family$family, c("binomial", "poisson"))
