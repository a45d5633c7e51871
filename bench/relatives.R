# Relatives with a known covariance: dense kinships beside GMMAT and gaston, regular and singular,
# and a sparse one of families, each fit in a fresh process. Writes relatives.md beside this file.
#
#   Rscript bench/relatives.R [PEERS]     R_LIBS must name a library with margmix, PEERS one with
#                                         GMMAT and gaston

arguments <- commandArgs(TRUE)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))

# People whose kinship is that of four variants a person, variance 1; y linear, sd 1, or 0/1.
dense <- function(n, kind) {
  set.seed(1)
  share <- runif(4 * n, 0.1, 0.5)
  G <- matrix(rbinom(4 * n * n, 2, rep(share, each = n)), n)
  K <- tcrossprod(scale(G, 2 * share, sqrt(2 * share * (1 - share)))) / (4 * n) + diag(1e-3, n)
  people(K, drop(crossprod(chol(K), rnorm(n))), kind)
}

# The kinship of two variants a person that kinship_matrix() makes: centred at the frequencies among
# the people themselves, so its rows add up to zero.
centred <- function(n, kind) {
  set.seed(1)
  m <- 2 * n
  G <- matrix(rbinom(m * n, 2, rep(runif(m, 0.1, 0.5), each = n)), n)
  storage.mode(G) <- "double"
  K <- margmix::kinship_matrix(G)
  share <- colMeans(G) / 2
  effect <- rnorm(m) / sqrt(2 * share * (1 - share) * m)
  people(K, drop(G %*% effect) - sum(2 * share * effect), kind)
}

# Families of two founders and three children.
families <- function(n, kind) {
  set.seed(1)
  block <- matrix(0.5, 5, 5)
  diag(block) <- 1
  block[1, 2] <- block[2, 1] <- 0
  b <- as.vector(crossprod(chol(block), matrix(rnorm(n), 5)))
  entries <- which(block != 0, arr.ind = TRUE)
  first <- rep(5 * (seq_len(n / 5) - 1), each = nrow(entries))
  K <- Matrix::sparseMatrix(
    i = entries[, 1] + first, j = entries[, 2] + first,
    x = rep(block[entries], n / 5), dims = c(n, n)
  )
  people(Matrix::forceSymmetric(K), b, kind)
}

people <- function(K, b, kind) {
  id <- sprintf("p%06d", seq_along(b))
  dimnames(K) <- list(id, id)
  d <- data.frame(id, x = rnorm(length(b)))
  eta <- -0.3 + 0.4 * d$x + b
  d$y <- if (kind == "linear") eta + rnorm(length(b)) else rbinom(length(b), 1, plogis(eta))
  list(data = d, K = K, kind = kind)
}

fit_margmix <- function(model) {
  K <- model$K
  linear <- model$kind == "linear"
  family <- if (linear) gaussian() else binomial()
  fit <- margmix::glmm(y ~ x + known(1 | id, covariance = K), model$data, family, REML = linear)
  c(c(fit$theta)^2, if (linear) fit$phi else NA, logLik(fit))
}

# Penalized quasi-likelihood where the response is 0/1.
fit_GMMAT <- function(model) {
  family <- if (model$kind == "linear") gaussian() else binomial()
  fit <- GMMAT::glmmkin(y ~ x, model$data, model$K, id = "id", family = family)
  c(fit$theta[[2]], if (model$kind == "linear") fit$theta[[1]] else NA, NA)
}

fit_gaston <- function(model) {
  X <- cbind(1, model$data$x)
  fit <- gaston::lmm.aireml(model$data$y, X, model$K, verbose = FALSE)
  # its restricted likelihood lacks a constant
  n <- nrow(X)
  c(fit$tau, fit$sigma2, fit$logL - (n - ncol(X)) / 2 * log(2 * pi))
}

