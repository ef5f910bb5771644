/* What NVML is asked, and what becomes of its answers, its silence and its end. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "host/nvml.h"
#include "scratch.h"

#define ONE "0000:10:00.0"
#define TWO "0000:12:00.0"

struct fixture {
    char *folder;
    struct nvb_host host;
    struct nvb_driver driver; /* that consists of the library alone */
    struct nvb_gpus gpus;     /* ONE whole, TWO cut in two */
    struct nvb_nvml nvml;
};

static void add_mig(struct nvb_gpu *gpu, unsigned gi)
{
    unsigned index = (unsigned)gpu->migs.count;
    struct nvb_mig *mig = nvb_vec_add(&gpu->migs);
    mig->index = index;
    mig->gi = gi;
}

static int set_up(void **state)
{
    struct fixture *f = nvb_calloc(1, sizeof(*f));
    const struct nvb_host_options options = {0};
    f->folder = nvb_scratch_make();
    f->host = (struct nvb_host)NVB_HOST_INIT;
    assert_int_equal(nvb_host_open(&options, &f->host, NULL), 0);
    struct nvb_driver_file *file = nvb_vec_add(&f->driver.files);
    file->kind = NVB_FILE_LIBRARY;
    file->soname = nvb_strdup("libnvidia-ml.so.1");
    file->path = nvb_strdup(getenv("NVB_FAKE_NVML"));
    nvb_vec_add(&f->gpus)->pci = nvb_strdup(ONE);
    struct nvb_gpu *cut = nvb_vec_add(&f->gpus);
    cut->pci = nvb_strdup(TWO);
    cut->index = 1;
    add_mig(cut, 7);
    add_mig(cut, 9);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    nvb_nvml_done(&f->nvml);
    nvb_gpus_done(&f->gpus);
    nvb_driver_done(&f->driver);
    nvb_host_done(&f->host);
    nvb_scratch_remove(f->folder);
    free(f);
    return 0;
}

static long now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Asks an NVML that TEXT describes. Returns how long that took. */
static long ask(struct fixture *f, const char *text, unsigned timeout_ms)
{
    _cleanup_free_ char *path = nvb_strdupf("%s/answers", f->folder);
    (void)unlink(path);
    assert_int_equal(nvb_file_write(path, text, strlen(text), 0644, NULL), 0);
    assert_int_equal(setenv("NVBIND_FAKE_NVML", path, 1), 0);
    long begin = now_ms();
    nvb_nvml_ask(&f->host, &f->driver, NVB_NVML_MIG_UUIDS | NVB_NVML_LOAD, timeout_ms, &f->gpus,
                 &f->nvml);
    /* Nothing of it is left to be waited for. */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    return now_ms() - begin;
}

static void assert_load(const struct nvb_load *load, unsigned processes, unsigned utilisation,
                        unsigned memory)
{
    assert_true(load->known);
    assert_int_equal(load->processes, processes);
    assert_int_equal(load->utilisation, utilisation);
    assert_int_equal(load->memory, memory);
}

static void test_answers(void **state)
{
    struct fixture *f = *state;
    /* In another order than ours, and with a device that we do not know. */
    ask(f,
        "gpu " TWO " - 30 0\nmig " TWO " 9 0 MIG-bbbb 20 2\nmig " TWO " 8 0 MIG-cccc 1 1\n"
        "mig " TWO " 7 0 MIG-aaaa 0 0\ngpu " ONE " 88 50 3\n",
        5000);
    assert_true(f->nvml.answered);
    assert_null(f->nvml.why);
    assert_load(&f->gpus.items[0].load, 3, 88, 50);
    assert_load(&f->gpus.items[1].load, 0, 0, 30);
    assert_string_equal(f->gpus.items[1].migs.items[0].uuid, "MIG-aaaa");
    assert_load(&f->gpus.items[1].migs.items[0].load, 0, 0, 0);
    assert_string_equal(f->gpus.items[1].migs.items[1].uuid, "MIG-bbbb");
    assert_load(&f->gpus.items[1].migs.items[1].load, 2, 0, 20);
}

