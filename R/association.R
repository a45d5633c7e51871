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
#' Tests each variant as an additional fixed effect of a mixed model that is fitted only once,
#' without any variant. The random effects (of relatives, families, repeated visits) keep
#' relatedness from being mistaken for association.
#'
#' @details Coefficients are conditional on the random effects, per copy of the counted allele.
#'
#' Let r be the derivative of the rows' log-likelihood in the predictor, averaged over the random
#' effects given the responses, minus its part along the covariates, V^-1 X (X'V^-1 X)^-1 X'r. Let P
#' be the projection of the working linear model. Then the score of a variant g is U = g'r, with
#' variance g'Pg. In a linear model r = Py, U / g'Pg is the coefficient of g by generalized least
#' squares, and the test is that of the linear model at the null model's variances. For other
#' families these are the first step from the null model. (Chen et al. 2016 take r and the weights
#' at the modes of the random effects. If each effect has few rows, as in families, g'Pg is then not
#' the variance of the score.)
#'
#' * `variance = "exact"` computes g'Pg for every variant. `"ratio"` does so for `n_ratio` random
#'   variants; for the others it multiplies the variance without random effects by the mean ratio of
#'   the two, which is nearly the same for all (Svishcheva et al. 2012; Zhou et al. 2018). `"auto"`
#'   is exact for up to 2,000 people. The weights of binary and count responses are those expected
#'   before any response is known, since given the responses they are larger if carriers of a rare
#'   allele are cases. The variances are then scaled to their mean level given the responses.
#' * For 0/1 responses, numbers of successes, and counts, the normal approximation fails in the
#'   tails if cases or minor alleles are rare. If |z| > 2, the p-value is therefore from the
#'   saddlepoint approximation (Dey et al. 2017) to a score of independent rows with the population
#'   means and the same variance; `method` says so. If the rarer allele was seen fewer than 20
#'   times, the larger of the two p-values is reported. A negative binomial null model has only the
#'   normal approximation.
#' * A missing genotype is replaced by the mean of the variant's others. A variant with one value,
#'   with no genotypes, or determined by the covariates has a row without a test, with the reason in
#'   `method`.
#'
#' @param fit The null model: a fit of [glmm()] with Gaussian, binomial (logit), Poisson or
#'   [nbinom2()] (log) responses; a person may have several rows. Or a named list of null models,
#'   one for each trait, whose people may differ; the genotypes are then read only once.
#' @param genotypes Numbers of alleles, people x variants, with the names of the people: a matrix,
#'   an object indexed like one, or a function: `genotypes(i)` is the matrix of block i, or `NULL`
#'   after the last. Or the path of a PLINK file `name.bed` beside `name.fam` and `name.bim`, or an
#'   object of package \pkg{BEDMatrix}, whose two bits per genotype are read directly, block by
#'   block. For a path, the second column of `name.fam` names the people, and the first allele in
#'   `name.bim` is counted.
#' @param variance,n_ratio See Details.
#' @param saddlepoint Use the saddlepoint approximation?
#' @param firth Variants with a p-value below this also get a coefficient by Firth's penalized
#'   likelihood (1993): from the regression of the rows on the covariates and the variant, with the
#'   random effects of the null model as an offset. It is finite even if all carriers of an allele
#'   are cases, and closer to the truth where the first step from the null model goes too far.
#'   Binomial and Poisson null models only.
#' @param variants Names or positions of the variants to scan; by default all. For example those of
#'   a chromosome, if the null model's relationships are from the others.
#' @param id The grouping factor whose levels are people. By default the first one whose levels all
#'   have genotypes, otherwise the row names of the data.
#' @param block Number of variants to read at a time; by default at most 2,000 and 64 MB.
#' @param file Write the table to this file (tab-separated) block by block, instead of returning it.
#' @param resume Continue after the last complete line of `file`? It must be from the same scan.
#' @param progress Report the number of variants per second?
#' @param seed Seed for choosing the variants of `"ratio"`; R's generator is left unchanged.
#' @return A data frame of class `margmix_scan`, one row per variant (with several null models, per
#'   variant and `trait`, the name in the list): `variant`; for .bed files also `chromosome`,
#'   `position` and the alleles `counted` and `other`; `people` (with a genotype), `missing`,
#'   `frequency` of the counted allele; for 0/1 responses also `frequency_cases` and
#'   `frequency_controls`; `score`, `variance`, `estimate`, `std.error`; with `firth` also
#'   `firth.estimate` and `firth.std.error`; `p.value`, `p.normal`, `method`. Its attributes `ratio`
#'   and `ratio_cv` are the mean ratio and its coefficient of variation. With `file`, the path of
#'   the file, invisibly.
#' @section Errors: `margmix_error_null_model`, `margmix_error_people`, `margmix_error_genotypes`,
#'   `margmix_error_argument`. Notes: `margmix_note_people`,
#'   `margmix_note_genotypes`. Warning: `margmix_warning_firth`.
#' @references
#' Chen, H. et al. (2016). Control for population structure and relatedness for binary traits in
#' genetic association studies via logistic mixed models. *American Journal of Human Genetics* 98,
#' 653-666.
#'
#' Dey, R., Schmidt, E. M., Abecasis, G. R. and Lee, S. (2017). A fast and accurate algorithm to
#' test for binary phenotypes and its application to PheWAS. *American Journal of Human Genetics*
#' 101, 37-49.
#'
#' Firth, D. (1993). Bias reduction of maximum likelihood estimates. *Biometrika* 80, 27-38.
#'
#' Svishcheva, G. R. et al. (2012). Rapid variance components-based method for whole-genome
#' association analysis. *Nature Genetics* 44, 1166-1170.
#'
#' Zhou, W. et al. (2018). Efficiently controlling for case-control imbalance and sample relatedness
#' in large-scale genetic association studies. *Nature Genetics* 50, 1335-1341.
#' @examples
#' set.seed(1)
#' children <- subset(ohio, id %% 3 == 0)
#' ids <- unique(children$id)
#' G <- matrix(rbinom(length(ids) * 20, 2, 0.3), length(ids))
#' dimnames(G) <- list(ids, paste0("v", 1:20))
#' null <- glmm(resp ~ age + (1 | id), children, binomial(), nAGQ = 9)
#' scan <- association_scan(null, G)
#' scan
#' plot(scan)
#'
#' # v1 to v10 with a null model that knows relatives by the other variants, as one does for each
#' # chromosome
#' K <- kinship_matrix(G[, 11:20]) + diag(0.01, nrow(G))
#' other <- glmm(resp ~ age + known(1 | id, covariance = K), children, binomial(), nAGQ = 1)
#' association_scan(other, G, variants = 1:10)
#' @export
association_scan <- function(fit, genotypes, variance = c("auto", "exact", "ratio"),
                             saddlepoint = TRUE, firth = 0, variants = NULL, id = NULL,
                             block = NULL, n_ratio = 60L, file = NULL, resume = FALSE,
                             progress = interactive(), seed = 1L) {
  variance <- one_of(variance, c("auto", "exact", "ratio"), "variance")
  check_scan_arguments(saddlepoint, n_ratio, file, resume, progress, seed)
  source <- with_variants(genotype_source(genotypes, block), variants)
  nulls <- scan_nulls(fit, source, id)
  threshold <- firth_threshold(nulls, firth)
  exact <- vapply(nulls, needs_exact, NA, variance)
  sampled <- if (!all(exact)) with_seed(seed, source$some(n_ratio))
  for (m in seq_along(nulls)) {
    nulls[[m]]$law <- if (saddlepoint) count_law(nulls[[m]]$fit$family)
    nulls[[m]]$firth <- threshold[[m]]
    if (!exact[m]) nulls[[m]]$ratio <- variance_ratio(nulls[[m]], sampled)
  }
  before <- if (is.null(file)) list(done = 0L) else start_file(file, resume, length(nulls))
  scan_blocks(source, nulls, file, before, progress)
}

