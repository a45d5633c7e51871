# Parameters of relations between levels: rho is unbounded; people read correlations and rates.

#' Relations of a design, for its factors with related levels
#' @noRd
relations <- function(design) {
  Filter(Negate(is.null), lapply(design$groups, `[[`, "relation"))
}

# "rho_ar1(id)": a name for each parameter, in the order of the factors.
rho_names <- function(design) {
  has <- vapply(design$groups, function(group) rho_count(group$relation) > 0L, NA)
  if (any(has)) paste0("rho_", group_labels(design)[has]) else character()
}

# The entries of rho of factor k.
rho_of <- function(design, rho, k) {
  counts <- vapply(design$groups, function(group) rho_count(group$relation), 0L)
  rho[sum(counts[seq_len(k - 1L)]) + seq_len(counts[k])]
}

# The factor of each entry of rho.
rho_groups <- function(design) {
  counts <- vapply(design$groups, function(group) rho_count(group$relation), 0L)
  rep(seq_along(counts), counts)
}

rho_count <- function(relation) {
  kinds <- c("margmix_ar1", "margmix_ou", "margmix_car", "margmix_field", "margmix_bym2")
  if (inherits(relation, kinds)) 1L else 0L
}

#' Where a search begins: half a correlation at the median gap, or between neighbours
#' @noRd
rho_start <- function(design) {
  as.numeric(unlist(lapply(relations(design), start_of_relation)))
}

start_of_relation <- function(relation) UseMethod("start_of_relation")

#' @export
start_of_relation.margmix_relation <- function(relation) NULL

#' @export
start_of_relation.margmix_ar1 <- function(relation) atanh(0.5^(1 / median_gap(relation)))

#' @export
start_of_relation.margmix_ou <- function(relation) log(log(2) / median_gap(relation))

#' @export
start_of_relation.margmix_car <- function(relation) stats::qlogis(0.8)

median_gap <- function(relation) {
  gaps <- relation$gap[relation$gap > 0]
  if (length(gaps)) stats::median(gaps) else 1
}

#' A parameter as people read it
#'
#' @return A list: `value` of rho, a monotone function; `name` of what that is.
#' @noRd
reading_of <- function(relation) UseMethod("reading_of")

#' @export
reading_of.margmix_ar1 <- function(relation) list(value = tanh, name = "correlation")

#' @export
reading_of.margmix_ou <- function(relation) list(value = exp, name = "rate")

#' @export
reading_of.margmix_car <- function(relation) list(value = stats::plogis, name = "alpha")

# Rows of confint(): "correlation_ar1(id)" and so on, and how rho reads there.
reading_names <- function(design) {
  vapply(rho_groups(design), function(k) {
    group <- design$groups[[k]]
    paste0(reading_of(group$relation)$name, "_", group$label)
  }, "")
}

# The values of rho, as they are read.
rho_readings <- function(design, rho) {
  groups <- rho_groups(design)
  vapply(seq_along(groups), function(i) {
    reading_of(design$groups[[groups[i]]]$relation)$value(rho[i])
  }, 0)
}

reading_named <- function(design, name) {
  k <- rho_groups(design)[match(name, reading_names(design))]
  if (length(k) && !is.na(k)) reading_of(design$groups[[k]]$relation)$value
}

#' The relation in words, with its parameter
#' @noRd
relation_words <- function(relation, rho) UseMethod("relation_words")

#' @export
relation_words.margmix_ar1 <- function(relation, rho) {
  paste0(
    "AR(1), correlation ", format(tanh(rho), digits = 3L), " at ",
    if (relation$unit == 1) "one step" else paste("steps of", signif(relation$unit, 4L))
  )
}

#' @export
relation_words.margmix_ou <- function(relation, rho) {
  rate <- exp(rho)
  paste0(
    "Ornstein-Uhlenbeck, correlation exp(-", format(rate, digits = 3L), " d): one half at d = ",
    format(log(2) / rate, digits = 3L)
  )
}

#' @export
relation_words.margmix_phylo <- function(relation, rho) {
  paste(
    "Brownian motion on a tree of", count_of(sum(relation$own), "tip"), "and height 1"
  )
}

#' @export
relation_words.margmix_known <- function(relation, rho) {
  range <- format(range(relation$variance), digits = 3L)
  paste0(
    "known ", if (relation$covariance) "covariance" else "precision", " of ",
    count_of(length(relation$variance), "level"), ", unit variances ",
    if (range[1L] == range[2L]) range[1L] else paste(range, collapse = " to ")
  )
}

#' @export
relation_words.margmix_car <- function(relation, rho) {
  paste0("conditional autoregression, alpha ", format(stats::plogis(rho), digits = 3L))
}

# Of all factors with related levels, named by their labels.
all_relation_words <- function(fit) {
  groups <- random_factors(fit$design)
  related <- which(!vapply(lapply(groups, `[[`, "relation"), is.null, NA))
  words <- vapply(related, function(k) {
    relation_words(groups[[k]]$relation, rho_of(fit$design, fit$rho, k))
  }, "")
  stats::setNames(words, vapply(groups[related], `[[`, "", "label"))
}

#' Variances (Q^-1)_ll of the levels of factor k at unit scale, one for all or one for each
#' @noRd
level_variance <- function(design, rho, k) {
  group <- design$groups[[k]]
  if (is.null(group$relation)) return(1)
  unit_variance(group$relation, rho_of(design, rho, k))
}

unit_variance <- function(relation, rho) UseMethod("unit_variance")

#' @export
unit_variance.margmix_relation <- function(relation, rho) relation$variance

