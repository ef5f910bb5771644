/* Each check of the doctor on hosts where it holds and where it does not; and the explanations. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "doctor/explain.h"
#include "examine.h"

static const struct examine_row *const tables[] = {nvb_examine_driver, nvb_examine_machine,
                                                   nvb_examine_engines, nvb_examine_sessions};

static void test_row(void **state)
{
    const struct examine_row *row = *state;
    if (row->makes_devices && geteuid() != 0) {
        skip();
        return;
    }
    _cleanup_free_ char *wrong = nvb_examine(row);
    if (wrong)
        fail_msg("%s, %s: %s", row->check, row->about, wrong);
}

/* ---- the table as a whole ---- */

static bool has_row(const char *check, bool well)
{
    /* These are shown by a real X server and a real disk, in tests/cli/doctor.bats. */
    static const char *const elsewhere[] = {"xhost",       "x11-cookie", "disk-space",
                                            "runtime-dir", "linger",     "unit-files"};
    for (size_t i = 0; i < NVB_COUNT(elsewhere); i++)
        if (strcmp(check, elsewhere[i]) == 0)
            return true;
    for (size_t i = 0; i < NVB_COUNT(tables); i++)
        for (const struct examine_row *row = tables[i]; row->check; row++)
            if (strcmp(row->check, check) == 0 &&
                (well ? row->verdict == NVB_VERDICT_OK || row->verdict == NVB_VERDICT_SKIP
                      : row->verdict == NVB_VERDICT_WARN || row->verdict == NVB_VERDICT_FAIL))
                return true;
    return false;
}

