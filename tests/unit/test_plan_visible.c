/* Requests in the words of NVIDIA's runtime: each rule of its is a row, and none of its cases that
 * are about a value is without one. What the rules are is said in plan/visible.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "plan/parse.h"
#include "plan/selection.h"
#include "plan/visible.h"

static void test_clean(void **state)
{
    static const struct {
        const char *text;
        const char *want; /* "": nothing is asked for */
    } rows[] = {
        /* Nothing, by each way of saying it. */
        {"", ""},
        {"void", ""},
        {" ", ""},
        {",", ""},
        {" , ,", ""},
        {"void,0", ""},
        {"0, void", ""},
        {"all,void", ""},
        /* none is an answer of its own, and so is all: the first of them. */
        {"none", "none"},
        {"none,0", "none"},
        {"0,none", "none"},
        {"none,all", "none"},
        {"all", "all"},
        {"all,none", "all"},
        {"0,all", "all"},
        {" all ", "all"},
        /* Everything else is a list of devices as it stands. */
        {"0", "0"},
        {"0,1", "0,1"},
        {"0, 1", "0,1"},
        {"0,,1,", "0,1"},
        {"\t0\n", "0"},
        {"GPU-12345", "GPU-12345"},
        {"GPU-12345,GPU-67890", "GPU-12345,GPU-67890"},
        {"MIG-12345", "MIG-12345"},
        {"0:1,1:0", "0:1,1:0"},
        {"MIG-GPU-12345/1/0", "MIG-GPU-12345/1/0"},
        {"nvidia.com/gpu=0", "nvidia.com/gpu=0"},
        /* These words are so in lower case only, and "all" inside a word is not one. */
        {"ALL", "ALL"},
        {"Void", "Void"},
        {"allx", "allx"},
        {"0 1", "0 1"},
    };
    (void)state;
    for (size_t i = 0; i < NVB_COUNT(rows); i++) {
        _cleanup_free_ char *clean = nvb_visible_clean(rows[i].text);
        if (strcmp(clean, rows[i].want) != 0)
            fail_msg("'%s': '%s' instead of '%s'", rows[i].text, clean, rows[i].want);
    }
}

/* What a clean value asks for: the kinds of its items as letters, "-" for nothing, "!" for an
 * error. */
static void test_kinds(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"", "-"},
        {"void", "-"},
        {"none", "-"},
        {"all", "a"},
        {"0,1", "ii"},
        {"gpu0", "i"},
        {"GPU-12345", "u"},
        {"GPU-12345,MIG-12345", "um"},
        {"0:1", "m"},
        {"MIG-GPU-12345/1/0", "m"},
        {"0000:65:00.0", "p"},
        {"nvidia.com/gpu=0", "i"},
        {"nvidia.com/gpu=all", "a"},
        {"example.com/device=bar", "c"},
        {"count=2", "!"}, /* a word of ours, which that runtime takes for a device */
        {"ALL", "!"},
        {"0 1", "!"},
        {"example.com/device", "!"},
        {"GPU0-MIG0/0/1", "!"},
    };
    static const char letters[] = {
        [NVB_ITEM_ALL] = 'a', [NVB_ITEM_INDEX] = 'i', [NVB_ITEM_UUID] = 'u',
        [NVB_ITEM_PCI] = 'p', [NVB_ITEM_MIG] = 'm',   [NVB_ITEM_CDI] = 'c',
    };
    (void)state;
    for (size_t i = 0; i < NVB_COUNT(rows); i++) {
        _cleanup_selection_ struct nvb_selection selection = {0};
        _cleanup_str_ struct nvb_str got = NVB_STR_INIT;
        int r = nvb_selection_parse_visible(rows[i].text, &selection, NULL);
        if (r < 0 || selection.kind == NVB_SELECT_NONE)
            nvb_str_addc(&got, r < 0 ? '!' : '-');
        nvb_vec_foreach (item, &selection.items)
            nvb_str_addc(&got, letters[item->kind]);
        if (strcmp(got.data, rows[i].want) != 0)
            fail_msg("'%s': '%s' instead of '%s'", rows[i].text, got.data, rows[i].want);
    }
}

