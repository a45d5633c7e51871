# Data in pieces: files, tables or functions that each hold whole clusters, or rows of crossed ones.

#' Data larger than memory, in shards
#'
#' @description
#' ```
#' pieces <- split(toenail, as.integer(toenail$patient) %% 4)
#' files <- paste0(tempfile(), seq_along(pieces), ".rds")
#' invisible(Map(saveRDS, pieces, files))
#' s <- shards(files, id = "patient", read = readRDS)
#' glmm(severe ~ treatment * scheduled + (1 | patient), s, binomial())
#' ```
#'
#' Data divided into pieces of whole clusters, each of which fits into memory. All that [glmm()] and
#' [gee()] need from the rows is a sum over clusters: each shard computes its part, wherever it is,
#' and rows do not travel. The fit is that to all rows together: estimates, standard errors and
#' log-likelihood agree to about ten digits. With crossed factors, `(1 | a) + (1 | b)`, clusters
#' need not be whole: rows may be anywhere.
#'
#' @details
#' # The first pass
#'
#' `shards()` reads every shard (once if ranges of clusters do not overlap) and checks that columns
#' and their types agree and that each cluster, by value, lies in one shard. The first fit uses what
#' was read, up to 256 MiB per process if `memory` has no limit; the rest, and all of it for other
#' fits, is read again for factor levels (text is sorted as by [factor()]) and for the design. A
#' problem found then is an error, and nothing is fitted. Without `id` no cluster need be whole, and
#' shards are sorted by name (or number).
#'
#' A variable of the model must be computed from its own row. `scale(x)`, `poly(x, 2)`, or
#' `splines::ns(x, 3)` depend on all rows: give their constants, as in `scale(x, 50, 10)`, `poly(x,
#' 2, raw = TRUE)`, or `ns(x, knots = 1:3, Boundary.knots = c(0, 4))`, or compute the variable
#' beforehand.
#'
#' # Results
#'
#' What a cluster adds is computed from it alone, and sums over clusters are exact: they are rounded
#' once, at the end. So any split of the clusters into shards gives the same bits of estimates,
#' log-likelihood, covariances and standardized means, in any order of `files`, with any number of
#' workers, and even if a worker stops on the way, as long as the rows of a cluster keep their
#' order. Fits in memory sum in doubles and agree up to rounding. A split does change the rounding
#' of Kenward and Roger's covariance and degrees of freedom, of [qic()], and of models with three or
#' more nested factors, or with crossed ones.
#'
#' # Mixed models
#'
#' Random effects of `id` (scalar or vector) and of factors nested in it, as in `(1 | id/ward)`, can
#' be fitted with all families of [glmm()], by the Laplace approximation or quadrature; crossed
#' factors by the Laplace approximation, see below. Related effects, smooths and dispersion formulas
#' need data in memory. Everything that needs only estimates and sums works: `summary()`, `vcov()`,
#' `confint()` (also by profiles), [odds_ratios()], `predict()` of new data, [ranef()] (shard by
#' shard), `anova()` of fits to the same shards, `drop1()`, `step()`, and
#' [marginal_standardization()] over the rows of the fit, with all its covariances (without
#' `newdata`, `randomized`, `propensity`, and effects `"eb"`). Anything that needs rows one by one,
#' such as `residuals()`, is refused (`margmix_error_shards`).
#'
#' # Crossed factors
#'
#' ```
#' s <- shards(Sys.glob("/data/answers-*.rds")) # rows anywhere
#' glmm(correct ~ age + (1 | person) + (1 | item), s, binomial())
#' ```
#'
#' Rows of a cell (a combination of levels of all factors and of the covariates of random slopes)
#' have the same random effects. The process that fits keeps the levels and the cells of all shards,
#' about 500 bytes per cell. A few times for each evaluation, it sends each shard the effects of its
#' cells and gets two numbers for each (three times 8 bytes; the rows stay). Memory and traffic
#' depend on the number of cells, not of rows: factors of 5,000 and 300 levels have at most 1.5
#' million cells, in 10^6 or in 10^9 rows. At most 10^8 cells are accepted (50 GB), so the covariate
#' of a random slope should have few values.
#'
#' Likelihood, modes and standard errors are those of [glmm()] in memory: exact if the matrix of the
#' random effects can be factored; otherwise by stochastic gradients, and the log-likelihood comes
#' with its Monte Carlo error. The modes are kept, so [ranef()] and `predict()` of known levels need
#' not ask the shards again. The covariance of the coefficients is the model-based one, without the
#' correction of Kenward and Roger, and [marginal_standardization()] is not available. Nested
#' factors need `id`.
#'
#' # Marginal models
#'
#' ```
#' gee(severe ~ treatment * scheduled, s, patient, family = binomial(), corstr = "exchangeable")
#' ```
#'
#' `id` is the column that was given to `shards()`. All [correlations], families and methods of
#' [gee_control()] can be fitted: visits, lags and the unit of time are those of all shards
#' together. `summary()`, [vcov.margmix_gee()], `anova()`, [qic()], [odds_ratios()], `predict()` of
#' new data and [marginal_standardization()] work as for mixed models. Joint tests and some degrees
#' of freedom (`"pan-wall"`, `"fay-graubard"`) are not functions of sums: for them, p + p^2 numbers
#' of each cluster travel, up to 10^8 in all.
#'
#' Refused are `ipw`, which needs means over all rows and the visits that were missed, the
#' covariances `"jackknife-joint"` and `"jackknife-full"`, and what needs rows one by one.
#'
#' # Workers
#'
#' `cluster` is a cluster of package \pkg{parallel} or of one with the same interface, such as
#' `parallel::makeCluster()` (also on other machines), `snow::makeMPIcluster()`, or
#' `mirai::make_cluster()`. The package \pkg{margmix} must be installed on the workers, and they
#' must see the files. A worker takes shards in turn and keeps what it has made of them. If one
#' stops, a warning says so (`margmix_warning_workers`) and its shards go to the others; if all do,
#' the error `margmix_error_workers` has the best estimates so far as `start`.
#'
#' R's sockets wait for a receipt between pieces of 4 kB, and answers with many coefficients are
#' longer. If both ends send at once instead, a small fit takes a third of the time:
#'
#' ```
#' at_once <- "options(socketOptions = 'no-delay')"
#' eval(str2lang(at_once))
#' cluster <- parallel::makePSOCKcluster(4L, rscript_args = c("-e", shQuote(at_once)))
#' ```
#'
#' Under Slurm, a script asks for the processes, and R starts the workers in them:
#'
#' ```
#' #!/bin/bash
#' #SBATCH --ntasks=32 --cpus-per-task=1 --mem-per-cpu=4G --time=01:00:00
#' Rscript fit.R
#' ```
#'
#' with, in `fit.R`,
#'
#' ```
#' hosts <- system("srun hostname", intern = TRUE) # one for each task
#' cluster <- parallel::makePSOCKcluster(hosts)
#' s <- shards(Sys.glob("/data/visits-*.rds"), id = "patient", cluster = cluster)
#' fit <- glmm(severe ~ treatment * scheduled + (1 | patient), s, binomial())
#' saveRDS(fit, "fit.rds")
#' parallel::stopCluster(cluster)
#' ```
#'
#' @param files Paths of files, or a vector or list of whatever `read` takes, such as numbers of
#'   pieces or ranges of a key. With `read = identity`, data frames are their own shards.
#' @param id Name of the column of the clusters, each of which is whole in its shard; `NULL` for
#'   models with crossed factors.
#' @param read A function of one element of `files` that returns a data frame: [readRDS()],
#'   `nanoparquet::read_parquet()`, `data.table::fread()`, or a query of a database. On workers it
#'   sees the variables that it carries along, not those of your workspace.
#' @param cluster `NULL`, to work in this process, or a cluster of workers.
#' @param memory Most bytes of designs that a process keeps. What does not fit is read again for
#'   every evaluation of the likelihood; with 0, everything is.
#' @return An object of class `margmix_shards_source`, for the `data` of [glmm()] or [gee()]. A fit
#'   keeps it, and needs the files (and workers) for later computations.
#' @section Errors: `margmix_error_shards`: a shard can't be read, is empty, differs in columns or
#'   types, is given twice, or shares a cluster with another; a variable depends on all rows;
#'   something needs rows one by one. `margmix_error_too_large`: more than 10^8 cells.
#'   `margmix_error_workers`, `margmix_error_argument`.
#' @examples
#' folder <- tempfile("shards")
#' dir.create(folder)
#' files <- file.path(folder, c("a.rds", "b.rds"))
#' saveRDS(subset(ohio, id < 300), files[1])
#' saveRDS(subset(ohio, id >= 300), files[2])
#' s <- shards(files, id = "id")
#' s
#' glmm(resp ~ age + smoke + (1 | id), s, binomial(), nAGQ = 9)
#' gee(resp ~ age + smoke, s, id, family = binomial(), corstr = "exchangeable")
#'
#' # crossed factors: rows anywhere
#' pieces <- split(ohio, seq_len(nrow(ohio)) %% 2)
#' s <- shards(1:2, read = function(k) pieces[[k]])
#' glmm(resp ~ smoke + (1 | id) + (1 | age), s, binomial())
#' unlink(folder, recursive = TRUE)
#' @export
shards <- function(files, id = NULL, read = readRDS, cluster = NULL, memory = Inf) {
  pieces <- if (is.data.frame(files)) list(files) else as.list(files)
  check_shards_arguments(pieces, id, read, cluster, memory)
  labels <- shard_labels(pieces)
  check_given_once(pieces, labels)
  source <- structure(list(
    pieces = pieces, labels = labels, id = id, read = read, memory = memory,
    team = shard_team(cluster, length(pieces))
  ), class = "margmix_shards_source")
  plan <- shard_plan(source, read_recipe(source, if (memory == Inf) most_read else 0))
  facts <- ask_shards(plan, shard_columns, id)
  check_columns(facts, labels)
  by <- if (is.null(id)) {
    order_of_pieces(pieces, labels)
  } else {
    order_shards(facts, labels, function() ask_shards(plan, shard_ids, id))
  }
  source[c("pieces", "labels")] <- list(pieces[by], labels[by])
  source$team$owner <- source$team$owner[by]
  source$first_pass <- list(plan = plan, number = by)
  source$rows <- vapply(facts, `[[`, 0L, "n")[by]
  source$clusters <- if (!is.null(id)) sum(vapply(facts, `[[`, 0L, "clusters"))
  source$template <- facts[[1L]]$template
  source
}

