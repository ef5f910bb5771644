#include "bench/before.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

static _Noreturn void become(char *const *argv, char *const *environment, int complaints)
{
    sigset_t none;
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)sigemptyset(&none);
    (void)dup2(null, STDIN_FILENO);
    (void)dup2(null, STDOUT_FILENO);
    (void)dup2(complaints, STDERR_FILENO);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 && raise(SIGSTOP) == 0)
        (void)execve(argv[0], argv, environment);
    /* Nothing of this process's may run in its copy. */
    for (;;)
        (void)raise(SIGKILL);
}

/* Waits until PID stops or ends. Returns false when it has ended. */
static bool wait_stop(pid_t pid, int *ret_status)
{
    while (waitpid(pid, ret_status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFSTOPPED(*ret_status);
}

static void end(pid_t pid, struct rusage *ret_usage)
{
    int status;
    (void)kill(pid, SIGKILL);
    while (wait4(pid, &status, 0, ret_usage) < 0 && errno == EINTR)
        ;
}

/* Lets PID go on until its second execve(2) is done; the first is the command's own. Returns
 * whether it came to that. */
static bool follow(pid_t pid, double *ret_us)
{
    int status = 0;
    int executed = 0;
    if (!wait_stop(pid, &status) ||
        ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) < 0)
        return false;
    const double before = nvb_bench_now();
    long signal = 0;
    while (ptrace(PTRACE_CONT, pid, NULL, signal) == 0 && wait_stop(pid, &status)) {
        signal = WSTOPSIG(status);
        if (status >> 8 != (SIGTRAP | (PTRACE_EVENT_EXEC << 8)))
            continue;
        if (++executed == 2) {
            *ret_us = nvb_bench_now() - before;
            return true;
        }
        signal = 0;
    }
    return false;
}

int nvb_bench_before_exec(void *arg, struct nvb_bench_sample *ret, struct nvb_error **err)
{
    struct nvb_bench_before *b = arg;
    struct rusage usage = {0};
    _cleanup_close_ int complaints = memfd_create("complaints", MFD_CLOEXEC);
    if (complaints < 0)
        return nvb_error_make(err, NVB_ERROR_INTERNAL, errno, "cannot make a file in memory");
    pid_t pid = fork();
    if (pid < 0)
        return nvb_error_make(err, NVB_ERROR_INTERNAL, errno, "cannot make a process");
    if (pid == 0)
        become(b->argv->items, b->environment, complaints);
    double us = 0;
    const bool done = follow(pid, &us);
    _cleanup_free_ char *link = nvb_strdupf("/proc/%d/exe", (int)pid);
    _cleanup_free_ char *became = NULL;
    if (done)
        (void)nvb_readlinkat(AT_FDCWD, link, &became);
    end(pid, &usage);
    if (done && became && strcmp(became, b->argv->items[0]) == 0)
        return nvb_error_make(err, NVB_ERROR_INTERNAL, 0, "it became itself again");
    if (!done) {
        _cleanup_str_ struct nvb_str line = NVB_STR_INIT;
        nvb_bench_last_line(complaints, &line);
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                              "it did not become the engine, or may not be watched: %s", line.data);
    }
    ret->us = us;
    ret->kib = (double)usage.ru_maxrss;
    free(b->became);
    b->became = TAKE_PTR(became);
    return 0;
}
