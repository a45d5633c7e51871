# Is the bound for the integration error that a fit prints above its true error? Fits hard data sets
# with nAGQ = "auto" and writes accuracy.csv and accuracy.md.
#
#   Rscript tests/fuzz/accuracy.R        until 500 fits have a bound
#   Rscript tests/fuzz/accuracy.R 40     the first 40
#   Rscript tests/fuzz/accuracy.R 500 4  by 4 processes
#   Rscript tests/fuzz/accuracy.R 500 1 resume   goes on with the accuracy.csv that is there
#
# With one or two random effects the truth is a sum over panels of Gauss-Legendre points by R's own
# densities (integral.R); with three the rule of the engine with many more nodes.

accuracy_families <- function() {
  c(fuzz_families(), list(
    "inverse.gaussian-1/mu^2" = inverse.gaussian(), "binomial-cauchit" = binomial("cauchit"),
    "poisson-sqrt" = poisson("sqrt")
  ))
}

# Those with an integral of few dimensions; every second one has one dimension.
accuracy_structures <- c(
  intercept = "(1 | a)", slope = "(x | a)", intercept = "(1 | a)", independent = "(x || a)",
  nested = "(1 | a/b)", intercept = "(1 | a)", "nested slope" = "(x | a) + (1 | a:b)"
)

#' The bound of one fit beside its true error
#' @return A row, or `NULL` if the fit has no bound: refused, exact, at a zero variance, or no finer
#'   rule to be had, or longer than `seconds` of processor time; or if the integral itself fails.
judge_bound <- function(number, space, seconds = 10) {
  case <- fuzz_case(number, accuracy_families(), accuracy_structures)
  fit <- tryCatch({
    # the limit may strike until it is lifted, so both are inside
    setTimeLimit(cpu = seconds, transient = TRUE)
    fit <- suppressMessages(suppressWarnings(
      margmix::glmm(case$formula, case$data, case$family)
    ))
    setTimeLimit()
    fit
  }, error = function(e) NULL, interrupt = function(e) NULL)
  if (!identical(fit$rule$method, "AGHQ") || all(fit$theta == 0)) return(NULL)
  true <- true_loglik(fit, space)
  if (is.null(true) || !is.finite(true$value)) return(NULL)
  data.frame(
    number = number, family = case$family_name, structure = case$structure,
    difficulty = case$difficulty, K = paste(fit$rule$K, collapse = " x "),
    reference = true$by, converged = fit$convergence$converged, bound = signif(fit$rule$error, 3L),
    error = signif(abs(fit$logLik - true$value), 3L)
  )
}

# Errors below this are rounding.
rounding <- 1e-8

accuracy_report <- function(rows) {
  over <- rows$error > pmax(rows$bound, rounding)
  shares <- function(by) {
    counts <- table(rows[[by]], factor(over, c(FALSE, TRUE)))
    c(
      paste0("| ", by, " | bound holds | exceeded |"), "|---|---|---|",
      paste0("| ", rownames(counts), " | ", counts[, 1L], " | ", counts[, 2L], " |")
    )
  }
  worst <- rows[over, , drop = FALSE]
  worst <- worst[order(-worst$error / pmax(worst$bound, rounding)), , drop = FALSE]
  c(
    "# The bound of the integration error", "",
    paste0(
      "Written by `make accuracy`: ", nrow(rows), " hard data sets (`cases.R`) fitted with nAGQ = ",
      "\"auto\". The bound that the fit prints holds in ", sum(!over), " of them (",
      format(round(100 * mean(!over), 1)), "%). Of the errors ", sum(rows$reference == "integral"),
      " are from an integral by R's own densities, the others from a rule of many more nodes."
    ), "",
    shares("family"), "", shares("structure"), "", "Where it is exceeded:", "",
    "| number | family | structure | difficulty | K | bound | error |",
    "|---|---|---|---|---|---|---|",
    if (nrow(worst)) {
      paste0("| ", do.call(paste, c(
        unname(worst[c("number", "family", "structure", "difficulty", "K", "bound", "error")]),
        sep = " | "
      )), " |")
    }
  )
}

main <- function() {
  here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
  for (file in c("cases.R", "integral.R")) source(file.path(here, file))
  space <- new.env(parent = asNamespace("margmix"))
  sys.source(file.path(here, "..", "testthat", "helper-brute.R"), space)
  arguments <- commandArgs(TRUE)
  whole <- suppressWarnings(as.integer(arguments))
  count <- c(whole[1L], 500L)[1L + is.na(whole[1L])]
  cores <- c(whole[2L], 1L)[1L + is.na(whole[2L])]
  rows <- if ("resume" %in% arguments) read.csv(file.path(here, "accuracy.csv"))
  number <- max(0L, rows$number)
  while (NROW(rows) < count) {
    found <- parallel::mclapply(number + 1:20, judge_bound, space = space, mc.cores = cores)
    rows <- utils::head(do.call(rbind, c(list(rows), found)), count)
    number <- number + 20L
    write_accuracy(rows, here)
  }
}

write_accuracy <- function(rows, here) {
  write.csv(rows, file.path(here, "accuracy.csv"), row.names = FALSE)
  writeLines(accuracy_report(rows), file.path(here, "accuracy.md"))
}

if (length(grep("accuracy.R", commandArgs(), fixed = TRUE))) main()
