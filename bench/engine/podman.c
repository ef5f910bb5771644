/*
 * Stands in for an engine where only what nvbind adds is measured: it says a version when asked
 * (NVBIND_BENCH_VERSION, by default one without CDI folders of the caller's) and otherwise ends at
 * once. With NVBIND_BENCH_PID set it prints its process id, which shows that nvbind became it.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    const char *version = getenv("NVBIND_BENCH_VERSION");

    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("podman version %s\n", version ? version : "4.3.1") < 0;
    if (getenv("NVBIND_BENCH_PID"))
        return printf("%d\n", (int)getpid()) < 0;
    return 0;
}
