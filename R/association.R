#' Scan variants against a mixed model
#'
#' @description
#' ```
#' null <- glmm(resp ~ age + (1 | id), ohio, binomial()) # no variant in it
#' G <- matrix(rbinom(537 * 9, 2, 0.3), 537) # alleles, people x variants
#' rownames(G) <- unique(ohio$id)
#' association_scan(null, G)
#' ```
#'
#' Tests each variant as a further fixed effect of a mixed model that is fitted once, without any of
#' them: the random effects (of relatives, families, repeated visits) keep relatedness from passing
#' for association.
#'
#' @details
#' With r the derivative of the log-likelihood of the rows in the predictor at the modes of the
#' random effects, and P the projection of the working linear model, the score of a variant g is U =
#' g'r with variance g'Pg. For a linear model r = Py, U / g'Pg is the coefficient of g by
#' generalized least squares, and the test is that of the linear model at the null model's
#' variances. For other families they are the first step from the null model (Chen et al. 2016).
#'
#' * `variance = "exact"` computes g'Pg for every variant. `"ratio"` does so for `n_ratio` random
#'   ones and takes the mean ratio to the variance without random effects, which is nearly
#'   the same for all (Svishcheva et al. 2012; Zhou et al. 2018), for the others. `"auto"`: exact
#'   for up to 2,000 people.
#' * For 0/1 responses, numbers of successes, and counts, the normal approximation is wrong in the
#'   tails where cases or minor alleles are rare. Where |z| > 2 the p-value is then that of the
#'   saddlepoint approximation with the same variance (Dey et al. 2017); `method` says so. A
#'   negative binomial null model has the normal approximation alone.
#' * A missing genotype is the mean of the variant's others. A variant with one value, or
#'   without any, has a row without a test and the reason in `method`.
#'
#' Coefficients are conditional on the random effects, per allele that the genotypes count.
#'
#' @param fit The null model: [glmm()] with Gaussian, binomial (logit), Poisson or [nbinom2()] (log)
#'   responses. Repeated rows of a person are allowed.
#' @param genotypes Numbers of alleles, people x variants, with names of people: a matrix, an object
#'   that is read like one (as of package BEDMatrix), or a function: `genotypes(i)` is the matrix of
#'   block i, or `NULL` after the last.
#' @param variance,n_ratio See above.
#' @param saddlepoint Use the saddlepoint approximation?
#' @param id The grouping factor whose levels are people. By default the first one of which all
#'   levels have genotypes, otherwise the row names of the data.
#' @param block Variants that are read at a time.
#' @param file Write the table to this file (tab-separated) block by block, rather than return it.
#' @param resume Go on after the last complete line of `file`?
#' @param progress Say how many variants per second?
#' @param seed For the choice of variants of `"ratio"`; the generator of the user is not touched.
#' @return A data frame of class `margmix_scan`, a row for each variant: `variant`, `people` (with a
#'   genotype), `missing`, `frequency` of the counted allele, with 0/1 responses also
#'   `frequency_cases` and `frequency_controls`; `score`, `variance`, `estimate`, `std.error`,
#'   `p.value`, `p.normal`, `method`. Its attributes `ratio` and `ratio_cv` are the mean ratio and
#'   its coefficient of variation. With `file`, its path, invisibly.
#' @section Errors: `margmix_error_null_model`, `margmix_error_people`, `margmix_error_genotypes`,
#'   `margmix_error_argument`. Note: `margmix_note_people`.
#' @references
#' Chen, H. et al. (2016). Control for population structure and relatedness for binary traits in
#' genetic association studies via logistic mixed models. *American Journal of Human Genetics* 98,
#' 653-666.
#'
#' Dey, R., Schmidt, E. M., Abecasis, G. R. and Lee, S. (2017). A fast and accurate algorithm to
#' test for binary phenotypes and its application to PheWAS. *American Journal of Human Genetics*
#' 101, 37-49.
#'
#' Svishcheva, G. R. et al. (2012). Rapid variance components-based method for whole-genome
#' association analysis. *Nature Genetics* 44, 1166-1170.
#'
#' Zhou, W. et al. (2018). Efficiently controlling for case-control imbalance and sample relatedness
#' in large-scale genetic association studies. *Nature Genetics* 50, 1335-1341.
#' @examples
#' set.seed(1)
#' ids <- unique(ohio$id)
#' G <- matrix(rbinom(length(ids) * 20, 2, 0.3), length(ids))
#' dimnames(G) <- list(ids, paste0("v", 1:20))
#' null <- glmm(resp ~ age + (1 | id), ohio, binomial(), nAGQ = 9)
#' scan <- association_scan(null, G)
#' scan
#' plot(scan)
#' @export
association_scan <- function(fit, genotypes, variance = c("auto", "exact", "ratio"),
                             saddlepoint = TRUE, id = NULL, block = 500L, n_ratio = 60L,
                             file = NULL, resume = FALSE, progress = interactive(), seed = 1L) {
  variance <- one_of(variance, c("auto", "exact", "ratio"), "variance")
  source <- genotype_source(genotypes, block)
  null <- scan_null(fit, source$people, id)
  others <- length(source$people) - length(null$people)
  if (others > 0L) {
    note("people", paste0(
      count_of(others, "person"), " with genotypes are not in the null model."
    ))
  }
  exact <- variance == "exact" || variance == "auto" && length(null$people) <= 2000L
  null$exact <- score_variance(null)
  ratio <- if (!exact) variance_ratio(null, source, n_ratio, seed)
  law <- if (isTRUE(saddlepoint)) intersect(fit$family$family, c("binomial", "poisson"))
  done <- if (is.null(file)) 0L else start_file(file, resume)
  scan_blocks(source, null, list(ratio = ratio, law = law), file, done, progress)
}

