// Compiled together: src/Makevars says why.
#include "objective/deletion.cpp"
#include "objective/effect.cpp"
#include "objective/nested.cpp"
#include "objective/product.cpp"
#include "objective/soft_penalty.cpp"
#include "objective/sparse.cpp"
#include "objective/totals.cpp"
