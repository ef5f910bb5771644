#include "bench/series.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A container that has not ended by then hangs. */
#define PATIENCE_MS 60000
/* What an engine gets to clear up after it was told to end. */
#define GRACE_MS 5000

#define MAX_COMPLAINT 4096

void nvb_bench_list_done(struct nvb_bench_list *list)
{
    nvb_vec_foreach (series, list) {
        nvb_strv_done(&series->argv);
        nvb_vec_release(&series->us);
        nvb_vec_release(&series->kib);
        free(series->failure);
    }
    nvb_vec_release(list);
}

struct nvb_bench_series *nvb_bench_add(struct nvb_bench_list *list, const char *name, unsigned set)
{
    struct nvb_bench_series *series = nvb_vec_add(list);
    series->name = name;
    series->set = set;
    return series;
}

void nvb_bench_combine(struct nvb_bench_list *list, const char *name, const char *one,
                       double factor, const char *other)
{
    (void)nvb_bench_add(list, name, 0);
    struct nvb_bench_series *series = &list->items[list->count - 1];
    const struct nvb_bench_series *a = nvb_bench_find(list, one);
    const struct nvb_bench_series *b = nvb_bench_find(list, other);
    const char *failure = !a || !b ? "it was not measured" : a->failure ? a->failure : b->failure;
    series->failure = nvb_strdup(failure);
    for (size_t i = 0; !failure && i < a->us.count && i < b->us.count; i++)
        nvb_vec_push(&series->us, a->us.items[i] + factor * b->us.items[i]);
}

const struct nvb_bench_series *nvb_bench_find(const struct nvb_bench_list *list, const char *name)
{
    nvb_vec_foreach (series, list)
        if (strcmp(series->name, name) == 0)
            return series;
    return NULL;
}

double nvb_bench_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

double nvb_bench_own_peak(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_maxrss : 0;
}

void nvb_bench_hold_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

bool nvb_bench_is_interrupted(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1 ||
            sigismember(&pending, SIGHUP) == 1);
}

static int fail_interrupted(struct nvb_error **err)
{
    return nvb_error_make(err, NVB_ERROR_ENGINE, 0, "interrupted: nothing is reported");
}

void nvb_bench_last_line(int fd, struct nvb_str *ret)
{
    char text[MAX_COMPLAINT + 1];
    const off_t size = lseek(fd, 0, SEEK_END);
    const off_t from = size > MAX_COMPLAINT ? size - MAX_COMPLAINT : 0;
    ssize_t n = pread(fd, text, MAX_COMPLAINT, from);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    if (n <= 0) {
        nvb_str_add(ret, "it said nothing");
        return;
    }
    text[n] = 0;
    /* nvbind's own hint stands behind its error, which is what to show. */
    char *hint = strstr(text, "\n  hint: ");
    if (hint)
        *hint = 0;
    const char *line = strrchr(text, '\n');
    nvb_str_add(ret, line ? line + 1 : text);
}

/* ---- one run --------------------------------------------------------------------------------- */

struct run {
    double us;
    double kib;
    int status;
    bool late; /* it was killed */
};

static int spawn(const struct nvb_bench_series *series, char *const *environment, int complaints,
                 pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    (void)sigemptyset(&none);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, complaints, STDERR_FILENO);
    int r = posix_spawn(ret, series->argv.items[0], &actions, &attributes, series->argv.items,
                        environment);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return r;
}

/* A signal for us goes to the engine as well where it came from the terminal, so that it ends by
 * itself and clears up. */
static void wait_for(pid_t pid, struct run *ret)
{
    struct rusage usage = {0};
    struct pollfd fd = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    int patience = PATIENCE_MS;
    while (fd.fd >= 0 && patience > 0) {
        const int step = patience < 200 ? patience : 200;
        if (poll(&fd, 1, step) > 0)
            break;
        patience -= step;
        if (nvb_bench_is_interrupted() && patience > GRACE_MS) {
            (void)kill(pid, SIGTERM);
            patience = GRACE_MS;
        }
    }
    if (fd.fd >= 0)
        (void)close(fd.fd);
    if (patience <= 0) {
        ret->late = true;
        (void)kill(pid, SIGKILL);
    }
    while (wait4(pid, &ret->status, 0, &usage) < 0 && errno == EINTR)
        ;
    ret->kib = (double)usage.ru_maxrss;
}