shard_ids <- function(data, id) id_values(data[[id]])

# Bytes of data that a process keeps from the first pass for the first fit.
most_read <- 2^28

read_recipe <- function(source, memory) {
  structure(list(source = travelling_source(source), memory = memory),
    class = "margmix_read_recipe"
  )
}

# What workers need to read; `rows` are known after the first pass, and where its data may be: the
# key of its plan, and the numbers that shards had in it.
travelling_source <- function(source) {
  first <- source$first_pass
  c(
    unclass(source)[intersect(c("pieces", "labels", "read", "rows"), names(source))],
    if (!is.null(first)) list(first_key = first$plan$key, first_number = first$number)
  )
}

#' The workers of shards
#' @return An environment: `cluster`, or nothing; `live`, by worker; `owner`, the worker of each
#'   shard.
#' @noRd
shard_team <- function(cluster, shards) {
  team <- new.env(parent = emptyenv())
  if (is.null(cluster)) return(team)
  team$cluster <- cluster
  team$live <- rep(TRUE, length(cluster))
  team$owner <- rep(NA_integer_, shards)
  check_workers(cluster)
  team
}

check_workers <- function(cluster) {
  here <- as.character(utils::packageVersion("margmix"))
  version <- function() utils::packageDescription("margmix", fields = "Version")
  environment(version) <- globalenv()
  there <- tryCatch(
    unlist(parallel::clusterCall(cluster, version)),
    error = function(e) refuse_workers(conditionMessage(e))
  )
  wrong <- which(!there %in% here)
  if (!length(wrong)) return(invisible())
  abort("workers", "Workers must have the same version of the package.",
    given = paste0("version ", here, " here, ", some_of(unique(there[wrong])), " on ",
      some_of(paste("worker", wrong))
    ), hint = "NA: it is not installed there."
  )
}

