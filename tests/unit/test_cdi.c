#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cdi/codec.h"
#include "cdi/spec.h"
#include "cdi/validate.h"

/* Every field of the specification, with values that both formats have to quote. */
static const char full[] =
    "{\"cdiVersion\":\"1.1.0\",\"kind\":\"vendor.com/dev.ice\","
    "\"annotations\":{\"a.b/c\":\"yes\",\"d\":\"0777\"},"
    "\"devices\":[{\"name\":\"0\",\"annotations\":{\"e\":\"\"},\"containerEdits\":{"
    "\"env\":[\"A=b c\",\"D=\"],"
    "\"deviceNodes\":[{\"path\":\"/dev/x\",\"hostPath\":\"/dev/y\",\"type\":\"c\",\"major\":195,"
    "\"minor\":0,\"fileMode\":438,\"permissions\":\"rw\",\"uid\":0,\"gid\":4294967295}],"
    "\"netDevices\":[{\"hostInterfaceName\":\"eth0\",\"name\":\"net0\"}],"
    "\"hooks\":[{\"hookName\":\"createContainer\",\"path\":\"/bin/x\",\"args\":[\"x\",\"\",\"- y\"],"
    "\"env\":[\"LC_ALL=C\"],\"timeout\":0}],"
    "\"mounts\":[{\"hostPath\":\"/a: b\",\"containerPath\":\"/c\",\"options\":[\"ro\",\"rbind\"],"
    "\"type\":\"bind\"}],"
    "\"intelRdt\":{\"closID\":\"x\",\"l3CacheSchema\":\"L3:0=f\",\"memBwSchema\":\"MB:0=10\","
    "\"schemata\":[\"L2:0=1\"],\"enableMonitoring\":false},"
    "\"additionalGids\":[1,4294967295]}}],"
    "\"containerEdits\":{\"env\":[\"NVIDIA_VISIBLE_DEVICES=void\"]}}";

static struct nvb_cdi_spec read_spec(const char *text, enum nvb_cdi_format format)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    struct nvb_cdi_spec spec = {0};
    if (nvb_cdi_read(text, strlen(text), format, "t", &spec, &err) < 0)
        fail_msg("%u:%u: %s in %s", err->line, err->column, err->message, text);
    return spec;
}

static void test_round_trip(void **state)
{
    (void)state;
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_str_ struct nvb_str json = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str yaml = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str again = NVB_STR_INIT;
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = read_spec(full, NVB_CDI_JSON);
    assert_int_equal(nvb_cdi_validate(&spec, &err), 0);
    const struct nvb_cdi_node *node = &spec.devices.items[0].edits.nodes.items[0];
    assert_int_equal(node->file_mode, 0666);
    assert_int_equal(node->gid, 4294967295);
    assert_int_equal(spec.devices.items[0].edits.rdt->enable_monitoring, 0);
    assert_int_equal(spec.devices.items[0].edits.rdt->enable_cmt, -1);

    assert_int_equal(nvb_cdi_write(&spec, NVB_CDI_JSON, &json, &err), 0);
    _cleanup_str_ struct nvb_str squeezed = NVB_STR_INIT;
    for (const char *p = json.data; *p; p++) {
        if (*p == '\n' || (*p == ' ' && (p[-1] == '\n' || p[-1] == ' ' || p[-1] == ':')))
            continue;
        nvb_str_addc(&squeezed, *p);
    }
    /* What squeezing took out of strings, of the original as well. */
    _cleanup_str_ struct nvb_str want = NVB_STR_INIT;
    for (const char *p = full; *p; p++) {
        if (*p != ' ' || p[-1] != ':')
            nvb_str_addc(&want, *p);
    }
    assert_string_equal(squeezed.data, want.data);

    assert_int_equal(nvb_cdi_write(&spec, NVB_CDI_YAML, &yaml, &err), 0);
    _cleanup_cdi_spec_ struct nvb_cdi_spec back = read_spec(yaml.data, NVB_CDI_YAML);
    assert_int_equal(nvb_cdi_write(&back, NVB_CDI_JSON, &again, &err), 0);
    assert_string_equal(again.data, json.data);
}

