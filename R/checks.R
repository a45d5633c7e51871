# Checks of arguments and designs that raise classed conditions before anything is fitted.

#' Refuse arguments that are not known
#'
#' @param ... The dots of the fitting function.
#' @param known Names of its arguments, for a suggestion.
#' @param elsewhere Hints for arguments of other software, by name.
#' @param control Name of the function that makes its settings.
#' @section Errors: `argument`.
#' @noRd
check_dots <- function(..., known = character(), elsewhere = character(), control = NULL) {
  if (!...length()) return(invisible())
  given <- as.list(substitute(list(...)))[-1L]
  names <- names(given) %||% rep("", length(given))
  named <- names != ""
  names[!named] <- vapply(given[!named], expression_text, "")
  refuse_arguments(names, named, known, elsewhere, control)
}

refuse_arguments <- function(names, named, known, elsewhere = character(), control = NULL) {
  close <- unlist(lapply(names[named], closest_name, known))
  settings <- unlist(lapply(names[named], setting_name, control))
  abort("argument", "Every argument must be one of those on the help page.",
    given = some_of(code(names)),
    hint = if (any(names %in% names(elsewhere))) {
      unique(elsewhere[intersect(names, names(elsewhere))])
    } else if (length(settings)) {
      paste0("Write control = ", control, "(", paste(settings, "= ", collapse = ", "), ").")
    } else if (length(close)) {
      paste0("Did you mean ", some_of(code(unique(close))), "?")
    }
  )
}

#' Arguments that other packages pass on to a method
#'
#' What looks like a misspelt argument is an error, and so is an argument without a name. Names that
#' packages pass to every class are silent; any other is a warning.
#'
#' @param passed Names that are silent.
#' @section Conditions: error and warning `argument`.
#' @noRd
check_passed_dots <- function(..., known, passed = c("parametric", "component")) {
  if (!...length()) return(invisible())
  given <- names(substitute(list(...)))[-1L] %||% rep("", ...length())
  given <- setdiff(given, passed)
  close <- vapply(given, function(name) length(closest_name(name, known)) > 0L, NA)
  wrong <- given[close | given == ""]
  if (length(wrong)) refuse_arguments(wrong, wrong != "", known)
  if (length(given)) {
    warn("argument", "Arguments that are not on the help page have no effect.",
      given = some_of(code(given))
    )
  }
}

# The argument of a control function that is meant by a name.
setting_name <- function(name, control) {
  if (is.null(control)) return(NULL)
  known <- names(formals(control))
  if (name %in% known) name else closest_name(name, known)
}

# Names that differ by little, or are a part: conf.level for level, level for conf.level.
closest_name <- function(name, known) {
  known <- setdiff(known, "...")
  letters <- gsub("[._]", "", tolower(known))
  given <- gsub("[._]", "", tolower(name))
  part <- startsWith(letters, given) | endsWith(letters, given) | endsWith(given, letters)
  part <- part & pmin(nchar(letters), nchar(given)) >= 4L
  if (any(part)) return(known[part])
  distance <- utils::adist(name, known, ignore.case = TRUE)[1L, ]
  known[distance == min(distance, Inf) & distance <= min(3, nchar(name) - 1)]
}

check_clusters <- function(cluster, group, alone = TRUE,
                           otherwise = "glm() fits a model without random effects.") {
  m <- length(cluster$levels)
  if (m >= 2L) return(invisible())
  abort("few_clusters", "There must be at least two clusters.",
    given = paste0(m, " cluster in ", code(group)),
    hint = if (alone) {
      otherwise
    } else {
      paste0("Leave ", code(group), " out of the random terms.")
    }
  )
}

#' Warn of covariates that are far from zero compared with their spread
#'
#' X is not centred, so the information in beta loses the digits of (mean / sd)^2.
#'
#' @section Warning: `scale`.
#' @noRd
check_scale <- function(design, threads) {
  ratio <- far_columns(design$X, 3e6, threads)
  if (!length(ratio)) return(invisible())
  columns <- colnames(design$X)[as.integer(names(ratio))]
  names <- some_of(code(columns))
  warn("scale", paste0(
    names, " is far from zero relative to its spread, so its standard error loses digits."
  ),
  given = paste("mean over sd", some_of(signif(unname(ratio), 2L))),
    hint = "Subtract its mean, or a round number near it.", columns = columns
  )
}

# |mean| / sd of the columns, 0 for a constant.
mean_over_sd <- function(X, threads = 1L) UseMethod("mean_over_sd")