check_shards_arguments <- function(pieces, id, read, cluster, memory) {
  require_argument(length(pieces), "`files` must name at least one shard.", "none")
  require_argument(is.null(id) || is_path(id),
    "`id` must be the name of one column, or NULL where no clusters are whole.", deparse(id)[1L]
  )
  require_argument(is.function(read), "`read` must be a function.", class(read)[1L])
  require_argument(is.numeric(memory) && length(memory) == 1L && isTRUE(memory >= 0),
    "`memory` must be one number of bytes, 0 or more.", deparse(memory)[1L]
  )
  require_argument(is.null(cluster) || inherits(cluster, "cluster"),
    "`cluster` must be NULL or a cluster of package parallel.", class(cluster)[1L]
  )
  check_files(pieces, read, cluster)
}

require_argument <- function(holds, must, given) {
  if (!holds) abort("argument", must, given = given)
}

# Workers may see files that are not here, and another `read` may mean something else by a name.
check_files <- function(pieces, read, cluster) {
  if (!identical(read, readRDS)) return(invisible())
  absent <- Filter(function(x) is_path(x) && !file.exists(x), if (is.null(cluster)) pieces)
  if (length(absent)) {
    abort("shards", "The files of some shards don't exist.", given = some_of(unlist(absent)))
  }
  frames <- vapply(pieces, is.data.frame, NA)
  if (any(frames)) {
    abort("shards", "Shards must be what `read` takes; readRDS() takes names of files.",
      given = count_of(sum(frames), "data frame"),
      hint = "For data frames use read = identity."
    )
  }
}