static void test_yaml_of_others(void **state)
{
    (void)state;
    /* The order, the style and the bare numbers that other tools write. */
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec =
        read_spec("---\ncdiVersion: 0.5.0\ncontainerEdits:\n  deviceNodes:\n  - path: /dev/kfd\n"
                  "    fileMode: 0660\n    uid: null\n  hooks: null\ndevices:\n- name: 0\n"
                  "  containerEdits: {deviceNodes: [{path: /dev/dri/card0}]}\nkind: amd.com/gpu\n",
                  NVB_CDI_YAML);
    assert_string_equal(spec.version, "0.5.0");
    assert_string_equal(spec.devices.items[0].name, "0");
    assert_int_equal(spec.edits.nodes.items[0].file_mode, 0660);
    assert_int_equal(spec.edits.nodes.items[0].uid, -1);
    assert_int_equal(nvb_cdi_validate(&spec, NULL), 0);
    assert_non_null(nvb_cdi_spec_find_device(&spec, "0"));
    assert_null(nvb_cdi_spec_find_device(&spec, "1"));
}

static void assert_unreadable(const char *text, unsigned line, unsigned column, const char *part,
                              const char *hint)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    struct nvb_cdi_spec spec = {.kind = (char *)"untouched"};
    enum nvb_cdi_format format = *text == '{' ? NVB_CDI_JSON : NVB_CDI_YAML;
    assert_int_equal(nvb_cdi_read(text, strlen(text), format, "f.x", &spec, &err), -1);
    assert_string_equal(spec.kind, "untouched");
    assert_int_equal(err->kind, NVB_ERROR_CONFIG);
    if (!strstr(err->message, part) || err->line != line || err->column != column)
        fail_msg("%s: %u:%u: %s", text, err->line, err->column, err->message);
    if (hint ? !err->hint || !strstr(err->hint, hint) : err->hint != NULL)
        fail_msg("%s: the hint is '%s'", text, err->hint);
}

static void test_unreadable(void **state)
{
    (void)state;
    assert_unreadable("{\"kinds\": 1}", 1, 2, "'kinds' is not a field of a specification",
                      "did you mean 'kind'");
    assert_unreadable("{\"kind\": 1}", 1, 10, "'kind' must be a string, not a whole number", NULL);
    assert_unreadable("kind: yes\n", 1, 7, "must be a string, not a truth value", "\"yes\"");
    assert_unreadable("kind: 007\n", 1, 7, "must be a string, not a whole number", "\"007\"");
    assert_unreadable("cdiVersion: 0.5\n", 1, 13, "must be a string, not a fraction", "\"0.5\"");
    assert_unreadable("- a\n", 1, 1, "must be a map, not a list", NULL);
    assert_unreadable("devices: {}\n", 1, 10, "'devices' must be a list, not a map", NULL);
    assert_unreadable("devices: [a]\n", 1, 11, "must be a map, not a string", NULL);
    assert_unreadable("devices: [~]\n", 1, 11, "must be a map, not null", NULL);
    assert_unreadable("containerEdits: {env: x}\n", 1, 23, "must be a list, not a string", NULL);
    assert_unreadable("containerEdits: {env: [~]}\n", 1, 24, "must be a string, not null", "");
    assert_unreadable("containerEdits: {deviceNodes: [{path: /x, major: a}]}\n", 1, 50,
                      "'major' must be a whole number, not a string", NULL);
    assert_unreadable("containerEdits: {deviceNodes: [{path: /x, uid: 4294967296}]}\n", 1, 48,
                      "'uid' must be from 0 to 4294967295", NULL);
    assert_unreadable("containerEdits: {deviceNodes: [{minor: -1}]}\n", 1, 40, "from 0 to", NULL);
    assert_unreadable("containerEdits: {deviceNodes: [{pth: /x}]}\n", 1, 33,
                      "'pth' is not a field of a device node", "'path'");
    assert_unreadable("containerEdits: {mounts: [{source: /x}]}\n", 1, 28, "of a mount", NULL);
    assert_unreadable("containerEdits: {hooks: [{when: /x}]}\n", 1, 27, "of a hook", NULL);
    assert_unreadable("containerEdits: {additionalGids: [-1]}\n", 1, 35, "from 0 to", NULL);
    assert_unreadable("containerEdits: {additionalGids: 1}\n", 1, 34, "must be a list", NULL);
    assert_unreadable("containerEdits: {intelRdt: {enableCMT: 1}}\n", 1, 40, "true or false", NULL);
    assert_unreadable("annotations: {a: [1]}\n", 1, 18, "'a' must be a string", NULL);
    assert_unreadable("annotations: []\n", 1, 14, "'annotations' must be a map", NULL);
    assert_unreadable("kind: a/b\nkind: a/b\n", 2, 1, "second time", "remove");
    assert_unreadable("{", 1, 2, "name in double quotes", NULL);
}

