/*
 * pair: times two commands in turn, A B A B ..., so that whatever else the machine does falls on
 * both alike.
 *
 *     pair [--runs N] [--warm N] [--json] [--input FILE] [--before PROGRAM]
 *          A [ARG...] ::: B [ARG...]
 *
 * Each run is measured from before the child is made to its end, by CLOCK_MONOTONIC; its peak
 * memory is what wait4(2) says, which is never less than this program's own (some 1.4 MiB).
 * Standard output goes to /dev/null, standard input comes from FILE where one is given. PROGRAM
 * runs before each run, untimed: it undoes what the one before did. A command that does not end
 * with status 0 ends the measurement: figures of failed runs would be worth nothing.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct side {
    char **argv;
    double *us;    /* one a run */
    long peak_kib; /* the most of all runs */
    double min, median, max;
};

static _Noreturn void die(const char *what, const char *word)
{
    fprintf(stderr, "pair: error: %s '%s'\n", what, word);
    exit(2);
}

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* ---- one run -------------------------------------------------------------------------------- */

static double run(struct side *side, const posix_spawn_file_actions_t *actions)
{
    struct rusage usage;
    pid_t pid;
    int status;
    double before = now_us();
    int rc = posix_spawn(&pid, side->argv[0], actions, NULL, side->argv, environ);

    if (rc != 0)
        die(strerror(rc), side->argv[0]);
    while (wait4(pid, &status, 0, &usage) < 0) {
        if (errno != EINTR)
            die(strerror(errno), side->argv[0]);
    }

    double after = now_us();

    if (status != 0) {
        fprintf(stderr, "pair: error: '%s' ended with %s %d\n", side->argv[0],
                WIFSIGNALED(status) ? "signal" : "status",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        exit(1);
    }
    if (usage.ru_maxrss > side->peak_kib)
        side->peak_kib = usage.ru_maxrss;
    return after - before;
}

/* Not measured, but it must work, or each run would find what the one before left. */
static double run_after(const char *before, struct side *side,
                        const posix_spawn_file_actions_t *actions)
{
    char *argv[] = {(char *)before, NULL};
    pid_t pid;
    int status;

    if (before) {
        if (posix_spawn(&pid, before, actions, NULL, argv, environ) != 0 ||
            waitpid(pid, &status, 0) < 0 || status != 0)
            die("this failed before a run:", before);
    }
    return run(side, actions);
}

/* ---- figures -------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double one = *(const double *)a, two = *(const double *)b;

    return (one > two) - (one < two);
}

/* Sorts the values. */
static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void sum_up(struct side *side, size_t runs)
{
    side->median = median(side->us, runs);
    side->min = side->us[0];
    side->max = side->us[runs - 1];
}

struct figures {
    double ratio;        /* of the medians */
    double paired_ratio; /* the median of each pair's */
    double paired_us;    /* the median of each pair's difference */
};

static void compare(struct side *a, struct side *b, size_t runs, struct figures *ret)
{
    double *ratios = calloc(runs, sizeof(*ratios));
    double *differences = calloc(runs, sizeof(*differences));

    if (!ratios || !differences)
        die("no memory for", "figures");
    for (size_t i = 0; i < runs; i++) {
        ratios[i] = a->us[i] / b->us[i];
        differences[i] = a->us[i] - b->us[i];
    }
    sum_up(a, runs);
    sum_up(b, runs);
    ret->ratio = a->median / b->median;
    ret->paired_ratio = median(ratios, runs);
    ret->paired_us = median(differences, runs);
    free(ratios);
    free(differences);
}

static void print_side(const char *name, const struct side *side)
{
    printf("%s  min %8.0f  median %8.0f  max %8.0f us  peak %6ld KiB  %s\n", name, side->min,
           side->median, side->max, side->peak_kib, side->argv[0]);
}

static void print_json_side(const char *name, const struct side *side)
{
    printf("\"%s\": {\"min_us\": %.1f, \"median_us\": %.1f, \"max_us\": %.1f, \"peak_kib\": %ld}",
           name, side->min, side->median, side->max, side->peak_kib);
}

static void print(bool json, size_t runs, const struct side *a, const struct side *b,
                  const struct figures *f)
{
    if (!json) {
        print_side("A", a);
        print_side("B", b);
        printf("A/B  ratio of medians %.2f  median of ratios %.2f  median of differences %.0f us  "
               "(%zu pairs)\n",
               f->ratio, f->paired_ratio, f->paired_us, runs);
        return;
    }
    printf("{\"runs\": %zu, ", runs);
    print_json_side("a", a);
    printf(", ");
    print_json_side("b", b);
    printf(", \"ratio\": %.3f, \"paired_ratio\": %.3f, \"paired_us\": %.1f}\n", f->ratio,
           f->paired_ratio, f->paired_us);
}

/* ---- the call ------------------------------------------------------------------------------- */

static size_t read_number(const char *option, const char *text)
{
    char *end;

    errno = 0;
    unsigned long value = strtoul(text, &end, 10);

    if (errno || *end || end == text || *text == '-' || value > 1000000)
        die(option, text);
    return value;
}

static void split(char **words, struct side *a, struct side *b)
{
    a->argv = words;
    while (*words && strcmp(*words, ":::") != 0)
        words++;
    if (!*words || !a->argv[0] || words == a->argv || !words[1])
        die("two commands are needed, with this between them:", ":::");
    *words = NULL;
    b->argv = words + 1;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"runs", required_argument, NULL, 'n'},   {"warm", required_argument, NULL, 'w'},
        {"json", no_argument, NULL, 'j'},         {"input", required_argument, NULL, 'i'},
        {"before", required_argument, NULL, 'b'}, {0},
    };
    size_t runs = 200, warm = 20;
    bool json = false;
    const char *input = NULL, *before = NULL;
    struct side a = {0}, b = {0};
    struct figures figures;
    posix_spawn_file_actions_t actions;

    for (int c; (c = getopt_long(argc, argv, "+", options, NULL)) != -1;) {
        if (c == 'n')
            runs = read_number("--runs takes a number, not", optarg);
        else if (c == 'w')
            warm = read_number("--warm takes a number, not", optarg);
        else if (c == 'j')
            json = true;
        else if (c == 'i')
            input = optarg;
        else if (c == 'b')
            before = optarg;
        else
            return 2;
    }
    if (runs == 0)
        die("--runs must be more than", "0");
    split(argv + optind, &a, &b);
    a.us = calloc(runs, sizeof(*a.us));
    b.us = calloc(runs, sizeof(*b.us));
    if (!a.us || !b.us || posix_spawn_file_actions_init(&actions) != 0 ||
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) != 0)
        die("no memory for", "runs");
    if (input && posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input, O_RDONLY, 0) != 0)
        die("no memory for", "runs");
    for (size_t i = 0; i < warm; i++) {
        (void)run_after(before, &a, &actions);
        (void)run_after(before, &b, &actions);
    }
    for (size_t i = 0; i < runs; i++) {
        a.us[i] = run_after(before, &a, &actions);
        b.us[i] = run_after(before, &b, &actions);
    }
    compare(&a, &b, runs, &figures);
    print(json, runs, &a, &b, &figures);
    posix_spawn_file_actions_destroy(&actions);
    free(a.us);
    free(b.us);
    return 0;
}
