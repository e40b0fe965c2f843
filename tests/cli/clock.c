// Preloaded into a program, it moves the machine's clock by CLOCK_OFFSET_SECONDS for that program alone, as long as the file
// CLOCK_OFFSET_FLAG is there.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(clock, at);
    if (code == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        const char *offset = getenv("CLOCK_OFFSET_SECONDS");
        const char *flag = getenv("CLOCK_OFFSET_FLAG");
        if (offset && flag && access(flag, F_OK) == 0) at->tv_sec += atoll(offset);
    }
    return code;
}