# One fit, in this process: what the parent reads.
if (length(arguments) > 1L) {
  if (nzchar(arguments[5L])) .libPaths(c(.libPaths(), arguments[5L]))
  sample <- switch(arguments[2L], dense = dense, centred = centred, families = families)
  model <- sample(as.integer(arguments[3L]), arguments[4L])
  options(margmix.threads = as.integer(arguments[6L]))
  invisible(loadNamespace(arguments[1L]))
  invisible(gc())
  seconds <- system.time(found <- switch(arguments[1L],
    margmix = fit_margmix, GMMAT = fit_GMMAT, gaston = fit_gaston
  )(model))
  peak <- grep("^VmHWM", readLines("/proc/self/status"), value = TRUE)
  cat("result", seconds[["elapsed"]], sum(seconds[1:2]), as.numeric(gsub("\\D", "", peak)) / 1024,
    vapply(found, format, "", digits = 9L), "\n"
  )
  quit("no")
}

peers <- if (length(arguments)) normalizePath(arguments) else ""

version <- function(package) {
  found <- tryCatch(utils::packageVersion(package, c(.libPaths(), peers)), error = function(e) "-")
  as.character(found)
}

# Nothing of a peer that is not installed.
row <- function(package, K, n, kind, threads = 1L) {
  if (version(package) == "-") return(character())
  script <- file.path(here, "relatives.R")
  out <- system2("Rscript", c(script, package, K, format(n, scientific = FALSE), kind,
    shQuote(peers), threads), stdout = TRUE, stderr = FALSE)
  line <- grep("^result", out, value = TRUE)
  found <- if (length(line)) strsplit(line, " +")[[1L]][-1L] else c("failed", rep("", 5L))
  found[3L] <- round(as.numeric(found[3L]))
  found[found == "NA"] <- ""
  who <- paste0(package, if (threads > 1L) paste(",", threads, "threads"))
  said <- paste(c(kind, K, format(n, big.mark = ",", scientific = FALSE), who, found),
    collapse = " | "
  )
  cat(said, "\n")
  paste0("| ", said, " |")
}

writeLines(c(
  "# Relatives", "",
  paste0(
    "Written by `bench/relatives.R` with margmix, GMMAT ", version("GMMAT"), " and gaston ",
    version("gaston"), " (-: not there): seconds and processor seconds of the whole call, one ",
    "thread unless it says two, in a fresh process; its peak memory in MiB, data included; ",
    "variances (1 in the population) and log-likelihood, restricted where the model is linear. A ",
    "centred kinship is singular: its rows add up to zero. With one 0/1 response ",
    "a person both ways of fitting find far too little variance, penalized quasi-likelihood ",
    "(GMMAT) still less than Laplace's approximation (margmix)."
  ), "",
  paste(
    "| model | K | people | package | s | CPU s | MiB | variance of relatives | residual",
    "| log-likelihood |"
  ),
  "|---|---|---|---|---|---|---|---|---|---|",
  row("margmix", "dense", 1000, "linear"), row("GMMAT", "dense", 1000, "linear"),
  row("gaston", "dense", 1000, "linear"),
  row("margmix", "dense", 2000, "linear"), row("GMMAT", "dense", 2000, "linear"),
  row("gaston", "dense", 2000, "linear"),
  row("margmix", "dense", 1000, "logit"), row("GMMAT", "dense", 1000, "logit"),
  row("margmix", "dense", 2000, "logit"), row("GMMAT", "dense", 2000, "logit"),
  row("margmix", "centred", 1000, "linear"), row("GMMAT", "centred", 1000, "linear"),
  row("gaston", "centred", 1000, "linear"),
  row("margmix", "centred", 2000, "linear"), row("GMMAT", "centred", 2000, "linear"),
  row("gaston", "centred", 2000, "linear"), row("margmix", "centred", 7000, "linear"),
  row("margmix", "centred", 1000, "logit"), row("GMMAT", "centred", 1000, "logit"),
  row("margmix", "centred", 2000, "logit"), row("GMMAT", "centred", 2000, "logit"),
  row("margmix", "centred", 7000, "logit"), row("margmix", "centred", 7000, "logit", 2L),
  row("margmix", "families", 50000, "logit"), row("margmix", "families", 400000, "logit"),
  row("margmix", "families", 400000, "linear")
), file.path(here, "relatives.md"))
