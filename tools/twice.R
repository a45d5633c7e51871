# Fails where two files of R/ give a value to one name: the package would keep the later one, and
# say nothing.
#   Rscript tools/twice.R

assigned <- function(file) {
  names <- vapply(parse(file, keep.source = FALSE), function(expr) {
    assigns <- is.call(expr) && identical(expr[[1L]], quote(`<-`)) && !is.call(expr[[2L]])
    if (assigns) as.character(expr[[2L]]) else NA_character_
  }, "")
  data.frame(name = names, file = rep(file, length(names)))
}

found <- do.call(rbind, lapply(list.files("R", "[.]R$", full.names = TRUE), assigned))
found <- found[!is.na(found$name), ]
twice <- found[found$name %in% found$name[duplicated(found$name)], ]
twice <- twice[order(twice$name), ]
if (nrow(twice)) cat(paste0(twice$name, ": ", twice$file), sep = "\n")
quit(status = as.integer(nrow(twice) > 0L))
