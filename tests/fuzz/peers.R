# lme4 and glmmTMB on the same data, by Laplace, and the report.

fuzz_peers <- function(number) {
  case <- fuzz_case(number)
  own <- fuzz_laplace(case)
  rows <- lapply(c("lme4", "glmmTMB"), function(package) {
    data.frame(
      number = number, package = package, own = own, fuzz_peer(case, package),
      row.names = NULL
    )
  })
  do.call(rbind, rows)
}

fuzz_laplace <- function(case) {
  fit <- tryCatch(
    suppressMessages(suppressWarnings(
      margmix::glmm(case$formula, case$data, case$family, nAGQ = 1)
    )),
    error = function(e) NULL
  )
  if (is.null(fit)) NA_real_ else as.numeric(stats::logLik(fit))
}

#' @return A row: `outcome` ("silent", "warned", "error", "not fitted"), `logLik`, `finite_se`.
fuzz_peer <- function(case, package, seconds = 60) {
  warned <- FALSE
  gaussian_identity <- case$family_name == "gaussian-identity"
  call <- function() {
    if (package == "glmmTMB") {
      return(glmmTMB::glmmTMB(case$formula, case$data, family = peer_family(case$family)))
    }
    if (gaussian_identity) return(lme4::lmer(case$formula, case$data, REML = FALSE))
    lme4::glmer(case$formula, case$data, family = case$family)
  }
  setTimeLimit(cpu = seconds, transient = TRUE)
  fit <- withCallingHandlers(
    tryCatch(call(), error = function(e) NULL),
    warning = function(w) {
      warned <<- TRUE
      invokeRestart("muffleWarning")
    },
    message = function(m) {
      if (grepl("singular|converge|unidentif", conditionMessage(m))) warned <<- TRUE
      invokeRestart("muffleMessage")
    }
  )
  setTimeLimit()
  if (is.null(fit)) return(data.frame(outcome = "error", logLik = NA, finite_se = NA))
  V <- tryCatch(suppressWarnings({
    V <- stats::vcov(fit)
    as.matrix(if (package == "glmmTMB") V$cond else V)
  }), error = function(e) NA)
  data.frame(
    outcome = if (warned) "warned" else "silent",
    logLik = tryCatch(as.numeric(stats::logLik(fit)), error = function(e) NA_real_),
    finite_se = suppressWarnings(all(is.finite(sqrt(diag(as.matrix(V))))))
  )
}

# glmmTMB has its own negative binomial families; lme4 takes none of them.
peer_family <- function(family) {
  switch(family$family,
    nbinom1 = glmmTMB::nbinom1(), nbinom2 = glmmTMB::nbinom2(), family
  )
}

fuzz_report <- function(rows, peers) {
  crossing <- function(by) {
    counts <- table(rows[[by]], factor(rows$outcome, c("maximum", "warned", "refused", "failed")))
    c(
      paste0("| ", by, " | maximum | warned | refused | failed |"), "|---|---|---|---|---|",
      paste0("| ", rownames(counts), " | ", apply(counts, 1L, paste, collapse = " | "), " |")
    )
  }
  causes <- sort(table(unlist(strsplit(rows$causes[!is.na(rows$causes)], " "))), decreasing = TRUE)
  c(
    "# Hard data sets", "",
    paste0(
      "Written by `make fuzz`: ", nrow(rows), " simulated data sets (`cases.R`), nAGQ = ",
      "\"auto\". A fit ends at a maximum (scaled gradient below 1e-10, finite standard errors, no ",
      "warning), or with a warning or an error of the package that names the cause; anything ",
      "else is a failure."
    ), "",
    crossing("difficulty"), "", crossing("family"), "", crossing("structure"), "",
    paste0("Causes named: ", paste0(names(causes), " ", causes, collapse = ", "), "."),
    paste0(
      "Processor time: median ", format(stats::median(rows$seconds)), " s, largest ",
      format(max(rows$seconds)), " s."
    ),
    if (!is.null(peers)) peers_report(rows, peers)
  )
}

peers_report <- function(rows, peers) {
  one <- function(package) {
    p <- peers[peers$package == package, ]
    p <- merge(p, rows[c("number", "outcome")], by = "number", suffixes = c("", ".own"))
    fitted <- !is.na(p$logLik) & !is.na(p$own)
    paste0(
      "| ", package, " | ", sum(p$outcome == "silent"), " | ", sum(p$outcome == "warned"), " | ",
      sum(p$outcome == "error"), " | ",
      sum(p$outcome == "warned" & p$outcome.own == "maximum"), " | ",
      sum(p$logLik[fitted] < p$own[fitted] - 1e-3), " | ",
      sum(p$logLik[fitted] > p$own[fitted] + 1e-3), " | ", sum(!p$finite_se, na.rm = TRUE), " |"
    )
  }
  c(
    "", "Peers on the same data, by Laplace:", "",
    paste(
      "| package | silent | warned | error | warned where this package found a maximum |",
      "logLik lower by 1e-3 than ours | higher | NA in standard errors |"
    ),
    "|---|---|---|---|---|---|---|---|", vapply(unique(peers$package), one, "")
  )
}
