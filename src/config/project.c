/*
 * What a ./nvbind.toml may say that nobody vouched for. The rule is the key's (enum nvb_key_trust);
 * here is how each is decided. Whatever cannot be decided from the words alone needs trust: a
 * cloned repository must not be able to add a mount, a device or a privilege.
 */
#include <stdint.h>
#include <string.h>

#include "base/str.h"
#include "config/layers.h"

/* Variables that lead the container's loader, the GPU runtimes or its shell astray. */
static const char *const denied_prefixes[] = {"LD_", "NVIDIA_", NULL};
static const char *const denied_names[] = {"PATH", NULL};

/* Reads "0", "gpu0", "0,2", "0-3" and mixtures as a set of the first 64 indices. */
static bool read_indices(const char *text, uint64_t *ret)
{
    _cleanup_strv_ struct nvb_strv pieces = {0};
    uint64_t set = 0;
    nvb_strv_split(&pieces, text, ',');
    nvb_vec_foreach (piece, &pieces) {
        const char *p = nvb_has_prefix(*piece, "gpu") ? *piece + 3 : *piece;
        size_t len = strcspn(p, "-");
        uint64_t first, last;
        if (nvb_parse_u64(p, len, 10, &first) < 0)
            return false;
        last = first;
        if (p[len] == '-' && nvb_parse_u64(p + len + 1, strlen(p + len + 1), 10, &last) < 0)
            return false;
        if (last > 63 || first > last)
            return false;
        for (uint64_t i = first; i <= last; i++)
            set |= UINT64_C(1) << i;
    }
    *ret = set;
    return true;
}

static bool read_count(const char *text, uint64_t *ret)
{
    return nvb_has_prefix(text, "count=") &&
           nvb_parse_u64(text + strlen("count="), strlen(text + strlen("count=")), 10, ret) == 0;
}

/* Another vendor's CDI device is no GPU of ours: it may bring any file of the host's. */
static bool has_foreign_device(const char *text)
{
    _cleanup_strv_ struct nvb_strv pieces = {0};
    nvb_strv_split(&pieces, text, ',');
    nvb_vec_foreach (piece, &pieces) {
        const char *slash = strchr(*piece, '/');
        if (slash && (!nvb_has_prefix(*piece, "nvidia.com/gpu=") || strchr(slash + 1, '/')))
            return true;
    }
    return false;
}

bool nvb_config_is_narrower(const char *inner, const char *outer)
{
    uint64_t in, out;
    if (strcmp(inner, "none") == 0 || strcmp(inner, outer) == 0)
        return true;
    if (strcmp(outer, "all") == 0)
        return !has_foreign_device(inner);
    if (read_indices(inner, &in) && read_indices(outer, &out))
        return (in & ~out) == 0;
    return read_count(inner, &in) && read_count(outer, &out) && in <= out;
}

static void add_fault(struct nvb_faults *faults, const struct nvb_place *place, char *message)
{
    struct nvb_error **fault = nvb_vec_add(faults);
    (void)nvb_place_fail(place, fault, "%s", message);
    (void)nvb_error_hint(fault, "read the file, then: nvbind config trust");
    free(message);
}

static char *describe_place(const struct nvb_place *place)
{
    if (!place->file)
        return nvb_strdup("the default");
    return place->line ? nvb_strdupf("%s:%u", place->file, place->line) : nvb_strdup(place->file);
}

static void check_narrower(const struct nvb_key *key, const struct nvb_key_value *value,
                           const struct nvb_key_value *below, struct nvb_faults *faults)
{
    if (!below)
        return;
    _cleanup_free_ char *where = describe_place(&below->place);
    if (key->type == NVB_KEY_BOOL) {
        if (!value->flag && below->is_set && below->flag)
            add_fault(faults, &value->place,
                      nvb_strdupf("%s = false takes back what %s sets, which needs trust",
                                  key->name, where));
        return;
    }
    const char *inner = value->items.items[0].text;
    const char *outer = below->is_set ? below->items.items[0].text : "all";
    if (!nvb_config_is_narrower(inner, outer))
        add_fault(faults, &value->place,
                  nvb_strdupf("%s = '%s' may select more than '%s' of %s does, which needs trust",
                              key->name, inner, outer, where));
}

static bool is_denied(const char *name)
{
    for (size_t i = 0; denied_prefixes[i]; i++) {
        if (nvb_has_prefix(name, denied_prefixes[i]))
            return true;
    }
    for (size_t i = 0; denied_names[i]; i++) {
        if (strcmp(name, denied_names[i]) == 0)
            return true;
    }
    return false;
}

static void check_variables(const struct nvb_key *key, const struct nvb_key_value *value,
                            struct nvb_faults *faults)
{
    nvb_vec_foreach (item, &value->items) {
        if (is_denied(item->name))
            add_fault(faults, &item->place,
                      nvb_strdupf("%s.%s needs trust, as LD_*, NVIDIA_* and PATH do", key->name,
                                  item->name));
        else if (nvb_expand_has_variable(item->text))
            add_fault(faults, &item->place,
                      nvb_strdupf("%s.%s takes a variable of yours, which needs trust", key->name,
                                  item->name));
    }
}

static void check_profiles(const struct nvb_key *key, const struct nvb_key_value *value,
                           const char *const *profiles, struct nvb_faults *faults)
{
    nvb_vec_foreach (item, &value->items) {
        bool found = false;
        for (size_t i = 0; profiles && profiles[i] && !found; i++)
            found = strcmp(profiles[i], item->text) == 0;
        if (!found)
            add_fault(
                faults, &item->place,
                nvb_strdupf(
                    "%s: '%s' is no built-in profile of capabilities alone, which needs trust",
                    key->name, item->text));
    }
}

void nvb_config_check_project(const struct nvb_key_value *values, const struct nvb_key_value *below,
                              const char *const *profiles, struct nvb_faults *faults)
{
    for (size_t i = 0; i < nvb_config_keys.count; i++) {
        const struct nvb_key *key = &nvb_config_keys.keys[i];
        if (!values[i].is_set)
            continue;
        switch (key->trust) {
        case NVB_KEY_TRUST_FREE:
            break;
        case NVB_KEY_TRUST_NEEDED:
            add_fault(faults, &values[i].place,
                      nvb_strdupf("%s needs trust: this file came with the folder", key->name));
            break;
        case NVB_KEY_TRUST_NARROWER:
            check_narrower(key, &values[i], below ? &below[i] : NULL, faults);
            break;
        case NVB_KEY_TRUST_BUILTIN:
            check_profiles(key, &values[i], profiles, faults);
            break;
        case NVB_KEY_TRUST_LITERAL:
            check_variables(key, &values[i], faults);
            break;
        }
    }
}
