# Progabide trial in epilepsy (Thall & Vail, 1990, table 2).
#
# Source: data set `epilepsy` of the CRAN package HSAUR3 (version 1.0-13), which has the published
# count of 23 for subject 8 in period 3. MASS::epil had 21 there until version 7.3-65 corrected
# it.
# Run from the package root: Rscript data-raw/epilepsy.R

source_data <- HSAUR3::epilepsy

epilepsy <- data.frame(
  subject = source_data$subject,
  treatment = factor(tolower(source_data$treatment), levels = c("placebo", "progabide")),
  age = source_data$age,
  base = source_data$base,
  period = as.integer(source_data$period),
  seizures = source_data$seizure.rate
)
epilepsy <- epilepsy[order(epilepsy$subject, epilepsy$period), ]
rownames(epilepsy) <- NULL

stopifnot(
  nrow(epilepsy) == 236,
  nlevels(epilepsy$subject) == 59,
  epilepsy$seizures[epilepsy$subject == "8"] == c(40, 20, 23, 12)
)

# Apart from the corrected count the data are those of MASS::epil.
other <- MASS::epil
other$y[other$subject == 8 & other$period == 3] <- 23L
stopifnot(
  other$subject == as.integer(as.character(epilepsy$subject)),
  other$period == epilepsy$period,
  other$y == epilepsy$seizures,
  other$base == epilepsy$base,
  other$age == epilepsy$age,
  as.character(other$trt) == as.character(epilepsy$treatment)
)
save(epilepsy, file = "data/epilepsy.rda", compress = "xz", version = 2)
