#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json_scan.h"
#include "base/path.h"
#include "hook/elf_note.h"
#include "hook/params.h"
#include "hook/root.h"
#include "hook/state.h"

/* ---- JSON --------------------------------------------------------------------------------------
 */

/* The text's tokens, a letter each; "!" for an error, which ends it. */
static char *tokens(const char *text)
{
    static const char letters[] = "!.{}[]ksntf0";
    struct nvb_str s = NVB_STR_INIT;
    struct nvb_json_scan scan;
    enum nvb_json_token token;
    nvb_json_scan_init(&scan, text, strlen(text));
    do {
        token = nvb_json_scan_next(&scan);
        nvb_str_addc(&s, letters[token]);
    } while (token != NVB_JSON_END && token != NVB_JSON_ERROR);
    return nvb_str_steal(&s);
}

static void test_json_tokens(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"{}", "{}."},
        {" [ ] ", "[]."},
        {"{\"a\":1,\"b\":[true,false,null,\"x\"]}", "{knk[tf0s]}."},
        {"-0.5e+10", "n."},
        {"", "!"},
        {"[1,]", "[n!"},
        {"{\"a\":1,}", "{kn!"},
        {"{\"a\" 1}", "{!"},
        {"{\"a\":}", "{k!"},
        {"{a:1}", "{!"},
        {"[1 2]", "[n!"},
        {"[}", "[!"},
        {"{]", "{!"},
        {"01", "n!"},
        {"1.", "!"},
        {"+1", "!"},
        {"nul", "!"},
        {"\"\t\"", "!"},
        {"\"\\x\"", "!"},
        {"\"\\u12g4\"", "!"},
        {"\"\\ud800\"", "!"},
        {"\"\\ud800\\u0041\"", "!"},
        {"\"\\udc00\"", "!"},
        {"\"\\ud83d\\ude00\"", "s."},
        {"\"\xc0\x80\"", "!"},
        {"\"\xed\xa0\x80\"", "!"},
        {"\"\xf4\x90\x80\x80\"", "!"},
        {"\"\xe2\x82\"", "!"},
        {"\"\xe2\x82\xac\"", "s."},
        {"\"unfinished", "!"},
        {"[[", "[[!"},
        {"1 1", "n!"},
    };
    for (size_t i = 0; i < NVB_COUNT(rows); i++) {
        _cleanup_free_ char *got = tokens(rows[i][0]);
        assert_string_equal(got, rows[i][1]);
    }
}

static void test_json_depth(void **state)
{
    (void)state;
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    for (int i = 0; i < NVB_JSON_MAX_DEPTH; i++)
        nvb_str_addc(&s, '[');
    for (int i = 0; i < NVB_JSON_MAX_DEPTH; i++)
        nvb_str_addc(&s, ']');
    _cleanup_free_ char *fits = tokens(s.data);
    assert_int_equal(fits[strlen(fits) - 1], '.');
    _cleanup_free_ char *deeper = nvb_strdupf("[%s]", s.data);
    _cleanup_free_ char *got = tokens(deeper);
    assert_int_equal(got[strlen(got) - 1], '!');
}

static void test_json_strings(void **state)
{
    (void)state;
    static const char text[] = "\"a\\n\\u20ac\\ud83d\\ude00\\\\\\/\"";
    struct nvb_json_scan s;
    nvb_json_scan_init(&s, text, strlen(text));
    assert_int_equal(nvb_json_scan_next(&s), NVB_JSON_STRING);
    assert_true(s.escaped);
    char buffer[sizeof(text)];
    size_t n = nvb_json_unescape(s.start, s.len, buffer);
    buffer[n] = '\0';
    assert_string_equal(buffer, "a\n\xe2\x82\xac\xf0\x9f\x98\x80\\/");
    assert_true(nvb_json_scan_is(&s, buffer));
    assert_false(nvb_json_scan_is(&s, "a\n"));
    assert_false(nvb_json_scan_is(&s, "b"));
}

/* ---- the state ---------------------------------------------------------------------------------
 */

