/* JSON and YAML documents, and specifications in them: what is taken is written again and read back
 * as the same, in both formats; what is refused has a place. */
#include "fuzz.h"

#include "base/mem.h"
#include "cdi/codec.h"
#include "cdi/validate.h"
#include "data/json.h"
#include "data/yaml.h"

static void check(int condition)
{
    if (!condition)
        abort();
}

static int read_doc(int is_yaml, const char *text, size_t len, struct nvb_doc *ret,
                    struct nvb_error **err)
{
    return is_yaml ? nvb_yaml_read(text, len, "f", ret, err)
                   : nvb_json_read(text, len, "f", ret, err);
}

static int write_doc(int is_yaml, const struct nvb_doc *doc, struct nvb_str *ret)
{
    return is_yaml ? nvb_yaml_write(doc, ret, NULL)
                   : nvb_json_write(doc, NVB_JSON_INDENTED, ret, NULL);
}

/* DOC written in a format, read back and written in the same again. */
static void check_doc(const struct nvb_doc *doc, int is_yaml)
{
    _cleanup_str_ struct nvb_str one = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str two = NVB_STR_INIT;
    _cleanup_doc_ struct nvb_doc back = {0};
    if (write_doc(is_yaml, doc, &one) < 0) {
        check(!is_yaml && one.len == 0); /* YAML has numbers that JSON has not */
        return;
    }
    check(read_doc(is_yaml, one.data, one.len, &back, NULL) == 0);
    check(write_doc(is_yaml, &back, &two) == 0);
    check(strcmp(one.data, two.data) == 0);
}

static void check_spec(const struct nvb_cdi_spec *spec, enum nvb_cdi_format format)
{
    _cleanup_str_ struct nvb_str one = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str two = NVB_STR_INIT;
    _cleanup_cdi_spec_ struct nvb_cdi_spec back = {0};
    check(nvb_cdi_write(spec, format, &one, NULL) == 0);
    check(nvb_cdi_read(one.data, one.len, format, "f", &back, NULL) == 0);
    check(nvb_cdi_write(&back, format, &two, NULL) == 0);
    check(strcmp(one.data, two.data) == 0);
    check((nvb_cdi_validate(spec, NULL) == 0) == (nvb_cdi_validate(&back, NULL) == 0));
}

static void check_faults(const char *text, size_t size, enum nvb_cdi_format format, int is_good)
{
    _cleanup_cdi_faults_ struct nvb_cdi_faults faults = {0};
    check(nvb_cdi_check(text, size, format, "f", &faults, NULL) == 0);
    check((faults.count == 0) == is_good);
    nvb_vec_foreach (fault, &faults)
        check(fault->line > 0 && fault->column > 0 && fault->what);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of exactly its size, so that a read beyond it is seen. */
    _cleanup_free_ char *text = nvb_malloc(size);
    if (size > 0)
        memcpy(text, data, size);
    for (int is_yaml = 0; is_yaml < 2; is_yaml++) {
        _cleanup_error_ struct nvb_error *err = NULL;
        _cleanup_doc_ struct nvb_doc doc = {0};
        _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
        enum nvb_cdi_format format = is_yaml ? NVB_CDI_YAML : NVB_CDI_JSON;
        if (read_doc(is_yaml, text, size, &doc, &err) < 0) {
            check(err->line > 0 && err->column > 0);
            continue;
        }
        check_doc(&doc, 0);
        check_doc(&doc, 1);
        int r = nvb_cdi_read(text, size, format, "f", &spec, NULL);
        check_faults(text, size, format, r == 0 && nvb_cdi_validate(&spec, NULL) == 0);
        if (r == 0) {
            check_spec(&spec, NVB_CDI_JSON);
            check_spec(&spec, NVB_CDI_YAML);
        }
    }
    return 0;
}
