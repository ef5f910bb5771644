#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/path.h"
#include "host/elf_read.h"
#include "host/host.h"
#include "host/simulate.h"
#include "ldcache/ldcache.h"

static char *scratch; /* a folder of this run */

static char *in_scratch(const char *name)
{
    return nvb_strdupf("%s/%s", scratch, name);
}

static void put_file(const char *path, const void *data, size_t len, mode_t mode)
{
    struct nvb_error *err = NULL;

    assert_int_equal(nvb_file_write(path, data, len, mode, &err), 0);
}

/* ---- trees ---------------------------------------------------------------------------------- */

static int simulate(const char *folder, unsigned gpus, const char *version,
                    enum nvb_simulate_layout layout, struct nvb_error **err)
{
    struct nvb_simulate_options options = {folder, gpus, version, layout, NULL};

    return nvb_simulate_write(&options, err);
}

static void must_simulate(const char *folder, unsigned gpus, enum nvb_simulate_layout layout)
{
    _cleanup_error_ struct nvb_error *err = NULL;

    if (simulate(folder, gpus, NVB_SIMULATE_DRIVER, layout, &err))
        fail_msg("%s", err->message);
}

static void assert_error(int rc, struct nvb_error *err, enum nvb_error_kind kind,
                         const char *message)
{
    assert_int_equal(rc, -1);
    assert_non_null(err);
    assert_int_equal(err->kind, kind);
    if (!strstr(err->message, message))
        fail_msg("'%s' does not say '%s'", err->message, message);
    assert_non_null(err->hint);
}

static void assert_refused(const char *folder, unsigned gpus, const char *version,
                           enum nvb_error_kind kind, const char *message)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    int rc = simulate(folder, gpus, version, NVB_SIMULATE_RUN, &err);

    assert_error(rc, err, kind, message);
}

static bool is_there(const char *folder, const char *name)
{
    _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, name);
    struct stat st;

    return lstat(path, &st) == 0;
}

/* One line for everything in a tree: type, mode, path, and the content's hash. */
static struct nvb_str *listing;
static size_t listing_prefix;

static int add_line(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    _cleanup_str_ struct nvb_str content = NVB_STR_INIT;

    (void)ftw;
    if (type == FTW_SL) {
        _cleanup_free_ char *target = NULL;

        assert_int_equal(nvb_readlinkat(AT_FDCWD, path, &target), 0);
        nvb_str_add(&content, target);
    } else if (type == FTW_F) {
        assert_int_equal(nvb_file_read_path(path, 1 << 20, &content, NULL), 0);
    }
    nvb_str_addf(listing, "%d %o %s %llx\n", type, st->st_mode, path + listing_prefix,
                 (unsigned long long)nvb_hash(NVB_HASH_INIT, content.data, content.len));
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static uint64_t hash_tree(const char *folder)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_strv_ struct nvb_strv lines = {0};
    uint64_t hash = NVB_HASH_INIT;

    listing = &text;
    listing_prefix = strlen(folder);
    assert_int_equal(nftw(folder, add_line, 16, FTW_PHYS), 0);
    nvb_strv_split(&lines, text.data, '\n');
    assert_true(lines.count > 200);
    qsort(lines.items, lines.count, sizeof(*lines.items), by_text);
    nvb_vec_foreach (line, &lines)
        hash = nvb_hash(hash, *line, strlen(*line));
    return hash;
}

static void test_same_options_same_tree(void **state)
{
    (void)state;
    _cleanup_free_ char *one = in_scratch("one"), *two = in_scratch("two"),
                        *three = in_scratch("3");
    mode_t mask = umask(077);

    must_simulate(one, 4, NVB_SIMULATE_RUN);
    umask(0);
    must_simulate(two, 4, NVB_SIMULATE_RUN);
    umask(mask);
    must_simulate(three, 4, NVB_SIMULATE_DEBIAN);
    assert_int_equal(hash_tree(one), hash_tree(two));
    assert_int_not_equal(hash_tree(one), hash_tree(three));
}