needs_exact <- function(null, variance) {
  variance == "exact" || variance == "auto" && length(null$people) <= 2000L
}

# Block after block: a table, or lines of a file. `before`: from start_file().
scan_blocks <- function(source, nulls, file, before, progress) {
  tables <- list()
  done <- before$done
  began <- proc.time()[["elapsed"]]
  count <- 0L
  repeat {
    G <- source$read(done + count)
    if (is.null(G)) break
    table <- scan_block(G, nulls, done + count)
    if (!count) go_on(file, before, table)
    count <- count + ncol(G)
    if (is.null(file)) tables[[length(tables) + 1L]] <- table else append_rows(table, file)
    if (progress) {
      speed <- count / max(proc.time()[["elapsed"]] - began, 1e-3)
      message(done + count, " variants, ", format(round(speed), big.mark = ","), " per second")
    }
  }
  if (!count) go_on(file, before, NULL)
  if (!is.null(file)) return(invisible(file))
  ratio_of <- function(name) unlist(lapply(nulls, function(null) null$ratio[[name]]))
  structure(below_one_another(tables), row.names = .set_row_names(count * length(nulls)),
    class = c("margmix_scan", "data.frame"), ratio = ratio_of("mean"), ratio_cv = ratio_of("cv")
  )
}

# Columns of tables; rbind() copies the rows of all once more.
below_one_another <- function(tables) {
  columns <- names(tables[[1L]])
  names(columns) <- columns
  lapply(columns, function(name) unlist(lapply(tables, `[[`, name), use.names = FALSE))
}

# With several traits a row for each of them under each variant.
scan_block <- function(G, nulls, before) {
  found <- engine_score_scan(nulls, G)
  about <- about_variants(G, before)
  check_genotypes(found, about$variant)
  tables <- lapply(seq_along(nulls), function(m) {
    scan_table(G, nulls[[m]], found$models[[m]], about)
  })
  if (is.null(names(nulls))) return(tables[[1L]])
  columns <- unique(unlist(lapply(tables, names)))
  tables <- Map(function(table, trait) {
    table[setdiff(columns, names(table))] <- NA_real_
    cbind(trait = trait, table[columns])
  }, tables, names(nulls))
  all <- do.call(rbind, unname(tables))
  all <- all[order(rep(seq_len(ncol(G)), length(nulls))), ]
  row.names(all) <- NULL
  all
}
