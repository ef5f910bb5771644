#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/path.h"
#include "base/trust.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static int take_program(const char *path, char **ret, struct nvb_error **err)
{
    if (geteuid() == 0 && nvb_trust_check_path(path, 0, err) < 0)
        return -1;
    *ret = nvb_strdup(path);
    return 0;
}

int nvb_process_find(const char *name, const char *search_path, char **ret, struct nvb_error **err)
{
    if (strchr(name, '/')) {
        if (name[0] != '/')
            return nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is not an absolute path", name);
        return is_program(name) ? take_program(name, ret, err) : 1;
    }
    _cleanup_strv_ struct nvb_strv folders = {0};
    nvb_strv_split(&folders, search_path ? search_path : DEFAULT_PATH, ':');
    for (size_t i = 0; i < folders.count; i++) {
        if (folders.items[i][0] != '/')
            continue;
        _cleanup_free_ char *path = nvb_strdupf("%s/%s", folders.items[i], name);
        if (is_program(path))
            return take_program(path, ret, err);
    }
    return 1;
}

static long now_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Reads both pipes (-1: there is none) until they end. Returns 0, or -1 when the time or the size
 * ran out. */
static int collect(int fds[2], struct nvb_str *outs[2], long deadline, size_t max)
{
    int open_count = (fds[0] >= 0) + (fds[1] >= 0);
    while (open_count > 0) {
        struct pollfd polls[2] = {{.fd = fds[0], .events = POLLIN},
                                  {.fd = fds[1], .events = POLLIN}};
        long left = deadline - now_ms();
        if (left <= 0 || (poll(polls, 2, (int)left) < 0 && errno != EINTR))
            return -1;
        for (int i = 0; i < 2; i++) {
            char chunk[4096];
            if (polls[i].fd < 0 || !polls[i].revents)
                continue;
            ssize_t n = read(fds[i], chunk, sizeof(chunk));
            if (n > 0 && outs[i] && outs[i]->len + (size_t)n > max)
                return -1;
            if (n > 0 && outs[i])
                nvb_str_addn(outs[i], chunk, (size_t)n);
            if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
                (void)close(fds[i]);
                fds[i] = -1;
                open_count--;
            }
        }
    }
    return 0;
}

/* Waits for the child, which may live on without its pipes. Returns 0, or -1 after DEADLINE. */
static int wait_until(pid_t pid, long deadline, int *ret_status)
{
    struct timespec pause = {.tv_nsec = 20000};
    for (;;) {
        pid_t r = waitpid(pid, ret_status, WNOHANG);
        if (r == pid)
            return 0;
        if ((r < 0 && errno != EINTR) || now_ms() >= deadline)
            return -1;
        (void)nanosleep(&pause, NULL);
        if (pause.tv_nsec < 10000000)
            pause.tv_nsec *= 2;
    }
}

static int spawn_child(const char *program, char *const argv[], char *const envp[],
                       const int out[2], const int errs[2], pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, errs[1], STDERR_FILENO);
    int r = posix_spawn(ret, program, &actions, NULL, argv, envp);
    (void)posix_spawn_file_actions_destroy(&actions);
    return r;
}

static int capture(const char *program, char *const argv[], char *const envp[], unsigned timeout_ms,
                   size_t max, struct nvb_str *ret_stdout, struct nvb_str *ret_stderr,
                   int *ret_status, struct nvb_error **err)
{
    const long deadline = now_ms() + (long)timeout_ms;
    int out[2];
    int errs[2];
    if (pipe2(out, O_CLOEXEC) < 0)
        return nvb_error_make(err, NVB_ERROR_INTERNAL, errno, "cannot make a pipe");
    if (pipe2(errs, O_CLOEXEC) < 0) {
        int saved = errno;
        nvb_close_p(&out[0]);
        nvb_close_p(&out[1]);
        return nvb_error_make(err, NVB_ERROR_INTERNAL, saved, "cannot make a pipe");
    }
    pid_t pid = -1;
    int r = spawn_child(program, argv, envp, out, errs, &pid);
    (void)close(out[1]);
    (void)close(errs[1]);
    int fds[2] = {out[0], errs[0]};
    struct nvb_str *outs[2] = {ret_stdout, ret_stderr};
    int status = 0;
    bool complete =
        r == 0 && collect(fds, outs, deadline, max) == 0 && wait_until(pid, deadline, &status) == 0;
    nvb_close_p(&fds[0]);
    nvb_close_p(&fds[1]);
    if (r != 0)
        return nvb_error_make(err, nvb_error_kind_of(r), r, "cannot run '%s'", program);
    if (!complete) {
        (void)kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                              "'%s' gave no complete answer within %u ms and was stopped", program,
                              timeout_ms);
    }
    *ret_status = status;
    return 0;
}

