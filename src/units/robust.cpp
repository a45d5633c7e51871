// Compiled together: src/Makevars says why.
#include "inference/correction.cpp"
#include "inference/empirical_df.cpp"
#include "inference/hotelling.cpp"
#include "inference/influence.cpp"
#include "inference/pieces.cpp"
#include "inference/sandwich.cpp"
#include "inference/satterthwaite.cpp"
#include "inference/score_test.cpp"
