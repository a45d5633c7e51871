// Compiled together: src/Makevars says why.
#include "association/genotypes.cpp"
#include "association/packed_sums.cpp"
#include "association/saddlepoint.cpp"
#include "association/score_scan.cpp"