static void test_replaces_its_own(void **state)
{
    (void)state;
    _cleanup_free_ char *folder = in_scratch("again"), *fresh = in_scratch("fresh");
    _cleanup_free_ char *mark = nvb_strdupf("%s" NVB_SIMULATED_MARK, folder);
    _cleanup_free_ char *unfinished = nvb_strdupf("%s/.nvbind-simulating", folder);

    must_simulate(folder, 9, NVB_SIMULATE_DEBIAN);
    assert_true(is_there(folder, "dev/nvidia8"));
    must_simulate(folder, 2, NVB_SIMULATE_RUN);
    assert_false(is_there(folder, "dev/nvidia2"));
    must_simulate(fresh, 2, NVB_SIMULATE_RUN);
    assert_int_equal(hash_tree(folder), hash_tree(fresh));

    /* As a run that was killed leaves it. */
    assert_int_equal(rename(mark, unfinished), 0);
    must_simulate(folder, 2, NVB_SIMULATE_RUN);
    assert_int_equal(hash_tree(folder), hash_tree(fresh));
}

static void test_touches_nothing_else(void **state)
{
    (void)state;
    _cleanup_free_ char *folder = in_scratch("mine"), *file = in_scratch("mine/letter");
    _cleanup_free_ char *marked = in_scratch("marked"), *extra = in_scratch("marked/letter");

    assert_int_equal(mkdir(folder, 0755), 0);
    put_file(file, "dear", 4, 0644);
    assert_refused(folder, 1, NVB_SIMULATE_DRIVER, NVB_ERROR_USAGE, "letter");
    assert_true(is_there(folder, "letter"));
    assert_false(is_there(folder, ".nvbind-simulating"));

    must_simulate(marked, 1, NVB_SIMULATE_RUN);
    put_file(extra, "dear", 4, 0644);
    assert_refused(marked, 1, NVB_SIMULATE_DRIVER, NVB_ERROR_USAGE, "would be lost");
    assert_true(is_there(marked, "dev/nvidia0"));

    assert_refused(file, 1, NVB_SIMULATE_DRIVER, NVB_ERROR_USAGE, "as a folder");

    _cleanup_free_ char *deep = in_scratch("no/such");

    assert_refused(deep, 1, NVB_SIMULATE_DRIVER, NVB_ERROR_NOT_FOUND, "cannot make");
}

/* A folder in the tree that has become a link: what it leads to is not the simulation's. */
static void test_follows_no_link(void **state)
{
    (void)state;
    _cleanup_free_ char *folder = in_scratch("linked"), *home = in_scratch("home");
    _cleanup_free_ char *letter = in_scratch("home/letter"), *proc = in_scratch("linked/proc");
    _cleanup_free_ char *moved = in_scratch("proc-before");

    assert_int_equal(mkdir(home, 0755), 0);
    put_file(letter, "dear", 4, 0644);
    must_simulate(folder, 1, NVB_SIMULATE_RUN);
    assert_int_equal(rename(proc, moved), 0);
    assert_int_equal(symlink(home, proc), 0);
    must_simulate(folder, 1, NVB_SIMULATE_RUN);
    assert_true(is_there(home, "letter"));
    assert_false(is_there(home, "devices"));
    assert_true(is_there(folder, "proc/devices"));
}

static void test_bad_options(void **state)
{
    (void)state;
    static const char *const versions[] = {
        "",          "550",    "550.", "550..1", "0550.1",      "55.1", "550.1234",
        "550.1.2.3", "550.1x", "../x", " 550.1", "550.163.01/", NULL,
    };
    _cleanup_free_ char *folder = in_scratch("never");
    enum nvb_simulate_layout layout = NVB_SIMULATE_DEBIAN;
    _cleanup_error_ struct nvb_error *err = NULL;

    for (size_t i = 0; versions[i]; i++)
        assert_refused(folder, 1, versions[i], NVB_ERROR_USAGE, "no driver version");
    for (unsigned gpus = 0; gpus <= 65; gpus += 65)
        assert_refused(folder, gpus, NVB_SIMULATE_DRIVER, NVB_ERROR_USAGE,
                       "GPUs cannot be simulated");

    int rc = nvb_simulate_parse_layout("rpm", &layout, &err);

    assert_error(rc, err, NVB_ERROR_USAGE, "rpm");
    assert_int_equal(layout, NVB_SIMULATE_DEBIAN);
    assert_int_equal(nvb_simulate_parse_layout("run", &layout, NULL), 0);
    assert_int_equal(layout, NVB_SIMULATE_RUN);
    assert_false(is_there(scratch, "never"));
}

