# Six Cities study, wheeze in the children of Steubenville, Ohio (Fitzmaurice & Laird, 1993).
#
# Source: data set `ohio` of the CRAN package geepack (version 1.3.9), taken over unchanged.
# Run from the package root: Rscript data-raw/ohio.R

source_data <- new.env()
utils::data("ohio", package = "geepack", envir = source_data)
ohio <- source_data$ohio[c("resp", "id", "age", "smoke")]

stopifnot(
  nrow(ohio) == 2148,
  length(unique(ohio$id)) == 537,
  table(ohio$id) == 4,
  ohio$age %in% -2:1,
  ohio$resp %in% 0:1,
  ohio$smoke %in% 0:1
)
save(ohio, file = "data/ohio.rda", compress = "xz", version = 2)