static void test_state(void **state)
{
    (void)state;
    static const char crun[] = "{\"ociVersion\":\"1.0\",\"annotations\":{\"root\":\"/evil\"},"
                               "\"bundle\":\"/b\",\"r\\u006fot\":\"/r/merged\"}";
    _cleanup_free_ char *root = NULL;
    _cleanup_free_ char *bundle = NULL;
    assert_int_equal(hook_state_parse(crun, strlen(crun), &root, &bundle, NULL), 0);
    assert_string_equal(root, "/r/merged");
    assert_string_equal(bundle, "/b");

    static const char *const bad[] = {
        "", "[]", "{\"root\":1}", "{\"root\":\"/a\\u0000b\"}", "{\"root\":\"/r\"} x", "{\"a\":{}",
    };
    for (size_t i = 0; i < NVB_COUNT(bad); i++) {
        _cleanup_error_ struct nvb_error *err = NULL;
        char *none = NULL;
        assert_int_equal(hook_state_parse(bad[i], strlen(bad[i]), &none, &none, &err), -1);
        assert_non_null(err);
        assert_null(none);
    }
}

static void test_config(void **state)
{
    (void)state;
    static const char config[] = "{\"ociVersion\":\"1.0.2\",\"process\":{\"root\":{\"path\":"
                                 "\"/evil\"}},\"root\":{\"readonly\":true,\"path\":\"rootfs\"}}";
    _cleanup_free_ char *root = NULL;
    assert_int_equal(hook_config_parse(config, strlen(config), &root, NULL), 0);
    assert_string_equal(root, "rootfs");
    static const char *const bad[] = {"{}", "{\"root\":\"/r\"}", "{\"root\":{}}",
                                      "{\"root\":{\"path\":[]}}"};
    for (size_t i = 0; i < NVB_COUNT(bad); i++) {
        char *none = NULL;
        assert_int_equal(hook_config_parse(bad[i], strlen(bad[i]), &none, NULL), -1);
        assert_null(none);
    }
}

static void test_note_list(void **state)
{
    (void)state;
    static const char note[] = "{\"format\":1,\"CUDA version\":\"13.1\",\"driver\":[535,550],"
                               "\"device\":[570]}";
    assert_int_equal(hook_list_has(note, strlen(note), "driver", 550), 1);
    assert_int_equal(hook_list_has(note, strlen(note), "Driver", 535), 1);
    assert_int_equal(hook_list_has(note, strlen(note), "driver", 570), 0);
    assert_int_equal(hook_list_has(note, strlen(note) - 1, "driver", 550), -1);
    assert_int_equal(hook_list_has("{\"driver\":550}", 14, "driver", 550), -1);
}

/* ---- files -------------------------------------------------------------------------------------
 */

static char *scratch;
static int scratch_fd = -1;

