#include <string.h>
#include <unistd.h>

#include "cli/cdi.h"
#include "cli/complete.h"
#include "cli/help.h"
#include "config/profile.h"
#include "doctor/doctor.h"

/* A candidate goes into somebody's command line: only what is one plain word there. */
static bool is_one_word(const char *text)
{
    for (; *text; text++) {
        unsigned char b = (unsigned char)*text;
        if (b <= 0x20 || b == 0x7f)
            return false;
    }
    return true;
}

void nvb_completion_offer(struct nvb_completion *c, const char *candidate, const char *note)
{
    const char *typed = c->word + c->prefix;
    if (!nvb_has_prefix(candidate, typed) || !*candidate || !is_one_word(candidate))
        return;
    nvb_str_addn(&c->lines, c->word, c->prefix);
    nvb_str_add(&c->lines, candidate);
    if (note) {
        nvb_str_addc(&c->lines, '\t');
        for (; *note; note++)
            nvb_str_addc(&c->lines, (unsigned char)*note < 0x20 || *note == 0x7f ? '?' : *note);
    }
    nvb_str_addc(&c->lines, '\n');
}

/* Moves the prefix behind the last comma of a list. Returns where the list begins. */
static const char *enter_list(struct nvb_completion *c)
{
    const char *list = c->word + c->prefix;
    const char *comma = strrchr(list, ',');
    if (comma)
        c->prefix = (size_t)(comma + 1 - c->word);
    return list;
}

/* Whether ITEM stands in the finished part of LIST, which ends where the prefix does. */
static bool is_listed(const struct nvb_completion *c, const char *list, const char *item)
{
    const char *end = c->word + c->prefix;
    size_t len = strlen(item);
    while (list < end) {
        size_t n = strcspn(list, ",");
        if (n == len && memcmp(list, item, n) == 0)
            return true;
        list += n + 1;
    }
    return false;
}

/* By index alone: a prompt does not wait for NVML. */
static void offer_migs(struct nvb_completion *c, const char *list, const struct nvb_gpu *gpu)
{
    _cleanup_free_ char *note = nvb_strdupf("MIG device of %s", gpu->model ? gpu->model : gpu->pci);
    nvb_vec_foreach (mig, &gpu->migs) {
        _cleanup_free_ char *name = nvb_strdupf("%u:%u", gpu->index, mig->index);
        if (!is_listed(c, list, name))
            nvb_completion_offer(c, name, note);
    }
}

static void offer_gpus(struct nvb_completion *c)
{
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    _cleanup_gpus_ struct nvb_gpus gpus = {0};
    const char *list = enter_list(c);
    if (list == c->word + c->prefix) {
        nvb_completion_offer(c, "all", "every GPU");
        nvb_completion_offer(c, "none", "no GPU");
    }
    /* No host, or one that cannot be read, has no GPU to offer; a prompt is no place to say why. */
    if (nvb_host_open(c->host, &host, NULL) < 0 || nvb_host_find_gpus(&host, &gpus, NULL) < 0)
        return;
    nvb_vec_foreach (gpu, &gpus) {
        _cleanup_free_ char *index = nvb_strdupf("%u", gpu->index);
        const char *names[] = {index, gpu->uuid, gpu->pci};
        bool listed = false;
        for (size_t i = 0; i < NVB_COUNT(names); i++)
            listed = listed || (names[i] && is_listed(c, list, names[i]));
        for (size_t i = 0; i < NVB_COUNT(names) && !listed; i++) {
            if (names[i])
                nvb_completion_offer(c, names[i], gpu->model);
        }
        offer_migs(c, list, gpu);
    }
}

static void offer_capabilities(struct nvb_completion *c)
{
    const char *list = enter_list(c);
    for (unsigned bit = 1; bit <= NVB_CAP_ALL; bit <<= 1) {
        _cleanup_str_ struct nvb_str word = NVB_STR_INIT;
        nvb_capabilities_format(bit, &word);
        if (!is_listed(c, list, word.data))
            nvb_completion_offer(c, word.data, NULL);
    }
    if (list == c->word + c->prefix)
        nvb_completion_offer(c, "all", NULL);
}

