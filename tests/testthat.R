library(testthat)
library(margmix)

test_check("margmix")
