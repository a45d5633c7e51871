# glmm() against the frozen numbers of tests/reference (see the README there).

reference_path <- function(...) test_path("..", "reference", ...)
skip_if_not(file.exists(reference_path("models.R")), "reference tables")

reference <- new.env()
sys.source(reference_path("models.R"), reference)

read_reference <- function(file) read.csv(reference_path(file), stringsAsFactors = FALSE)

reference$models <- local({
  factors <- c(herd = "factor", period = "factor")
  reference$reference_models(list(
    infection = infection, pump = pump, toenail = toenail, seeds = seeds, epilepsy = epilepsy,
    ohio = ohio, cbpp = read.csv(reference_path("cbpp.csv"), colClasses = factors)
  ))
})

# One fit per model and rule, kept for all tests of this file. Notes (one row per cluster in pump
# and seeds) are not the subject here.
reference_fits <- new.env()
reference_fit <- function(name, rule) {
  key <- paste(name, rule)
  if (is.null(reference_fits[[key]])) {
    model <- reference$models[[name]]
    formula <- as.formula(reference$mixed_formula(model), globalenv())
    nodes <- if (rule == "auto") "auto" else as.integer(rule)
    reference_fits[[key]] <-
      suppressMessages(glmm(formula, model$data, family = model$family, nAGQ = nodes))
  }
  reference_fits[[key]]
}

# Everything the tables know about a model with one random intercept, under their names.
quantities <- function(fit) {
  beta <- coef(fit)
  se <- sqrt(diag(vcov(fit, "model")))
  sd <- as.data.frame(VarCorr(fit))$sdcor[1]
  p <- length(beta)
  se_sd <- sqrt(vcov(fit, full = TRUE)[p + 1, p + 1])
  loglik <- as.numeric(logLik(fit))
  c(
    logLik = loglik, "-2logLik" = -2 * loglik,
    setNames(beta, paste0("coef:", names(beta))),
    setNames(se, paste0("se:", names(beta))),
    sd = sd, var = sd^2, logsd = log(sd),
    "se:sd" = se_sd, "se:var" = 2 * sd * se_sd, "se:logsd" = se_sd / sd
  )
}

found_values <- function(table, rule = table$rule) {
  mapply(
    function(name, rule, quantity) unname(quantities(reference_fit(name, rule))[quantity]),
    table$model, rule, table$quantity,
    USE.NAMES = FALSE
  )
}

# Standard error that belongs to each estimate of a computed table (NA for other rows).
matching_se <- function(table, by) {
  of <- sub("^coef:", "se:", sub("^sd$", "se:sd", table$quantity))
  se <- by$value[match(paste(table$model, table$rule, of), paste(by$model, by$rule, by$quantity))]
  ifelse(grepl("^(coef:|sd$)", table$quantity), se, NA)
}

computed_tolerance <- function(table, loglik, estimate, se) {
  ifelse(
    table$quantity == "logLik", loglik,
    ifelse(grepl("^se:", table$quantity), se * table$value, estimate * matching_se(table, table))
  )
}

expect_reference <- function(table, found) {
  off <- which(!(abs(found - table$value) <= table$tolerance))
  text <- sprintf(
    "%s %s %s: %.10g, reference %.10g, tolerance %.2g",
    table$model, table$rule, table$quantity, found, table$value, table$tolerance
  )
  expect(length(off) == 0, paste(c("Reference values missed:", text[off]), collapse = "\n"))
}

test_that("published results are reproduced to their printed digits", {
  table <- read_reference("glmm-published.csv")
  for (name in unique(table$model)) {
    part <- table[table$model == name, ]
    expect_reference(part, found_values(part))
  }
})

test_that("fits at a fixed K agree with independent adaptive quadrature", {
  table <- read_reference("glmm-aghq.csv")
  table$tolerance <- computed_tolerance(table, loglik = 1e-7, estimate = 2e-5, se = 2e-5)
  for (name in unique(table$model)) {
    part <- table[table$model == name, ]
    expect_reference(part, found_values(part))
  }
})

test_that("many nodes agree with brute-force integration", {
  table <- read_reference("glmm-bruteforce.csv")
  table$tolerance <- computed_tolerance(table, loglik = 1e-7, estimate = 2e-5, se = 2e-5)
  for (name in unique(table$model)) {
    part <- table[table$model == name, ]
    expect_reference(part, found_values(part, rule = "101"))
  }
})

test_that("nAGQ = 'auto' is within its promise of the exact log-likelihood", {
  table <- read_reference("glmm-bruteforce.csv")
  table <- table[table$quantity == "logLik", ]
  table$tolerance <- 1e-4
  expect_reference(table, found_values(table, rule = "auto"))
})

test_that("lme4 and glmmTMB agree, and never find a higher likelihood", {
  table <- read_reference("glmm-peers.csv")
  found <- found_values(table)
  loglik <- table$quantity == "logLik"
  expect_true(all(found[loglik] > table$value[loglik] - 1e-6))

  by <- read_reference("glmm-aghq.csv")
  table$tolerance <- ifelse(loglik, 5e-5, 1e-3 * matching_se(table, by))
  expect_reference(table, found)
})

# Gaussian models ------------------------------------------------------------------------------

gaussian_models <- list(
  "sleepstudy-intercept" = list(Reaction ~ Days + (1 | Subject), "sleepstudy.csv"),
  "sleepstudy-slope" = list(Reaction ~ Days + (Days | Subject), "sleepstudy.csv"),
  "sleepstudy-uncorrelated" = list(Reaction ~ Days + (Days || Subject), "sleepstudy.csv"),
  "dyestuff" = list(Yield ~ 1 + (1 | Batch), "dyestuff.csv"),
  "dyestuff2" = list(Yield ~ 1 + (1 | Batch), "dyestuff2.csv")
)

# Terms of (x || g) are numbered g, g.1 as in lme4: the number is dropped.
gaussian_quantities <- function(fit) {
  beta <- coef(fit)
  components <- as.data.frame(VarCorr(fit))
  first <- ifelse(is.na(components$var1), "", components$var1)
  part <- ifelse(is.na(components$var2), first, paste(first, components$var2, sep = "."))
  group <- sub("\\.[0-9]+$", "", components$grp)
  c(
    logLik = as.numeric(logLik(fit)),
    setNames(beta, paste0("coef:", names(beta))),
    setNames(sqrt(diag(vcov(fit, "model"))), paste0("se:", names(beta))),
    setNames(components$sdcor, paste0("sdcor:", group, ":", part))
  )
}

test_that("Gaussian models agree with lme4, ML and REML", {
  table <- read_reference("lmm-peers.csv")
  table$rule <- table$method
  table$tolerance <- 1e-6 * ifelse(table$quantity == "logLik", 1, pmax(abs(table$value), 1))
  for (name in unique(table$model)) {
    data <- read.csv(reference_path(gaussian_models[[name]][[2]]), stringsAsFactors = TRUE)
    for (method in c("ML", "REML")) {
      fit <- suppressMessages(       # dyestuff2: the variance is zero
        glmm(gaussian_models[[name]][[1]], data, family = gaussian(), REML = method == "REML"),
        classes = "margmix_note_boundary"
      )
      part <- table[table$model == name & table$method == method, ]
      expect_reference(part, gaussian_quantities(fit)[part$quantity])
    }
  }
})