/* A write that fails halfway: the linker cache is the first file above 4,000 bytes. */
static void test_fails_clean(void **state)
{
    (void)state;
    _cleanup_free_ char *folder = in_scratch("full"), *empty = in_scratch("empty");
    _cleanup_error_ struct nvb_error *err = NULL, *err2 = NULL;
    struct rlimit before, small;

    assert_int_equal(mkdir(empty, 0755), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 4000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);

    int made = simulate(folder, 1, NVB_SIMULATE_DRIVER, NVB_SIMULATE_RUN, &err);
    int given = simulate(empty, 1, NVB_SIMULATE_DRIVER, NVB_SIMULATE_RUN, &err2);

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(made, -1);
    assert_int_equal(err->errnum, EFBIG);
    assert_non_null(strstr(err->message, "mig-minors"));
    assert_false(is_there(scratch, "full"));
    assert_int_equal(given, -1);
    assert_int_equal(rmdir(empty), 0); /* it is empty again */
}

/* ---- what discovery makes of it ------------------------------------------------------------- */

static void open_host(const char *folder, struct nvb_host *host)
{
    struct nvb_host_options options = {.host_root = folder};
    struct nvb_error *err = NULL;

    if (nvb_host_open(&options, host, &err))
        fail_msg("%s", err->message);
    assert_true(host->simulated);
}

static void check_gpus(unsigned count)
{
    _cleanup_free_ char *folder = in_scratch("gpus");
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    _cleanup_gpus_ struct nvb_gpus gpus = {0};
    _cleanup_(nvb_nodes_done) struct nvb_nodes control = {0};
    struct nvb_error *err = NULL;

    must_simulate(folder, count, NVB_SIMULATE_RUN);
    open_host(folder, &host);
    assert_int_equal(nvb_host_find_gpus(&host, &gpus, &err), 0);
    assert_int_equal(gpus.count, count);
    for (unsigned i = 0; i < count; i++) {
        const struct nvb_gpu *gpu = &gpus.items[i];

        assert_int_equal(gpu->index, i);
        assert_int_equal(gpu->minor, i);
        assert_int_equal(strlen(gpu->uuid), strlen("GPU-") + 36);
        assert_int_equal(gpu->nodes.count, 3);
        nvb_vec_foreach (node, &gpu->nodes) {
            assert_true(node->present);
            assert_false(node->is_device);
            assert_int_equal(node->mode & 0777, 0666);
        }
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(gpu->uuid, gpus.items[j].uuid);
    }
    assert_int_equal(nvb_host_find_control_nodes(&host, &control, &err), 0);
    assert_int_equal(control.count, 4);
    nvb_vec_foreach (node, &control)
        assert_true(node->present);
}

static void test_gpus_are_found(void **state)
{
    (void)state;
    check_gpus(1);
    check_gpus(8);
    check_gpus(NVB_SIMULATE_MAX_GPUS);
}

/* Every file that belongs to a driver, by where it lies. */
static struct nvb_strv *driver_paths;

static int add_driver_path(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    const char *inside = path + listing_prefix;

    (void)st;
    (void)ftw;
    if (type == FTW_F && (nvb_has_prefix(inside, "/usr/") || strstr(inside, "nvidia")) &&
        !nvb_has_prefix(inside, "/dev/") && !nvb_has_prefix(inside, "/proc/") &&
        !nvb_has_prefix(inside, "/sys/"))
        nvb_strv_add(driver_paths, inside);
    return 0;
}

