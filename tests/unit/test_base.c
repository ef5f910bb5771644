#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/index.h"
#include "base/path.h"
#include "base/process.h"
#include "base/str.h"
#include "base/trust.h"

static char *scratch; /* a folder of this run */

static void assert_shell(const char *word, const char *want)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    nvb_str_add_shell(&s, word);
    assert_string_equal(s.data, want);
}

static void test_index(void **state)
{
    static const char *const names[] = {"b", NULL, "ab", "", "a", "b", "a"};
    _cleanup_index_ struct nvb_index index = {0};
    (void)state;
    assert_int_equal(nvb_index_find(&index, "a", 1), -1);
    for (size_t i = 0; i < NVB_COUNT(names); i++)
        nvb_index_add(&index, names[i], names[i] ? strlen(names[i]) : 0);
    nvb_index_sort(&index);
    assert_int_equal(nvb_index_find(&index, "b", 1), 0);
    assert_int_equal(nvb_index_find(&index, "ab", 2), 2);
    assert_int_equal(nvb_index_find(&index, "", 0), 3);
    assert_int_equal(nvb_index_find(&index, "abc", 1), 4);
    assert_int_equal(nvb_index_find(&index, "abc", 3), -1);
    assert_int_equal(nvb_index_find(&index, "c", 1), -1);
}

static void test_shell_quoting(void **state)
{
    (void)state;
    assert_shell("plain-word_1.2:/x@y%z+a=b,c", "plain-word_1.2:/x@y%z+a=b,c");
    assert_shell("", "''");
    assert_shell("two words", "'two words'");
    assert_shell("it's", "'it'\\''s'");
    assert_shell("$HOME `id`", "'$HOME `id`'");
    assert_shell("a\nb", "$'a\\nb'");
    assert_shell("it's\t\001", "$'it\\'s\\t\\001'");
    assert_shell("~", "'~'");
}

static void test_str_grows(void **state)
{
    (void)state;
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    assert_string_equal(s.data, "");
    for (int i = 0; i < 1000; i++)
        nvb_str_addf(&s, "%d,", i);
    assert_int_equal(s.len, strlen(s.data));
    nvb_str_truncate(&s, 4);
    assert_string_equal(s.data, "0,1,");
    _cleanup_free_ char *taken = nvb_str_steal(&s);
    assert_string_equal(taken, "0,1,");
    assert_int_equal(s.len, 0);
}

static void test_numbers(void **state)
{
    (void)state;
    uint64_t n = 7;
    assert_int_equal(nvb_parse_u64("18446744073709551615", 20, 10, &n), 0);
    assert_true(n == UINT64_MAX);
    assert_int_equal(nvb_parse_u64("18446744073709551616", 20, 10, &n), -1);
    assert_int_equal(nvb_parse_u64("", 0, 10, &n), -1);
    assert_int_equal(nvb_parse_u64("-1", 2, 10, &n), -1);
    assert_int_equal(nvb_parse_u64(" 1", 2, 10, &n), -1);
    assert_int_equal(nvb_parse_u64("fF", 2, 16, &n), 0);
    assert_int_equal(n, 255);
    bool truth = false;
    assert_int_equal(nvb_parse_bool("True", &truth), 0);
    assert_true(truth);
    assert_int_equal(nvb_parse_bool("F", &truth), 0);
    assert_false(truth);
    assert_int_equal(nvb_parse_bool("fALSE", &truth), -1);
    assert_int_equal(nvb_parse_bool("no", &truth), -1);
    assert_true(nvb_is_false("0") && !nvb_is_false("") && !nvb_is_false(NULL));
}

static void test_errors(void **state)
{
    (void)state;
    _cleanup_error_ struct nvb_error *err = NULL;
    assert_int_equal(nvb_error_make(&err, NVB_ERROR_CONFIG, ENOENT, "no %s", "file"), -1);
    nvb_error_hint(&err, "touch %s", "file");
    nvb_error_at(&err, "f.toml", 3, 7);
    nvb_error_prefix(&err, "while reading");
    assert_string_equal(err->message, "while reading: no file: No such file or directory");
    assert_string_equal(err->hint, "touch file");
    assert_int_equal(err->column, 7);
    assert_int_equal(nvb_error_make(NULL, NVB_ERROR_CONFIG, 0, "nobody listens"), -1);
}

