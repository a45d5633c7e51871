// How many basic blocks this thread has run, of code compiled with -fsanitize-coverage=trace-pc.
#pragma once

long long operations();
