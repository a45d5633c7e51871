# What other packages make of the fits: how they ask for covariances and degrees of freedom, and the
# table of help page `other-packages`.

# As other packages pass a covariance matrix: nothing, a matrix, a function of the fit, or a type.
client_vcov <- function(fit, vcov. = NULL, args = NULL) {
  if (is.function(vcov.)) do.call(vcov., c(list(fit), args)) else vcov. %||% default_vcov(fit)
}

client_df <- function(fit, covariance, df = NULL) {
  unname(chosen_df(fit, df %||% "default", covariance)$df)
}

#' One number of degrees of freedom for a client that takes no more
#'
#' @param coefficients Names or numbers of the estimated coefficients concerned.
#' @return The smallest of theirs; `Inf` without any.
#' @noRd
smallest_df <- function(fit, vcov. = NULL, coefficients = seq_along(fit$beta)) {
  df <- chosen_df(fit, "default", chosen_vcov(fit, client_vcov(fit, vcov.)))$df[coefficients]
  min(df, Inf, na.rm = TRUE)
}

# Frames of the functions of a package that are being called, the outermost first.
frames_of <- function(package) Filter(function(frame) is_frame_of(frame, package), sys.frames())

is_frame_of <- function(frame, package) environmentName(topenv(frame)) == package

#' The section that lists the clients, for roxygen2
#'
#' @param clients Of tests/testthat/clients.csv, which tools/clients.R writes: a client and a model
#'   in each, and what the client answers.
#' @return Lines of a roxygen2 block.
#' @noRd
clients_section <- function(clients = read_clients("tests/testthat/clients.csv")) {
  key <- paste(clients$package, clients$call)
  rows <- lapply(split(clients, factor(key, unique(key))), client_line)
  c(
    "@section Which answers are ours:",
    "The package's tests compare the estimates, standard errors, degrees of freedom, p values, 95%",
    "intervals and predictions of these functions with its own. A number that isn't listed is one",
    "that the function does not give; *refused* is an error that says what to use. Numbers that a",
    "function computes by itself, without asking the fit, are listed as not ours, with the reason.",
    "\\tabular{llll}{",
    "  \\strong{Function} \\tab \\strong{glmm()} \\tab \\strong{gee()} \\tab \\strong{Note} \\cr",
    unlist(rows),
    "}"
  )
}

read_clients <- function(path) utils::read.csv(path, colClasses = "character")

client_line <- function(rows) {
  mixed <- startsWith(rows$model, "glmm")
  call <- gsub("%", "\\%", paste0(rows$package[1L], "::", rows$call[1L]), fixed = TRUE)
  paste0("  \\code{", call, "} \\tab ", client_words(rows[mixed, ]), " \\tab ",
    client_words(rows[!mixed, ]), " \\tab ", rows$note[1L], " \\cr")
}

# "estimate, SE, df, p", or why not; models that differ from the first are named.
client_words <- function(rows) {
  if (!nrow(rows)) return("")
  labels <- c(
    estimate = "estimate", std.error = "SE", df = "df", p.value = "p", interval = "interval",
    prediction = "prediction"
  )
  words <- apply(rows[names(labels)], 1L, function(cells) {
    refused <- grep("^refused", cells, value = TRUE)
    if (length(refused)) return("refused")
    other <- startsWith(cells, "no hook")
    if (all(other)) return("fails")
    words <- paste(labels[cells == "equal"], collapse = ", ")
    if (!any(other)) return(words)
    paste(c(if (nzchar(words)) words, paste0("not ours: ", toString(labels[other]))),
      collapse = "; "
    )
  })
  others <- words != words[1L]
  paste(c(words[[1L]], sprintf("%s: %s", sub("^glmm ", "", rows$model[others]), words[others])),
    collapse = "; "
  )
}