#' @export
mean_over_sd.default <- function(X, threads = 1L) {
  spread_ratio(engine_column_facts(X, threads = threads), nrow(X))
}

spread_ratio <- function(facts, n) {
  spread <- sqrt(facts$about / n)
  ifelse(spread == 0, 0, abs(facts$mean) / spread)
}

# Identification of the variance parameters ------------------------------------------------------

#' Are the variance parameters identified?
#'
#' The covariance of the predictors in cluster i is sum_a d_a Z_i E_a Z_i', with E_a the symmetric
#' unit matrix of the free entry a, and for Gaussian responses phi W_i^-1 is added to it. The
#' parameters are identified if these matrices, over all clusters together, are linearly
#' independent: if their Gram matrix, which needs only Z_i'Z_i, is regular. A few clusters usually
#' prove it. In Bernoulli rows a variance shows only through the dependence between rows, so a
#' cluster of one row says nothing.
#'
#' @section Errors: `not_identified`.
#' @noRd
check_identified <- function(design, family) UseMethod("check_identified")

#' @export
check_identified.default <- function(design, family) {
  used <- used_rows(design)
  largest <- largest_used_cluster(design)
  # A frequency above 1 stands for several rows.
  single <- design$weights_type != "frequency" || max(row_weights(design)) <= 1
  if (largest <= 1 && single && is_binary(family, design)) {
    refuse_unidentified(design, "one 0/1 response per cluster",
      "A random effect shows only where 0/1 responses share it; with one row each use glm()."
    )
  }
  dispersion <- single && is_residual(family)
  if (is_identified(design, used, dispersion)) {
    if (single && !dispersion) note_competing(family, is_identified(design, used, TRUE))
    return(invisible())
  }
  refuse_unidentified(
    design, paste0(some_of(term_labels(design)), ", largest cluster of size ", largest),
    unidentified_hint(design, family, used, dispersion, largest)
  )
}

# Overdispersion by a dispersion and by a random effect of each row. `apart`: does the covariance of
# the rows tell them apart? It is looked at only where there is a dispersion.
note_competing <- function(family, apart) {
  if (!has_phi(family) || apart) return(invisible())
  note("competing", paste0(
    "The ", dispersion_term(family), " and a random effect of each row compete for the same ",
    "variation."
  ), hint = c(
    "Only the shape of the responses tells them apart, and standard errors of both are large.",
    paste0("Compare AIC() with the model without the effect, and with ",
      if (has_trials(family)) "binomial()" else "poisson()", ".")
  ))
}

# Which of the causes it is, each tried by taking it away.
unidentified_hint <- function(design, family, used, dispersion, largest) {
  if (dispersion && is_identified(design, used, FALSE)) {
    size <- if (largest <= 1) "With one row per cluster" else "In clusters as small as these"
    return(paste0(size, " the variances can't be told from the ", dispersion_term(family), "."))
  }
  combined <- combined_columns(design)
  if (length(combined)) {
    return(paste(
      some_of(code(combined)), "is a combination of the rest of its random term: leave it out."
    ))
  }
  far <- far_columns(design$Z)
  if (length(far) && is_identified(centre_columns(design, far), used, dispersion)) {
    return(centre_hint(column_names(design), far))
  }
  constant <- constant_columns(design)
  if (!length(constant)) {
    return("A covariate must vary within clusters, over more values than it has random slopes.")
  }
  paste0(
    some_of(code(constant)), " is constant within clusters and takes too few values between them ",
    "for its random slope: leave it out."
  )
}

# Columns of Z that others of their term make up.
combined_columns <- function(design) {
  unlist(lapply(design$random, function(term) {
    decomposed <- qr(design$Z[, term$columns, drop = FALSE], tol = 1e-9)
    term$names[decomposed$pivot[-seq_len(decomposed$rank)]]
  }))
}

# Covariates of Z, other than the constant, that are the same in all rows of a cluster.
constant_columns <- function(design) {
  first <- rep(design$start[-length(design$start)] + 1L, diff(design$start))
  same <- vapply(seq_len(ncol(design$Z)), function(k) {
    z <- design$Z[, k]
    all(z == z[first]) && any(z != z[1L])
  }, NA)
  column_names(design)[same]
}

# Columns that are far from zero compared with their spread: mean over sd, by position. In Z a
# random slope is then hard to tell from a random intercept.
far_columns <- function(Z, least = 100, threads = 1L) {
  ratio <- mean_over_sd(Z, threads)
  far <- which(ratio > least)
  stats::setNames(ratio[far], far)
}

