# Respiratory illness trial in two centers (Stokes, Davis & Koch, 1995).
#
# Source: data set `respiratory` of the CRAN package geepack (version 1.3.9). Two changes: a
# column `patient` that is unique over both centers, and center, treat and sex as factors whose
# first level is the reference of the published analyses (center 1, placebo, male).
# Run from the package root: Rscript data-raw/respiratory.R

source_data <- new.env()
utils::data("respiratory", package = "geepack", envir = source_data)
source_data <- source_data$respiratory

respiratory <- data.frame(
  patient = factor(
    paste(source_data$center, source_data$id, sep = "-"),
    levels = unique(paste(source_data$center, source_data$id, sep = "-"))
  ),
  center = factor(source_data$center),
  id = source_data$id,
  treat = factor(source_data$treat, levels = c("P", "A")),
  sex = factor(source_data$sex, levels = c("M", "F")),
  age = source_data$age,
  baseline = source_data$baseline,
  visit = source_data$visit,
  outcome = source_data$outcome
)

stopifnot(
  nrow(respiratory) == 444,
  nlevels(respiratory$patient) == 111,
  table(respiratory$patient) == 4,
  !anyNA(respiratory)
)
save(respiratory, file = "data/respiratory.rda", compress = "xz", version = 2)