/*
 * The scratch root:
 *   root/a/file          "inside"
 *   root/abs -> /a/file           an absolute link starts at the root
 *   root/up -> ../../../a/file    ".." stops at the root
 *   root/out -> /secret           exists only outside
 *   root/loop -> loop
 *   root/dir -> a
 *   secret               "outside"
 */
static void make_tree(void)
{
    static const char *const links[][2] = {{"/a/file", "root/abs"}, {"../../../a/file", "root/up"},
                                           {"/secret", "root/out"}, {"loop", "root/loop"},
                                           {"a", "root/dir"},       {"nowhere", "root/dangling"}};
    assert_int_equal(mkdir("root", 0755), 0);
    assert_int_equal(mkdir("root/a", 0755), 0);
    assert_int_equal(nvb_file_write("root/a/file", "inside", 6, 0644, NULL), 0);
    assert_int_equal(nvb_file_write("secret", "outside", 7, 0644, NULL), 0);
    assert_int_equal(mkfifo("root/fifo", 0644), 0);
    for (size_t i = 0; i < NVB_COUNT(links); i++)
        assert_int_equal(symlink(links[i][0], links[i][1]), 0);
}

static int setup(void **state)
{
    (void)state;
    char name[] = "/tmp/nvbind-test-base-XXXXXX";
    if (!mkdtemp(name) || chdir(name) < 0)
        return -1;
    scratch = nvb_strdup(name);
    make_tree();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    _cleanup_free_ char *command = nvb_strdupf("rm -rf %s", scratch);
    free(scratch);
    return system(command) == 0 ? 0 : -1;
}

static int read_in(const struct nvb_root *root, const char *path, unsigned resolve, char *text)
{
    _cleanup_close_ int fd = nvb_path_open_in(root->fd, path, O_RDONLY | O_NONBLOCK, 0, resolve);
    if (fd < 0)
        return fd;
    ssize_t n = read(fd, text, 31);
    text[n < 0 ? 0 : n] = '\0';
    return 0;
}

