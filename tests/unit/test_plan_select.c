#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/selection.h"

/* Eight GPUs; the first two UUIDs begin alike, and the last GPU has none yet. */
static struct nvb_gpus gpus;

static int make_gpus(void **state)
{
    static const char *const uuids[] = {
        "GPU-aaaa1111-0000-0000-0000-000000000000", "GPU-aaaa2222-0000-0000-0000-000000000000",
        "GPU-cccc0000-0000-0000-0000-000000000000", "GPU-dddd0000-0000-0000-0000-000000000000",
        "GPU-eeee0000-0000-0000-0000-000000000000", "GPU-ffff0000-0000-0000-0000-000000000000",
        "GPU-0000aaaa-0000-0000-0000-000000000000", NULL,
    };
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        struct nvb_gpu *gpu = nvb_vec_add(&gpus);
        gpu->index = i;
        gpu->pci = nvb_strdupf("0000:%02x:00.0", 0x1a + 0x10 * i);
        gpu->uuid = nvb_strdup(uuids[i]);
        gpu->minor = (int)i;
    }
    return 0;
}

static int drop_gpus(void **state)
{
    (void)state;
    nvb_gpus_done(&gpus);
    return 0;
}

typedef int parse_fn(const char *text, struct nvb_selection *ret, struct nvb_error **err);

/* What TEXT chooses, as "0,1 foreign", or "error: …". */
static char *choose(parse_fn *parse, const char *text, char *const *environment,
                    struct nvb_notes *notes)
{
    _cleanup_selection_ struct nvb_selection selection = {0};
    _cleanup_allowed_ struct nvb_allowed allowed = {0};
    _cleanup_choice_ struct nvb_choice choice = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    struct nvb_str s = NVB_STR_INIT;
    nvb_allowed_read(environment, &gpus, &allowed);
    if (parse(text, &selection, &err) < 0 ||
        nvb_selection_choose(&selection, &gpus, &allowed, NULL, &choice, notes, &err) < 0) {
        nvb_str_addf(&s, "error: %s", err->message);
        return nvb_str_steal(&s);
    }
    if (selection.kind == NVB_SELECT_NONE)
        nvb_str_add(&s, "none");
    nvb_vec_foreach (place, &choice.units)
        nvb_str_addf(&s, "%s%zu", s.len ? "," : "", *place);
    for (size_t i = 0; i < choice.foreign.count; i++)
        nvb_str_addf(&s, " %s", choice.foreign.items[i]);
    if (choice.all)
        nvb_str_add(&s, " all");
    return nvb_str_steal(&s);
}

static void assert_chosen(parse_fn *parse, const char *text, const char *want)
{
    static char *const empty[] = {NULL};
    _cleanup_free_ char *chosen = choose(parse, text, empty, NULL);
    assert_string_equal(chosen, want);
}

static void test_selection(void **state)
{
    static const char *const table[][2] = {
        {"all", "0,1,2,3,4,5,6,7 all"},
        {"none", "none"},
        {"0", "0"},
        {"07", "7"},
        {"gpu3", "3"},
        {"0,2", "0,2"},
        {"2,0,2", "0,2"},
        {"0-3", "0,1,2,3"},
        {"0-1,6-7", "0,1,6,7"},
        {"GPU-cccc", "2"},
        {"gpu-CCCC0000", "2"},
        {"GPU-aaaa1", "0"},
        {"0000:2a:00.0", "1"},
        {"00000000:2A:00.0", "1"},
        {"2a:00.0", "1"},
        {"nvidia.com/gpu=4", "4"},
        {"nvidia.com/gpu=all", "0,1,2,3,4,5,6,7 all"},
        {"nvidia.com/gpu=GPU-dddd0000-0000-0000-0000-000000000000", "3"},
        {"amd.com/gpu=0", " amd.com/gpu=0"},
        {"0,intel.com/gpu=card1", "0 intel.com/gpu=card1"},
        {"count=2", "0,1"},
        {"count=8", "0,1,2,3,4,5,6,7"},
        {"count=0", "none"},
        {"8", "error: there is no GPU '8': this machine has 8, 0 to 7"},
        {"0-8", "error: there is no GPU '0-8': this machine has 8, 0 to 7"},
        {"3-1", "error: the range '3-1' runs backwards"},
        {"GPU-aaaa", "error: 'GPU-aaaa' is the beginning of several UUIDs: "
                     "GPU-aaaa1111-0000-0000-0000-000000000000, "
                     "GPU-aaaa2222-0000-0000-0000-000000000000"},
        {"GPU-99", "error: there is no GPU 'GPU-99': this machine has 8, 0 to 7"},
        {"ff:00.0", "error: there is no GPU '0000:ff:00.0': this machine has 8, 0 to 7"},
        {"count=9", "error: 9 GPUs are wanted and 8 are there"},
        {"count=two", "error: 'two' is not a number of GPUs"},
        {"0:1", "error: there is no MIG device '0:1': no GPU of this machine is cut into any"},
        {"MIG-12345678", "error: there is no MIG device 'MIG-12345678': no GPU of this machine is "
                         "cut into any"},
        {"mig0", "error: 'mig0' is not a GPU"},
        {"0,none", "error: 'none' stands alone, not in a list"},
        {"purple", "error: 'purple' is not a GPU"},
        {"", "error: '' is not a GPU"},
        {"0,,1", "error: '' is not a GPU"},
        {"-1", "error: '-1' is not a GPU"},
        {"0x1", "error: '0x1' is not a GPU"},
        {"99999999999999999999", "error: '99999999999999999999' is not a GPU"},
        {"nvidia.com/gpu=", "error: 'nvidia.com/gpu=' is not a GPU"},
        {"nvidia.com/gpu=a.com/b=0", "error: 'nvidia.com/gpu=a.com/b=0' is not a GPU"},
        {"1a:00", "error: '1a:00' is not a GPU"},
        {"g000:1a:00.0", "error: 'g000:1a:00.0' is not a GPU"},
    };
    (void)state;
    for (size_t i = 0; i < NVB_COUNT(table); i++)
        assert_chosen(nvb_selection_parse, table[i][0], table[i][1]);
}