static void check_driver(const char *version, enum nvb_simulate_layout layout, size_t libraries)
{
    _cleanup_free_ char *folder = in_scratch("driver");
    _cleanup_strv_ struct nvb_strv paths = {0};
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    _cleanup_driver_ struct nvb_driver driver = {0};
    _cleanup_notes_ struct nvb_notes notes = {0};
    struct nvb_driver_query query = {.capabilities = NVB_CAP_ALL};
    struct nvb_error *err = NULL;
    size_t native = 0;

    if (simulate(folder, 1, version, layout, &err))
        fail_msg("%s", err->message);
    open_host(folder, &host);
    assert_int_equal(nvb_host_find_driver(&host, &query, &driver, &notes, &err), 0);
    assert_string_equal(driver.version, version);
    assert_int_equal(notes.count, 0);

    driver_paths = &paths;
    listing_prefix = strlen(folder);
    assert_int_equal(nftw(folder, add_driver_path, 16, FTW_PHYS), 0);
    nvb_vec_foreach (path, &paths) {
        bool found = false;

        nvb_vec_foreach (file, &driver.files)
            found |= strcmp(file->path, *path) == 0;
        /* What nvidia-settings shows, of no use to a container. */
        if (!found && !strstr(*path, "key-documentation"))
            fail_msg("discovery does not find %s", *path);
    }
    nvb_vec_foreach (file, &driver.files) {
        if (file->kind == NVB_FILE_LIBRARY) {
            native += !file->is_32bit;
            assert_non_null(file->soname);
        }
    }
    assert_int_equal(native, libraries);
}

static void test_driver_is_found(void **state)
{
    (void)state;
    check_driver(NVB_SIMULATE_DRIVER, NVB_SIMULATE_RUN, 34);
    check_driver(NVB_SIMULATE_DRIVER, NVB_SIMULATE_DEBIAN, 30);
    check_driver("580.95.05", NVB_SIMULATE_RUN, 34);
    check_driver("575.57", NVB_SIMULATE_DEBIAN, 30);
}

/* Every line of the linker cache leads to a file whose SONAME is the line's key, or, for a
 * development name, to one that has a line of its own. */
static void test_cache_is_true(void **state)
{
    (void)state;
    _cleanup_free_ char *folder = in_scratch("cache");
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
    struct nvb_ldcache cache;
    struct nvb_error *err = NULL;

    for (int layout = NVB_SIMULATE_RUN; layout <= NVB_SIMULATE_DEBIAN; layout++) {
        must_simulate(folder, 1, (enum nvb_simulate_layout)layout);
        nvb_host_done(&host);
        open_host(folder, &host);
        nvb_str_truncate(&bytes, 0);
        assert_int_equal(
            nvb_root_read(&host.root, "/etc/ld.so.cache", NVB_LDCACHE_MAX_SIZE, &bytes, &err), 0);
        assert_int_equal(nvb_ldcache_read(bytes.data, bytes.len, &cache, &err), 0);
        assert_true(cache.count >= 29);
        for (size_t i = 0; i < cache.count; i++) {
            struct nvb_ldcache_entry entry;
            struct nvb_elf elf = {0};
            const char *why = NULL;

            nvb_ldcache_get(&cache, i, &entry);

            _cleanup_close_ int fd = nvb_root_openat(&host.root, entry.value, O_RDONLY);

            assert_true(fd >= 0);
            assert_int_equal(nvb_elf_read(fd, true, &elf, &why), 0);
            assert_int_equal(elf.is_32bit, nvb_ldcache_class_of(entry.flags) == NVB_LDCACHE_I386);
            if (!nvb_has_suffix(entry.key, ".so"))
                assert_string_equal(elf.soname, entry.key);
            free(elf.soname);
        }
    }
}

/* ---- all of them ---------------------------------------------------------------------------- */

static int set_up(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");

    scratch = nvb_strdupf("%s/nvbind-simulate.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    return mkdtemp(scratch) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    int rc = nftw(scratch, remove_one, 16, FTW_PHYS | FTW_DEPTH);

    free(scratch);
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_options_same_tree),
        cmocka_unit_test(test_replaces_its_own),
        cmocka_unit_test(test_touches_nothing_else),
        cmocka_unit_test(test_follows_no_link),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_fails_clean),
        cmocka_unit_test(test_gpus_are_found),
        cmocka_unit_test(test_driver_is_found),
        cmocka_unit_test(test_cache_is_true),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