static void test_capabilities(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},
        {" ,", ""},
        {"all", "all"},
        {"compute,utility", "compute,utility"},
        {" compute , utility,", "compute,utility"},
        {"none", "none"},
    };
    (void)state;
    for (size_t i = 0; i < NVB_COUNT(rows); i++) {
        _cleanup_free_ char *clean = nvb_visible_clean_list(rows[i][0]);
        assert_string_equal(clean, rows[i][1]);
    }
}

/* ---- lines ---- */

struct line {
    struct nvb_request request;
    struct nvb_plan plan;
};

static void read_line(struct line *line, int argc, const char *const *argv)
{
    struct nvb_error *err = NULL;
    *line = (struct line){0};
    if (nvb_parse_run(NULL, argc, (char *const *)argv, &line->request, &line->plan, &err) < 0)
        fail_msg("%s", err->message);
}

static void line_done(struct line *line)
{
    nvb_request_done(&line->request);
    nvb_plan_done(&line->plan);
}

static char *join(const struct nvb_strv *words)
{
    struct nvb_str s = NVB_STR_INIT;
    nvb_str_add(&s, "");
    for (size_t i = 0; i < words->count; i++)
        nvb_str_addf(&s, "%s%s", i ? " " : "", words->items[i]);
    return s.len ? nvb_str_steal(&s) : nvb_strdup("");
}

static void assert_line(const char *const *words, const char *devices, const char *channels,
                        const char *left)
{
    static char *const environment[] = {(char *)"NVIDIA_IMEX_CHANNELS=9", NULL};
    _cleanup_(line_done) struct line line;
    _cleanup_strv_ struct nvb_strv found = {0};
    _cleanup_strv_ struct nvb_strv nodes = {0};
    int argc = 0;
    while (words[argc])
        argc++;
    read_line(&line, argc, words);
    nvb_visible_read_mounts(&line.plan.user, &found);
    nvb_visible_read_channels(&line.plan.user, environment, &nodes);
    nvb_visible_drop(&line.plan.user, NULL);
    _cleanup_free_ char *got = join(&found);
    _cleanup_free_ char *got_nodes = join(&nodes);
    _cleanup_free_ char *got_left = join(&line.plan.user.words);
    assert_string_equal(got, devices);
    assert_string_equal(got_nodes, channels);
    assert_string_equal(got_left, left);
}

#define LINE(...) ((const char *const[]){__VA_ARGS__, "img", NULL})
#define ROOT      "/var/run/nvidia-container-devices"
#define CHANNEL   "/dev/nvidia-caps-imex-channels/channel"

static void test_mounts(void **state)
{
    (void)state;
    assert_line(LINE("-t"), "", "", "-t");
    assert_line(LINE("-v", "/dev/null:" ROOT "/0"), "0", "", "");
    assert_line(LINE("-v/dev/null:" ROOT "/GPU0", "--volume=/dev/null:" ROOT "/GPU1:ro"),
                "GPU0 GPU1", "", "");
    assert_line(LINE("--mount", "type=bind,source=/dev/null,target=" ROOT "/1"), "1", "", "");
    assert_line(LINE("--mount", "type=bind,dst=" ROOT "/1/,src=/dev/null", "-t"), "1", "", "-t");
    assert_line(LINE("-v", "/dev/null:" ROOT "/GPU0-MIG0/0/1"), "GPU0-MIG0/0/1", "", "");
    assert_line(LINE("-v", "/dev/null:" ROOT "/1", "-v", "/dev/null:" ROOT "/1/"), "1", "", "");
    /* CDI names, in both forms. */
    assert_line(LINE("-v", "/dev/null:" ROOT "/cdi/nvidia.com/gpu=all"), "nvidia.com/gpu=all", "",
                "");
    assert_line(LINE("-v", "/dev/null:" ROOT "/cdi/nvidia.com/gpu/all"), "nvidia.com/gpu=all", "",
                "");
    /* Another source, another place and the folder itself are mounts like any other. */
    assert_line(LINE("-v", "/not/null:" ROOT "/0"), "", "", "-v /not/null:" ROOT "/0");
    assert_line(LINE("-v", "/dev/null:/other/0"), "", "", "-v /dev/null:/other/0");
    assert_line(LINE("-v", "/dev/null:" ROOT), "", "", "-v /dev/null:" ROOT);
    assert_line(LINE("-v", "/dev/null:" ROOT "x/0"), "", "", "-v /dev/null:" ROOT "x/0");
    assert_line(LINE("--mount", "type=bind,src=/dev/null"), "", "",
                "--mount type=bind,src=/dev/null");
}

