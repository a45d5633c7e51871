# Fits in other processes: sent there, used there and sent back; and made there.

# Estimates and standard errors of a fit that was sent, and of one that was made there.
answers_in_worker <- function(fit) {
  library(margmix, quietly = TRUE, warn.conflicts = FALSE)
  again <- suppressMessages(update(fit))
  table <- summary(fit)$coefficients
  list(
    estimate = c(table$estimate, coef(again)), std.error = table$std.error, df = table$df,
    p.value = table$p.value, interval = c(table$conf.low, table$conf.high)
  )
}

worker_expected <- function(fit) {
  own <- own_answers(fit)
  own$estimate <- rep(own$estimate, 2L)
  own
}

# A fit that names its data itself needs nothing of this process.
with_data <- function(fit) {
  fit$call$data <- eval(fit$call$data, client_data)
  fit
}

clients_workers <- function() {
  list(
    client("parallel", "parLapply(makePSOCKcluster(2), fits, f)", function(fit) {
      workers <- parallel::makePSOCKcluster(1L)
      on.exit(parallel::stopCluster(workers))
      parallel::clusterCall(workers, .libPaths, .libPaths())
      environment(answers_in_worker) <- globalenv()
      parallel::parLapply(workers, list(with_data(fit)), answers_in_worker)[[1L]]
    }, worker_expected, note = "a fit sent there, and made there"),
    client("future.apply", "future_lapply(fits, f)", function(fit) {
      old <- from("future", "plan")("multisession", workers = 2L)
      on.exit(from("future", "plan")(old))
      environment(answers_in_worker) <- globalenv()
      from("future.apply", "future_lapply")(
        list(with_data(fit), with_data(fit)), answers_in_worker, future.seed = TRUE
      )[[2L]]
    }, worker_expected, note = "a fit sent there, and made there")
  )
}