static void test_partial_answers(void **state)
{
    struct fixture *f = *state;
    /* A GPU that fell off the bus is not there for NVML; one that cannot tell is not known. */
    ask(f, "prints\ngpu " TWO " 5 101 0\nmig " TWO " 7 0 MIG-a%20b 0 0\n", 5000);
    assert_true(f->nvml.answered);
    assert_false(f->gpus.items[0].load.known);
    assert_false(f->gpus.items[1].load.known);
    assert_null(f->gpus.items[1].migs.items[0].uuid);
    assert_null(f->gpus.items[1].migs.items[1].uuid);
    ask(f, "gpu " TWO " 5 5 0\nmig " TWO " 7 0 GPU-not-mig 0 0\nmig " TWO " 9 0 MIG-\033[31m 0 0\n",
        5000);
    assert_null(f->gpus.items[1].migs.items[0].uuid);
    assert_null(f->gpus.items[1].migs.items[1].uuid);
}

static void assert_no_answer(struct fixture *f, const char *why)
{
    assert_false(f->nvml.answered);
    if (!f->nvml.why || !strstr(f->nvml.why, why))
        fail_msg("'%s' does not say '%s'", f->nvml.why ? f->nvml.why : "", why);
    nvb_vec_foreach (gpu, &f->gpus)
        assert_false(gpu->load.known);
}

static void test_no_answers(void **state)
{
    struct fixture *f = *state;
    long took = ask(f, "gpu " ONE " 1 1 0\nhangs\n", 200);
    assert_no_answer(f, "no answer within 200 ms");
    assert_in_range(took, 190, 2000);
    ask(f, "dies\n", 5000);
    assert_no_answer(f, "died of signal 6");
    ask(f, "init 9\n", 5000);
    assert_no_answer(f, "does not start (nvmlInit: 9)");
    /* It is asked anew each time, and answers again. */
    ask(f, "gpu " ONE " 1 2 0\n", 5000);
    assert_true(f->nvml.answered);
}

static void test_not_asked(void **state)
{
    struct fixture *f = *state;
    const struct nvb_host_options options = {.host_root = f->folder};
    struct nvb_host other = NVB_HOST_INIT;
    assert_int_equal(nvb_host_open(&options, &other, NULL), 0);
    nvb_nvml_ask(&other, &f->driver, NVB_NVML_LOAD, 1000, &f->gpus, &f->nvml);
    nvb_host_done(&other);
    assert_no_answer(f, "not asked about another root");

    const struct nvb_host_options driver = {.driver_root = f->folder};
    assert_int_equal(nvb_host_open(&driver, &other, NULL), 0);
    nvb_nvml_ask(&other, &f->driver, NVB_NVML_LOAD, 1000, &f->gpus, &f->nvml);
    nvb_host_done(&other);
    assert_no_answer(f, "not asked about another root");

    f->driver.files.items[0].is_32bit = true;
    ask(f, "gpu " ONE " 1 1 0\n", 1000);
    assert_no_answer(f, "there is no libnvidia-ml.so.1");
    f->driver.files.items[0].is_32bit = false;

    /* No library at all, and as root one that others can write. */
    char *path = nvb_strdupf("%s/lib.so", f->folder);
    free(f->driver.files.items[0].path);
    f->driver.files.items[0].path = path;
    assert_int_equal(nvb_file_write(path, "no", 2, 0644, NULL), 0);
    ask(f, "gpu " ONE " 1 1 0\n", 1000);
    assert_no_answer(f, "cannot be loaded");
    if (geteuid() != 0)
        return;
    assert_int_equal(chmod(path, 0666), 0);
    ask(f, "gpu " ONE " 1 1 0\n", 1000);
    assert_no_answer(f, "can be written by others");
}

int main(void)
{
    if (!getenv("NVB_FAKE_NVML")) {
        printf("Bail out! NVB_FAKE_NVML is not set\n");
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_partial_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_asked, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
