/*
 * Stands in for an engine where only what nvbind adds is measured: it says a version when asked and
 * otherwise ends at once. With NVBIND_BENCH_PID set it prints its process id, to show that nvbind
 * became it.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts("podman version 4.3.1") < 0;
    if (getenv("NVBIND_BENCH_PID"))
        return printf("%d\n", (int)getpid()) < 0;
    return 0;
}