/* A specification of version 0.7.0 with DEVICE as its only device and EDITS for all. */
static char *make_text(const char *device, const char *edits)
{
    return nvb_strdupf("{\"cdiVersion\": \"0.7.0\", \"kind\": \"vendor.com/gpu\",\n"
                       "\"devices\": [%s],\n\"containerEdits\": {%s}}",
                       device, edits);
}

#define GOOD "{\"name\": \"a\", \"containerEdits\": {\"env\": [\"A=\"]}}"

static void assert_fault(const char *text, const char *where, const char *part)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = read_spec(text, NVB_CDI_JSON);
    if (nvb_cdi_validate(&spec, &err) == 0)
        fail_msg("taken: %s", text);
    size_t len = strlen(where);
    if (strncmp(err->message, where, len) != 0 || err->message[len] != ':' ||
        !strstr(err->message, part))
        fail_msg("%s\n gives: %s", text, err->message);
    assert_int_equal(err->kind, NVB_ERROR_CONFIG);
}

static void assert_spec_fault(const char *version, const char *kind, const char *where,
                              const char *part)
{
    _cleanup_free_ char *text = nvb_strdupf(
        "{\"cdiVersion\": \"%s\", \"kind\": \"%s\", \"devices\": [" GOOD "]}", version, kind);
    assert_fault(text, where, part);
}

static void assert_edits_fault(const char *edits, const char *where, const char *part)
{
    _cleanup_free_ char *global = make_text(GOOD, edits);
    _cleanup_free_ char *at = nvb_strdupf("containerEdits.%s", where);
    assert_fault(global, at, part);
    /* Of a device as well. */
    _cleanup_free_ char *device = nvb_strdupf("{\"name\":\"a\",\"containerEdits\":{%s}}", edits);
    _cleanup_free_ char *local = make_text(device, "");
    _cleanup_free_ char *below = nvb_strdupf("devices[0].containerEdits.%s", where);
    assert_fault(local, below, part);
}

static void assert_device_fault(const char *device, const char *where, const char *part)
{
    _cleanup_free_ char *text = make_text(device, "");
    assert_fault(text, where, part);
}

static void test_spec_rules(void **state)
{
    (void)state;
    assert_spec_fault("", "vendor.com/gpu", "cdiVersion", "missing");
    assert_spec_fault("0.9.0", "vendor.com/gpu", "cdiVersion", "not a version");
    assert_spec_fault("v0.5.0", "vendor.com/gpu", "cdiVersion", "not a version");
    assert_spec_fault("0.5", "vendor.com/gpu", "cdiVersion", "not a version");
    assert_spec_fault("0.2.0", "vendor.com/gpu", "cdiVersion", "0.3.0 is needed");
    assert_spec_fault("0.5.0", "vendor.com/gpu.x", "cdiVersion", "0.6.0 is needed: the class");
    assert_spec_fault("0.5.0", "", "kind", "missing");
    assert_spec_fault("0.5.0", "vendor", "kind", "VENDOR/CLASS");
    assert_spec_fault("0.5.0", "/gpu", "kind", "vendor ''");
    assert_spec_fault("0.5.0", "vendor/", "kind", "class ''");
    assert_spec_fault("0.5.0", "v/gpu", "kind", "two characters");
    assert_spec_fault("0.5.0", "vendor/g", "kind", "two characters");
    assert_spec_fault("0.5.0", "1vendor/gpu", "kind", "begin with a letter");
    assert_spec_fault("0.5.0", "vendor-/gpu", "kind", "end with a letter or digit");
    assert_spec_fault("0.5.0", "ven dor/gpu", "kind", "begin with a letter");
    assert_spec_fault("0.5.0", "vendor/g/pu", "kind", "class 'g/pu'");
    assert_fault("{\"cdiVersion\":\"0.5.0\",\"kind\":\"vendor/gpu\",\"devices\":[]}", "devices",
                 "no device");
    assert_fault("{\"cdiVersion\":\"0.5.0\",\"kind\":\"vendor/gpu\"}", "devices", "no device");
    assert_fault("{\"cdiVersion\":\"0.6.0\",\"kind\":\"vendor/gpu\",\"annotations\":{\"\":\"x\"},"
                 "\"devices\":[" GOOD "]}",
                 "annotations", "must not be empty");
}

