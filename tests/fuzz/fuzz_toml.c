/* A configuration: any bytes are refused with a place, or make a document whose every part has one;
 * what is read of it as a configuration is shown as TOML that reads the same again. */
#include "fuzz.h"

#include "config/config.h"
#include "config/layers.h"
#include "config/toml.h"

static void check(int condition)
{
    if (!condition)
        abort();
}

static void check_places(const struct nvb_doc *doc, unsigned depth)
{
    check(doc->line > 0 && doc->column > 0 && depth <= NVB_DOC_MAX_DEPTH);
    if (doc->type == NVB_DOC_LIST) {
        nvb_vec_foreach (item, &doc->list)
            check_places(item, depth + 1);
    } else if (doc->type == NVB_DOC_MAP) {
        nvb_vec_foreach (member, &doc->map) {
            check(member->line > 0 && member->column > 0);
            check_places(&member->value, depth + 1);
        }
        check(!nvb_doc_find_duplicate(doc));
    }
}

/* Returns whether TEXT is TOML; what it holds for a configuration is put into CONFIG. */
static int read_text(const char *text, size_t size, struct nvb_config *config)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_faults_ struct nvb_faults faults = {0};
    if (nvb_toml_read(text, size, "fuzz", &doc, &err) < 0) {
        check(err && err->line > 0 && err->column > 0 && err->message[0]);
        return 0;
    }
    check(!err);
    check_places(&doc, 0);
    nvb_keys_read(&nvb_config_keys, &doc, "fuzz", NVB_LAYER_PROJECT, config->values, &faults);
    nvb_config_check_project(config->values, NULL, NULL, &faults);
    nvb_vec_foreach (fault, &faults)
        check((*fault)->line > 0 && (*fault)->column > 0);
    return 1;
}

static void check_expansion(const struct nvb_config *config)
{
    static const char *const environment[] = {"A=1", "HOME=/home/u", "E=", NULL};
    for (size_t i = 0; i < NVB_CONFIG_KEYS; i++) {
        nvb_vec_foreach (item, &config->values[i].items) {
            _cleanup_free_ char *text = NULL;
            _cleanup_free_ char *unset = NULL;
            if (nvb_expand(item->text, environment, ":,", &text, &unset, NULL) == 0)
                check(text &&
                      (nvb_expand_has_variable(item->text) || strlen(text) <= strlen(item->text)));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nvb_config once = {0};
    struct nvb_config twice = {0};
    if (read_text((const char *)data, size, &once)) {
        _cleanup_str_ struct nvb_str first = NVB_STR_INIT;
        _cleanup_str_ struct nvb_str second = NVB_STR_INIT;
        check_expansion(&once);
        nvb_config_show(&once, false, &first);
        check(read_text(first.data, first.len, &twice));
        nvb_config_show(&twice, false, &second);
        check(strcmp(first.data, second.data) == 0);
    }
    nvb_config_done(&once);
    nvb_config_done(&twice);
    return 0;
}
