# How many R functions are between a call of glmm() and the node loop of the engine: the frames on
# the stack when the engine is asked for the objective of a random intercept. Prints the deepest
# path.
#   R_LIBS=.build/library Rscript tools/frames.R

deepest <- character()
record <- function(original) {
  force(original)
  function(...) {
    path <- vapply(sys.calls(), function(call) {
      if (is.name(call[[1L]])) as.character(call[[1L]]) else "(function)"
    }, "")
    first <- match("glmm", path)
    path <- path[first:length(path)]
    if (length(path) > length(deepest)) deepest <<- path
    original(...)
  }
}

space <- asNamespace("margmix")
name <- "objective_"
unlockBinding(name, space)
assign(name, record(get(name, space)), envir = space)

set.seed(1)
d <- data.frame(g = rep(1:30, each = 5), x = rnorm(150))
d$y <- rbinom(150, 1, plogis(d$x + rnorm(30)[d$g]))
fit <- margmix::glmm
invisible(eval(quote(glmm(y ~ x + (1 | g), d, binomial())), list(glmm = fit, d = d)))

cat(sprintf("%2d %s", seq_along(deepest), deepest), sep = "\n")
cat(length(deepest), "frames\n")