int nvb_process_capture(const char *program, char *const argv[], char *const envp[],
                        unsigned timeout_ms, size_t max, struct nvb_str *ret_stdout,
                        struct nvb_str *ret_stderr, int *ret_status, struct nvb_error **err)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    struct sigaction before;
    /* Who ignores SIGCHLD, as some starters of programs do, is never told a child's status. */
    (void)sigaction(SIGCHLD, &usual, &before);
    int r = capture(program, argv, envp, timeout_ms, max, ret_stdout, ret_stderr, ret_status, err);
    (void)sigaction(SIGCHLD, &before, NULL);
    return r;
}

static int run(const char *program, char *const argv[], char *const envp[], int input,
               int *ret_status, struct nvb_error **err)
{
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;
    int status = 0;
    (void)posix_spawn_file_actions_init(&actions);
    if (input >= 0)
        (void)posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    else
        (void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    int r = posix_spawn(&pid, program, &actions, NULL, argv, envp);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (r != 0)
        return nvb_error_make(err, nvb_error_kind_of(r), r, "cannot run '%s'", program);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return nvb_error_make(err, NVB_ERROR_INTERNAL, errno, "cannot wait for '%s'", program);
    *ret_status = status;
    return 0;
}

int nvb_process_run(const char *program, char *const argv[], char *const envp[], int input,
                    int *ret_status, struct nvb_error **err)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    struct sigaction before;
    (void)sigaction(SIGCHLD, &usual, &before);
    int r = run(program, argv, envp, input, ret_status, err);
    (void)sigaction(SIGCHLD, &before, NULL);
    return r;
}

/* ---- a call in a process of its own --------------------------------------------------------- */

#define KILL_WAIT_MS 50

static void run_call(int (*call)(const void *arg, int fd), const void *arg, int fd)
{
    const struct rlimit no_core = {0};
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    /* A crash is an answer; a core of it would be litter. */
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = STDIN_FILENO; null >= 0 && i <= STDERR_FILENO; i++)
        (void)dup2(null, i);
    /* Not exit(): what was registered for it here or there is none of the child's business. */
    _exit(call(arg, fd));
}

/* Ends the child, however it answers; but does not wait for one that hangs in the kernel. */
static void end_child(pid_t pid)
{
    int status;
    (void)kill(pid, SIGKILL);
    (void)wait_until(pid, now_ms() + KILL_WAIT_MS, &status);
}

static int ask(int (*call)(const void *arg, int fd), const void *arg, unsigned timeout_ms,
               size_t max, struct nvb_str *ret_answer, int *ret_status, struct nvb_error **err)
{
    const long deadline = now_ms() + (long)timeout_ms;
    struct nvb_str *outs[2] = {ret_answer, NULL};
    int out[2];
    if (pipe2(out, O_CLOEXEC) < 0)
        return nvb_error_make(err, NVB_ERROR_INTERNAL, errno, "cannot make a pipe");
    /* The standard streams may have been closed: the answer's end must not be one of them. */
    int fd = fcntl(out[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    pid_t pid = fd < 0 ? -1 : fork();
    if (pid == 0)
        run_call(call, arg, fd);
    int saved = errno;
    nvb_close_p(&fd);
    (void)close(out[1]);
    int fds[2] = {out[0], -1};
    bool complete = pid > 0 && collect(fds, outs, deadline, max) == 0 &&
                    wait_until(pid, deadline, ret_status) == 0;
    nvb_close_p(&fds[0]);
    if (pid < 0)
        return nvb_error_make(err, NVB_ERROR_INTERNAL, saved, "cannot make a process");
    if (complete)
        return 0;
    end_child(pid);
    return nvb_error_make(err, NVB_ERROR_INTERNAL, 0, "no answer within %u ms", timeout_ms);
}

int nvb_process_ask(int (*call)(const void *arg, int fd), const void *arg, unsigned timeout_ms,
                    size_t max, struct nvb_str *ret_answer, int *ret_status, struct nvb_error **err)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    struct sigaction before;
    (void)sigaction(SIGCHLD, &usual, &before);
    int r = ask(call, arg, timeout_ms, max, ret_answer, ret_status, err);
    (void)sigaction(SIGCHLD, &before, NULL);
    return r;
}