static void test_channels(void **state)
{
    (void)state;
    assert_line(LINE("-e", "NVIDIA_IMEX_CHANNELS=3,4"), "", CHANNEL "3 " CHANNEL "4",
                "-e NVIDIA_IMEX_CHANNELS=3,4");
    assert_line(LINE("-e", "NVIDIA_IMEX_CHANNELS"), "", CHANNEL "9", "-e NVIDIA_IMEX_CHANNELS");
    assert_line(LINE("-e", "NVIDIA_IMEX_CHANNELS=all"), "", "", "-e NVIDIA_IMEX_CHANNELS=all");
    assert_line(LINE("-e", "NVIDIA_IMEX_CHANNELS=../../sda"), "", "",
                "-e NVIDIA_IMEX_CHANNELS=../../sda");
    assert_line(LINE("-v", "/dev/null:" ROOT "/0", "-v", "/dev/null:" ROOT "/imex/5", "-e",
                     "NVIDIA_IMEX_CHANNELS=3"),
                "0", CHANNEL "5", "-e NVIDIA_IMEX_CHANNELS=3");
}

static void assert_variable(const char *const *words, const char *want)
{
    static char *const environment[] = {(char *)"NVIDIA_VISIBLE_DEVICES=7", NULL};
    _cleanup_(line_done) struct line line;
    int argc = 0;
    while (words[argc])
        argc++;
    read_line(&line, argc, words);
    _cleanup_free_ char *got = nvb_visible_find_variable(&line.plan.user, NVB_VISIBLE, environment);
    if (!got || !want)
        assert_true(!got && !want);
    else
        assert_string_equal(got, want);
}

static void test_variable(void **state)
{
    char one[] = "/tmp/nvb-visible-XXXXXX";
    static const char text[] = "# NVIDIA_VISIBLE_DEVICES=9\nNVIDIA_VISIBLE_DEVICES_X=8\r\n"
                               "  NVIDIA_VISIBLE_DEVICES=1,2\r\nOTHER=3\n";
    (void)state;
    int fd = mkstemp(one);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    assert_variable(LINE("-e", "A=b"), NULL);
    assert_variable(LINE("-e", "NVIDIA_VISIBLE_DEVICES=1", "-eNVIDIA_VISIBLE_DEVICES=2"), "2");
    assert_variable(LINE("-e", "NVIDIA_VISIBLE_DEVICES="), "");
    assert_variable(LINE("-e", "NVIDIA_VISIBLE_DEVICES"), "7");
    assert_variable(LINE("--env-file", one), "1,2");
    assert_variable(LINE("-e", "NVIDIA_VISIBLE_DEVICES=0", "--env-file", one), "0");
    assert_variable(LINE("--env-file", "/nowhere"), NULL);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(pwrite(fd, "NVIDIA_VISIBLE_DEVICES", 22, 0), 22);
    assert_variable(LINE("--env-file", one), "7");
    (void)close(fd);
    (void)unlink(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),    cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_mounts),   cmocka_unit_test(test_channels),
        cmocka_unit_test(test_variable), cmocka_unit_test(test_capabilities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
