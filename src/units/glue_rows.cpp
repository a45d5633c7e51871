// Compiled together: src/Makevars says why.
#include "../glue_rows.cpp"
#include "../glue_association.cpp"
#include "../glue_gee.cpp"
#include "../glue_gee_rows.cpp"
#include "../glue_gee_source.cpp"
#include "../glue_inference.cpp"
#include "../glue_kenward_roger.cpp"
#include "../glue_marginal.cpp"