static void check_walk(unsigned resolve)
{
    _cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
    assert_int_equal(nvb_root_open("root", &root, NULL), 0);
    char text[32];
    static const char *const inside[] = {"a/file",       "/a/file",     "abs",
                                         "up",           "dir/file",    "a/../abs",
                                         "../../a/file", "./a//./file", "dir/../up"};
    for (size_t i = 0; i < NVB_COUNT(inside); i++) {
        assert_int_equal(read_in(&root, inside[i], resolve, text), 0);
        assert_string_equal(text, "inside");
    }
    assert_int_equal(read_in(&root, "out", resolve, text), -ENOENT);
    assert_int_equal(read_in(&root, "../secret", resolve, text), -ENOENT);
    assert_int_equal(read_in(&root, "loop", resolve, text), -ELOOP);
    assert_int_equal(read_in(&root, "a/file/", resolve, text), -ENOTDIR);
    assert_int_equal(read_in(&root, "a/file/x", resolve, text), -ENOTDIR);
    assert_int_equal(read_in(&root, "", resolve, text), -ENOENT);
    assert_int_equal(read_in(&root, "abs", resolve | NVB_RESOLVE_NO_SYMLINKS, text), -ELOOP);
    assert_int_equal(nvb_path_open_in(root.fd, "abs", O_RDONLY | O_NOFOLLOW, 0, resolve), -ELOOP);

    _cleanup_close_ int link = nvb_path_open_in(root.fd, "abs", O_PATH | O_NOFOLLOW, 0, resolve);
    assert_true(link >= 0);
    struct stat st;
    assert_int_equal(fstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    _cleanup_close_ int folder =
        nvb_path_open_in(root.fd, "/..", O_RDONLY | O_DIRECTORY, 0, resolve);
    assert_true(folder >= 0);
}

static void test_walk_by_kernel(void **state)
{
    (void)state;
    check_walk(0);
}

static void test_walk_by_hand(void **state)
{
    (void)state;
    check_walk(NVB_RESOLVE_FALLBACK);
}

static void check_creates(unsigned resolve, const char *name)
{
    _cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
    assert_int_equal(nvb_root_open("root", &root, NULL), 0);
    int flags = O_WRONLY | O_CREAT | O_EXCL;
    _cleanup_free_ char *path = nvb_strdupf("/dir/%s", name);
    int fd = nvb_path_open_in(root.fd, path, flags, 0600, resolve);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(nvb_path_open_in(root.fd, path, flags, 0600, resolve), -EEXIST);
    assert_int_equal(nvb_path_open_in(root.fd, "dangling", flags, 0600, resolve), -EEXIST);
    assert_int_equal(nvb_path_open_in(root.fd, "no/such", flags, 0600, resolve), -ENOENT);
}

static void test_creates(void **state)
{
    (void)state;
    check_creates(0, "new1");
    check_creates(NVB_RESOLVE_FALLBACK, "new2");
}

static void check_other_mount(unsigned resolve)
{
    _cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
    assert_int_equal(nvb_root_open("/", &root, NULL), 0);
    int flags = O_RDONLY;
    int fd = nvb_path_open_in(root.fd, "/proc/version", flags, 0, resolve);
    assert_true(fd >= 0);
    (void)close(fd);
    resolve |= NVB_RESOLVE_NO_XDEV;
    assert_int_equal(nvb_path_open_in(root.fd, "/proc/version", flags, 0, resolve), -EXDEV);
    assert_int_equal(nvb_path_open_in(root.fd, "/proc/self/exe", flags, 0,
                                      resolve & ~(unsigned)NVB_RESOLVE_NO_XDEV),
                     -ELOOP);
}

static void test_other_mount(void **state)
{
    (void)state;
    check_other_mount(0);
    check_other_mount(NVB_RESOLVE_FALLBACK);
}

static void test_resolve(void **state)
{
    (void)state;
    _cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
    assert_int_equal(nvb_root_open("root", &root, NULL), 0);
    _cleanup_free_ char *real = NULL;
    assert_int_equal(nvb_root_resolve(&root, "/dir/../up", -1, &real), 0);
    assert_string_equal(real, "/a/file");
    _cleanup_free_ char *outside = nvb_root_outside(&root, real);
    _cleanup_free_ char *want = nvb_strdupf("%s/root/a/file", scratch);
    assert_string_equal(outside, want);
    _cleanup_free_ char *none = NULL;
    assert_int_equal(nvb_root_resolve(&root, "/out", -1, &none), -ENOENT);
    assert_null(none);
}

static void test_read(void **state)
{
    (void)state;
    _cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    assert_int_equal(nvb_root_open("root", &root, NULL), 0);
    assert_int_equal(nvb_root_read(&root, "abs", 100, &s, &err), 0);
    assert_string_equal(s.data, "inside");
    assert_int_equal(nvb_root_read(&root, "none", 100, &s, &err), 1);
    assert_null(err);
    assert_int_equal(nvb_root_read(&root, "abs", 5, &s, &err), -1);
    assert_non_null(strstr(err->message, "larger than 5 bytes"));
    assert_string_equal(s.data, "inside");
    assert_int_equal(nvb_root_read(&root, "fifo", 5, &s, &err), -1);
    assert_non_null(strstr(err->message, "not a regular file"));
    assert_int_equal(nvb_root_read(&root, "a", 5, &s, &err), -1);
}

static void test_write_leaves_old(void **state)
{
    (void)state;
    _cleanup_error_ struct nvb_error *err = NULL;
    assert_int_equal(nvb_file_write("root/w", "one", 3, 0640, &err), 0);
    assert_int_equal(nvb_file_write("root/w", "second", 6, 0640, &err), 0);
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    assert_int_equal(nvb_file_read_path("root/w", 100, &s, &err), 0);
    assert_string_equal(s.data, "second");
    assert_int_equal(nvb_file_write("root/none/w", "x", 1, 0640, &err), -1);
    assert_non_null(strstr(err->message, "root/none/w"));
    /* A folder cannot be replaced by a file; what was tried must not stay behind. */
    assert_int_equal(nvb_file_write("root/a", "x", 1, 0640, &err), -1);
    assert_int_equal(system("test -z \"$(find root -name '*.tmp')\""), 0);
}

static void test_find_program(void **state)
{
    (void)state;
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_free_ char *found = NULL;
    assert_int_equal(nvb_file_write("sh", "#!/bin/sh\n", 10, 0755, NULL), 0);
    assert_int_equal(nvb_process_find("sh", ":.:/usr/bin", &found, &err), 0);
    assert_string_equal(found, "/usr/bin/sh");
    assert_int_equal(nvb_process_find("sh", ":.", &found, &err), 1);
    assert_int_equal(nvb_process_find("./sh", "/usr/bin", &found, &err), -1);
}

static void test_capture(void **state)
{
    (void)state;
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str errs = NVB_STR_INIT;
    int status = -1;
    char *say[] = {(char *)"sh", (char *)"-c", (char *)"echo $A; echo no >&2; exit 3", NULL};
    char *env[] = {(char *)"A=yes", NULL};
    assert_int_equal(
        nvb_process_capture("/bin/sh", say, env, 5000, 100, &out, &errs, &status, &err), 0);
    assert_string_equal(out.data, "yes\n");
    assert_string_equal(errs.data, "no\n");
    assert_int_equal(WEXITSTATUS(status), 3);
    char *hang[] = {(char *)"sh", (char *)"-c", (char *)"exec sleep 60", NULL};
    assert_int_equal(nvb_process_capture("/bin/sh", hang, env, 50, 100, &out, NULL, &status, &err),
                     -1);
    char *silent[] = {(char *)"sh", (char *)"-c", (char *)"exec >&- 2>&-; exec sleep 60", NULL};
    assert_int_equal(
        nvb_process_capture("/bin/sh", silent, env, 50, 100, &out, NULL, &status, &err), -1);
    assert_ptr_not_equal(signal(SIGCHLD, SIG_IGN), SIG_ERR);
    assert_int_equal(
        nvb_process_capture("/bin/sh", say, env, 5000, 100, &out, &errs, &status, &err), 0);
    assert_int_equal(WEXITSTATUS(status), 3);
    assert_ptr_equal(signal(SIGCHLD, SIG_DFL), SIG_IGN);
    char *flood[] = {(char *)"sh", (char *)"-c", (char *)"exec cat /dev/zero", NULL};
    assert_int_equal(
        nvb_process_capture("/bin/sh", flood, env, 5000, 100, &out, NULL, &status, &err), -1);
}

static bool is_own_group(uid_t uid, const char *user_name, gid_t primary, const char *group_name,
                         gid_t gid, const char *member, const char *other)
{
    char *members[] = {(char *)member, (char *)other, NULL};
    struct passwd user = {.pw_name = (char *)user_name, .pw_uid = uid, .pw_gid = primary};
    struct group group = {.gr_name = (char *)group_name, .gr_gid = gid, .gr_mem = members};
    return nvb_trust_is_own_group(&user, &group);
}

static void test_own_group(void **state)
{
    (void)state;
    assert_true(is_own_group(1000, "ada", 1000, "ada", 1000, NULL, NULL));
    assert_true(is_own_group(1000, "ada", 1000, "ada", 1000, "ada", NULL));
    assert_false(is_own_group(1000, "ada", 1000, "ada", 1000, "bob", NULL));
    assert_false(is_own_group(1000, "ada", 1000, "ada", 1000, "ada", "bob"));
    assert_false(is_own_group(1000, "ada", 100, "users", 100, NULL, NULL));
    assert_false(is_own_group(1000, "ada", 1000, "ada", 1001, NULL, NULL));
    assert_false(is_own_group(0, "root", 0, "root", 0, NULL, NULL));
}

static void test_trust(void **state)
{
    (void)state;
    _cleanup_error_ struct nvb_error *err = NULL;
    uid_t me = geteuid();
    assert_int_equal(mkdir("mine", 0755), 0);
    assert_int_equal(nvb_file_write("mine/f", "x", 1, 0644, NULL), 0);
    _cleanup_free_ char *path = nvb_strdupf("%s/mine/f", scratch);
    assert_int_equal(nvb_trust_check_path(path, me, &err), 0);
    assert_int_equal(chmod("mine", 0777), 0);
    assert_int_equal(nvb_trust_check_path(path, me, &err), -1);
    assert_non_null(strstr(err->message, "can be written by others"));
    assert_int_equal(chmod("mine", 0755), 0);
    assert_int_equal(chmod("mine/f", 0646), 0);
    assert_int_equal(nvb_trust_check_path(path, me, NULL), -1);
    if (me == 0) { /* a user's group may be his own */
        assert_int_equal(chmod("mine/f", 0664), 0);
        assert_int_equal(nvb_trust_check_path(path, me, NULL), -1);
    }
}

/* Who owns the link, or the folder it lies in, chooses what is opened. */
static void test_trust_in_links(void **state)
{
    (void)state;
    _cleanup_error_ struct nvb_error *err = NULL;
    const uid_t other = geteuid() + 1;
    _cleanup_free_ char *direct = nvb_strdupf("%s/kept/f", scratch);
    _cleanup_free_ char *link = nvb_strdupf("%s/theirs/f", scratch);
    _cleanup_free_ char *twice = nvb_strdupf("%s/kept/twice", scratch);
    _cleanup_free_ char *folder = nvb_strdupf("%s/kept/folder/f", scratch);
    _cleanup_free_ char *loop = nvb_strdupf("%s/kept/loop", scratch);
    assert_int_equal(mkdir("kept", 0755), 0);
    assert_int_equal(mkdir("theirs", 0755), 0);
    assert_int_equal(nvb_file_write("kept/f", "x", 1, 0644, NULL), 0);
    assert_int_equal(symlink("../kept/f", "theirs/f"), 0);
    assert_int_equal(symlink(link, "kept/twice"), 0);
    assert_int_equal(symlink("../theirs/../kept", "kept/folder"), 0);
    assert_int_equal(symlink("loop", "kept/loop"), 0);
    const char *const all[] = {direct, link, twice, folder, "kept/twice", "./kept/twice"};
    for (size_t i = 0; i < NVB_COUNT(all); i++)
        assert_int_equal(nvb_trust_check_path(all[i], geteuid(), NULL), 0);
    assert_int_equal(nvb_trust_check_path(loop, geteuid(), &err), -1);
    assert_non_null(strstr(err->message, "Too many levels"));

    assert_int_equal(chmod("theirs", 0777), 0);
    assert_int_equal(nvb_trust_check_path(direct, geteuid(), NULL), 0);
    for (size_t i = 1; i < NVB_COUNT(all); i++) {
        assert_int_equal(nvb_trust_check_path(all[i], geteuid(), &err), -1);
        assert_non_null(strstr(err->message, "theirs' can be written by others"));
    }
    assert_int_equal(chmod("theirs", 0755), 0);
    assert_int_equal(chmod("kept", 0777), 0);
    assert_int_equal(nvb_trust_check_path("./kept/f", geteuid(), &err), -1);
    assert_null(strstr(err->message, "/./"));
    assert_int_equal(chmod("kept", 0755), 0);
    if (geteuid() == 0) {
        assert_int_equal(lchown("theirs/f", other, (gid_t)-1), 0);
        assert_int_equal(nvb_trust_check_path(twice, 0, &err), -1);
        assert_non_null(strstr(err->message, "theirs/f' belongs to user 1"));
        assert_int_equal(nvb_trust_check_path(folder, 0, NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shell_quoting),  cmocka_unit_test(test_str_grows),
        cmocka_unit_test(test_numbers),        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_walk_by_kernel), cmocka_unit_test(test_walk_by_hand),
        cmocka_unit_test(test_creates),        cmocka_unit_test(test_other_mount),
        cmocka_unit_test(test_index),          cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_read),           cmocka_unit_test(test_write_leaves_old),
        cmocka_unit_test(test_find_program),   cmocka_unit_test(test_capture),
        cmocka_unit_test(test_trust),          cmocka_unit_test(test_own_group),
        cmocka_unit_test(test_trust_in_links),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
