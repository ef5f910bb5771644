/* containers-registries.conf(5): its format, and where short names of images are looked for. */

#include <string.h>

#include "base/path.h"
#include "base/trust.h"
#include "config/toml.h"
#include "doctor/check.h"

/* The file that counts, owned; NULL: there is none. */
static char *find_file(struct nvb_doctor *d)
{
    const char *set = nvb_doctor_env(d, "CONTAINERS_REGISTRIES_CONF");
    if (set)
        return nvb_strdup(set);
    char *own = nvb_doctor_config_path(d, "containers/registries.conf");
    if (own && nvb_doctor_exists(d, own))
        return own;
    free(own);
    return nvb_doctor_exists(d, "/etc/containers/registries.conf")
               ? nvb_strdup("/etc/containers/registries.conf")
               : NULL;
}

/* What is said of registries, together. */
struct registries {
    char *path;
    struct nvb_doc doc;
    bool is_old, is_mixed;
};

#define _cleanup_registries_ _cleanup_(registries_done)

static void registries_done(struct registries *r)
{
    free(r->path);
    nvb_doc_done(&r->doc);
}

static bool is_new_key(const char *key)
{
    return strcmp(key, "unqualified-search-registries") == 0 || strcmp(key, "registry") == 0 ||
           strcmp(key, "short-name-mode") == 0 || strcmp(key, "credential-helpers") == 0;
}

/* Returns true where there is a file to judge; else F says why not. */
static bool read_registries(struct nvb_doctor *d, struct registries *ret, struct nvb_finding *f)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    if (!nvb_doctor_podman(d)->installed) {
        nvb_finding_skip(f, "Podman is not installed");
        return false;
    }
    ret->path = find_file(d);
    if (!ret->path) {
        if (nvb_doctor_wants(d, "/etc/containers", f)) {
            nvb_finding_warn(f, "there is no registries.conf: images need their full names");
            (void)nvb_fix_text(f, "nvbind run docker.io/nvidia/cuda:…, or a registries.conf with "
                                  "unqualified-search-registries = [\"docker.io\"]");
        }
        return false;
    }
    _cleanup_free_ char *text = nvb_doctor_read(d, ret->path);
    if (!text || nvb_toml_read(text, strlen(text), ret->path, &ret->doc, &err) < 0) {
        if (err)
            nvb_finding_fail(f, "%s:%u:%u: %s", ret->path, err->line, err->column, err->message);
        else
            nvb_finding_fail(f, "%s cannot be read", ret->path);
        (void)nvb_fix_text(f, "mend that line: no image can be pulled until then");
        return false;
    }
    const struct nvb_doc *old = nvb_doc_find(&ret->doc, "registries");
    ret->is_old = old && old->type == NVB_DOC_MAP;
    if (ret->doc.type == NVB_DOC_MAP)
        nvb_vec_foreach (member, &ret->doc.map)
            ret->is_mixed = ret->is_mixed || (ret->is_old && is_new_key(member->key));
    return true;
}

static void add_quoted(struct nvb_str *s, const char *text)
{
    nvb_str_addc(s, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            nvb_str_addc(s, '\\');
        nvb_str_addc(s, *text);
    }
    nvb_str_addc(s, '"');
}

static const struct nvb_doc *old_list(const struct registries *r, const char *section)
{
    const struct nvb_doc *old = nvb_doc_find(&r->doc, "registries");
    const struct nvb_doc *list = nvb_doc_find(nvb_doc_find(old, section), "registries");
    return list && list->type == NVB_DOC_LIST ? list : NULL;
}

/* The same, in version 2. */
static void convert(const struct registries *r, struct nvb_str *ret)
{
    static const char *const kinds[][2] = {{"insecure", "insecure"}, {"block", "blocked"}};
    const struct nvb_doc *search = old_list(r, "search");
    nvb_str_add(ret, "unqualified-search-registries = [");
    for (size_t i = 0; search && i < search->list.count; i++) {
        if (i)
            nvb_str_add(ret, ", ");
        add_quoted(ret, search->list.items[i].text ? search->list.items[i].text : "");
    }
    nvb_str_add(ret, "]\n");
    for (size_t k = 0; k < NVB_COUNT(kinds); k++) {
        const struct nvb_doc *list = old_list(r, kinds[k][0]);
        for (size_t i = 0; list && i < list->list.count; i++) {
            nvb_str_add(ret, "\n[[registry]]\nlocation = ");
            add_quoted(ret, list->list.items[i].text ? list->list.items[i].text : "");
            nvb_str_addf(ret, "\n%s = true\n", kinds[k][1]);
        }
    }
}

static void check_format(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_registries_ struct registries r = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    if (!read_registries(d, &r, f))
        return;
    if (!r.is_old) {
        nvb_finding_ok(f, "%s is in version 2", r.path);
        return;
    }
    if (r.is_mixed)
        nvb_finding_fail(f, "%s mixes version 1 and version 2: no image can be pulled", r.path);
    else
        nvb_finding_warn(f, "%s is in version 1, which newer engines do not read", r.path);
    const bool root = nvb_has_prefix(r.path, "/etc/");
    _cleanup_free_ char *kept = nvb_strdupf("%s.v1", r.path);
    if (r.is_mixed) {
        (void)nvb_fix_text(f,
                           "take [registries.search], [registries.insecure] and "
                           "[registries.block] out of %s",
                           r.path);
        return;
    }
    convert(&r, &text);
    struct nvb_fix_step *copy =
        root ? nvb_fix_root(f, "cp", "-p", "--no-clobber", r.path, kept, NULL)
             : nvb_fix_user(f, "cp", "-p", "--no-clobber", r.path, kept, NULL);
    /* Root with a user's HOME: a link of that user's would be written through. */
    _cleanup_free_ char *folder = nvb_path_dir(r.path);
    const bool foreign = d->user.uid == 0 && !nvb_trust_is_own_place(folder);
    copy->by_hand = foreign;
    nvb_fix_write(f, root, r.path, text.data)->by_hand = foreign;
}

static void check_search(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_registries_ struct registries r = {0};
    _cleanup_str_ struct nvb_str names = NVB_STR_INIT;
    if (!read_registries(d, &r, f))
        return;
    const struct nvb_doc *list = nvb_doc_find(&r.doc, "unqualified-search-registries");
    if (!list || list->type != NVB_DOC_LIST)
        list = old_list(&r, "search");
    for (size_t i = 0; list && i < list->list.count; i++)
        nvb_str_addf(&names, "%s%s", i ? ", " : "",
                     list->list.items[i].text ? list->list.items[i].text : "");
    if (names.len) {
        nvb_finding_ok(f, "short names are looked for in %s", names.data);
        return;
    }
    nvb_finding_warn(f, "%s names no registry for short names: 'nvidia/cuda' is not found", r.path);
    const bool root = d->options->caller.uid == 0;
    _cleanup_free_ char *path =
        root ? nvb_strdup("/etc/containers/registries.conf.d/50-nvbind.conf")
             : nvb_doctor_config_path(d, "containers/registries.conf.d/50-nvbind.conf");
    if (path)
        (void)nvb_fix_write(f, root, path, "unqualified-search-registries = [\"docker.io\"]\n");
}

const struct nvb_check nvb_checks_registries[] = {
    NVB_CHECK("registries-format", "registries", "the version of registries.conf", NULL,
              check_format),
    NVB_CHECK("registries-search", "registries", "where short names of images are looked for", NULL,
              check_search),
    {0},
};
