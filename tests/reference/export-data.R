# Writes the small data sets of packages lme4 (1.1-31), nlme and MASS that the reference models
# need, so that the tests do not depend on these packages. Run in this folder: Rscript export-data.R
#   cbpp        contagious bovine pleuropneumonia: 56 rows, 15 herds (Lesnoff et al., 2004)
#   sleepstudy  reaction times without sleep: 180 rows, 18 subjects (Belenky et al., 2003)
#   dyestuff    yield by batch: 30 rows, 6 batches (Davies & Goldsmith, 1972)
#   wheat2      yield of 224 plots of wheat and their place in the field (Stroup and Baenziger,
#               1994), package nlme
#   topo        heights at 52 places (Davis, 1973), package MASS
#   dyestuff2   the same layout, simulated, no variance between batches (Box & Tiao, 1973)

write_set <- function(data, file) write.csv(data, file, row.names = FALSE, quote = FALSE)
write_set(lme4::cbpp, "cbpp.csv")
write_set(lme4::sleepstudy, "sleepstudy.csv")
write_set(lme4::Dyestuff, "dyestuff.csv")
write_set(lme4::Dyestuff2, "dyestuff2.csv")
wheat <- as.data.frame(nlme::Wheat2)
write_set(
  data.frame(yield = wheat$yield, north = wheat$latitude, east = wheat$longitude), "wheat2.csv"
)
write_set(MASS::topo, "topo.csv")
