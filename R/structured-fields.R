# Spatial fields: places as levels, what a fit says of their range, and places without data.

#' Spatial fields as random effects
#'
#' @description
#' ```
#' fit <- glmm(stations ~ mag + exp(long + lat | 1, distance = "great_circle"), quakes, poisson())
#' predict(fit, data.frame(mag = 5, long = 180, lat = -20), se.fit = TRUE)
#' ```
#'
#' Terms of [glmm()] with random effects of places, whose correlation falls with distance. They are
#' a kind of [related_levels].
#'
#' @details
#' Terms have one to three coordinates: `exp(x + y | g)`. Each level of `g` has a field of its own,
#' independent of the others; `| 1` is one field for all rows. Rows with equal coordinates share an
#' effect. With u = d / range for places d apart, the correlation is
#'
#' * `exp(x + y | g)`: exp(-u);
#' * `gau(x + y | g)`: exp(-u^2);
#' * `mat(x + y | g, nu = 1.5)`: Matern's of smoothness `nu`, which is given, not estimated: (1 + u)
#'   exp(-u) for 1.5, the default, (1 + u + u^2 / 3) exp(-u) for 2.5, and that of `exp()` for 0.5.
#'
#' These are `exp()`, `gau()` and, at a fixed smoothness, `mat()` of package \pkg{glmmTMB}; its
#' coordinates, `exp(pos + 0 | g)` with a factor of `numFactor()`, are accepted too. `rho` is the
#' logarithm of the range; the output says at which distance the correlation is .05.
#'
#' The correlation matrix of a smooth field (`gau()`, or `nu` above 0.5) is numerically singular if
#' places are close or the range is long. So a share of 1e-8 of its variance is a nugget,
#' independent between places, as the output says. `exp()` needs none.
#'
#' Settings of a term:
#'
#' * `distance = "euclidean"`: in the unit of the coordinates. `"great_circle"`: coordinates are
#'   longitude and latitude in degrees, in this order, and distances are along the surface of the
#'   earth (a sphere with the mean radius 6371.0088 km), in km; on a sphere this gives a valid
#'   correlation for `exp()` only (Gneiting 2013). `"chordal"`, straight through the earth, is valid
#'   for all, and differs by 0.1% at 1,000 km.
#' * `dense = 1000`: fields with more places are approximated: in maximin order (Guinness 2018),
#'   each place depends on its `neighbours = 20` nearest among those before it (Vecchia 1988).
#'
#' `predict()` at places without data is kriging: the conditional mean and variance given the data,
#' at the estimated range, for each place separately.
#'
#' @section Errors: `margmix_error_place`: coordinates that are missing, not numbers or not degrees;
#'   places closer than a millionth of the extent; no two places in any group.
#'   `margmix_error_relation`: unknown settings. `margmix_error_formula`: a left side that isn't a
#'   sum of one to three coordinates.
#' @references
#' Gneiting, T. (2013). Strictly and non-strictly positive definite functions on spheres.
#' *Bernoulli* **19**, 1327-1349.
#'
#' Guinness, J. (2018). Permutation and grouping methods for sharpening Gaussian process
#' approximations. *Technometrics* **60**, 415-429.
#'
#' Vecchia, A. V. (1988). Estimation and model identification for continuous spatial processes.
#' *Journal of the Royal Statistical Society B* **50**, 297-312.
#' @examples
#' # stations that reported an earthquake near Fiji, by its magnitude and place
#' d <- quakes[1:60, ]
#' fit <- glmm(stations ~ mag + exp(long + lat | 1, distance = "great_circle"), d, poisson())
#' fit
#' # a place without an earthquake
#' predict(fit, data.frame(mag = 5, long = 181, lat = -20), se.fit = TRUE)
#' @name spatial_fields
#' @aliases gau mat
NULL

# Each correlation of the engine: its words, where it is .05 (distance / range), and whether it is
# one on a sphere by distance along its surface (Gneiting 2013, Bernoulli 19, 1327-1349). `nugget`:
# the share of the variance that is a place's own, without which a smooth field has a correlation
# matrix that is singular to rounding.
field_correlations <- list(
  exponential = list(words = "exponential field", fall = -log(0.05), sphere = TRUE, nugget = 0),
  gaussian = list(words = "Gaussian field", fall = sqrt(-log(0.05)), sphere = FALSE, nugget = 1e-8),
  # (1 + u) exp(-u) = .05 and (1 + u + u^2 / 3) exp(-u) = .05
  matern_3_2 = list(
    words = "Matern field (nu = 1.5)", fall = 4.743864518390577, sphere = FALSE, nugget = 1e-8
  ),
  matern_5_2 = list(
    words = "Matern field (nu = 2.5)", fall = 5.918649346310216, sphere = FALSE, nugget = 1e-8
  )
)

field_metrics <- c("euclidean", "great_circle", "chordal")

#' The relation of a spatial field
#'
#' @param index From [cluster_index()], of the places in the data.
#' @return As [relation_of()]; besides, `places` (dimensions x levels), `metric`, `block` (from 0),
#'   `role` of each level (1: in the dense core of its block; 0: given its parents; 2: given the
#'   core), `parent_start` and `parent` (from 0), `extent` and `shortest` distance.
#' @section Errors: `place`, `relation`.
#' @noRd
field_relation <- function(term, frame, index, env) {
  settings <- field_settings(term, env)
  first <- index$start[-length(index$start)] + 1L
  if (!is.null(index$order)) first <- index$order[first]
  at <- coordinates_of(term, frame, settings$metric)[, first, drop = FALSE]
  own <- series_codes(term, frame)
  facts <- field_correlations[[settings$correlation]]
  relation <- c(
    list(kind = "field", nugget = facts$nugget, places = at, block = own$code[first] - 1L),
    settings[c("correlation", "metric", "neighbours")],
    list(
      names = index$levels, own = TRUE, together = own$code[first], series = own$levels,
      variance = 1
    )
  )
  order <- engine_field_order(relation)
  relation$extent <- 2 * max(order$apart[is.finite(order$apart)], 0)
  relation$shortest <- min(order$apart)
  check_apart(relation, order)
  with_parents(relation, order$order, settings$dense)
}

