# Variances and correlations of the random effects.

#' Variances, standard deviations and correlations of the random effects
#'
#' @description
#' ```
#' fit <- glmm(seizures ~ treatment + (period | subject), epilepsy, poisson())
#' VarCorr(fit)
#' as.data.frame(VarCorr(fit))
#' ```
#'
#' @details The covariance matrix of the random effects is Sigma = Lambda Lambda', in units of the
#' predictor: log odds for a logit link, log means for a log link. Uncorrelated terms of one
#' grouping factor, such as those of `(x || g)`, are numbered `g`, `g.1`, ... . A Gaussian model
#' also has a residual standard deviation, sigma. With prior weights w, sigma is for weight 1 (the
#' variance is sigma^2 / w).
#'
#' @param x A fit of [glmm()], or its `VarCorr()`.
#' @param sigma Not used (an argument of the generic).
#' @param digits Significant digits to print.
#' @param comp What to print: `"Std.Dev."`, `"Variance"` or both.
#' @param row.names,optional Not used (arguments of the generic).
#' @param order `"cov.last"`: variances first within each group; `"lower.tri"`: by column of the
#'   lower triangle.
#' @param ... Not used.
#' @return `VarCorr()`: a list of class `VarCorr.margmix_glmm` with one covariance matrix for each
#'   group of correlated effects, with the attributes `stddev` and `correlation`. Attributes of the
#'   list are `sc`, which is sigma (`NA` if there is none); `relations`, how the levels of a group
#'   are related ([related_levels]); and `distribution`, the scale of a t distribution
#'   ([t_effects()]).
#'
#'   `as.data.frame()`: one row for each variance (with `var2` `NA`), each covariance, and the
#'   residual variance. The columns are `grp`, `var1`, `var2`, `vcov` and `sdcor` (standard
#'   deviation or correlation).
#' @examples
#' fit <- glmm(seizures ~ treatment + period + (period | subject), epilepsy, poisson())
#' VarCorr(fit)
#' as.data.frame(VarCorr(fit))
#' @export
VarCorr.margmix_glmm <- function(x, sigma = 1, ...) {
  blocks <- random_blocks(x$design)
  Sigma <- tcrossprod(x$Lambda)
  out <- lapply(blocks, function(block) {
    with_correlation(named_square(
      Sigma[block$columns, block$columns, drop = FALSE], block$names
    ))
  })
  has_sigma <- is_residual_scale(x$family) && !has_dispersion_formula(x$design)
  structure(out, sc = if (has_sigma) sqrt(x$phi) else NA_real_, useSc = has_sigma,
    relations = all_relation_words(x), distribution = effect_scale_words(x$design, x),
    class = "VarCorr.margmix_glmm"
  )
}

#' Groups of random effects that may be correlated
#'
#' @return A list, named as in the table of variances, of `list(columns, names)`; `columns` are
#'   positions in Z.
#' @noRd
random_blocks <- function(design) {
  blocks <- list()
  labels <- character()
  for (group in design$groups) {
    for (term in design$random[group$terms]) {
      parts <- if (term$correlated) list(seq_along(term$columns)) else seq_along(term$columns)
      if (is_smooth(term)) parts <- 1L
      blocks <- c(blocks, lapply(parts, function(part) {
        list(
          columns = term$columns[part], names = if (is_smooth(term)) "curve" else term$names[part]
        )
      }))
      labels <- c(labels, rep(group$label, length(parts)))
    }
  }
  stats::setNames(blocks, make.unique(labels))
}

with_correlation <- function(S) {
  sd <- sqrt(diag(S))
  correlation <- S / tcrossprod(sd)
  correlation[!is.finite(correlation)] <- NaN
  diag(correlation) <- 1
  structure(S, stddev = sd, correlation = correlation)
}

#' @rdname VarCorr.margmix_glmm
#' @export
as.data.frame.VarCorr.margmix_glmm <- function(x, row.names = NULL, optional = FALSE,
                                       order = c("cov.last", "lower.tri"), ...) {
  order <- one_of(order, c("cov.last", "lower.tri"), "order")
  rows <- Map(block_components, names(x), unclass(x), order)
  residual <- if (isTRUE(attr(x, "useSc"))) {
    sigma <- attr(x, "sc")
    data.frame(
      grp = "Residual", var1 = NA_character_, var2 = NA_character_, vcov = sigma^2, sdcor = sigma
    )
  }
  out <- do.call(rbind, c(unname(rows), list(residual)))
  rownames(out) <- NULL
  out
}

block_components <- function(group, S, order) {
  names <- rownames(S)
  at <- which(lower.tri(S, diag = TRUE), arr.ind = TRUE)
  variance <- at[, 1L] == at[, 2L]
  out <- data.frame(
    grp = group, var1 = names[at[, 2L]], var2 = ifelse(variance, NA_character_, names[at[, 1L]]),
    vcov = S[at], sdcor = ifelse(variance, sqrt(pmax(S[at], 0)), attr(S, "correlation")[at])
  )
  if (order == "cov.last") rbind(out[variance, ], out[!variance, ]) else out
}

#' @rdname VarCorr.margmix_glmm
#' @export
print.VarCorr.margmix_glmm <- function(x, digits = max(3L, getOption("digits") - 3L),
                               comp = "Std.Dev.", ...) {
  digits <- known_digits(digits)
  comp <- several_of(comp, c("Std.Dev.", "Variance"), "comp")
  say("Random effects:\n")
  print(format_varcorr(x, digits, comp), quote = FALSE, right = FALSE, row.names = FALSE)
  relations <- attr(x, "relations")
  if (length(relations)) say(paste0(names(relations), ": ", relations), sep = "\n")
  if (length(attr(x, "distribution"))) say(attr(x, "distribution"), "\n", sep = "")
  invisible(x)
}

# A character matrix: group, effect, SD, and the correlations with the effects above.
format_varcorr <- function(x, digits, comp) {
  size <- max(vapply(x, ncol, 1L))
  rows <- do.call(rbind, Map(function(group, S) {
    q <- ncol(S)
    cor <- matrix("", q, max(size - 1L, 0L))
    lower <- row(cor) > col(cor) & col(cor) < q
    R <- attr(S, "correlation")[, seq_len(max(q - 1L, 0L)), drop = FALSE]
    cor[lower] <- sprintf("%.2f", R[row(R) > col(R)])
    cbind(c(group, rep("", q - 1L)), rownames(S), diag(S), attr(S, "stddev"), cor)
  }, names(x), unclass(x)))
  if (isTRUE(attr(x, "useSc"))) {
    sigma <- attr(x, "sc")
    rows <- rbind(rows, c("Residual", "", sigma^2, sigma, rep("", max(size - 1L, 0L))))
  }
  numbers <- function(column) format(as.numeric(rows[, column]), digits = digits)
  shown <- cbind(
    Group = rows[, 1L], Effect = rows[, 2L],
    if ("Variance" %in% comp) cbind(Variance = numbers(3L)),
    if ("Std.Dev." %in% comp) cbind(Std.Dev. = numbers(4L))
  )
  if (size > 1L) {
    correlations <- rows[, -(1:4), drop = FALSE]
    colnames(correlations) <- c("Corr", rep("", size - 2L))
    shown <- cbind(shown, correlations)
  }
  rownames(shown) <- rep("", nrow(shown))
  shown
}