static void test_docker(void **state)
{
    static const char *const table[][2] = {
        {"all", "0,1,2,3,4,5,6,7 all"},
        {"2", "0,1"},
        {"0", "none"},
        {"-1", "0,1,2,3,4,5,6,7 all"},
        {"count=2", "0,1"},
        {"count=-1", "0,1,2,3,4,5,6,7 all"},
        {"count=all", "0,1,2,3,4,5,6,7 all"},
        {"device=0", "0"},
        {"device=0,1", "0,1"},
        {"\"device=0,1\"", "0,1"},
        {"\"device=0,1\",driver=nvidia", "0,1"},
        {"device=GPU-cccc,capabilities=utility", "2"},
        {"driver=nvidia,count=2,\"capabilities=compute,utility\"", "0,1"},
        {"driver=cdi,device=amd.com/gpu=1", " amd.com/gpu=1"},
        {"all,capabilities=gpu", "0,1,2,3,4,5,6,7 all"},
        {"device=9", "error: --gpus: there is no GPU '9': this machine has 8, 0 to 7"},
        {"2,device=0", "error: --gpus takes a number or devices, not both"},
        {"driver=amd", "error: --gpus: the driver 'amd' is unknown: nvidia, cdi"},
        {"some", "error: --gpus: 'some' is not a number of GPUs"},
        {"options=a", "error: --gpus: 'options=a' is unknown"},
    };
    (void)state;
    for (size_t i = 0; i < NVB_COUNT(table); i++) {
        const char *want = table[i][1];
        _cleanup_free_ char *shorter = NULL;
        /* The choice does not know which option named the GPU. */
        if (nvb_has_prefix(want, "error: --gpus: there is"))
            want = shorter = nvb_strdupf("error: %s", want + strlen("error: --gpus: "));
        assert_chosen(nvb_selection_parse_docker, table[i][0], want);
    }
}

static void test_docker_capabilities(void **state)
{
    (void)state;
    _cleanup_selection_ struct nvb_selection some = {0};
    _cleanup_selection_ struct nvb_selection none = {0};
    assert_int_equal(
        nvb_selection_parse_docker("all,\"capabilities=gpu,compute,video\"", &some, NULL), 0);
    assert_int_equal(some.capabilities, NVB_CAP_COMPUTE | NVB_CAP_VIDEO);
    assert_int_equal(nvb_selection_parse_docker("all", &none, NULL), 0);
    assert_int_equal(none.capabilities, 0);
}

static void test_visible(void **state)
{
    static const char *const table[][2] = {
        {"all", "0,1,2,3,4,5,6,7 all"},
        {"void", "none"},
        {"none", "none"},
        {"", "none"},
        {"0,1", "0,1"},
        {"GPU-cccc", "2"},
        {"x", "error: NVIDIA_VISIBLE_DEVICES=x: 'x' is not a GPU"},
    };
    (void)state;
    for (size_t i = 0; i < NVB_COUNT(table); i++)
        assert_chosen(nvb_selection_parse_visible, table[i][0], table[i][1]);
}

