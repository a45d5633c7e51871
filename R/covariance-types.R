# The table of covariance matrices of the coefficients: one row for each type. What it says is read
# from here, wherever it is needed; how a type is computed is in vcov.R, vcov-gee.R and the engine.

#' A row of the table
#'
#' @param words For the line that names the choice.
#' @param glmm,gee,means,slopes Where the type may be asked for, and in which place of the list that
#'   messages give: of a fit of [glmm()], of [gee()], [marginal_standardization()] and
#'   [marginal_coefficients()]. The first is the default.
#' @param assigned The same, of means whose exposure was assigned (`randomized`, `propensity`).
#' @param drawn Is it a sum over the clusters' corrected scores and nothing else, so that its joint
#'   test can be drawn? Its place in the list.
#' @param modelled Does it rest on the whole model, distributions included?
#' @param df The rule of its degrees of freedom, where that belongs to the type.
#' @param as The type whose Satterthwaite degrees of freedom it takes, where it is no sum of squared
#'   scores itself.
#' @param more_clusters Must there be more clusters than coefficients?
#' @noRd
covariance_type <- function(words, glmm = NA, gee = NA, means = NA, slopes = NA, assigned = NA,
                            drawn = NA, modelled = FALSE, df = NULL, as = NULL,
                            more_clusters = FALSE) {
  list(
    words = words, glmm = glmm, gee = gee, means = means, slopes = slopes, assigned = assigned,
    drawn = drawn, modelled = modelled, df = df, as = as, more_clusters = more_clusters
  )
}

covariance_types <- list(
  KR = covariance_type("Kenward-Roger, restricted likelihood",
    glmm = 1, slopes = 1, modelled = TRUE
  ),
  model = covariance_type("model-based",
    glmm = 2, gee = 3, means = 5, slopes = 2, modelled = TRUE, as = "KC"
  ),
  robust = covariance_type("cluster-robust (sandwich)",
    glmm = 3, gee = 2, means = 4, slopes = 3, assigned = 4, drawn = 1
  ),
  KC = covariance_type("cluster-robust, KC bias-corrected",
    glmm = 4, gee = 1, means = 1, assigned = 1, drawn = 2, df = "satterthwaite"
  ),
  MD = covariance_type("cluster-robust, MD bias-corrected", gee = 5, means = 2, drawn = 3),
  FG = covariance_type("cluster-robust, FG bias-corrected", gee = 6, means = 3, drawn = 4),
  FW = covariance_type("cluster-robust, FW bias-corrected", gee = 7, drawn = 5),
  DF = covariance_type("cluster-robust times K / (K - p)", gee = 4, more_clusters = TRUE),
  MBN = covariance_type("cluster-robust, MBN bias-corrected",
    glmm = 5, gee = 8, as = "robust", more_clusters = TRUE
  ),
  jackknife = covariance_type("one-step jackknife of clusters",
    gee = 9, assigned = 2, more_clusters = TRUE
  ),
  `jackknife-joint` = covariance_type("jackknife of clusters, all parameters to second order",
    gee = 10, as = "MD", more_clusters = TRUE
  ),
  `jackknife-full` = covariance_type("jackknife of clusters, fully iterated",
    gee = 11, assigned = 3, as = "MD", more_clusters = TRUE
  ),
  # a matrix of the user
  given = covariance_type("from the given matrix", as = "KC")
)

covariance_fact <- function(type, fact) covariance_types[[type]][[fact]]

# The types that have a place in a list, in its order.
covariances_for <- function(list) {
  place <- vapply(covariance_types, `[[`, 0, list)
  names(sort(place))
}

is_modelled <- function(type) covariance_fact(type, "modelled")

# The first is the default.
glmm_vcov_types <- c("default", covariances_for("glmm"))
gee_vcov_types <- covariances_for("gee")

# Matrices that are no sum of squared scores take the degrees of freedom of one that is.
satterthwaite_type <- function(type) covariance_fact(type, "as") %||% type
