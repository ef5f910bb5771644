#include "spec.h"

#include <string.h>

#include "cdi/build.h"
#include "cdi/codec.h"
#include "lay.h"

#define HOOK "/usr/libexec/nvbind-hook"

/* Appends TEXT without every place where ROOT stands in it, each line behind PREFIX. */
static void add_text(struct nvb_str *s, const char *prefix, const char *text, const char *root)
{
    size_t len = strlen(root);
    nvb_str_add(s, prefix);
    while (*text) {
        if (strncmp(text, root, len) == 0) {
            text += len;
            continue;
        }
        nvb_str_addc(s, *text);
        if (*text++ == '\n' && *text)
            nvb_str_add(s, prefix);
    }
}

static void add_comment(struct nvb_str *s, const char *what, const char *text, const char *root)
{
    _cleanup_free_ char *prefix = nvb_strdupf("# %s: ", what);
    add_text(s, prefix, text, root);
    nvb_str_addc(s, '\n');
}

static int build(const struct nvb_lay_options *roots, struct nvb_str *ret, struct nvb_notes *notes,
                 struct nvb_error **err)
{
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
    const struct nvb_host_options options = {
        .host_root = roots->host_root,
        .driver_root = roots->driver_root,
        .dev_root = roots->dev_root,
    };
    const struct nvb_cdi_build_options wanted = {.hook = HOOK, .kept = true};
    if (nvb_host_open(&options, &host, err) < 0 ||
        nvb_cdi_build(&host, &wanted, &spec, notes, err) < 0)
        return -1;
    return nvb_cdi_write(&spec, NVB_CDI_YAML, ret, err);
}

int nvb_dump_spec(const char *recording, const char *tree, struct nvb_str *ret,
                  struct nvb_error **err)
{
    struct nvb_lay_options roots = {0};
    if (nvb_lay_host(recording, tree, err) < 0 ||
        nvb_lay_read_options(recording, tree, &roots, err) < 0)
        return -1;
    _cleanup_notes_ struct nvb_notes notes = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_error_ struct nvb_error *error = NULL;
    _cleanup_free_ char *real = realpath(tree, NULL);
    int r = build(&roots, &text, &notes, &error);
    nvb_vec_foreach (note, &notes) {
        add_comment(ret, "note", note->text, real);
        if (note->hint)
            add_comment(ret, "hint", note->hint, real);
    }
    if (r < 0) {
        add_comment(ret, "error", error->message, real);
        if (error->hint)
            add_comment(ret, "hint", error->hint, real);
    }
    add_text(ret, "", text.data, real);
    nvb_lay_options_done(&roots);
    return 0;
}
