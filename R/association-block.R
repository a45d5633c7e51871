# A block of variants against the null models: their tables, side by side.

#' @param null From [scan_null()], with `law` and perhaps `ratio` and `firth`.
#' @param found Of this model, from [engine_score_scan()].
#' @noRd
scan_table <- function(G, null, found, about) {
  known <- length(null$people) - found$missing
  constant <- found$variance <= 1e-10 * found$weight
  V <- score_variances(G, null, found)
  V[constant | known == 0] <- NA
  z <- found$score / sqrt(V)
  normal <- 2 * stats::pnorm(-abs(z))
  tail <- saddlepoint_tails(G, found, V, z, null)
  rare <- pmin(found$sum, 2 * known - found$sum) < 20
  p <- ifelse(is.na(tail), normal, ifelse(rare, pmax(tail, normal), tail))
  estimate <- found$score / V
  corrected <- !is.na(tail) & p > 0
  error <- ifelse(corrected, abs(estimate / stats::qnorm(p / 2)), 1 / sqrt(V))
  method <- ifelse(is.na(tail), "score", "saddlepoint")
  method[constant] <- why_constant(G, null, which(constant))
  method[known == 0] <- "no genotypes"
  columns <- c(
    as.list(about), list(people = known, missing = found$missing),
    list(frequency = found$sum / (2 * known)), case_frequencies(found, known, null),
    list(score = found$score, variance = V, estimate = estimate, std.error = error),
    firth_effects(G, null, p), list(p.value = p, p.normal = normal, method = method)
  )
  structure(columns, class = "data.frame", row.names = .set_row_names(length(p)))
}

# Why variants have no variance: one value, or one that the covariates give.
why_constant <- function(G, null, variants) {
  if (!length(variants)) return(character())
  varies <- apply(model_genotypes(G, null, variants), 2L, function(g) any(g != g[1L]))
  ifelse(varies, "determined by covariates", "one value")
}

score_variances <- function(G, null, found) {
  ratio <- null$ratio$mean
  if (!is.null(ratio)) return(ratio * found$variance)
  null$exact(model_genotypes(G, null), found$weight, found$products)
}

# Of the people of the model, with means in place of missing ones.
model_genotypes <- function(G, null, variants = seq_len(ncol(G))) {
  engine_genotypes(G, null$people, variants, impute = TRUE)
}

# NA where the normal approximation will do.
saddlepoint_tails <- function(G, found, V, z, null) {
  out <- rep(NA_real_, length(z))
  far <- which(abs(z) > 2)
  if (!length(null$law) || !length(far)) return(out)
  b <- null$C %*% found$products[, far, drop = FALSE]
  out[far] <- engine_saddlepoint(null, G, far, b, z[far])
  out
}

# Among people with and without the event; nothing unless responses are 0/1.
case_frequencies <- function(found, known, null) {
  if (!is_binary(null$fit$family, null$fit$design)) return(list())
  list(
    frequency_cases = found$case_sum / (2 * found$cases),
    frequency_controls = (found$sum - found$case_sum) / (2 * (known - found$cases))
  )
}

#' Ratio of the variance with random effects to that without, from some variants
#' @return A list: `mean`, `cv`.
#' @noRd
variance_ratio <- function(null, G) {
  found <- engine_score_scan(list(null), G)$models[[1L]]
  informative <- which(found$variance > 1e-8 * max(found$variance))
  if (length(informative) < 2L) {
    abort("genotypes", "None of the sampled variants varies, so the ratio of variances is unknown.",
      given = paste(length(informative), "of the sampled ones")
    )
  }
  genotypes <- model_genotypes(G, null, informative)
  exact <- if (is.null(null$given)) {
    products <- found$products[, informative, drop = FALSE]
    null$exact(genotypes, found$weight[informative], products)
  } else {
    null$given(genotypes)
  }
  ratio <- exact / found$variance[informative]
  list(mean = mean(ratio), cv = stats::sd(ratio) / mean(ratio))
}
