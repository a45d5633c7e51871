# Clients that predict over a grid of covariates.

# The covariates of a fit; all of them, so that nothing is averaged over.
covariates_of <- function(fit) all.vars(stats::delete.response(stats::terms(fit)))

# Means at random effect 0, with the interval of the predictor by hand.
means_over <- function(fit, grid, random_effects = "zero") {
  rows <- list(fit, grid, se.fit = TRUE)
  if (inherits(fit, "margmix_glmm")) rows$random_effects <- random_effects
  eta <- do.call(predict, c(rows, type = "link"))
  X <- margmix:::design_newdata(fit, grid, FALSE)$X
  df <- predictor_df(fit, X)
  half <- stats::qt(0.975, df) * eta$se.fit
  inverse <- family(fit)$linkinv
  list(
    prediction = do.call(predict, c(rows, type = "response"))$fit,
    interval = c(inverse(eta$fit - half), inverse(eta$fit + half))
  )
}

# Degrees of freedom of x'beta for each row x, from the source of summary().
predictor_df <- function(fit, X) {
  covariance <- margmix:::chosen_vcov(fit, margmix:::default_vcov(fit))
  margmix:::hypothesis_df(margmix:::chosen_df(fit, "default", covariance), X)
}

# The grid of a result of ggeffects: its columns are x, group and facet.
grid_of <- function(fit, found) {
  variables <- covariates_of(fit)
  columns <- intersect(c("x", "group", "facet"), names(found))[seq_along(variables)]
  grid <- stats::setNames(as.data.frame(found)[columns], variables)
  data <- stats::model.frame(fit)
  grid[] <- lapply(variables, function(name) {
    value <- grid[[name]]
    if (is.numeric(data[[name]])) as.numeric(as.character(value)) else as.character(value)
  })
  grid
}

gg_answers <- function(found) {
  list(prediction = found$predicted, interval = c(found$conf.low, found$conf.high))
}

clients_prediction <- function() {
  predicted <- function(fit, ...) {
    as.data.frame(ggeffects::ggpredict(fit, covariates_of(fit), verbose = FALSE, ...))
  }
  averaged <- function(fit) {
    as.data.frame(ggeffects::ggemmeans(fit, covariates_of(fit), verbose = FALSE))
  }
  shown <- function(fit) {
    as.data.frame(effects::Effect(covariates_of(fit), fit, xlevels = 3))
  }
  list(
    client("ggeffects", "ggpredict(fit, terms)", function(fit) gg_answers(predicted(fit)),
      function(fit) means_over(fit, grid_of(fit, predicted(fit))),
      note = "at random effect 0, whichever cluster is printed"
    ),
    client("ggeffects", "ggpredict(fit, terms, random_effects = \"integrate\")",
      function(fit) gg_answers(predicted(fit, random_effects = "integrate")),
      function(fit) means_over(fit, grid_of(fit, predicted(fit)), "integrate"),
      models = mixed_models, note = "means of the population"
    ),
    client("ggeffects", "ggpredict(fit, terms, type = \"random\")",
      function(fit) predicted(fit, type = "random")
    ),
    client("ggeffects", "ggemmeans(fit, terms)", function(fit) gg_answers(averaged(fit)),
      function(fit) means_over(fit, grid_of(fit, averaged(fit)))
    ),
    client("effects", "Effect(terms, fit)", function(fit) {
      found <- shown(fit)
      list(prediction = found$fit, interval = c(found$lower, found$upper))
    }, function(fit) means_over(fit, droplevels(shown(fit)[covariates_of(fit)])),
    models = c("glmm binomial", "glmm Poisson", "glmm negative binomial", "gee"),
    note = "looks for the data in the global environment"),
    client("emmeans", "emmeans(fit, ~x)", function(fit) {
      found <- as.data.frame(summary(estimated_means(fit)))
      list(estimate = found$emmean, std.error = found$SE, df = found$df)
    }, function(fit) linear_estimates(fit, estimated_means(fit)@linfct)),
    client("emmeans", "pairs(emmeans(fit, ~x))", function(fit) {
      found <- as.data.frame(summary(pairs(estimated_means(fit)), adjust = "none"))
      list(
        estimate = found$estimate, std.error = found$SE, df = found$df, p.value = found$p.value
      )
    }, function(fit) linear_estimates(fit, pairs(estimated_means(fit))@linfct))
  )
}

# Of the predictor, over a grid of all covariates.
estimated_means <- function(fit) {
  from("emmeans", "emmeans")(
    fit, stats::reformulate(covariates_of(fit)), data = stats::model.frame(fit), cov.reduce = range
  )
}

# Estimates C beta by hand, with the degrees of freedom of each row.
linear_estimates <- function(fit, C) {
  covariance <- margmix:::chosen_vcov(fit, margmix:::default_vcov(fit))
  estimate <- drop(C %*% coef(fit))
  se <- sqrt(diag(C %*% covariance$vcov %*% t(C)))
  df <- margmix:::hypothesis_df(margmix:::chosen_df(fit, "default", covariance), C)
  list(
    estimate = estimate, std.error = se, df = df, p.value = 2 * stats::pt(-abs(estimate / se), df)
  )
}
