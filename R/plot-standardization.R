# The forest of a marginal standardization: means, and each contrast on its own axis.

#' @rdname print.margmix_standardization
#' @details `plot()` draws a forest plot, with one panel for the standardized means and one for each
#'   contrast and the numbers beside the intervals; ratios are on a logarithmic axis.
#' @export
plot.margmix_standardization <- function(x, what = c("both", "contrasts", "means"), ...) {
  plot(plot_data(x, what = what), ...)
}

#' @rdname plot_data
#' @param what For a standardization: `"both"`, `"contrasts"` or `"means"`.
#' @export
plot_data.margmix_standardization <- function(x, what = c("both", "contrasts", "means"), ...) {
  check_dots(..., known = names(formals(plot_data.margmix_standardization)))
  table <- standardization_rows(x, one_of(what, c("both", "contrasts", "means"), "what"))
  words <- c(mean = mean_words(x), contrast_words(x$family))
  ratio <- table$type %in% c("ratio", "odds_ratio")
  forest_picture(sub("^[a-z_]+: ", "", table$term), table$estimate, table$conf.low,
    table$conf.high,
    panel = unname(words[table$type]),
    none = c(mean = NA, difference = 0, ratio = 1, odds_ratio = 1)[table$type],
    log = ratio, level = x$options$level
  )
}
