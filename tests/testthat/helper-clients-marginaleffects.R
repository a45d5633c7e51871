# Clients of package marginaleffects.

# Its version 1.0 calls an operator that R has since 4.4.
with_operator <- function(code) {
  if (getRversion() < "4.4.0") {
    assign("%||%", function(x, y) if (is.null(x)) y else x, envir = globalenv())
    on.exit(rm("%||%", envir = globalenv()))
  }
  force(code)
}

# Means of the first rows, with central differences for the delta method.
first_means <- function(fit, ...) {
  data <- utils::head(as.data.frame(eval(fit$call$data, client_data)), 3L)
  found <- with_operator(marginaleffects::predictions(fit, data, numderiv = "fdcenter", ...))
  list(prediction = found$estimate, std.error = found$std.error)
}

own_means <- function(fit, ...) {
  data <- utils::head(as.data.frame(eval(fit$call$data, client_data)), 3L)
  own <- predict(fit, data, type = "response", se.fit = TRUE, ...)
  list(prediction = own$fit, std.error = own$se.fit)
}

clients_marginaleffects <- function() {
  means <- function(type) {
    client("marginaleffects", paste0("predictions(fit, type = \"", type, "\")"),
      function(fit) first_means(fit, type = type),
      function(fit) own_means(fit, random_effects = type),
      models = mixed_models, version = "1.0.0",
      note = c(zero = "at random effect 0", integrate = "means of the population")[[type]]
    )
  }
  list(
    client("marginaleffects", "hypotheses(fit, df = TRUE)", function(fit) {
      found <- with_operator(marginaleffects::hypotheses(fit, df = TRUE, numderiv = "fdcenter"))
      list(
        estimate = found$estimate, std.error = found$std.error, df = found$df,
        p.value = found$p.value, interval = c(found$conf.low, found$conf.high)
      )
    }, smallest_df_answers, version = "1.0.0", note = "the smallest df"),
    means("zero"), means("integrate"),
    client("marginaleffects", "avg_slopes(fit, variables, type = \"integrate\")", function(fit) {
      found <- with_operator(marginaleffects::avg_slopes(
        fit, variables = "treatment", type = "integrate", vcov = vcov(fit, "model"),
        numderiv = "fdcenter"
      ))
      list(estimate = found$estimate, std.error = found$std.error)
    }, function(fit) {
      own <- tidy(marginal_standardization(
        fit, "treatment", covariates = "fixed", vcov = "model"
      ))
      list(estimate = own$estimate[3L], std.error = own$std.error[3L])
    },
    models = mixed_models[c(1L, 2L, 4L)], version = "1.0.0",
    note = "differences of marginal_standardization()"
    ),
    client("marginaleffects", "predictions(fit)", function(fit) first_means(fit),
      function(fit) own_means(fit), models = "gee", version = "1.0.0"
    ),
    client("marginaleffects", "predictions(fit, type = \"eb\")",
      function(fit) first_means(fit, type = "eb"),
      function(fit) own_means(fit, random_effects = "eb"),
      models = mixed_models, version = "1.0.0",
      no_hook = "its delta method holds the modes of the random effects fixed"
    )
  )
}
