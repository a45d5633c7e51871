# Profiles of fits whose entries of Lambda depend on each other.

# Free parameters of a fit for profiles: (beta, tau, log phi), without scales.
structured_space <- function(fit) {
  design <- fit$design
  map <- structured_map(design, diag(length(fit_psi(fit))), rep(1, theta_count(design)))
  psi <- map$x(unname(fit_psi(fit)))
  V <- unname(fit$vcov_full)
  V[is.na(V)] <- 0
  J <- structured_jacobian(map$layout, psi)
  inverse <- solve(crossprod(J), t(J))
  list(
    map = map, psi = psi, V = inverse %*% V %*% t(inverse),
    quantities = structured_quantities(fit, map, psi)
  )
}

structured_evaluate <- function(map, evaluate) {
  function(psi, deriv, modes) {
    now <- evaluate(map$psi(psi), deriv, modes)
    if (now$status != "ok") return(now)
    g <- now$gradient
    if (deriv > 0L) now$gradient <- map$gradient(psi, g)
    if (deriv > 1L) now$hessian <- map$hessian(psi, g, now$hessian)
    now
  }
}

# As profile_quantities(), where a standard deviation may be the exponential of a parameter (`log`).
structured_quantities <- function(fit, map, psi) {
  entry <- function(j, log = FALSE) {
    list(
      estimate = psi[j], gradient = replace(numeric(length(psi)), j, 1), log = log,
      make = function(psi) slice_entry(psi, j)
    )
  }
  deviations <- lapply(map$layout$terms, function(term) {
    if (!term$free) return(lapply(rep_len(term$x[seq_len(term$deviations)], term$q), entry, TRUE))
    lapply(term$columns, free_deviation, fit, map, term, psi)
  })
  out <- c(
    lapply(map$layout$beta, entry), do.call(c, deviations), lapply(map$layout$last$x, entry)
  )
  stats::setNames(out, c(names(fit$beta), deviation_names(fit)))
}

# The standard deviation in row r of Lambda, of a term whose entries are free.
free_deviation <- function(r, fit, map, term, psi) {
  row <- theta_rows(fit$design)[term$entries] == r
  entries <- term$x[row]
  sd <- sqrt(sum(psi[entries]^2))
  list(
    row = r, estimate = sd, space = map,
    touched = term$x[row | theta_columns(fit$design)[term$entries] == r],
    gradient = replace(numeric(length(psi)), entries, if (sd > 0) psi[entries] / sd else 0),
    make = if (length(entries) > 1L) {
      function(psi) slice_row(psi, entries)
    } else {
      function(psi) slice_entry(psi, entries)
    }
  )
}

# Free parameters in the user's words, as parameter_words() for entries of Lambda.
structured_words <- function(fit, map) {
  entries <- parameter_words(fit)
  terms <- lapply(map$layout$terms, function(term) {
    if (term$free) return(entries[term$psi])
    by <- group_labels(fit$design)[column_groups(fit$design)][term$columns[1L]]
    names <- column_names(fit$design)[term$columns]
    if (term$deviations < term$q) names <- some_of(names)
    c(
      paste0("spread of ", names, " by ", by),
      rep(paste0("correlation of ", some_of(column_names(fit$design)[term$columns]), " by ", by),
        term$size - term$deviations
      )
    )
  })
  c(entries[map$layout$beta], unlist(terms), entries[map$layout$last$psi])
}
