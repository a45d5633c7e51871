# Data for matrix-adjusted estimating equations, read by the script and by the test: 12 pigs of
# dietox, and each of them once more with its rows reversed. Package geeCRT sums adjusted products
# over pairs j < k, so that the order of rows matters; of both orders together it does not.
adjusted_pigs <- function(dietox) {
  d <- dietox[dietox$Pig %in% unique(dietox$Pig)[1:12], ]
  d$cluster <- match(d$Pig, unique(d$Pig))
  d$dose <- as.integer(d$cluster %% 2L == 0L)
  turned <- d[rev(seq_len(nrow(d))), ]
  turned$cluster <- turned$cluster + 12L
  both <- rbind(d, turned)
  both[order(both$cluster), ]
}