static int set_up(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    scratch = nvb_strdupf("%s/nvbind-test-hook.XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(scratch))
        return -1;
    scratch_fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return scratch_fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    _cleanup_free_ char *command = nvb_strdupf("rm -rf '%s'", scratch);
    free(scratch);
    (void)close(scratch_fd);
    return system(command);
}

static void put(const char *name, const char *text, size_t len)
{
    _cleanup_close_ int fd = openat(scratch_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0640);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
}

static void test_links(void **state)
{
    (void)state;
    char text[16] = "";
    assert_int_equal(hook_make_link(scratch_fd, "l", "one"), 0);
    assert_int_equal(hook_make_link(scratch_fd, "l", "one"), 1);
    assert_int_equal(hook_make_link(scratch_fd, "l", "two"), 0);
    assert_int_equal(readlinkat(scratch_fd, "l", text, sizeof(text)), 3);
    assert_memory_equal(text, "two", 3);
    put("file", "x", 1);
    assert_int_equal(hook_make_link(scratch_fd, "file", "one"), -EEXIST);
    assert_int_equal(mkdirat(scratch_fd, "folder", 0755), 0);
    assert_int_equal(hook_make_link(scratch_fd, "folder", "one"), -EEXIST);
    assert_int_equal(mkfifoat(scratch_fd, "fifo", 0644), 0);
    assert_int_equal(hook_make_link(scratch_fd, "fifo", "one"), -EEXIST);
    /* A leftover of a killed hook is in nobody's way. */
    put(HOOK_TEMPORARY, "left", 4);
    assert_int_equal(hook_make_link(scratch_fd, "l", "three"), 0);
    assert_int_equal(faccessat(scratch_fd, HOOK_TEMPORARY, F_OK, AT_SYMLINK_NOFOLLOW), -1);
}

static void test_regular(void **state)
{
    (void)state;
    struct hook_root root = HOOK_ROOT_INIT;
    struct stat st;
    int fd = -1;
    put("plain", "x", 1);
    assert_int_equal(symlinkat("plain", scratch_fd, "link"), 0);
    for (int fallback = 0; fallback < 2; fallback++) {
        root.resolve = fallback ? NVB_RESOLVE_FALLBACK : 0;
        assert_int_equal(hook_open_regular(&root, scratch_fd, "plain", &fd, &st), 0);
        (void)close(fd);
        assert_int_equal(hook_open_regular(&root, scratch_fd, "link", &fd, &st), -EINVAL);
        assert_int_equal(hook_open_regular(&root, scratch_fd, "fifo", &fd, &st), -EINVAL);
        assert_int_equal(hook_open_regular(&root, scratch_fd, "folder", &fd, &st), -EINVAL);
        assert_int_equal(hook_open_regular(&root, scratch_fd, "missing", &fd, &st), -ENOENT);
    }
}

static void test_write(void **state)
{
    (void)state;
    struct stat st, like = {.st_mode = 0604, .st_uid = getuid(), .st_gid = getgid()};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    nvb_str_add(&text, "new");
    /* A link at the place of the temporary file is not written through. */
    put("victim", "safe", 4);
    assert_int_equal(symlinkat("victim", scratch_fd, HOOK_TEMPORARY), 0);
    assert_int_equal(hook_write_file(scratch_fd, "plain", &text, &like), 0);
    assert_int_equal(fstatat(scratch_fd, "plain", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0604);
    assert_int_equal(st.st_size, 3);
    assert_int_equal(fstatat(scratch_fd, "victim", &st, 0), 0);
    assert_int_equal(st.st_size, 4);
    assert_true(hook_write_file(scratch_fd, "folder", &text, &like) < 0);
    assert_int_equal(faccessat(scratch_fd, HOOK_TEMPORARY, F_OK, AT_SYMLINK_NOFOLLOW), -1);
}

static void test_read_bound(void **state)
{
    (void)state;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    put("large", "0123456789", 10);
    _cleanup_close_ int fd = openat(scratch_fd, "large", O_RDONLY);
    assert_int_equal(hook_read_all(fd, 9, &text), -EFBIG);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    nvb_str_truncate(&text, 0);
    assert_int_equal(hook_read_all(fd, 10, &text), 0);
    assert_string_equal(text.data, "0123456789");
}

static void assert_params(const char *old, const char *want)
{
    _cleanup_str_ struct nvb_str in = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    nvb_str_add(&in, old);
    assert_int_equal(hook_change_params(&in, &out), want ? 0 : 1);
    assert_string_equal(out.data, want ? want : "");
}

static void test_params(void **state)
{
    (void)state;
    assert_params("ResmanDebugLevel: 1\nModifyDeviceFiles: 1\nDeviceFileUID: 0\n",
                  "ResmanDebugLevel: 1\nModifyDeviceFiles: 0\nDeviceFileUID: 0\n");
    assert_params("ModifyDeviceFiles: 1", "ModifyDeviceFiles: 0");
    assert_params("ModifyDeviceFiles: 0\n", NULL);
    assert_params("XModifyDeviceFiles: 1\n", NULL);
    assert_params("", NULL);
}

static bool write_proc(const char *path, const char *text)
{
    _cleanup_close_ int fd = open(path, O_WRONLY);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Where that needs a user namespace, the caller is its root. */
static bool enter_namespaces(void)
{
    _cleanup_free_ char *users = nvb_strdupf("0 %u 1", geteuid());
    _cleanup_free_ char *groups = nvb_strdupf("0 %u 1", getegid());
    if (unshare(CLONE_NEWNS) < 0 &&
        (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 || !write_proc("/proc/self/setgroups", "deny") ||
         !write_proc("/proc/self/uid_map", users) || !write_proc("/proc/self/gid_map", groups)))
        return false;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* As the hook is: in a namespace of its own, with a mount that the one before shares. */
static int lay_over_in_namespace(void)
{
    struct stat st;
    struct statvfs v;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str got = NVB_STR_INIT;
    if (!enter_namespaces() || mount(scratch, scratch, NULL, MS_BIND, NULL) < 0 ||
        mount(NULL, scratch, NULL, MS_SHARED, NULL) < 0)
        return 77;
    _cleanup_close_ int before = open(scratch, O_PATH | O_DIRECTORY);
    _cleanup_close_ int kept = open("/proc/self/ns/mnt", O_RDONLY); /* keeps that namespace alive */
    if (kept < 0 || unshare(CLONE_NEWNS) < 0)
        return 77;
    nvb_str_add(&text, "ModifyDeviceFiles: 0\n");
    /* scratch_fd is of the mounts outside. */
    _cleanup_close_ int inside = open(scratch, O_PATH | O_DIRECTORY);
    _cleanup_close_ int target = openat(inside, "params", O_PATH | O_NOFOLLOW);
    int r = hook_lay_over(inside, target, &text);
    if (r == -ENOSYS || r == -EPERM)
        return 77;
    _cleanup_close_ int fd = openat(inside, "params", O_RDONLY);
    if (r < 0 || fd < 0 || hook_read_all(fd, 100, &got) < 0 || strcmp(got.data, text.data) != 0)
        return 1;
    if (fstatat(before, "params", &st, 0) < 0 || (st.st_mode & 0777) == 0444)
        return 4;
    if (fstat(fd, &st) < 0 || (st.st_mode & 0777) != 0444 || fstatvfs(fd, &v) < 0)
        return 2;
    return (v.f_flag & (ST_RDONLY | ST_NOEXEC | ST_NODEV | ST_NOSUID)) ==
                   (ST_RDONLY | ST_NOEXEC | ST_NODEV | ST_NOSUID)
               ? 0
               : 3;
}

static void test_lay_over(void **state)
{
    (void)state;
    int status = 0;
    put("params", "ModifyDeviceFiles: 1\n", 21);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(lay_over_in_namespace());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
    /* Outside of that namespace nothing changed. */
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_close_ int fd = openat(scratch_fd, "params", O_RDONLY);
    assert_int_equal(hook_read_all(fd, 100, &text), 0);
    assert_string_equal(text.data, "ModifyDeviceFiles: 1\n");
}

/* What is no ELF file, or lies about itself, is refused. */
static void test_elf(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "\177ELF", "#!/bin/sh\n"};
    for (size_t i = 0; i < NVB_COUNT(bad); i++) {
        _cleanup_str_ struct nvb_str note = NVB_STR_INIT;
        put("elf", bad[i], strlen(bad[i]));
        _cleanup_close_ int fd = openat(scratch_fd, "elf", O_RDONLY);
        assert_int_equal(hook_find_note(fd, ".note", "owner", &note), -EINVAL);
    }
    /* This program itself is a sound one, and its build has no such note. */
    _cleanup_close_ int self = open("/proc/self/exe", O_RDONLY);
    _cleanup_str_ struct nvb_str note = NVB_STR_INIT;
    assert_int_equal(hook_find_note(self, ".note.cuda.fwd_compatibility", "NVIDIA", &note), 1);
    assert_int_equal(hook_find_note(self, ".note.gnu.build-id", "GNU", &note), 0);
    assert_int_equal(note.len, 20);
    nvb_str_truncate(&note, 0);
    assert_int_equal(hook_find_note(self, ".note.gnu.build-id", "GNV", &note), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_tokens),  cmocka_unit_test(test_json_depth),
        cmocka_unit_test(test_json_strings), cmocka_unit_test(test_state),
        cmocka_unit_test(test_config),       cmocka_unit_test(test_note_list),
        cmocka_unit_test(test_links),        cmocka_unit_test(test_regular),
        cmocka_unit_test(test_write),        cmocka_unit_test(test_read_bound),
        cmocka_unit_test(test_params),       cmocka_unit_test(test_elf),
        cmocka_unit_test(test_lay_over),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
