/*
 * forbidden: does, behind the hook's filter of system calls, one thing that the hook never does. It
 * must die of it (SIGSYS); with "nothing" it ends well.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hook/guard.h"

static void run_program(void)
{
    char *const argv[] = {(char *)"true", NULL};
    (void)execve("/bin/true", argv, argv + 1);
}

static void map_code(void)
{
    (void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void make_executable(void)
{
    static char page[8192];
    (void)mprotect((void *)(((unsigned long)page + 4095) & ~4095UL), 4096, PROT_READ | PROT_EXEC);
}

static void change_folder(void)
{
    (void)!chdir("/");
}

static void open_socket(void)
{
    (void)syscall(SYS_socket, 1, 1, 0);
}

static void fork_process(void)
{
    (void)syscall(SYS_clone, 17, 0, 0, 0, 0);
}

#if defined(__x86_64__)
/* The 32-bit call 11 is execve, the 64-bit one munmap: a filter must not take one for the other. */
static void call_as_i386(void)
{
    long r;
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(20L) : "memory");
}

static void call_as_x32(void)
{
    (void)syscall(0x40000000 | SYS_getpid);
}
#endif

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*act)(void);
    } acts[] = {
        {"exec", run_program},
        {"map-code", map_code},
        {"mprotect", make_executable},
        {"chdir", change_folder},
        {"socket", open_socket},
        {"fork", fork_process},
#if defined(__x86_64__)
        {"i386", call_as_i386},
        {"x32", call_as_x32},
#endif
        {"nothing", NULL},
    };
    for (size_t i = 0; i < NVB_COUNT(acts); i++) {
        if (argc < 2) {
            puts(acts[i].name);
            continue;
        }
        if (strcmp(acts[i].name, argv[1]) != 0)
            continue;
        hook_guard_limits();
        if (hook_guard_calls(NULL) < 0)
            return 3;
        if (acts[i].act)
            acts[i].act();
        return acts[i].act ? 1 : 0;
    }
    return argc < 2 ? 0 : 2;
}
