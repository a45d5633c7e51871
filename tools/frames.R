# How many R functions are between a call of glmm() and the node loop of the engine: the frames on
# the stack when the engine is asked for the objective of a random intercept, with few clusters and
# with so many that the search starts from a sample of them. Prints the deepest path and quits with
# status 1 above the limit.
#   R_LIBS=.build/library Rscript tools/frames.R

limit <- 10L

deepest <- character()
record <- function(original) {
  force(original)
  function(...) {
    path <- vapply(sys.calls(), function(call) paste(deparse(call[[1L]]), collapse = " "), "")
    path <- path[match("glmm", path):length(path)]
    if (length(path) > length(deepest)) deepest <<- path
    original(...)
  }
}

space <- asNamespace("margmix")
name <- "objective_"
unlockBinding(name, space)
assign(name, record(get(name, space)), envir = space)

fit_to <- function(clusters) {
  set.seed(1)
  d <- data.frame(g = rep(seq_len(clusters), each = 5), x = rnorm(5 * clusters))
  d$y <- rbinom(nrow(d), 1, plogis(d$x + rnorm(clusters)[d$g]))
  eval(quote(glmm(y ~ x + (1 | g), d, binomial())), list(glmm = margmix::glmm, d = d))
}
invisible(lapply(c(30L, 1500L), fit_to))

cat(sprintf("%2d %s", seq_along(deepest), deepest), sep = "\n")
cat(length(deepest), "frames, at most", limit, "may be\n")
quit(status = as.integer(length(deepest) > limit))