centre_columns <- function(design, far) {
  at <- as.integer(names(far))
  Z <- design$Z[, at, drop = FALSE]
  design$Z[, at] <- Z - rep(colMeans(Z), each = nrow(Z))
  design
}

# `far` are some of the columns with these names; one may be in several random terms.
centre_hint <- function(names, far) {
  names <- names[as.integer(names(far))]
  far <- far[!duplicated(names)]
  paste0(
    "Centre ", some_of(code(unique(names))), ", far from zero (mean over sd ",
    some_of(signif(far, 2L)), "): subtract a value near the mean."
  )
}

# Do the rows in use prove that variances, and a dispersion, can be told apart?
prove_identified <- function(design, used, dispersion) UseMethod("prove_identified")

#' @export
prove_identified.default <- function(design, used, dispersion) {
  is_identified(design, used, dispersion)
}

is_identified <- function(design, used, dispersion) {
  m <- length(design$levels)
  for (take in unique(c(min(m, 500L), m))) {
    rows <- which(used[seq_len(design$start[take + 1L])])
    if (!length(rows)) next
    gram <- structured_gram(design, covariance_gram(design, rows, dispersion))
    if (has_full_rank(gram, 1e-10)) return(TRUE)
  }
  FALSE
}

refuse_unidentified <- function(design, given, hint) {
  abort("not_identified", "The data can't identify the variances of the random effects.",
    given = given, hint = hint, terms = term_labels(design)
  )
}

# Its rows, of those that are used.
largest_used_cluster <- function(design) {
  if (all_used(design)) return(max(rows_per_cluster(design)))
  max(sums_by_cluster(as.numeric(used_rows(design)), design))
}

# Sums of x within clusters, whose rows are contiguous.
cluster_sums <- function(x, start) {
  total <- c(0, cumsum(x))
  diff(total[start + 1L])
}

covariance_gram <- function(design, rows, dispersion) {
  cluster <- findInterval(rows - 1L, design$start)
  Z <- orthogonal_blocks(design$Z[rows, , drop = FALSE], design$random)
  weight <- row_weights(design)[rows]
  q <- ncol(Z)
  products <- function(r, w) { # column r of Z_i'W^-1 Z_i, clusters in rows
    lapply(seq_len(q), function(c) drop(rowsum(Z[, r] * Z[, c] / w, cluster, reorder = FALSE)))
  }
  inner <- function(w) lapply(seq_len(q), products, w)
  G <- inner(1)
  pairs <- Map(c, design$theta_row + 1L, design$theta_col + 1L)
  entry <- function(a, b) sum(trace_product(G, pairs[[a]], pairs[[b]]))
  index <- seq_along(pairs)
  gram <- outer(index, index, Vectorize(entry))
  if (!dispersion) return(gram)
  Gw <- inner(weight)
  cross <- vapply(pairs, function(a) sum(Gw[[a[1L]]][[a[2L]]]) * (1 + (a[1L] != a[2L])), 0)
  rbind(cbind(gram, cross), c(cross, sum(1 / weight^2)))
}

# tr(E_a G E_b G) in every cluster, E_a = e_r e_s' + e_s e_r' (or e_r e_r').
trace_product <- function(G, a, b) {
  unit <- function(a) if (a[1L] == a[2L]) list(a) else list(a, rev(a))
  total <- 0
  for (u in unit(a)) for (v in unit(b)) total <- total + G[[u[2L]]][[v[1L]]] * G[[v[2L]]][[u[1L]]]
  total
}

# Each correlated block may be transformed freely, so make its columns orthonormal: x^2 of a year
# would hide behind its mean. Columns of the other blocks are only scaled.
orthogonal_blocks <- function(Z, random) {
  for (term in random) {
    block <- Z[, term$columns, drop = FALSE]
    if (term$correlated && ncol(block) > 1L && is_full(term$covariance)) {
      if (term$names[1L] == "(Intercept)") {
        centre <- c(0, colMeans(block)[-1L])
        block <- block - rep(centre, each = nrow(block))
      }
      decomposed <- qr(block, tol = 1e-9)
      if (decomposed$rank == ncol(block)) block <- qr.Q(decomposed) * sqrt(nrow(block))
    } else {
      block <- block / rep(sqrt(colMeans(block^2)), each = nrow(block))
    }
    Z[, term$columns] <- block
  }
  Z
}