static void keep_failure(struct nvb_bench_series *series, const struct run *run, int complaints)
{
    _cleanup_str_ struct nvb_str line = NVB_STR_INIT;
    nvb_bench_last_line(complaints, &line);
    const char *base = strrchr(series->argv.items[0], '/');
    base = base ? base + 1 : series->argv.items[0];
    if (run->late)
        series->failure = nvb_strdupf("'%s' did not end within a minute", base);
    else if (WIFSIGNALED(run->status))
        series->failure =
            nvb_strdupf("'%s' was ended by signal %d: %s", base, WTERMSIG(run->status), line.data);
    else
        series->failure =
            nvb_strdupf("'%s' ended with status %d: %s", base, WEXITSTATUS(run->status), line.data);
    nvb_vec_release(&series->us);
    nvb_vec_release(&series->kib);
}

static int measure_one(struct nvb_bench_series *series, char *const *environment, int complaints,
                       bool counts, struct nvb_error **err)
{
    struct run run = {0};
    pid_t pid = -1;
    if (ftruncate(complaints, 0) < 0 || lseek(complaints, 0, SEEK_SET) < 0)
        return nvb_error_make(err, NVB_ERROR_INTERNAL, errno, "cannot empty a file in memory");
    const double before = nvb_bench_now();
    int r = spawn(series, environment, complaints, &pid);
    if (r != 0) {
        series->failure =
            nvb_strdupf("'%s' cannot be started: %s", series->argv.items[0], strerror(r));
        return 0;
    }
    wait_for(pid, &run);
    run.us = nvb_bench_now() - before;
    if (nvb_bench_is_interrupted())
        return fail_interrupted(err);
    if (run.late || run.status != 0)
        keep_failure(series, &run, complaints);
    else if (counts) {
        nvb_vec_push(&series->us, run.us);
        nvb_vec_push(&series->kib, run.kib);
    }
    return 0;
}

static int measure(struct nvb_bench_list *list, unsigned set, size_t runs, char *const *environment,
                   struct nvb_error **err)
{
    _cleanup_close_ int complaints = memfd_create("complaints", MFD_CLOEXEC);
    if (complaints < 0)
        return nvb_error_make(err, NVB_ERROR_INTERNAL, errno, "cannot make a file in memory");
    for (size_t i = 0; i <= runs; i++) {
        nvb_vec_foreach (series, list) {
            if (series->failure || series->set != set || series->argv.count == 0)
                continue;
            (void)nvb_strv_terminate(&series->argv);
            if (measure_one(series, environment, complaints, i > 0, err) < 0)
                return -1;
        }
    }
    return 0;
}

int nvb_bench_measure(struct nvb_bench_list *list, unsigned set, size_t runs,
                      char *const *environment, struct nvb_error **err)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    struct sigaction before;
    /* Who ignores SIGCHLD is never told a child's status. */
    (void)sigaction(SIGCHLD, &usual, &before);
    int r = measure(list, set, runs, environment, err);
    (void)sigaction(SIGCHLD, &before, NULL);
    return r;
}

int nvb_bench_repeat(int (*call)(void *arg, struct nvb_bench_sample *ret, struct nvb_error **err),
                     void *arg, size_t runs, struct nvb_bench_values *us,
                     struct nvb_bench_values *kib, struct nvb_error **err)
{
    for (size_t i = 0; i <= runs; i++) {
        struct nvb_bench_sample sample = {0};
        if (nvb_bench_is_interrupted())
            return fail_interrupted(err);
        if (call(arg, &sample, err) < 0)
            return -1;
        if (i == 0)
            continue;
        nvb_vec_push(us, sample.us);
        if (kib && sample.kib > 0)
            nvb_vec_push(kib, sample.kib);
    }
    return 0;
}
