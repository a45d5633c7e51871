// How many basic blocks the code has run that was compiled with -fsanitize-coverage=trace-pc.
#pragma once

long long operations();
