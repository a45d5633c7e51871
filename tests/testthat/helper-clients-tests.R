# Clients that test hypotheses about coefficients.

# Each coefficient by a test of its own.
by_coefficient <- function(fit, test) {
  found <- vapply(names(coef(fit)), test, c(df = 0, p = 0))
  list(df = found["df", ], p.value = found["p", ])
}

# Terms of a fit, as its own anova() tests them.
own_terms <- function(fit) {
  table <- anova(fit)
  list(df = table[["Den Df"]], p.value = table[["Pr(>F)"]])
}

# Of multcomp, whose degrees of freedom are whole numbers.
whole_df_answers <- function(fit) answers_by_df(fit, floor(min(own_answers(fit)$df)))

clients_tests <- function() {
  list(
    client("lmtest", "coeftest(fit)", function(fit) {
      table <- lmtest::coeftest(fit)
      list(
        estimate = table[, 1L], std.error = table[, 2L], p.value = table[, 4L],
        df = attr(table, "df")
      )
    }),
    client("lmtest", "coefci(fit)", function(fit) list(interval = lmtest::coefci(fit))),
    client("lmtest", "waldtest(fit)", function(fit) lmtest::waldtest(fit)),
    client("lmtest", "lrtest(fit, smaller)", function(fit) {
      smaller <- smaller_fit(fit)
      list(p.value = lmtest::lrtest(fit, smaller)[["Pr(>Chisq)"]][2L])
    }, function(fit) {
      smaller <- smaller_fit(fit)
      statistic <- 2 * as.numeric(logLik(fit) - logLik(smaller))
      tested <- setdiff(names(coef(fit)), names(coef(smaller)))
      default <- summary(fit)$coefficients[tested, ]
      model <- summary(fit, vcov = "model")$coefficients[tested, ]
      if (default$std.error == model$std.error) default$df <- 1e12 # no allowance: chi^2
      s <- (model$std.error / default$std.error)^2
      F_value <- default$df * expm1(s * statistic / default$df)
      list(p.value = stats::pf(F_value, 1, default$df, lower.tail = FALSE))
    }, models = mixed_models),
    client("car", "linearHypothesis(fit, \"x = 0\")", function(fit) {
      by_coefficient(fit, function(name) {
        table <- car::linearHypothesis(fit, paste(name, "= 0"))
        c(df = table$Res.Df[2L], p = table[["Pr(>F)"]][2L])
      })
    }),
    client("car", "Anova(fit)", function(fit) {
      table <- car::Anova(fit)
      list(df = table$Res.Df, p.value = table[["Pr(>F)"]])
    }, own_terms),
    client("car", "Anova(fit, type = 3)", function(fit) {
      table <- car::Anova(fit, type = 3)
      list(df = table$Res.Df, p.value = table[["Pr(>F)"]])
    }, own_terms),
    client("car", "deltaMethod(fit, \"x\")", function(fit) {
      names <- sub("(Intercept)", "Intercept", names(coef(fit)), fixed = TRUE)
      table <- do.call(rbind, lapply(names, function(name) car::deltaMethod(fit, name, rhs = 0)))
      list(
        estimate = table$Estimate, std.error = table$SE, p.value = table[["Pr(>|t|)"]],
        interval = c(table[[3L]], table[[4L]])
      )
    }, note = "several coefficients: the smallest df"),
    client("car", "Confint(fit)", function(fit) {
      table <- car::Confint(fit)
      list(estimate = table[, 1L], interval = table[, 2:3])
    }),
    client("multcomp", "summary(glht(fit))", function(fit) {
      found <- summary(multcomp::glht(fit), test = multcomp::univariate())
      list(
        estimate = found$test$coefficients, std.error = found$test$sigma,
        df = rep(found$df, length(coef(fit))), p.value = found$test$pvalues
      )
    }, whole_df_answers, note = "one df: the smallest, rounded down"),
    client("multcomp", "confint(glht(fit))", function(fit) {
      table <- confint(multcomp::glht(fit), calpha = multcomp::univariate_calpha())$confint
      list(estimate = table[, 1L], interval = table[, 2:3])
    }, whole_df_answers, note = "one df: the smallest, rounded down"),
    client("survey", "regTermTest(fit, ~x, df = df)", function(fit) {
      terms <- attr(stats::terms(fit), "term.labels")
      df <- own_terms(fit)$df
      p <- Map(function(term, df) {
        from("survey", "regTermTest")(fit, stats::reformulate(term), df = df)$p
      }, terms, df)
      list(p.value = unlist(p))
    }, own_terms, note = "give df, as in anova(fit): otherwise it counts rows"),
    client("survey", "regTermTest(fit, ~x)", function(fit) {
      terms <- attr(stats::terms(fit), "term.labels")
      list(p.value = vapply(terms, function(term) {
        drop(from("survey", "regTermTest")(fit, stats::reformulate(term))$p)
      }, 0))
    }, own_terms, no_hook = "it takes rows less coefficients for the df of other classes"),
    client("car", "vif(fit)", function(fit) list(estimate = car::vif(fit)), function(fit) {
      slopes <- vcov(fit)[-1L, -1L]
      list(estimate = diag(solve(stats::cov2cor(slopes))))
    }, models = c("glmm Poisson", "glmm Gaussian slopes", "glmm negative binomial")),
    client("metafor", "rma.mv(coef(fit), vcov(fit))", function(fit) {
      each <- diag(length(coef(fit)))
      found <- from("metafor", "rma.mv")(coef(fit), vcov(fit), mods = each, intercept = FALSE)
      list(estimate = found$b, std.error = found$se)
    }, note = "z tests, or t tests with dfs = of tidy(fit)"),
    client("pbkrtest", "KRmodcomp(fit, smaller)", function(fit) pbkrtest::KRmodcomp(fit, fit)),
    client("pbkrtest", "PBmodcomp(fit, smaller)", function(fit) pbkrtest::PBmodcomp(fit, fit))
  )
}

# Without the last term.
smaller_fit <- function(fit) {
  last <- utils::tail(attr(stats::terms(fit), "term.labels"), 1L)
  change <- stats::as.formula(paste(". ~ . -", last))
  suppressMessages(stats::update(fit, change))
}
