# Clients that test hypotheses about coefficients.

clients_tests <- function() {
  list(
    client("lmtest", "coeftest(fit)", function(fit) {
      table <- lmtest::coeftest(fit)
      list(
        estimate = table[, 1L], std.error = table[, 2L], p.value = table[, 4L],
        df = attr(table, "df")
      )
    }),
    client("lmtest", "coefci(fit)", function(fit) list(interval = lmtest::coefci(fit)))
  )
}
