# The random part: Z, and the pattern of Lambda, the Cholesky factor of the random-effects
# covariance.

# `factors` are from grouping_factors().
random_design <- function(frame, factors, covariates, contrasts, rows) {
  blocks <- lapply(frame$terms_random, part_matrix, covariates, contrasts)
  random <- list()
  position <- 0L
  for (i in seq_along(blocks)) {
    term <- frame$parsed$random[[i]]
    if (!is.null(term$smooth)) {
      colnames(blocks[[i]]$X) <- paste0(term$label, ".", seq_len(ncol(blocks[[i]]$X)))
    }
    names <- colnames(blocks[[i]]$X)
    if (!length(names)) {
      abort("random_terms", "A random term must have at least one column.", given = term$label)
    }
    random[[i]] <- list(
      label = term$label, columns = position + seq_along(names), names = names,
      covariance = term$covariance, correlated = term$correlated, rank = term$rank
    )
    random[[i]]$smooth <- term$smooth # ordinary terms have no such element
    position <- position + length(names)
  }
  for (term in random) check_structure(term)
  for (factor in factors) check_repeated_columns(random[factor$terms])
  Z <- if (length(blocks) == 1L) blocks[[1L]]$X else do.call(cbind, lapply(blocks, `[[`, "X"))
  check_finite_columns(Z, rows)
  c(list(Z = Z, random = random), lambda_pattern(random), list(
    xlevels_random = lapply(frame$terms_random, stats::.getXlevels, covariates),
    contrasts_random = lapply(blocks, `[[`, "contrasts")
  ))
}

# Free entries of Lambda by column: a lower triangle for each correlated term, of reduced rank its
# first columns, else its diagonal, which of a smooth is one number, with a `span` of columns.
lambda_pattern <- function(random) {
  entries <- lapply(random, function(term) {
    k <- length(term$columns)
    free <- if (term$correlated) lower.tri(diag(k), diag = TRUE) else diag(k) == 1
    free <- free & col(free) <= (term$rank %||% if (is.null(term$smooth)) k else 1L)
    which(free, arr.ind = TRUE) + term$columns[1L] - 2L
  })
  entries <- do.call(rbind, entries)
  out <- list(theta_row = as.integer(entries[, 1L]), theta_col = as.integer(entries[, 2L]))
  if (!length(smooth_columns_of(random))) return(out)
  smooth <- Filter(is_smooth, random)
  first <- vapply(smooth, function(term) term$columns[1L], 1L)
  span <- lengths(lapply(smooth, `[[`, "columns"))[match(out$theta_row + 1L, first)]
  c(out, list(theta_span = ifelse(is.na(span), 1L, span)))
}

# The same column twice: only the sum of the two variances is identified.
check_repeated_columns <- function(random) {
  names <- unlist(lapply(random, `[[`, "names"))
  repeated <- unique(names[duplicated(names)])
  if (!length(repeated)) return(invisible())
  labels <- vapply(random, `[[`, "", "label")
  abort("random_terms", "A column must not appear in two random terms of the same group.",
    given = paste(some_of(code(repeated)), "in", some_of(labels)),
    hint = if (anyDuplicated(labels)) {
      "Leave one of them out: only the sum of their variances shows."
    } else {
      "Write (x | g), or (1 | g) + (0 + x | g) for uncorrelated effects."
    }
  )
}

# A finite mean proves that all are; `rows` is called only when one is not.
check_finite_columns <- function(X, rows, means = engine_column_facts(X)$mean) {
  for (j in which(!is.finite(means))) check_finite(X[, j], code(colnames(X)[j]), rows())
}