static void test_device_rules(void **state)
{
    (void)state;
    assert_device_fault("{\"containerEdits\": {\"env\": [\"A=\"]}}", "devices[0].name", "missing");
    assert_device_fault("{\"name\":\"-a\",\"containerEdits\":{\"env\":[\"A=\"]}}",
                        "devices[0].name", "begin and end");
    assert_device_fault("{\"name\":\"a:\",\"containerEdits\":{\"env\":[\"A=\"]}}",
                        "devices[0].name", "begin and end");
    assert_device_fault("{\"name\":\"a=b\",\"containerEdits\":{\"env\":[\"A=\"]}}",
                        "devices[0].name", "begin and end");
    assert_device_fault(GOOD ", " GOOD, "devices[1].name", "'a' is here a second time");
    assert_device_fault("{\"name\": \"a\"}", "devices[0].containerEdits", "changes nothing");
    assert_device_fault("{\"name\":\"a\",\"containerEdits\":{\"env\":[]}}",
                        "devices[0].containerEdits", "changes nothing");
    _cleanup_free_ char *good =
        make_text("{\"name\":\"0:1\",\"containerEdits\":{\"env\":[\"A=\"]}}", "");
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = read_spec(good, NVB_CDI_JSON);
    assert_int_equal(nvb_cdi_validate(&spec, NULL), 0);
}

static void test_edits_rules(void **state)
{
    (void)state;
    assert_edits_fault("\"env\": [\"A=\", \"B\"]", "env[1]", "'B' must be NAME=value");
    assert_edits_fault("\"env\": [\"=x\"]", "env[0]", "NAME=value");
    assert_edits_fault("\"deviceNodes\": [{}]", "deviceNodes[0].path", "missing");
    assert_edits_fault("\"deviceNodes\": [{\"path\": \"dev/x\"}]", "deviceNodes[0].path",
                       "absolute");
    assert_edits_fault("\"deviceNodes\": [{\"path\": \"/x\", \"hostPath\": \"y\"}]",
                       "deviceNodes[0].hostPath", "absolute");
    assert_edits_fault("\"deviceNodes\": [{\"path\": \"/x\", \"type\": \"d\"}]",
                       "deviceNodes[0].type", "b, c, u or p");
    assert_edits_fault("\"deviceNodes\": [{\"path\": \"/x\", \"permissions\": \"rx\"}]",
                       "deviceNodes[0].permissions", "r, w and m");
    assert_edits_fault("\"mounts\": [{\"hostPath\": \"/a\"}]", "mounts[0].containerPath",
                       "missing");
    assert_edits_fault("\"mounts\": [{\"containerPath\": \"/a\"}]", "mounts[0].hostPath",
                       "missing");
    assert_edits_fault("\"mounts\": [{\"hostPath\": \"a\", \"containerPath\": \"/a\"}]",
                       "mounts[0].hostPath", "absolute");
    assert_edits_fault("\"mounts\": [{\"hostPath\": \"/a\", \"containerPath\": \"a\"}]",
                       "mounts[0].containerPath", "absolute");
    assert_edits_fault("\"hooks\": [{\"path\": \"/a\"}]", "hooks[0].hookName", "missing");
    assert_edits_fault("\"hooks\": [{\"hookName\": \"start\", \"path\": \"/a\"}]",
                       "hooks[0].hookName", "not a hook's name");
    assert_edits_fault("\"hooks\": [{\"hookName\": \"poststop\"}]", "hooks[0].path", "missing");
    assert_edits_fault("\"hooks\": [{\"hookName\": \"prestart\", \"path\": \"x\"}]",
                       "hooks[0].path", "absolute");
    assert_edits_fault("\"hooks\": [{\"hookName\":\"prestart\",\"path\":\"/x\",\"env\":[\"A\"]}]",
                       "hooks[0].env[0]", "NAME=value");
    assert_edits_fault("\"intelRdt\": {\"closID\": \"..\"}", "intelRdt.closID", "a file's name");
    assert_edits_fault("\"deviceNodes\": [{\"path\": \"/x\", \"permissions\": \"none\"}]",
                       "deviceNodes[0].permissions", "r, w and m");
    assert_edits_fault("\"intelRdt\": {\"closID\": \"/\"}", "intelRdt.closID", "a file's name");
    assert_edits_fault("\"intelRdt\": {\"closID\": \"a/b\"}", "intelRdt.closID", "a file's name");
    _cleanup_free_ char *good = make_text(
        GOOD,
        "\"mounts\": [{\"hostPath\": \"tmpfs\", \"containerPath\": \"/t\", \"type\": \"tmpfs\"}], "
        "\"deviceNodes\": [{\"path\": \"/x\", \"permissions\": \"mr\", \"type\": \"p\"}], "
        "\"intelRdt\": {\"closID\": \"x\", \"enableCMT\": true}");
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = read_spec(good, NVB_CDI_JSON);
    assert_int_equal(nvb_cdi_validate(&spec, NULL), 0);
}

