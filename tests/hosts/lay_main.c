#include <stdio.h>

#include "lay.h"

/* lay-host RECORDING FOLDER: lays a recorded host out in the empty FOLDER. */
int main(int argc, char *argv[])
{
    if (argc != 3) {
        (void)fprintf(stderr, "usage: lay-host RECORDING FOLDER\n");
        return 2;
    }
    _cleanup_error_ struct nvb_error *error = NULL;
    if (nvb_lay_host(argv[1], argv[2], &error) == 0)
        return 0;
    (void)fprintf(stderr, "lay-host: error: ");
    if (error->file)
        (void)fprintf(stderr, "%s:%u: ", error->file, error->line);
    (void)fprintf(stderr, "%s\n", error->message);
    return 1;
}