# Block after block: a table, or lines of a file.
scan_blocks <- function(source, null, settings, file, done, progress) {
  tables <- list()
  began <- proc.time()[["elapsed"]]
  count <- 0L
  repeat {
    G <- source$read(done + count)
    if (is.null(G)) break
    table <- scan_block(G[null$people, , drop = FALSE], null, settings)
    count <- count + nrow(table)
    if (is.null(file)) tables[[length(tables) + 1L]] <- table else append_rows(table, file)
    if (progress) {
      speed <- count / max(proc.time()[["elapsed"]] - began, 1e-3)
      message(done + count, " variants, ", format(round(speed), big.mark = ","), " per second")
    }
  }
  if (!is.null(file)) return(invisible(file))
  structure(do.call(rbind, tables),
    class = c("margmix_scan", "data.frame"), ratio = settings$ratio$mean,
    ratio_cv = settings$ratio$cv
  )
}

scan_block <- function(G, null, settings) {
  found <- engine_score_scan(null, G, null$fit$control$threads)
  check_genotypes(found, colnames(G))
  known <- nrow(G) - found$missing
  constant <- found$variance <= 1e-10 * found$weight
  ratio <- settings$ratio$mean
  V <- if (is.null(ratio)) null$exact(row_genotypes(G, null)) else ratio * found$variance
  V[constant | known == 0] <- NA
  z <- found$score / sqrt(V)
  normal <- 2 * stats::pnorm(-abs(z))
  tail <- saddlepoint_tails(G, found, V, z, null, settings$law)
  p <- ifelse(is.na(tail), normal, tail)
  estimate <- found$score / V
  corrected <- !is.na(tail) & p > 0
  error <- ifelse(corrected, abs(estimate / stats::qnorm(p / 2)), 1 / sqrt(V))
  method <- ifelse(is.na(tail), "score", "saddlepoint")
  method[constant] <- "one value"
  method[known == 0] <- "no genotypes"
  variant <- colnames(G) %||% seq_len(ncol(G))
  as.data.frame(c(
    list(variant = variant, people = known, missing = found$missing),
    list(frequency = found$sum / (2 * known)), case_frequencies(found, known, null),
    list(score = found$score, variance = V, estimate = estimate, std.error = error),
    list(p.value = p, p.normal = normal, method = method)
  ))
}

# NA where the normal approximation will do.
saddlepoint_tails <- function(G, found, V, z, null, law) {
  out <- rep(NA_real_, length(z))
  far <- which(abs(z) > 2)
  if (!length(law) || !length(far)) return(out)
  G <- row_genotypes(G[, far, drop = FALSE], null)
  rest <- G - null$X %*% (null$C %*% crossprod(null$X, null$W * G))
  # The score in units of the variance that independent rows have.
  q <- found$score[far] * sqrt(found$variance[far] / V[far])
  out[far] <- engine_saddlepoint(law, rest, null$mu, null$trials, q)
  out
}

# Of each row of the model; the mean of the variant where it is missing.
row_genotypes <- function(G, null) {
  if (anyNA(G)) {
    missing <- which(is.na(G), arr.ind = TRUE)
    G[missing] <- colMeans(G, na.rm = TRUE)[missing[, 2L]]
    G[is.nan(G)] <- 0 # of variants without any
  }
  G[null$person + 1L, , drop = FALSE]
}

# Among people with and without the event; nothing unless responses are 0/1.
case_frequencies <- function(found, known, null) {
  if (!is_binary(null$fit$family, null$fit$design)) return(list())
  list(
    frequency_cases = found$case_sum / (2 * found$cases),
    frequency_controls = (found$sum - found$case_sum) / (2 * (known - found$cases))
  )
}

#' Ratio of the variance with random effects to that without, from some random variants
#' @return A list: `mean`, `cv`.
#' @noRd
variance_ratio <- function(null, source, n_ratio, seed) {
  G <- with_seed(seed, source$some(n_ratio))[null$people, , drop = FALSE]
  found <- engine_score_scan(null, G, null$fit$control$threads)
  check_genotypes(found, colnames(G))
  informative <- found$variance > 1e-8 * max(found$variance)
  if (sum(informative) < 2L) {
    abort("genotypes", "Some variants must vary, for the ratio of variances.",
      given = paste(sum(informative), "of the sampled ones")
    )
  }
  exact <- null$exact(row_genotypes(G[, informative, drop = FALSE], null))
  ratio <- exact / found$variance[informative]
  list(mean = mean(ratio), cv = stats::sd(ratio) / mean(ratio))
}
