#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/file.h"
#include "probe/probe.h"

/* A driver that hangs is a finding, too. */
static const unsigned limit_s = 60;

static void run_child(void (*call)(const void *arg, struct nvb_str *out), const void *arg, int fd)
{
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;

    (void)alarm(limit_s);
    call(arg, &out);
    /* Not exit(): what a library registered for it is none of our business. */
    _exit(nvb_write_all(fd, out.data, out.len) == 0 ? 0 : 1);
}

static void read_all(int fd, struct nvb_str *ret)
{
    char part[4096];

    for (;;) {
        ssize_t n = read(fd, part, sizeof(part));

        if (n > 0)
            nvb_str_addn(ret, part, (size_t)n);
        else if (n == 0 || errno != EINTR)
            return;
    }
}

static char *explain(int status)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        return nvb_strdupf("no answer in %u s", limit_s);
    if (WIFSIGNALED(status))
        return nvb_strdupf("died of signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    return nvb_strdupf("ended with status %d", WEXITSTATUS(status));
}

int nvb_probe_apart(void (*call)(const void *arg, struct nvb_str *out), const void *arg,
                    struct nvb_str *ret, char **ret_reason)
{
    int fds[2], status = 0;

    if (pipe2(fds, O_CLOEXEC) != 0) {
        *ret_reason = nvb_strdupf("no pipe: %s", strerror(errno));
        return -1;
    }

    pid_t pid = fork();

    if (pid < 0) {
        *ret_reason = nvb_strdupf("no process: %s", strerror(errno));
        (void)close(fds[0]);
        (void)close(fds[1]);
        return -1;
    }
    if (pid == 0)
        run_child(call, arg, fds[1]);
    (void)close(fds[1]);
    read_all(fds[0], ret);
    (void)close(fds[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (status == 0)
        return 0;
    *ret_reason = explain(status);
    return -1;
}
