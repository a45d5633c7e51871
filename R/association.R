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
#' With r the mean over the random effects, given the responses, of the derivative of the
#' log-likelihood of the rows in the predictor, less its part V^-1 X (X'V^-1 X)^-1 X'r along the
#' covariates, and P the projection of the working linear model, the score of a variant g is
#' U = g'r with variance g'Pg. For a linear model r = Py, U / g'Pg is the coefficient of g by
#' generalized least squares, and the test is that of the linear model at the null model's
#' variances. For other families they are the first step from the null model. (Chen et al. 2016 take
#' r and the weights at the modes of the random effects; with few rows for each, as in families, the
#' variance is then not that of the score.)
#'
#' * `variance = "exact"` computes g'Pg for every variant. `"ratio"` does so for `n_ratio` random
#'   ones and takes the mean ratio to the variance without random effects, which is nearly
#'   the same for all (Svishcheva et al. 2012; Zhou et al. 2018), for the others. `"auto"`: exact
#'   for up to 2,000 people. Weights of binary and count responses are those expected before any
#'   response is known, since given the responses they are larger where carriers of a rare allele
#'   are cases, and at the level that the variances have given the responses.
#' * For 0/1 responses, numbers of successes, and counts, the normal approximation is wrong in the
#'   tails where cases or minor alleles are rare. Where |z| > 2 the p-value is then that of the
#'   saddlepoint approximation (Dey et al. 2017) to a score of independent rows with the population
#'   means and the same variance; `method` says so. Where the rarer allele was seen less than 20
#'   times it is the larger one of both. A negative binomial null model has the normal approximation
#'   alone.
#' * A missing genotype is the mean of the variant's others. A variant with one value, without any,
#'   or which the covariates determine, has a row without a test and the reason in `method`.
#'
#' Coefficients are conditional on the random effects, per allele that the genotypes count.
#'
#' @param fit The null model: [glmm()] with Gaussian, binomial (logit), Poisson or [nbinom2()] (log)
#'   responses. Repeated rows of a person are allowed. Or a named list of null models, one for each
#'   trait, whose people may differ: the genotypes are read once.
#' @param genotypes Numbers of alleles, people x variants, with names of people: a matrix, an object
#'   that is read like one, or a function: `genotypes(i)` is the matrix of block i, or `NULL` after
#'   the last. Or the path of a PLINK file `name.bed` beside `name.fam` and `name.bim`, or an object
#'   of package \pkg{BEDMatrix}: its two bits per genotype are read as they are, block by block.
#'   People of a path are named by the second column of `name.fam`, and the allele that is counted
#'   is the first one in `name.bim`.
#' @param variance,n_ratio See above.
#' @param saddlepoint Use the saddlepoint approximation?
#' @param firth Where the p-value is below it, the coefficient by Firth's penalized likelihood
#'   (1993) too: that of the regression of the rows on the covariates and the variant, with the
#'   random effects of the null model as an offset. It is finite where all carriers of an allele are
#'   cases, and less far from the truth where the first step from the null model goes too far. For
#'   binomial and Poisson null models.
#' @param variants Names or positions of the variants to scan; by default all. Of a chromosome, for
#'   a null model whose relation between people is that of the other chromosomes.
#' @param id The grouping factor whose levels are people. By default the first one of which all
#'   levels have genotypes, otherwise the row names of the data.
#' @param block Variants that are read at a time; by default at most 2,000 and 64 MB.
#' @param file Write the table to this file (tab-separated) block by block, rather than return it.
#' @param resume Go on with the last complete line of `file`? It must be that of the same scan.
#' @param progress Say how many variants per second?
#' @param seed For the choice of variants of `"ratio"`; the generator of the user is not touched.
#' @return A data frame of class `margmix_scan`, a row for each variant (with several null models
#'   one for each `trait`, the name in the list): `variant`, of .bed files also `chromosome`,
#'   `position` and the alleles `counted` and `other`; `people` (with a
#'   genotype), `missing`, `frequency` of the counted allele, with 0/1 responses also
#'   `frequency_cases` and `frequency_controls`; `score`, `variance`, `estimate`, `std.error`, with
#'   `firth` also `firth.estimate` and `firth.std.error`; `p.value`, `p.normal`, `method`. Its
#'   attributes `ratio` and `ratio_cv` are the mean ratio and its coefficient of variation. With
#'   `file`, its path, invisibly.
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
