# Clients of the easystats family.

clients_easystats <- function() {
  list(
    client("insight", "get_parameters(fit), get_statistic(fit), get_df(fit)", function(fit) {
      estimate <- insight::get_parameters(fit)$Estimate
      df <- insight::get_df(fit)
      statistic <- insight::get_statistic(fit)$Statistic
      list(
        estimate = estimate, df = df, p.value = 2 * stats::pt(-abs(statistic), df),
        std.error = sqrt(diag(insight::get_varcov(fit)))
      )
    }, version = "0.19.0"),
    client("insight", "get_predicted(fit)", function(fit) {
      found <- as.data.frame(insight::get_predicted(fit, ci = 0.95))
      list(prediction = found$Predicted, std.error = found$SE)
    }, expected = function(fit) {
      own <- stats::predict(fit, type = "response", se.fit = TRUE)
      list(prediction = own$fit, std.error = own$se.fit)
    }, version = "0.19.0", note = "limits with the smallest df of the coefficients"),
    client("parameters", "model_parameters(fit)", function(fit) {
      table <- from("parameters", "model_parameters")(fit, effects = "fixed")
      list(
        estimate = table$Coefficient, std.error = table$SE, df = table$df_error,
        p.value = table$p, interval = c(table$CI_low, table$CI_high)
      )
    }),
    client("parameters", "model_parameters(fit, effects = \"random\")", function(fit) {
      table <- from("parameters", "model_parameters")(fit, effects = "random")
      list(estimate = table$Coefficient, interval = c(table$CI_low, table$CI_high))
    }, expected = random_answers),
    client("parameters", "model_parameters(fit, bootstrap = TRUE)", function(fit) {
      from("parameters", "model_parameters")(fit, bootstrap = TRUE)
    }),
    client("performance", "compare_performance(fit, ...)", function(fit) {
      table <- performance::compare_performance(fit)
      list(estimate = if (is.null(table$AIC)) table$QIC else table$AIC)
    }, expected = function(fit) {
      list(estimate = if (inherits(fit, "margmix_glmm")) stats::AIC(fit) else qic(fit)$QIC)
    }, note = "AIC or QIC"),
    client("performance", "test_performance(fit, ...)", function(fit) {
      performance::test_performance(fit, fit)
    }),
    client("performance", "performance_rse(fit)", function(fit) {
      list(estimate = performance::performance_rse(fit))
    }, function(fit) list(estimate = stats::sigma(fit))),
    client("report", "report(fit)", function(fit) {
      table <- as.data.frame(from("report", "report")(fit))
      list(
        estimate = table$estimate, std.error = table$std.error, df = table$df,
        p.value = table$p.value, interval = c(table$conf.low, table$conf.high)
      )
    })
  )
}

random_answers <- function(fit) {
  table <- generics::tidy(fit, effects = "ran_pars", conf.int = TRUE)
  list(estimate = table$estimate, interval = c(table$conf.low, table$conf.high))
}