static void test_every_check_is_seen_to_hold_and_to_fail(void **state)
{
    struct nvb_check_info info;
    (void)state;
    for (size_t i = 0; nvb_doctor_get(i, &info) == 0; i++) {
        if (!has_row(info.name, true) || !has_row(info.name, false))
            fail_msg("%s has no row of both kinds", info.name);
        assert_true(strspn(info.name, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
                    strlen(info.name));
    }
}

static bool is_check(const char *name)
{
    struct nvb_check_info info;
    for (size_t i = 0; nvb_doctor_get(i, &info) == 0; i++)
        if (strcmp(info.name, name) == 0)
            return true;
    return false;
}

static bool is_group(const char *name)
{
    struct nvb_check_info info;
    for (size_t i = 0; nvb_doctor_get(i, &info) == 0; i++)
        if (strcmp(info.group, name) == 0)
            return true;
    return false;
}

static void test_names_are_unique_and_explanations_lead_to_them(void **state)
{
    struct nvb_check_info one;
    struct nvb_check_info other;
    const struct nvb_explanation *row;
    (void)state;
    for (size_t i = 0; nvb_doctor_get(i, &one) == 0; i++)
        for (size_t k = i + 1; nvb_doctor_get(k, &other) == 0; k++)
            assert_string_not_equal(one.name, other.name);
    for (size_t i = 0; (row = nvb_explain_get(i)); i++)
        if (!is_check(row->check) && !is_group(row->check))
            fail_msg("'%s' leads to '%s', which is no check", row->pattern, row->check);
}

static void test_every_check_has_its_heading(void **state)
{
    const char *source = getenv("NVB_SOURCE");
    _cleanup_free_ char *path = nvb_strdupf("%s/" NVB_DOCTOR_DOCUMENT, source ? source : ".");
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    struct nvb_check_info info;
    (void)state;
    assert_int_equal(nvb_file_read_path(path, (size_t)1 << 20, &text, NULL), 0);
    for (size_t i = 0; nvb_doctor_get(i, &info) == 0; i++) {
        _cleanup_free_ char *heading = nvb_strdupf("\n### %s\n", info.name);
        if (!strstr(text.data, heading))
            fail_msg("%s has no heading '### %s'", path, info.name);
    }
    for (const char *at = strstr(text.data, "\n### "); at; at = strstr(at + 1, "\n### ")) {
        _cleanup_free_ char *name = nvb_strndup(at + 5, strcspn(at + 5, "\n"));
        if (!is_check(name))
            fail_msg("'### %s' is no check", name);
    }
}

/* ---- a machine without a GPU ---- */

static void test_no_gpu_is_said_once(void **state)
{
    static const struct examine_row row = {.no_gpu = true,
                                           .podman = INFO_PODMAN("4.3.1", "crun", "overlay")};
    _cleanup_report_ struct nvb_report report = {0};
    _cleanup_strv_ struct nvb_strv names = {0};
    size_t consequences = 0;
    (void)state;
    assert_int_equal(nvb_examine_report(&row, &names, &report, NULL), 0);
    assert_int_equal(report.counts[NVB_VERDICT_FAIL], 1);
    nvb_vec_foreach (finding, &report.findings)
        consequences += finding->verdict == NVB_VERDICT_SKIP &&
                        strcmp(finding->evidence, "no NVIDIA GPU in this machine") == 0;
    assert_true(consequences >= 15);
}

static void test_a_healthy_machine_is_healthy(void **state)
{
    static const struct examine_row row = {.podman = INFO_PODMAN("5.4.2", "crun", "overlay")};
    _cleanup_report_ struct nvb_report report = {0};
    _cleanup_strv_ struct nvb_strv names = {0};
    (void)state;
    assert_int_equal(nvb_examine_report(&row, &names, &report, NULL), 0);
    nvb_vec_foreach (finding, &report.findings)
        if (finding->verdict == NVB_VERDICT_FAIL)
            fail_msg("%s: %s", nvb_finding_check(finding).name, finding->evidence);
    assert_true(report.counts[NVB_VERDICT_WARN] <= 2);
}

static void test_unknown_names(void **state)
{
    static const struct examine_row row = {.no_gpu = true};
    _cleanup_report_ struct nvb_report report = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_strv_ struct nvb_strv names = {0};
    (void)state;
    nvb_strv_add(&names, "node-uwm");
    assert_int_equal(nvb_examine_report(&row, &names, &report, &err), -1);
    assert_int_equal(err->kind, NVB_ERROR_USAGE);
    assert_string_equal(err->hint, "did you mean 'node-uvm'?");
}

/* ---- scripts ---- */

static void test_a_script_quotes_what_it_says(void **state)
{
    static const struct examine_row row = {
        .no_gpu = true, .options = "volume /it's; $(touch x)\n:/data\nprivileged"};
    _cleanup_report_ struct nvb_report report = {0};
    _cleanup_strv_ struct nvb_strv names = {0};
    _cleanup_str_ struct nvb_str script = NVB_STR_INIT;
    (void)state;
    nvb_strv_add(&names, "bind-source");
    nvb_strv_add(&names, "privileged");
    assert_int_equal(nvb_examine_report(&row, &names, &report, NULL), 0);
    nvb_report_script(&report, &script);
    assert_true(nvb_has_prefix(script.data, "#!/bin/sh\n"));
    assert_non_null(strstr(script.data, "\n# take --privileged"));
    assert_null(strstr(script.data, "\n$(touch"));
}

/* ---- messages ---- */

static void test_messages_of_engines(void **state)
{
    static const struct {
        const char *message, *check;
    } seen[] = {
        {"Error: setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=all", "cdi-spec"},
        {"Error: stat /dev/nvidia-uvm: no such file or directory\n", "node-uvm"},
        {"Error: OCI runtime error: crun: setrlimit `RLIMIT_NOFILE`: Operation not permitted",
         "rlimits"},
        {"Error: crun: cgroups in hybrid mode not supported, drop all controllers from cgroupv2",
         "cgroups"},
        {"open(\"/dev/net/tun\"): Permission denied\n", "dev-tun"},
        {"Error: rootlessport cannot expose privileged port 80, you can add "
         "'net.ipv4.ip_unprivileged_port_start=80' to /etc/sysctl.conf",
         "ports-privileged"},
        {"Error: short-name \"nvidia/cuda\" did not resolve to an alias and no "
         "unqualified-search registries are defined",
         "registries-search"},
        {"docker: Error response from daemon: could not select device driver \"\" with "
         "capabilities: [[gpu]].",
         "docker-cdi"},
        {"Failed to initialize NVML: Driver/library version mismatch", "driver-version"},
        {"bash: podman: command not found", "engine"},
    };
    (void)state;
    for (size_t i = 0; i < NVB_COUNT(seen); i++) {
        struct nvb_explanations found = {0};
        bool hit = false;
        assert_int_equal(nvb_explain(seen[i].message, &found), 0);
        nvb_vec_foreach (at, &found)
            hit = hit || strcmp((*at)->check, seen[i].check) == 0;
        if (!hit)
            fail_msg("'%s' is not explained by %s", seen[i].message, seen[i].check);
        nvb_vec_release(&found);
    }
    struct nvb_explanations none = {0};
    assert_int_equal(nvb_explain("Error: something new\n", &none), 1);
    assert_int_equal(nvb_explain("", &none), 1);
}

/* Both ends of a pattern with a star must be in one line. */
static void test_a_star_stays_in_its_line(void **state)
{
    struct nvb_explanations found = {0};
    (void)state;
    assert_int_equal(nvb_explain("newuidmap\nnot found\n", &found), 1);
    assert_int_equal(nvb_explain("a newuidmap is Not Found\n", &found), 0);
    nvb_vec_release(&found);
}

int main(void)
{
    static const struct CMUnitTest whole[] = {
        cmocka_unit_test(test_every_check_is_seen_to_hold_and_to_fail),
        cmocka_unit_test(test_names_are_unique_and_explanations_lead_to_them),
        cmocka_unit_test(test_every_check_has_its_heading),
        cmocka_unit_test(test_no_gpu_is_said_once),
        cmocka_unit_test(test_a_healthy_machine_is_healthy),
        cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_a_script_quotes_what_it_says),
        cmocka_unit_test(test_messages_of_engines),
        cmocka_unit_test(test_a_star_stays_in_its_line),
    };
    struct NVB_VEC(struct CMUnitTest) tests = {0};
    struct nvb_strv titles = {0};
    for (size_t i = 0; i < NVB_COUNT(whole); i++)
        nvb_vec_push(&tests, whole[i]);
    for (size_t i = 0; i < NVB_COUNT(tables); i++)
        for (const struct examine_row *row = tables[i]; row->check; row++) {
            nvb_strv_addf(&titles, "%s: %s", row->check, row->about);
            const struct CMUnitTest test = {titles.items[titles.count - 1], test_row, NULL, NULL,
                                            (void *)(uintptr_t)row};
            nvb_vec_push(&tests, test);
        }
    int failed = _cmocka_run_group_tests("doctor", tests.items, tests.count, NULL, NULL);
    nvb_vec_release(&tests);
    nvb_strv_done(&titles);
    return failed;
}
