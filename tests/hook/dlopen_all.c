/*
 * dlopen_all: loads each name given, as a program does that asks the loader for a driver's library,
 * and prints where it was found.
 */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        void *library = dlopen(argv[i], RTLD_LAZY | RTLD_LOCAL);
        struct link_map *map = NULL;
        if (!library || dlinfo(library, RTLD_DI_LINKMAP, &map) < 0) {
            printf("no %s: %s\n", argv[i], dlerror());
            failed = 1;
            continue;
        }
        printf("%s %s\n", argv[i], map->l_name);
    }
    return failed;
}
