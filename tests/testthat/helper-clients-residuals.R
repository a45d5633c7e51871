# Clients that look at residuals by simulation.

clients_residuals <- function() {
  list(
    client("DHARMa", "simulateResiduals(fit)", function(fit) {
      found <- DHARMa::simulateResiduals(fit, n = 20L, seed = 1L)
      list(prediction = found$fittedPredictedResponse, estimate = found$observedResponse)
    }, function(fit) {
      y <- stats::model.response(stats::model.frame(fit))
      list(
        prediction = predict(fit, type = "response", random_effects = "integrate"),
        estimate = if (is.matrix(y)) y[, 1L] else y
      )
    }, note = "means of the population; new random effects in each simulation")
  )
}