# Up to `dense` places of a block are its core; of more, the first in maximin order, and the others
# given their nearest neighbours before them.
with_parents <- function(relation, order, dense) {
  size <- tabulate(relation$together)
  rank <- integer(length(order))
  rank[order] <- sequence(size[unique(relation$together[order])])
  relation$role <- as.integer(
    size[relation$together] <= dense | rank <= relation$neighbours
  )
  of <- relation$role == 0L
  parents <- if (any(of)) {
    engine_field_parents(relation, order, relation$neighbours, of, rep(TRUE, length(of)))
  } else {
    list(parent_start = integer(length(of) + 1L), parent = integer())
  }
  c(relation, parents)
}

check_apart <- function(relation, order) {
  if (!is.finite(relation$shortest)) {
    abort("place", "A field must have at least two places in one of its groups.",
      given = some_of(relation$names)
    )
  }
  if (relation$shortest >= 1e-6 * relation$extent) return(invisible())
  i <- which.min(order$apart)
  is_i <- seq_along(relation$names) == i
  same <- relation$together == relation$together[i] & !is_i
  j <- engine_field_parents(relation, c(which(same), i), 1L, is_i, same)$parent + 1L
  abort("place", "The places of a field must be further apart than a millionth of its extent.",
    given = paste0(
      relation$names[i], " and ", relation$names[j], ", ", signif(relation$shortest, 3L),
      " apart; the extent is ", signif(relation$extent, 3L)
    ),
    hint = "Round the coordinates: equal ones are one place."
  )
}

# Range ------------------------------------------------------------------------------------------

#' @export
start_of_relation.margmix_field <- function(relation) log(relation$extent / 6)

#' @export
reading_of.margmix_field <- function(relation) list(value = exp, name = "range")

#' @export
relation_words.margmix_field <- function(relation, rho) {
  facts <- field_correlations[[relation$correlation]]
  unit <- if (relation$metric != "euclidean") " km"
  paste0(
    facts$words, ", range ", format(exp(rho), digits = 3L), unit, ": correlation .05 at ",
    format(facts$fall * exp(rho), digits = 3L), unit,
    if (relation$metric == "great_circle") " along the great circle",
    if (relation$metric == "chordal") " through the earth",
    if (facts$nugget > 0) paste0("; nugget ", format(facts$nugget), " of the variance"),
    if (any(relation$role == 0L)) {
      paste0("; each place given ", relation$neighbours, " neighbours (Vecchia)")
    }
  )
}

# Beyond 100,000 times the extent nothing changes; near the shortest distance over 50 all
# correlations are below 1e-20.
#' @export
ends_of.margmix_field <- function(relation) {
  list(
    list(
      at = log(relation$extent) + 12, near = log(relation$extent) + 2,
      words = "the correlation is 1 everywhere, as with a random intercept"
    ),
    list(
      at = log(relation$shortest) - 4, near = log(relation$shortest) - 0.5,
      words = "the correlation is 0: places are independent"
    )
  )
}

#' @export
levels_words.margmix_field <- function(relation, group, used) {
  blocks <- length(unique(relation$together))
  paste0(
    count_of(used, "place"), if (blocks > 1L) paste(" in", blocks, "fields"), " of ",
    code(group$label)
  )
}

# Places without data ------------------------------------------------------------------------------

#' @export
new_levels.margmix_field <- function(relation, group, term, frame) {
  found <- match_clusters(frame, term$group, group$levels)
  own <- known_series(term, frame, relation)
  use <- which(is.na(found$cluster) & !is.na(own) & !is.na(found$label))
  use <- use[!duplicated(found$label[use])]
  if (!length(use)) return(NULL)
  at <- coordinates_of(term, frame[use, , drop = FALSE], relation$metric)
  list(label = found$label[use], series = own[use], at = at)
}

# A new place has its distribution given the core, or given its nearest neighbours among the places
# of the fit: never given other new ones, so that predictions do not depend on each other.
#' @export
with_levels.margmix_field <- function(relation, group, new) {
  m <- length(group$levels)
  k <- length(new$label)
  sparse <- unique(relation$together[relation$role == 0L])
  relation$places <- cbind(relation$places, new$at)
  relation$together <- c(relation$together, new$series)
  relation$block <- relation$together - 1L
  relation$role <- c(relation$role, ifelse(new$series %in% sparse, 0L, 2L))
  old <- seq_len(m + k) <= m
  of <- !old & relation$role == 0L
  near <- engine_field_parents(relation, seq_along(old), relation$neighbours, of, old)
  last <- relation$parent_start[m + 1L]
  relation$parent_start <- c(relation$parent_start, last + near$parent_start[-seq_len(m + 1L)])
  relation$parent <- c(relation$parent, near$parent)
  relation$names <- NULL
  group$cluster <- c(group$cluster, group$cluster[match(new$series, relation$together)])
  group$levels <- c(group$levels, new$label)
  group$relation <- relation
  list(group = group, order = seq_len(m + k))
}
