# What other packages read out of the fits, against what the fits say themselves. A client gives our
# answer; or the fit refuses with an error of the package; or the client asks no function that the
# fit could answer by, and the table says why. There is nothing between.
#
# The clients themselves are in helper-clients-*.R. tools/clients.R writes what is found to
# tests/testthat/clients.csv, of which help page `other-packages` makes its table.

#' A client
#'
#' @param package The package, and the oldest version of it that is meant.
#' @param call What a user writes, for the table.
#' @param run Function of a fit: a list with some of `client_answers`, as the client gives them.
#' @param expected Function of a fit: the same, as the package gives them.
#' @param models Names of `client_fits()` that the client is for.
#' @param note A remark for the table.
#' @param no_hook Why another answer, or a failure, can't be helped.
#' @param needs Packages that the call needs beside `package`.
#' @return A list.
#' @noRd
client <- function(package, call, run, expected = own_answers, models = client_models,
                   version = "0", note = no_hook, no_hook = "", needs = character()) {
  list(
    package = package, call = call, run = run, expected = expected, models = models,
    version = version, note = note, no_hook = no_hook, needs = needs
  )
}

client_answers <- c("estimate", "std.error", "df", "p.value", "interval", "prediction")
client_models <- c(
  "glmm binomial", "glmm Poisson", "glmm Gaussian slopes", "glmm negative binomial", "glmm nested",
  "gee"
)
allowed_cells <- "^$|^equal$|^refused: |^no hook: "
mixed_models <- setdiff(client_models, "gee")

all_clients <- function() {
  c(
    clients_covariance(), clients_easystats(), clients_imputation(), clients_marginaleffects(),
    clients_prediction(), clients_residuals(), clients_selection(), clients_tables(),
    clients_tests(), clients_workers()
  )
}

# A function of a package that need not be declared.
from <- function(package, name) getExportedValue(package, name)

# Fits ------------------------------------------------------------------------------------------

# The data are found where the formulas are written, as clients look for them there.
client_data <- new.env(parent = globalenv())
client_cache <- new.env()

#' The fit of each model, made once
#' @noRd
client_fit <- function(model) {
  if (is.null(client_cache[[model]])) {
    client_data$orthodont <- data.frame(nlme::Orthodont)
    client_data$oats <- transform(nlme::Oats, Block = as.character(Block))
    code <- switch(model,
      "glmm binomial" = quote(glmm(
        cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial(), nAGQ = 15
      )),
      "glmm Poisson" = quote(glmm(
        seizures ~ treatment + period + (1 | subject), epilepsy, poisson(), nAGQ = 9
      )),
      "glmm Gaussian slopes" = quote(glmm(distance ~ age + Sex + (age | Subject), orthodont)),
      "glmm negative binomial" = quote(glmm(
        seizures ~ treatment + period + (1 | subject), epilepsy, nbinom2(), nAGQ = 9
      )),
      "glmm nested" = quote(glmm(yield ~ nitro + (1 | Block / Variety), oats)),
      gee = quote(gee(
        cbind(success, n - success) ~ treatment, infection, id = clinic, family = binomial()
      ))
    )
    client_cache[[model]] <- suppressMessages(eval(code, client_data))
  }
  client_cache[[model]]
}

# What the package says -------------------------------------------------------------------------

own_answers <- function(fit) {
  table <- summary(fit)$coefficients
  list(
    estimate = table$estimate, std.error = table$std.error, df = table$df,
    p.value = table$p.value, interval = c(table$conf.low, table$conf.high)
  )
}

#' The answers of a client that has one number of degrees of freedom for all coefficients
#' @noRd
answers_by_df <- function(fit, df) {
  own <- own_answers(fit)
  half <- stats::qt(0.975, df) * own$std.error
  list(
    estimate = own$estimate, std.error = own$std.error, df = rep(df, length(own$df)),
    p.value = 2 * stats::pt(-abs(own$estimate / own$std.error), df),
    interval = c(own$estimate - half, own$estimate + half)
  )
}

smallest_df_answers <- function(fit) answers_by_df(fit, min(own_answers(fit)$df))

# Comparison ------------------------------------------------------------------------------------

#' What a client does with a fit
#'
#' @return Named text for each of `client_answers`: "equal"; "refused: <cause>"; "" if the client
#'   does not say; "no hook: <reason>" for what is known to be another answer; anything else is a
#'   failure.
#' @noRd
client_cells <- function(client, model) {
  cells <- measured_cells(client, model)
  if (!nzchar(client$no_hook)) return(cells)
  sub("^(differs|fails): .*", paste("no hook:", client$no_hook), cells)
}

measured_cells <- function(client, model) {
  fit <- client_fit(model)
  found <- tryCatch(
    suppressWarnings(suppressMessages({
      utils::capture.output(found <- client$run(fit))
      found
    })),
    margmix_error = function(e) paste("refused:", sub("^margmix_error_", "", class(e)[1L])),
    # a client may raise our error anew, without its class
    error = function(e) {
      ours <- grepl("\n  Hint: ", conditionMessage(e), fixed = TRUE)
      paste(if (ours) "refused: text" else "fails:", if (!ours) conditionMessage(e))
    }
  )
  cells <- stats::setNames(rep("", length(client_answers)), client_answers)
  if (is.character(found)) {
    cells[] <- found
    return(cells)
  }
  stopifnot(length(found) > 0L, names(found) %in% client_answers)
  expected <- client$expected(fit)
  for (name in names(found)) cells[[name]] <- compare_answers(found[[name]], expected[[name]])
  cells
}

compare_answers <- function(found, expected) {
  found <- unname(as.vector(found))
  expected <- unname(as.vector(expected))
  difference <- all.equal(found, expected, tolerance = 1e-6)
  if (isTRUE(difference) && length(found)) return("equal")
  paste0("differs: ", toString(signif(found, 6L)), " for ", toString(signif(expected, 6L)))
}

#' What a client does with all fits, as rows of tests/testthat/clients.csv
#' @noRd
client_rows <- function(client) {
  cells <- lapply(client$models, function(model) client_cells(client, model))
  data.frame(
    package = client$package, call = client$call, model = client$models,
    do.call(rbind, cells), note = client$note
  )
}
