# What became of a fit, and is that one of the two allowed ends: a maximum, or a condition with a
# class that names the cause?

#' @param seconds Limit of a fit, processor time.
#' @param REML Fit by the restricted likelihood?
#' @return A row: the case, `outcome` ("maximum", "warned", "refused", "failed"), `causes`, `notes`,
#'   `criterion`, `logLik`, `seconds`.
fuzz_judge <- function(number, case = fuzz_case(number), seconds = 60, REML = FALSE) {
  causes <- notes <- unclassed <- character()
  cause_of <- function(condition) sub("^margmix_[a-z]+_", "", class(condition)[1L])
  start <- proc.time()[[1L]]
  setTimeLimit(cpu = seconds, transient = TRUE)
  fit <- withCallingHandlers(
    tryCatch(
      margmix::glmm(case$formula, case$data, case$family, REML = REML),
      margmix_error = function(e) {
        causes <<- c(causes, cause_of(e))
        "refused"
      },
      error = function(e) {
        unclassed <<- c(unclassed, conditionMessage(e))
        "failed"
      },
      interrupt = function(i) { # how the engine ends at the time limit
        unclassed <<- c(unclassed, paste("no result in", seconds, "s"))
        "failed"
      }
    ),
    margmix_warning = function(w) {
      causes <<- c(causes, cause_of(w))
      invokeRestart("muffleWarning")
    },
    margmix_note = function(n) {
      notes <<- c(notes, cause_of(n))
      invokeRestart("muffleMessage")
    },
    warning = function(w) {
      if (!inherits(w, "margmix_warning")) unclassed <<- c(unclassed, conditionMessage(w))
      invokeRestart("muffleWarning")
    }
  )
  setTimeLimit()
  row <- data.frame(
    number = number, family = case$family_name, structure = case$structure,
    difficulty = case$difficulty,
    outcome = if (is.character(fit)) fit else fuzz_outcome(fit, causes),
    causes = paste(unique(causes), collapse = " "), notes = paste(unique(notes), collapse = " "),
    criterion = NA_real_, logLik = NA_real_, seconds = proc.time()[[1L]] - start
  )
  if (!is.character(fit)) {
    row$criterion <- signif(fit$convergence$criterion, 2L)
    row$logLik <- as.numeric(stats::logLik(fit))
  }
  if (length(unclassed)) {
    row$outcome <- "failed"
    row$causes <- trimws(paste(row$causes, gsub("\\s+", " ", unclassed[1L])))
  }
  row
}

# A fit without a warning must be a maximum with finite estimates and standard errors; one that is
# not must say why.
fuzz_outcome <- function(fit, causes) {
  table <- suppressWarnings(
    tryCatch(stats::coef(summary(fit)), error = function(e) matrix(NA, 1L, 2L))
  )
  finite <- all(is.finite(stats::coef(fit))) && all(is.finite(table[, 1:2])) &&
    is.finite(stats::logLik(fit))
  maximum <- isTRUE(fit$convergence$converged) && fit$convergence$criterion < 1e-10
  if (length(causes)) return("warned")
  if (maximum && finite) "maximum" else "failed"
}
