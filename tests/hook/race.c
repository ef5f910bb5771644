/*
 * race: exchanges two names again and again in one process, the attacker, while it starts a hook
 * again and again in another, and looks after each start whether something of the victim's changed.
 *
 *     race --tries N [--seconds N] --state FILE --watch PATH [--watch PATH]... A B HOOK [ARG...]
 *
 * Exit status: 0 nothing changed in all tries, or in those that a busy machine managed in that
 * time; 3 something did, and it stopped there.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_WATCHED 8

static const char *watched[MAX_WATCHED];
static struct timespec before[MAX_WATCHED];
static size_t watch_count;

static _Noreturn void die(const char *what, const char *word)
{
    fprintf(stderr, "race: %s '%s': %s\n", what, word, strerror(errno));
    exit(2);
}

static struct timespec changed_at(const char *path)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        die("cannot watch", path);
    return st.st_ctim;
}

static bool has_changed(void)
{
    for (size_t i = 0; i < watch_count; i++) {
        struct timespec now = changed_at(watched[i]);
        if (now.tv_sec != before[i].tv_sec || now.tv_nsec != before[i].tv_nsec)
            return true;
    }
    return false;
}

static pid_t start_swapping(const char *a, const char *b)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) < 0 && errno != ENOENT)
            die("cannot exchange", a);
}

static void run_hook(const char *state, char **argv)
{
    pid_t pid = fork();
    if (pid < 0)
        die("cannot start", argv[0]);
    if (pid == 0) {
        int in = open(state, O_RDONLY | O_CLOEXEC);
        int out = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
            _exit(126);
        execv(argv[0], argv);
        _exit(127);
    }
    int status;
    if (waitpid(pid, &status, 0) < 0 || (WIFEXITED(status) && WEXITSTATUS(status) > 125))
        die("cannot run", argv[0]);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"tries", required_argument, NULL, 'n'},
        {"seconds", required_argument, NULL, 't'},
        {"state", required_argument, NULL, 's'},
        {"watch", required_argument, NULL, 'w'},
        {0},
    };
    unsigned long tries = 0;
    time_t seconds = 3600;
    const char *state = NULL;
    for (int c; (c = getopt_long(argc, argv, "+", options, NULL)) != -1;) {
        if (c == 'n')
            tries = strtoul(optarg, NULL, 10);
        else if (c == 't')
            seconds = (time_t)strtoul(optarg, NULL, 10);
        else if (c == 's')
            state = optarg;
        else if (c == 'w' && watch_count < MAX_WATCHED)
            watched[watch_count++] = optarg;
        else
            return 2;
    }
    if (argc - optind < 3 || !state || tries == 0 || watch_count == 0)
        return 2;
    for (size_t i = 0; i < watch_count; i++)
        before[i] = changed_at(watched[i]);
    pid_t swapper = start_swapping(argv[optind], argv[optind + 1]);
    bool changed = false;
    unsigned long n = 0;
    const time_t end = time(NULL) + seconds;
    for (; n < tries && !changed && time(NULL) < end; n++) {
        run_hook(state, argv + optind + 2);
        changed = has_changed();
    }
    int gone = waitpid(swapper, NULL, WNOHANG) != 0;
    (void)kill(swapper, SIGKILL);
    printf("%s after %lu starts\n", changed ? "changed" : "unchanged", n);
    return gone ? 2 : changed ? 3 : 0;
}
