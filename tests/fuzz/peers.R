# lme4 and glmmTMB on the same data, by Laplace, and the report.

fuzz_peers <- function(number) {
  case <- fuzz_case(number)
  rows <- lapply(c("lme4", "glmmTMB"), function(package) {
    data.frame(number = number, package = package, fuzz_peer(case, package), row.names = NULL)
  })
  do.call(rbind, rows)
}

# Our fit by the same rule.
fuzz_laplace <- function(case) {
  fit <- tryCatch(
    suppressMessages(suppressWarnings(
      margmix::glmm(case$formula, case$data, case$family, nAGQ = 1)
    )),
    error = function(e) NULL
  )
  if (is.null(fit)) NA_real_ else as.numeric(stats::logLik(fit))
}

#' @return A row: `outcome` ("silent", "warned", "error"), `logLik`, `finite_se`, `seconds` of
#'   processor time, `message`, the first warning or the error, `version`.
fuzz_peer <- function(case, package, seconds = 25) {
  first <- ""
  warned <- FALSE
  say <- function(condition) {
    if (first == "") first <<- substr(gsub("\\s+", " ", conditionMessage(condition)), 1L, 80L)
  }
  start <- proc.time()[[1L]]
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
    tryCatch(call(), error = function(e) {
      first <<- ""
      say(e)
      NULL
    }),
    warning = function(w) {
      warned <<- TRUE
      say(w)
      invokeRestart("muffleWarning")
    },
    message = function(m) {
      if (grepl("singular|converge|unidentif", conditionMessage(m))) {
        warned <<- TRUE
        say(m)
      }
      invokeRestart("muffleMessage")
    }
  )
  setTimeLimit()
  seconds <- round(proc.time()[[1L]] - start, 2)
  row <- function(outcome, logLik, finite_se) {
    data.frame(
      outcome = outcome, logLik = logLik, finite_se = finite_se, seconds = seconds,
      message = first, version = as.character(utils::packageVersion(package))
    )
  }
  if (is.null(fit)) return(row("error", NA, NA))
  V <- tryCatch(suppressWarnings({
    V <- stats::vcov(fit)
    as.matrix(if (package == "glmmTMB") V$cond else V)
  }), error = function(e) NA)
  row(
    if (warned) "warned" else "silent",
    tryCatch(as.numeric(stats::logLik(fit)), error = function(e) NA_real_),
    suppressWarnings(all(is.finite(sqrt(diag(as.matrix(V))))))
  )
}

# glmmTMB has its own negative binomial families; lme4 takes none of them.
peer_family <- function(family) {
  switch(family$family,
    nbinom1 = glmmTMB::nbinom1(), nbinom2 = glmmTMB::nbinom2(), beta = glmmTMB::beta_family(),
    betabinomial = glmmTMB::betabinomial(), family
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
  c(
    "# Hard data sets", "",
    paste0(
      "Written by `make fuzz`: ", nrow(rows), " simulated data sets (`cases.R`), nAGQ = ",
      "\"auto\". A fit ends at a maximum (scaled gradient below 1e-10, finite standard errors, no ",
      "warning), or with a warning or an error of the package that names the cause; anything ",
      "else is a failure."
    ), "",
    crossing("difficulty"), "", crossing("family"), "", crossing("structure"), "",
    causes_report(rows), "",
    paste0(
      "Processor time: median ", format(stats::median(rows$seconds)), " s, largest ",
      format(max(rows$seconds)), " s."
    ),
    if (!is.null(peers)) peers_report(rows, peers)
  )
}

# Each cause with the verdicts on it.
causes_report <- function(rows) {
  named <- rows[!is.na(rows$causes) & rows$causes != "", ]
  causes <- strsplit(named$causes, " ")
  verdicts <- strsplit(named$verdict, "; ", fixed = TRUE)
  each <- data.frame(
    cause = unlist(causes),
    true = startsWith(unlist(Map(function(v, n) rep_len(v, n), verdicts, lengths(causes))), "true")
  )
  counts <- table(each$cause, factor(each$true, c(TRUE, FALSE)))
  c(
    paste(
      "Causes named, and whether a check that does not use the code of the condition",
      "(`verdict.R`) finds it true:"
    ), "",
    "| cause | true | not true |", "|---|---|---|",
    paste0("| ", rownames(counts), " | ", apply(counts, 1L, paste, collapse = " | "), " |")
  )
}

# Where the two objectives are the same function. lme4 takes expected weights in the Laplace
# approximation where the link is not canonical, and does not maximise over a dispersion.
comparable <- function(package, family) {
  package == "glmmTMB" | family %in% c("binomial-logit", "poisson-log", "gaussian-identity")
}

# What a peer did. A singular fit, which lme4 announces as a message, is a note here.
peer_state <- function(peers) {
  state <- peers$outcome
  state[grepl("isSingular", peers$message)] <- "singular"
  absent <- grepl("not implemented|dev.resids", peers$message)
  state[peers$outcome == "error" & absent] <- "not there"
  state
}

peers_report <- function(rows, peers) {
  peers$state <- peer_state(peers)
  one <- function(package) {
    p <- merge(peers[peers$package == package, ], rows, by = "number", suffixes = c("", ".own"))
    same <- !is.na(p$logLik) & !is.na(p$laplace) & comparable(package, p$family)
    gap <- (p$laplace - p$logLik)[same]
    maximum <- p$outcome.own == "maximum"
    paste0("| ", paste(c(
      paste(package, p$version[1L]),
      vapply(c("not there", "silent", "singular", "warned", "error"), function(state) {
        sum(p$state == state)
      }, 1L),
      sum(p$state == "warned" & maximum), sum(p$state == "error" & maximum),
      sum(p$state == "silent" & !maximum), sum(!p$finite_se, na.rm = TRUE),
      sum(same), sum(gap > 1e-3), sum(abs(gap) <= 1e-3), sum(gap < -1e-3)
    ), collapse = " | "), " |")
  }
  c(
    "", "Peers on the same data, at their defaults:", "",
    "* *not there*: a family or link that the peer does not have; *singular*: lme4's message of a",
    "  singular fit, which is a note here and no warning.",
    "* The log-likelihoods are those of our Laplace fit and theirs, compared where both maximise",
    "  the same function (lme4: binomial logit, Poisson log, Gaussian identity).", "",
    paste(
      "| package | not there | silent | singular | warned | error | warned, ours is a maximum |",
      "error, ours is a maximum | silent, ours has a condition | not finite standard errors |",
      "compared | ours higher by 1e-3 | equal | ours lower |"
    ),
    paste0("|", strrep("---|", 14L)), vapply(unique(peers$package), one, "")
  )
}
