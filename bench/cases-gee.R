# Marginal models, simulated; see README.md for what a case is. margmix fits them with the moments
# of geepack, so that the estimates can be compared.

gee_formula <- y ~ treatment + t + x1 + x2 + x3 + x4

gee_case <- function(work, m, ni, corstr, targets, peer_runs = 1L) {
  fits <- list(
    margmix = function(data) {
      margmix::gee(gee_formula, data, id, family = binomial(), corstr = corstr,
        control = margmix::gee_control("geepack")
      )
    },
    geepack = function(data) {
      geepack::geeglm(gee_formula, data = data, id = id, family = binomial(), corstr = corstr)
    },
    # no scale or correlation of its own to compare; it prints what it does
    gee = function(data) {
      type <- if (corstr == "ar1") "AR-M" else corstr
      utils::capture.output(fit <- suppressMessages(
        gee::gee(gee_formula, id = id, data = data, family = binomial(), corstr = type)
      ))
      fit
    }
  )
  list(
    work = work, targets = targets, fits = fits[c("margmix", names(targets))], read = read_gee,
    peer_runs = peer_runs,
    data = function(shrink) {
      set.seed(20240501)
      simclus(max(m %/% shrink, 10L), ni)
    }
  )
}

read_gee <- function(fit, package) {
  alpha <- switch(package,
    margmix = fit$alpha, geepack = fit$geese$alpha, gee = fit$working.correlation[1L, 2L]
  )
  list(
    estimate = coef(fit), se = if (package == "margmix") sqrt(diag(vcov(fit, type = "robust"))),
    detail = paste("alpha", paste(format(head(unname(alpha), 3L), digits = 4), collapse = " "))
  )
}

# Growth with the size of one cluster: the same model, ten clusters, and one that has most rows.
growth_case <- function(rows) {
  list(
    work = paste0("AR(1), 19 clusters of 10 and one of ", format(rows, big.mark = ",")),
    targets = c(), fits = list(margmix = function(data) {
      margmix::gee(gee_formula, data, id, waves = visit, family = binomial(), corstr = "ar1")
    }),
    read = read_gee,
    data = function(shrink) {
      set.seed(20240501)
      small <- simclus(19L, 10L)
      large <- simclus(1L, rows %/% shrink)
      large$id <- 20L
      large$treatment <- rbinom(nrow(large), 1L, 0.5)
      data <- rbind(small, large)
      data$visit <- ave(data$t, data$id, FUN = seq_along)
      data
    }
  )
}

list(
  `G1-exchangeable` = gee_case(
    "GEE logit, 10,000 x 10, exchangeable", 10000L, 10L, "exchangeable", c(geepack = 12, gee = NA)
  ),
  `G1-ar1` = gee_case(
    "GEE logit, 10,000 x 10, AR(1)", 10000L, 10L, "ar1", c(geepack = 15, gee = NA)
  ),
  `G1-unstructured` = gee_case(
    "GEE logit, 10,000 x 10, unstructured", 10000L, 10L, "unstructured", c(geepack = 60)
  ),
  `G2-exchangeable` = gee_case(
    "GEE logit, 50 clusters of 400, exchangeable", 50L, 400L, "exchangeable",
    c(geepack = 600, gee = NA)
  ),
  `G2-ar1` = gee_case("GEE logit, 50 clusters of 400, AR(1)", 50L, 400L, "ar1", c(geepack = 600)),
  `G3-1000` = growth_case(1000L), `G3-10000` = growth_case(10000L),
  `G3-100000` = growth_case(100000L)
)