static void test_latest_rules(void **state)
{
    (void)state;
    const char *start = "{\"cdiVersion\":\"1.1.0\",\"kind\":\"vendor.com/gpu\",\"devices\":[" GOOD
                        "],\"containerEdits\":{";
    static const struct {
        const char *edits;
        const char *where;
        const char *part;
    } cases[] = {
        {"\"netDevices\":[{\"name\":\"a\"}]", "netDevices[0].hostInterfaceName", "missing"},
        {"\"netDevices\":[{\"hostInterfaceName\":\"a\"}]", "netDevices[0].name", "missing"},
        {"\"netDevices\":[{\"hostInterfaceName\":\"a\",\"name\":\"b\"},"
         "{\"hostInterfaceName\":\"a\",\"name\":\"c\"}]",
         "netDevices[1].hostInterfaceName", "second time"},
        {"\"netDevices\":[{\"hostInterfaceName\":\"a\",\"name\":\"b\"},"
         "{\"hostInterfaceName\":\"c\",\"name\":\"b\"}]",
         "netDevices[1].name", "second time"},
        {"\"intelRdt\":{\"enableCMT\":true}", "intelRdt.enableCMT", "no longer"},
        {"\"intelRdt\":{\"enableMBM\":false}", "intelRdt.enableMBM", "no longer"},
    };
    for (size_t i = 0; i < NVB_COUNT(cases); i++) {
        _cleanup_free_ char *text = nvb_strdupf("%s%s}}", start, cases[i].edits);
        _cleanup_free_ char *where = nvb_strdupf("containerEdits.%s", cases[i].where);
        assert_fault(text, where, cases[i].part);
    }
    _cleanup_free_ char *good =
        nvb_strdupf("%s\"deviceNodes\":[{\"path\":\"/x\",\"permissions\":\"none\"}],"
                    "\"intelRdt\":{\"closID\":\"/\"}}}",
                    start);
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = read_spec(good, NVB_CDI_JSON);
    assert_int_equal(nvb_cdi_validate(&spec, NULL), 0);
}

static void assert_needs(const char *spec_part, const char *device_part, const char *edits,
                         const char *version)
{
    _cleanup_free_ char *text = nvb_strdupf(
        "{\"cdiVersion\":\"0.3.0\",%s\"devices\":[{%s\"containerEdits\":{\"env\":[\"A=\"]}}],"
        "\"containerEdits\":{%s}}",
        spec_part, device_part, edits);
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = read_spec(text, NVB_CDI_JSON);
    assert_string_equal(nvb_cdi_needed_version(&spec, NULL), version);
    int r = nvb_cdi_validate(&spec, NULL);
    assert_int_equal(r, strcmp(version, "0.3.0") == 0 ? 0 : -1);
    free(spec.version);
    spec.version = nvb_strdup(version);
    assert_int_equal(nvb_cdi_validate(&spec, NULL), 0);
}

