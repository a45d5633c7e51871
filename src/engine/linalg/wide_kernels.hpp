// Are the dense kernels compiled for AVX2 and FMA as well? GCC only: its pragma covers the
// templates of Eigen; and not for Windows, where GCC misaligns wide registers on the stack. To
// leave them out compile with -DMARGMIX_NO_WIDE_KERNELS. No includes: dense_kernels_wide.cpp
// renames Eigen first.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(_WIN32) && \
    !defined(MARGMIX_NO_WIDE_KERNELS)
#define MARGMIX_WIDE_KERNELS 1
#endif
