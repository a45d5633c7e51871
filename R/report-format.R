# How a report prints: plain text, Markdown or HTML.

#' @rdname report
#' @export
print.margmix_report <- function(x, ...) {
  cat(format(x, ...), sep = "\n")
  invisible(x)
}

#' @rdname report
#' @export
format.margmix_report <- function(x, type = x$type, ...) {
  type <- one_of(type, c("text", "markdown", "html"), "type")
  section <- switch(type, text = text_section, markdown = markdown_section, html = html_section)
  lines <- unlist(Map(section, names(x$sections), x$sections), use.names = FALSE)
  lines[-length(lines)]
}

#' @rdname report
#' @export
as.character.margmix_report <- function(x, ...) paste(format(x, ...), collapse = "\n")

#' @rdname report
#' @param row.names,optional Not used.
#' @export
as.data.frame.margmix_report <- function(x, row.names = NULL, optional = FALSE, ...) {
  table <- x$coefficients
  data.frame(term = rownames(table), table, row.names = NULL)
}

#' @exportS3Method knitr::knit_print
knit_print.margmix_report <- function(x, ...) {
  if (x$type == "text") return(knitr::normal_print(x))
  knitr::asis_output(as.character(x))
}

# The lines of a section end with an empty one.
text_section <- function(heading, sentences) {
  c(heading, wrap_words(sentences, indent = 2L, exdent = 4L), "")
}

markdown_section <- function(heading, sentences) {
  c(paste("###", heading), "", paste("-", sentences), "")
}

html_section <- function(heading, sentences) {
  marked <- gsub("`([^`]*)`", "<code>\\1</code>", html_text(sentences))
  c(
    paste0("<h3>", html_text(heading), "</h3>"), "<ul>", paste0("<li>", marked, "</li>"), "</ul>",
    ""
  )
}

html_text <- function(x) {
  gsub(">", "&gt;", gsub("<", "&lt;", gsub("&", "&amp;", x, fixed = TRUE), fixed = TRUE),
    fixed = TRUE
  )
}
