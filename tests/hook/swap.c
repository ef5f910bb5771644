/*
 * swap: exchanges two names again and again until it is killed, or its standard input ends. The
 * attacker of the race tests.
 *
 *     swap PATH PATH
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    struct pollfd input = {.fd = 0, .events = POLLIN};
    if (argc != 3)
        return 2;
    for (unsigned long n = 0;; n++) {
        if (renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) < 0) {
            fprintf(stderr, "swap: %s\n", strerror(errno));
            return 1;
        }
        if (n % 1024 == 0 && poll(&input, 1, 0) != 0)
            return 0;
    }
}