static void assert_narrowed(const char *a, const char *b, const char *selection, const char *want)
{
    char *const environment[] = {(char *)a, (char *)b, NULL};
    _cleanup_free_ char *chosen = choose(nvb_selection_parse, selection, environment, NULL);
    assert_string_equal(chosen, want);
}

static void test_narrowing(void **state)
{
    (void)state;
    assert_narrowed("CUDA_VISIBLE_DEVICES=2,3", NULL, "all", "2,3");
    assert_narrowed("CUDA_VISIBLE_DEVICES=2,3", NULL, "count=1", "2");
    assert_narrowed("CUDA_VISIBLE_DEVICES=", NULL, "count=1", "0");
    assert_narrowed("CUDA_VISIBLE_DEVICES=2,-1,3", NULL, "all", "2");
    assert_narrowed("CUDA_VISIBLE_DEVICES=GPU-cccc", NULL, "all", "2");
    assert_narrowed("NVIDIA_VISIBLE_DEVICES=void", NULL, "count=1", "0");
    assert_narrowed("NVIDIA_VISIBLE_DEVICES=all", NULL, "count=1", "0");
    assert_narrowed("NVIDIA_VISIBLE_DEVICES=5,x,6", NULL, "all", "5,6");
    assert_narrowed("NVIDIA_VISIBLE_DEVICES=5,6", "CUDA_VISIBLE_DEVICES=6,7", "all", "6");
    /* Slurm numbers CUDA's list anew inside a job. */
    assert_narrowed("SLURM_STEP_GPUS=4,5", "CUDA_VISIBLE_DEVICES=0,1", "all", "4,5");
    assert_narrowed("SLURM_JOB_GPUS=4,5", "SLURM_STEP_GPUS=5", "all", "5");
    assert_narrowed("SLURM_JOB_GPUS=1-3", NULL, "all", "1,2,3");
    assert_narrowed("CUDA_VISIBLE_DEVICES=NoDevFiles", NULL, "all",
                    "error: CUDA_VISIBLE_DEVICES=NoDevFiles leaves the caller no GPU");
    assert_narrowed("CUDA_VISIBLE_DEVICES=-1", NULL, "all",
                    "error: CUDA_VISIBLE_DEVICES=-1 leaves the caller no GPU");
    assert_narrowed("CUDA_VISIBLE_DEVICES=2", NULL, "count=2",
                    "error: 2 GPUs are wanted and 1 are there for the caller by "
                    "CUDA_VISIBLE_DEVICES");
}

static void test_named_outside(void **state)
{
    char *const environment[] = {(char *)"CUDA_VISIBLE_DEVICES=2,3", NULL};
    _cleanup_notes_ struct nvb_notes notes = {0};
    (void)state;
    _cleanup_free_ char *chosen = choose(nvb_selection_parse, "3,4", environment, &notes);
    assert_string_equal(chosen, "3,4");
    assert_int_equal(notes.count, 1);
    assert_int_equal(notes.items[0].level, NVB_NOTE_WARNING);
    assert_string_equal(notes.items[0].text,
                        "GPU 4 is not among those that CUDA_VISIBLE_DEVICES=2,3 leaves");
}

/* ---- MIG ---- */

/* Cuts GPU into COUNT compute instances, each alone in its instance from GI on. */
static void cut(struct nvb_gpu *gpu, unsigned gi, unsigned count, const char *const *uuids)
{
    gpu->is_cut = true;
    for (unsigned i = 0; i < count; i++) {
        struct nvb_mig *mig = nvb_vec_add(&gpu->migs);
        mig->index = i;
        mig->gi = gi + i;
        mig->uuid = uuids ? nvb_strdup(uuids[i]) : NULL;
    }
}

static char *choose_loaded(const struct nvb_nvml *nvml, const char *text, struct nvb_notes *notes)
{
    static char *const empty[] = {NULL};
    _cleanup_selection_ struct nvb_selection selection = {0};
    _cleanup_allowed_ struct nvb_allowed allowed = {0};
    _cleanup_choice_ struct nvb_choice choice = {0};
    struct nvb_str s = NVB_STR_INIT;
    nvb_allowed_read(empty, &gpus, &allowed);
    assert_int_equal(nvb_selection_parse(text, &selection, NULL), 0);
    assert_int_equal(nvb_selection_choose(&selection, &gpus, &allowed, nvml, &choice, notes, NULL),
                     0);
    nvb_vec_foreach (place, &choice.units)
        nvb_str_addf(&s, "%s%zu", s.len ? "," : "", *place);
    return nvb_str_steal(&s);
}