is_path <- function(x) is.character(x) && length(x) == 1L && !is.na(x)

# Files by their names; other pieces that are one value by it; the rest by number.
shard_labels <- function(pieces) {
  single <- all(vapply(pieces, function(x) is.atomic(x) && length(x) == 1L, NA))
  if (!single) return(as.character(seq_along(pieces)))
  labels <- vapply(pieces, as.character, "")
  files <- vapply(pieces, is_path, NA)
  if (anyDuplicated(basename(labels[files]))) labels else ifelse(files, basename(labels), labels)
}

check_given_once <- function(pieces, labels) {
  same <- lapply(pieces, function(x) if (is_path(x)) normalizePath(x, mustWork = FALSE) else x)
  twice <- which(duplicated(same))
  if (!length(twice)) return(invisible())
  abort("shards", "A shard was given twice.", given = some_of(labels[twice]))
}

#' @export
print.margmix_shards_source <- function(x, ...) {
  say(shards_words(x), "\n", sep = "")
  say("Columns: ", some_of(names(x$template), 12L), "\n", sep = "")
  if (!is.null(x$team$cluster)) say("Workers: ", sum(x$team$live), "\n", sep = "")
  invisible(x)
}

shards_words <- function(source) {
  whole <- !is.null(source$id)
  paste0(
    count_of(length(source$pieces), "shard"), if (whole) " of whole clusters of ",
    if (whole) code(source$id), ": ", count_of(sum(source$rows), "row"),
    if (whole) paste0(" in ", count_of(source$clusters, "cluster"))
  )
}