static void offer_profiles(struct nvb_completion *c)
{
    const char *list = enter_list(c);
    const struct nvb_profile_options options = {
        .environment = (const char *const *)environ,
        .uid = geteuid(),
    };
    _cleanup_strv_ struct nvb_strv names = {0};
    nvb_profile_list(&options, &names);
    for (size_t i = 0; i < names.count; i++)
        if (!is_listed(c, list, names.items[i]))
            nvb_completion_offer(c, names.items[i], NULL);
}

/* The rows, and their groups, each once: rows of a group stand together. */
static void offer_checks(struct nvb_completion *c)
{
    struct nvb_check_info info;
    const char *group = "";
    for (size_t i = 0; nvb_doctor_get(i, &info) == 0; i++) {
        if (strcmp(group, info.group) != 0 && strcmp(info.group, info.name) != 0)
            nvb_completion_offer(c, info.group, "group of checks");
        group = info.group;
        nvb_completion_offer(c, info.name, info.looks_at);
    }
}

/* What --for of the CDI commands takes; the version behind "@" is the user's. */
static void offer_engines(struct nvb_completion *c)
{
    static const char *const names[] = {"podman", "docker", "containerd@", "crio@"};
    const char *list = enter_list(c);
    for (size_t i = 0; i < NVB_COUNT(names); i++)
        if (!is_listed(c, list, names[i]))
            nvb_completion_offer(c, names[i], NULL);
}

static void offer_cdi_devices(struct nvb_completion *c)
{
    const struct nvb_cli cli = {.host = *c->host};
    const struct nvb_cdi_consumer *consumer;
    _cleanup_cdi_view_ struct nvb_cdi_view view = {.root = NVB_ROOT_INIT};
    _cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
    if (nvb_cdi_view_open(&cli, NULL, &view, NULL) < 0)
        return;
    nvb_cdi_view_read(&view, &registry, &consumer, NULL);
    nvb_vec_foreach (entry, &registry.entries)
        if (entry->state == NVB_CDI_IN_FORCE)
            nvb_completion_offer(c, entry->name, registry.files.items[entry->file].path);
}

static void offer_commands(struct nvb_completion *c)
{
    for (const struct nvb_command *command = nvb_commands; command->name; command++) {
        if (!command->hidden)
            nvb_completion_offer(c, command->name, command->summary);
    }
}

/* The help spells what the user is to fill in with capitals; everything else is a word as it is. */
static bool is_for_the_user(const char *text)
{
    return strpbrk(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL;
}

static void offer_one(struct nvb_completion *c, const char *spec)
{
    if (strcmp(spec, "FILE") == 0)
        c->directive = "files";
    else if (strcmp(spec, "DIR") == 0)
        c->directive = "folders";
    else if (strcmp(spec, "SELECTION") == 0)
        offer_gpus(c);
    else if (strcmp(spec, "CAPABILITIES") == 0)
        offer_capabilities(c);
    else if (strcmp(spec, "PROFILE") == 0)
        offer_profiles(c);
    else if (strcmp(spec, "CHECK") == 0)
        offer_checks(c);
    else if (strcmp(spec, "ENGINES") == 0)
        offer_engines(c);
    else if (strcmp(spec, "CDI") == 0)
        offer_cdi_devices(c);
    else if (strcmp(spec, "CONTAINER") == 0)
        nvb_completion_offer_containers(c);
    else if (strcmp(spec, "COMMAND") == 0)
        offer_commands(c);
    else if (!is_for_the_user(spec))
        nvb_completion_offer(c, spec, NULL);
}

void nvb_completion_offer_value(struct nvb_completion *c, const char *spec)
{
    if (nvb_has_prefix(spec, "[="))
        spec += 2;
    while (*spec) {
        size_t n = strcspn(spec, "|]");
        _cleanup_free_ char *one = nvb_strndup(spec, n);
        offer_one(c, one);
        spec += spec[n] == '|' ? n + 1 : strlen(spec);
    }
}