/* Units 0 to 2 are GPUs, 3 is one that is cut, 4 and 5 its devices, 6 to 9 GPUs. */
static void test_mig(void **state)
{
    static const char *const uuids[] = {"MIG-aa11", "MIG-aa22"};
    static const char *const table[][2] = {
        {"3:0", "4"},
        {"mig3:1", "5"},
        {"3", "3"},
        {"MIG-aa2", "5"},
        {"mig-AA11", "4"},
        {"MIG-GPU-dddd0000-0000-0000-0000-000000000000/8/0", "5"},
        {"all", "0,1,2,3,4,5,6,7,8,9 all"},
        {"count=5", "0,1,2,4,5"},
        {"MIG-aa", "error: 'MIG-aa' is the beginning of several UUIDs: MIG-aa11, MIG-aa22"},
        {"MIG-bb", "error: there is no MIG device 'MIG-bb': this machine has 3:0 to 3:1"},
        {"MIG-GPU-dddd0000-0000-0000-0000-000000000000/8/1",
         "error: there is no MIG device 'MIG-GPU-dddd0000-0000-0000-0000-000000000000/8/1': this "
         "machine has 3:0 to 3:1"},
        {"3:2", "error: there is no MIG device '3:2': this machine has 3:0 to 3:1"},
        {"count=10", "error: 10 GPUs are wanted and 9 are there"},
    };
    (void)state;
    cut(&gpus.items[3], 7, 2, uuids);
    for (size_t i = 0; i < NVB_COUNT(table); i++)
        assert_chosen(nvb_selection_parse, table[i][0], table[i][1]);
    assert_narrowed("CUDA_VISIBLE_DEVICES=MIG-aa22", "SLURM_JOB_GPUS=0", "all", "5");
    assert_narrowed("CUDA_VISIBLE_DEVICES=MIG-zz,0", NULL, "all",
                    "error: CUDA_VISIBLE_DEVICES=MIG-zz,0 leaves the caller no GPU");
    char *const named[] = {(char *)"CUDA_VISIBLE_DEVICES=0,MIG-aa22", NULL};
    char *const old[] = {(char *)"CUDA_VISIBLE_DEVICES=0,MIG-GPU-aa22/1/2", NULL};
    assert_true(nvb_allowed_needs_nvml(named));
    assert_false(nvb_allowed_needs_nvml(old));
}

static void set_load(struct nvb_load *load, unsigned processes, unsigned utilisation,
                     unsigned memory)
{
    *load = (struct nvb_load){true, processes, utilisation, memory};
}

/* After test_mig: the least busy first, what is not known last. */
static void test_least_busy(void **state)
{
    const struct nvb_nvml answered = {.answered = true};
    const struct nvb_nvml silent = {.why = (char *)"NVML gave no answer within 200 ms"};
    _cleanup_notes_ struct nvb_notes notes = {0};
    (void)state;
    set_load(&gpus.items[0].load, 2, 0, 80); /* a process that just waits */
    set_load(&gpus.items[1].load, 0, 50, 10);
    set_load(&gpus.items[2].load, 0, 0, 5);
    set_load(&gpus.items[3].migs.items[0].load, 1, 0, 1);
    set_load(&gpus.items[3].migs.items[1].load, 0, 0, 4);
    set_load(&gpus.items[4].load, 3, 99, 90);
    set_load(&gpus.items[5].load, 0, 0, 5);
    static const char *const want[] = {"5", "2,5", "2,5,7", "1,2,5,7", "1,2,4,5,7"};
    for (unsigned i = 0; i < NVB_COUNT(want); i++) {
        _cleanup_free_ char *text = nvb_strdupf("count=%u", i + 1);
        _cleanup_free_ char *chosen = choose_loaded(&answered, text, NULL);
        assert_string_equal(chosen, want[i]);
    }
    _cleanup_free_ char *most = choose_loaded(&answered, "count=8", NULL);
    assert_string_equal(most, "0,1,2,4,5,6,7,8");
    _cleanup_free_ char *least = choose_loaded(&answered, "count=2", &notes);
    _cleanup_free_ char *first = choose_loaded(&silent, "count=2", &notes);
    assert_string_equal(first, "0,1");
    assert_int_equal(notes.count, 2);
    assert_string_equal(notes.items[0].text, "count=2: chose 2,3:1, the least busy");
    assert_string_equal(notes.items[1].text,
                        "count=2: chose 0,1, the first by index: how busy they are is not known, "
                        "because NVML gave no answer within 200 ms");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selection),
        cmocka_unit_test(test_docker),
        cmocka_unit_test(test_docker_capabilities),
        cmocka_unit_test(test_visible),
        cmocka_unit_test(test_narrowing),
        cmocka_unit_test(test_named_outside),
        cmocka_unit_test(test_mig),
        cmocka_unit_test(test_least_busy),
    };
    return cmocka_run_group_tests(tests, make_gpus, drop_gpus);
}