#define KIND "\"kind\":\"vendor.com/gpu\","
#define NAME "\"name\":\"a\","

static void test_versions(void **state)
{
    (void)state;
    assert_needs(KIND, NAME, "", "0.3.0");
    assert_needs(KIND, NAME, "\"mounts\":[{\"hostPath\":\"/a\",\"containerPath\":\"/a\"}]",
                 "0.3.0");
    assert_needs(KIND, NAME,
                 "\"mounts\":[{\"hostPath\":\"/a\",\"containerPath\":\"/a\",\"type\":\"bind\"}]",
                 "0.4.0");
    assert_needs(KIND, "\"name\":\"0\",", "", "0.5.0");
    assert_needs(KIND, NAME, "\"deviceNodes\":[{\"path\":\"/a\",\"hostPath\":\"/b\"}]", "0.5.0");
    assert_needs("\"kind\":\"vendor.com/g.pu\",", NAME, "", "0.6.0");
    assert_needs(KIND "\"annotations\":{\"a\":\"b\"},", NAME, "", "0.6.0");
    assert_needs(KIND, NAME "\"annotations\":{\"a\":\"b\"},", "", "0.6.0");
    assert_needs(KIND, NAME, "\"additionalGids\":[1]", "0.7.0");
    assert_needs(KIND, NAME, "\"intelRdt\":{\"enableMonitoring\":false}", "0.7.0");
    assert_needs(KIND, NAME, "\"intelRdt\":{\"enableMonitoring\":true}", "1.1.0");
    assert_needs(KIND, NAME, "\"intelRdt\":{\"schemata\":[\"L3:0=1\"]}", "1.1.0");
    assert_needs(KIND, NAME, "\"netDevices\":[{\"hostInterfaceName\":\"a\",\"name\":\"b\"}]",
                 "1.1.0");

    assert_string_equal(nvb_cdi_known_version("0.5"), "0.5.0");
    assert_string_equal(nvb_cdi_known_version("1.0.0"), "1.0.0");
    assert_null(nvb_cdi_known_version("0.5."));
    assert_null(nvb_cdi_known_version("0."));
    assert_null(nvb_cdi_known_version("v0.5.0"));
    assert_null(nvb_cdi_known_version("2.0.0"));
    assert_null(nvb_cdi_known_version(""));
    assert_true(nvb_cdi_compare_versions("0.10.0", "0.9.0") > 0);
    assert_true(nvb_cdi_compare_versions("0.5.0", "1.0.0") < 0);
    assert_int_equal(nvb_cdi_compare_versions("0.5", "0.5.0"), 0);
    assert_true(nvb_cdi_compare_versions("0.5", "0.5.1") < 0);
}

static void test_check(void **state)
{
    (void)state;
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_cdi_faults_ struct nvb_cdi_faults faults = {0};
    const char *text = "cdiVersion: 0.3.0\n"
                       "kind: vendor.com/gpu\n"
                       "devices:\n"
                       "  - name: \"0\"\n"
                       "    containerEdits:\n"
                       "      env: [A=b, C]\n"
                       "  - name: x_\n"
                       "    containerEdits: {mounts: [{hostPath: a, containerPath: /b}]}\n"
                       "  - name: \"y\"\n";
    static const struct {
        unsigned line, column;
        const char *part;
    } want[] = {
        {1, 13, "0.5.0 is needed"}, {6, 18, "NAME=value"},     {7, 11, "begin and end"},
        {8, 42, "absolute"},        {9, 5, "changes nothing"},
    };
    assert_int_equal(nvb_cdi_check(text, strlen(text), NVB_CDI_YAML, "f", &faults, &err), 0);
    assert_int_equal(faults.count, NVB_COUNT(want));
    for (size_t i = 0; i < NVB_COUNT(want); i++) {
        const struct nvb_cdi_fault *fault = &faults.items[i];
        if (fault->line != want[i].line || fault->column != want[i].column ||
            !strstr(fault->what, want[i].part))
            fail_msg("%u:%u: %s", fault->line, fault->column, fault->what);
    }
    /* Faults of form come all at once, too, and then alone. */
    nvb_cdi_faults_done(&faults);
    text = "{\"kind\": 1, \"x\": 2,\n \"devices\": 3}";
    assert_int_equal(nvb_cdi_check(text, strlen(text), NVB_CDI_JSON, "f", &faults, &err), 0);
    assert_int_equal(faults.count, 3);
    assert_int_equal(faults.items[2].line, 2);
    assert_int_equal(nvb_cdi_check("{", 1, NVB_CDI_JSON, "f", &faults, &err), -1);
}