#' @export
unit_variance.margmix_car <- function(relation, rho) {
  engine_relation_facts(relation, rho)$variance
}

# The standard deviation of a column's effects at unit scale, as a power of ten: a known matrix has
# the user's units, which the search is not to depend on.
column_units <- function(design) {
  out <- rep(1, ncol(design$Z))
  for (group in design$groups) out[group$columns] <- unit_of_relation(group$relation)
  out
}

unit_of_relation <- function(relation) UseMethod("unit_of_relation")

#' @export
unit_of_relation.default <- function(relation) 1

#' @export
unit_of_relation.margmix_known <- function(relation) 10^round(log10(mean(relation$variance)) / 2)

# Where the variance of a factor is zero nothing depends on how its levels are related.
unidentified_rho <- function(design, Lambda) {
  vapply(rho_groups(design), function(k) {
    columns <- design$groups[[k]]$columns
    all(Lambda[columns, columns] == 0)
  }, NA)
}

# Words -------------------------------------------------------------------------------------------

#' @export
groups_words.margmix_related <- function(design) {
  each <- vapply(design$groups, function(group) {
    used <- sum(tabulate(group$index + 1L, length(group$levels)) > 0L)
    own <- rep_len(group$relation$own %||% TRUE, length(group$levels))
    more <- max(sum(own) - used, 0)
    paste0(
      levels_words(group$relation, group, used),
      if (more) paste0(" (", format(more, big.mark = ","), " more without rows)")
    )
  }, "")
  paste(each, collapse = " and ")
}

#' The levels of a factor that have rows, counted as what they are
#' @param used Their number.
#' @noRd
levels_words <- function(relation, group, used) UseMethod("levels_words")

#' @export
levels_words.default <- function(relation, group, used) {
  paste(format(used, big.mark = ","), "of", code(group$label))
}

#' @export
levels_words.margmix_ar1 <- function(relation, group, used) {
  paste0(
    count_of(used, "time"), " in ", format(length(relation$series), big.mark = ","),
    " series of ", code(group$label)
  )
}

#' @export
levels_words.margmix_ou <- levels_words.margmix_ar1

# Ends of the range ------------------------------------------------------------------------------

#' Where a relation ends, and what it is there
#'
#' A correlation of series may rise to 1, where a series is a random intercept, or a rate without
#' end, where its times are independent. The likelihood is flat there, within 1e-5 of that at the
#' end, before 1 - r^2 loses its digits: at 4e-8 the gradient still has enough of them to judge the
#' other parameters, at 4e-9 the instructions of the processor decide.
#'
#' @return A list of ends: `at`, a value of rho within rounding of it; `near`, from where on it is
#'   tried; `words`.
#' @noRd
ends_of <- function(relation) UseMethod("ends_of")

#' @export
ends_of.margmix_relation <- function(relation) list()

#' @export
ends_of.margmix_ar1 <- function(relation) {
  list(
    list(at = 9, near = 3, words = "the correlation is 1, as with a random intercept"),
    list(at = -9, near = -3, words = "the correlation is -1")
  )
}

#' @export
ends_of.margmix_ou <- function(relation) {
  unit <- -log(median_gap(relation))
  list(
    list(
      at = unit - 17, near = unit - 4, words = "the correlation is 1, as with a random intercept"
    ),
    list(at = unit + 5, near = unit + 1, words = "the correlation is 0: times are independent")
  )
}

#' @export
ends_of.margmix_car <- function(relation) list(list(at = 16, near = 5, words = "alpha is 1"))

#' Ends that entries of rho are on their way to
#'
#' @return A list of `entry`, `at` and `slack`: what the log-likelihood may fall by. What it gains
#'   beyond the end is rounding.
#' @noRd
ends_ahead <- function(design, rho) {
  owners <- rho_groups(design)
  unlist(lapply(seq_along(owners), function(r) {
    ends <- ends_of(design$groups[[owners[r]]]$relation)
    ahead <- Filter(function(end) {
      (rho[r] - end$near) * sign(end$at - end$near) > 0 && rho[r] != end$at
    }, ends)
    lapply(ahead, function(end) {
      beyond <- (rho[r] - end$at) * sign(end$at - end$near) > 0
      list(entry = r, at = end$at, slack = if (beyond) Inf else 1e-5)
    })
  }), recursive = FALSE)
}

# Such entries are set to the end, if the log-likelihood allows it with the other parameters as they
# want to be there.
snap_rho <- function(problem, K, fit) {
  first <- fixed_count(problem$design) + theta_count(problem$design)
  for (end in ends_ahead(problem$design, fit$x[first + seq_along(rho_groups(problem$design))])) {
    fit <- snap_entry(problem, K, fit, first + end$entry, end$at, end$slack, rounding = 1e-8)
  }
  fit
}

# What each entry of rho is if it is at an end; "" elsewhere.
rho_ends <- function(design, rho) {
  owners <- rho_groups(design)
  vapply(seq_along(owners), function(r) {
    ends <- ends_of(design$groups[[owners[r]]]$relation)
    at <- vapply(ends, function(end) rho[[r]] == end$at, NA)
    if (any(at)) ends[[which(at)]]$words else ""
  }, "")
}

rho_boundary_words <- function(design, rho) {
  ends <- rho_ends(design, rho)
  at <- which(nzchar(ends))
  if (!length(at)) return(character())
  labels <- group_labels(design)[rho_groups(design)[at]]
  stats::setNames(paste0("of ", code(labels), " ", ends[at]), rep("relation", length(at)))
}
