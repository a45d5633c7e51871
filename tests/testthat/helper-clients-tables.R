# Clients that make tables of coefficients.

clients_tables <- function() {
  list(
    client("generics", "tidy(fit, effects = \"fixed\")", function(fit) {
      table <- generics::tidy(fit, effects = "fixed", conf.int = TRUE)
      list(
        estimate = table$estimate, std.error = table$std.error, df = table$df,
        p.value = table$p.value, interval = c(table$conf.low, table$conf.high)
      )
    }),
    client("modelsummary", "modelsummary(fit)", function(fit) {
      table <- from("modelsummary", "get_estimates")(fit)
      table <- table[table$term %in% names(stats::coef(fit)), ]
      list(
        estimate = table$estimate, std.error = table$std.error, df = table$df.error,
        p.value = table$p.value, interval = c(table$conf.low, table$conf.high)
      )
    }, note = "with exponentiate = TRUE, standard errors by the delta method"),
    client("gtsummary", "tbl_regression(fit, intercept = TRUE)", function(fit) {
      table <- from("gtsummary", "tbl_regression")(fit, intercept = TRUE)$table_body
      table <- table[!is.na(table$estimate), ]
      list(
        estimate = table$estimate, std.error = table$std.error, p.value = table$p.value,
        interval = c(table$conf.low, table$conf.high)
      )
    }, note = "with exponentiate = TRUE, its header says conditional or marginal",
    needs = "broom.helpers"),
    client("texreg", "extract(fit)", function(fit) {
      found <- from("texreg", "extract")(fit)
      own <- seq_along(coef(fit))
      list(
        estimate = found@coef[own], std.error = found@se[own], p.value = found@pvalues[own]
      )
    }, note = "standard deviations are rows, too"),
    client("sjPlot", "get_model_data(fit, type = \"est\")", function(fit) {
      table <- from("sjPlot", "get_model_data")(fit, type = "est", transform = NULL)
      list(
        estimate = table$estimate, std.error = table$std.error, p.value = table$p.value,
        interval = c(table$conf.low, table$conf.high)
      )
    }, function(fit) {
      table <- summary(fit)$coefficients[-1L, ]
      list(
        estimate = table$estimate, std.error = table$std.error, p.value = table$p.value,
        interval = c(table$conf.low, table$conf.high)
      )
    }, note = "as plot_model(fit) and tab_model(fit) show them"),
    client("stargazer", "stargazer(fit)", function(fit) {
      text <- utils::capture.output(from("stargazer", "stargazer")(fit, type = "text"))
      stop(toString(text))
    }, no_hook = "it knows no other classes than its own; stargazer(lmtest::coeftest(fit))")
  )
}