static void test_many_faults(void **state)
{
    (void)state;
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_cdi_faults_ struct nvb_cdi_faults faults = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    nvb_str_add(&text, "{\"cdiVersion\":\"0.5.0\",\"kind\":\"vendor.com/gpu\",\"devices\":[" GOOD);
    for (int i = 0; i < 150000; i++)
        nvb_str_addf(&text, ",{\"name\":\"%d\"}", i % 140000);
    nvb_str_add(&text, "]}");
    assert_int_equal(nvb_cdi_check(text.data, text.len, NVB_CDI_JSON, "f", &faults, &err), 0);
    assert_int_equal(faults.count, NVB_CDI_MAX_FAULTS);
}

static void test_merge(void **state)
{
    (void)state;
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = read_spec(full, NVB_CDI_JSON);
    const struct nvb_cdi_edits *from = &spec.devices.items[0].edits;
    /* Into nothing gives the same; a second time changes nothing. */
    _cleanup_cdi_spec_ struct nvb_cdi_spec copy = read_spec(full, NVB_CDI_JSON);
    nvb_cdi_edits_done(&copy.devices.items[0].edits);
    copy.devices.items[0].edits = (struct nvb_cdi_edits){0};
    for (int i = 0; i < 2; i++) {
        _cleanup_str_ struct nvb_str a = NVB_STR_INIT;
        _cleanup_str_ struct nvb_str b = NVB_STR_INIT;
        nvb_cdi_edits_merge(&copy.devices.items[0].edits, from);
        assert_int_equal(nvb_cdi_write(&spec, NVB_CDI_YAML, &a, &err), 0);
        assert_int_equal(nvb_cdi_write(&copy, NVB_CDI_YAML, &b, &err), 0);
        assert_string_equal(a.data, b.data);
    }
    /* The first stays. */
    _cleanup_(nvb_cdi_edits_done) struct nvb_cdi_edits edits = {0};
    nvb_strv_add(&edits.env, "A=mine");
    nvb_cdi_edits_add_node(&edits, "/dev/x");
    nvb_cdi_edits_add_mount(&edits, "/mine", "/c", NULL);
    nvb_cdi_edits_merge(&edits, from);
    assert_int_equal(edits.env.count, 2);
    assert_string_equal(edits.env.items[0], "A=mine");
    assert_int_equal(edits.nodes.count, 1);
    assert_null(edits.nodes.items[0].host_path);
    assert_int_equal(edits.mounts.count, 1);
    assert_string_equal(edits.mounts.items[0].host_path, "/mine");
    assert_false(nvb_cdi_edits_is_empty(&edits));
}

static void test_not_utf8(void **state)
{
    (void)state;
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = read_spec(full, NVB_CDI_JSON);
    nvb_cdi_edits_add_mount(&spec.edits, "/usr/lib/caf\xe9", "/x", NULL);
    for (int format = NVB_CDI_JSON; format <= NVB_CDI_YAML; format++) {
        assert_int_equal(nvb_cdi_write(&spec, (enum nvb_cdi_format)format, &out, &err), -1);
        assert_int_equal(out.len, 0);
        assert_non_null(strstr(err->message, "not UTF-8"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_yaml_of_others),
        cmocka_unit_test(test_unreadable),   cmocka_unit_test(test_spec_rules),
        cmocka_unit_test(test_device_rules), cmocka_unit_test(test_edits_rules),
        cmocka_unit_test(test_latest_rules), cmocka_unit_test(test_versions),
        cmocka_unit_test(test_check),        cmocka_unit_test(test_many_faults),
        cmocka_unit_test(test_merge),        cmocka_unit_test(test_not_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
