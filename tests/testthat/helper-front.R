# The front end alone, called as glmm() calls it.
front <- function(formula, data, family = gaussian(), weights, offset, subset, na.action,
                  contrasts = NULL, weights_type = "prior") {
  call <- match.call()
  family <- as_family(family, parent.frame())
  frame <- build_frame(call, parent.frame(), parse_formula(formula, parent.frame()))
  list(
    call = call, frame = frame, family = family,
    design = build_design(frame, family, contrasts, weights_type)
  )
}

# 20 rows, 5 clusters in no order, all kinds of variables.
small_data <- function() {
  data.frame(
    id = c(3, 1, 5, 2, 4)[rep(1:5, 4)],
    x = c(
      0.3, -1.2, 0.8, 1.9, -0.4, 0.6, 2.2, -0.9, 0.1, 1.4,
      -1.7, 0.2, 0.9, -0.6, 1.1, -0.3, 0.7, -2.1, 1.6, 0.5
    ),
    f = factor(c("a", "b", "c", "a", "b")[c(1:5, 2:5, 1, 3:5, 1:2, 5, 1:4)]),
    t = seq(1, 3, length.out = 20),
    n = rep(c(4, 5), 10),
    s = c(1, 2, 0, 5, 3, 1, 4, 2, 2, 1, 3, 0, 1, 4, 2, 0, 3, 1, 2, 5),
    y = c(
      1.1, 0.2, 2.3, 1.8, 0.9, 1.4, 3.0, 0.1, 1.2, 2.5,
      0.4, 1.0, 2.2, 0.3, 1.9, 0.8, 1.5, 0.2, 2.7, 1.6
    ),
    b = c(0, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 0)
  )
}
