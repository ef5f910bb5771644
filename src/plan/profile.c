#include "plan/profile.h"

#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/trust.h"
#include "plan/device_group.h"
#include "plan/state.h"
#include "plan/xauth.h"

/*
 * Theory of operation. The chosen profiles become one (config/profile.h lays them over one
 * another), its entries whose conditions hold become options in a line of their own, each value
 * expanded alone as a configuration's are. That line and the configuration's are laid over one
 * another by the rule by which the user's words are laid over both: plan/defaults.c.
 */

#define COOKIE "/run/nvbind/Xauthority" /* in the container */

/* A profile that becomes a line. */
struct writer {
    const struct nvb_plan_profiles *input;
    const struct nvb_profile *profile;
    struct nvb_plan_line line;
    struct nvb_claims above; /* what lies over the profile's line anyway */
    struct nvb_plan_spec cookie;
    struct nvb_plan_spec said;
    struct nvb_notes *notes;
};

/* ---- conditions and values ---- */

static void note_foreign(const struct writer *w, const char *path)
{
    _cleanup_free_ char *text = nvb_strdupf("'%s' belongs to another user, in a folder that "
                                            "anybody can write: the profile goes without it",
                                            path);
    for (size_t i = 0; w->notes && i < w->notes->count; i++)
        if (strcmp(w->notes->items[i].text, text) == 0)
            return;
    nvb_notes_add(w->notes, NVB_NOTE_WARNING, "%s", text);
}

/* Anybody can make a folder in /tmp, and turn it into a link to one of the caller's later: what
 * another user made where everybody may is not there. */
static bool is_there(const struct writer *w, const char *path)
{
    if (access(path, F_OK) < 0)
        return false;
    _cleanup_free_ char *place = nvb_strdup(path);
    while (strcmp(place, "/") != 0) {
        _cleanup_free_ char *entry = TAKE_PTR(place);
        place = nvb_path_dir(entry);
        struct stat st, above;
        if (lstat(entry, &st) < 0 || stat(place, &above) < 0)
            return false;
        if ((above.st_mode & S_IWOTH) && st.st_uid != 0 && st.st_uid != w->input->options.uid) {
            note_foreign(w, entry);
            return false;
        }
    }
    return true;
}

static bool holds(const struct writer *w, const struct nvb_key_item *item)
{
    const char *const *environment = w->input->options.environment;
    if (item->if_set) {
        const char *value = nvb_environment_find(environment, item->if_set, strlen(item->if_set));
        if (!value || *value == '\0')
            return false;
    }
    if (!item->if_path)
        return true;
    _cleanup_free_ char *path = NULL;
    _cleanup_free_ char *unset = NULL;
    return nvb_expand(item->if_path, environment, NULL, &path, &unset, NULL) == 0 &&
           path[0] == '/' && is_there(w, path);
}

/* The text of ITEM as the value of the option NAME. Returns 0, 1 where it is left out, or -1. */
static int expand(struct writer *w, const struct nvb_key_item *item, const char *name,
                  const char *text, char **ret, struct nvb_error **err)
{
    struct nvb_plan_option option = {
        .row = nvb_option_find(name, strlen(name), NVB_OPTION_ANY),
        .name = (char *)name,
        .value = (char *)text,
    };
    _cleanup_free_ char *separators = nvb_plan_find_separators(&option);
    return nvb_item_expand(item, text, w->input->options.environment, separators, ret, w->notes,
                           err);
}

/* What the row says about an expanded text that it could not be asked about before. */
static int check_expanded(const struct nvb_key *key, const struct nvb_key_item *item,
                          const char *text, struct nvb_error **err)
{
    const char *fault = key->find_fault ? key->find_fault(item->name, text) : NULL;
    if (fault)
        return nvb_place_fail(&item->place, err, "%s: '%s' %s", key->name, text, fault);
    if (text[0] != '/')
        return 0;
    _cleanup_free_ char *path = nvb_strndup(text, strcspn(text, ":"));
    if (access(path, F_OK) == 0)
        return 0;
    (void)nvb_place_fail(&item->place, err, "%s: '%s' is not there", key->name, path);
    return nvb_error_hint(err, "{ value = \"%s\", if_path = \"%s\" } leaves it out then", text,
                          path);
}

/* /dev/dri has the nodes of every GPU. Those of the chosen ones come with their specification. */
static bool is_isolated(const struct writer *w, enum nvb_profile_key which, const char *value)
{
    static const char dri[] = "/dev/dri";
    size_t len = strcspn(value, ":");
    return which == NVB_PROFILE_DEVICES && w->input->isolate && len == sizeof(dri) - 1 &&
           memcmp(value, dri, len) == 0;
}

/* Devices or mounts. */
static int add_paths(struct writer *w, enum nvb_profile_key which, const char *name,
                     struct nvb_error **err)
{
    const struct nvb_key *key = &nvb_profile_keys.keys[which];
    nvb_vec_foreach (item, &w->profile->values[which].items) {
        _cleanup_free_ char *value = NULL;
        if (!holds(w, item))
            continue;
        int r = expand(w, item, name, item->text, &value, err);
        if (r < 0 || (r == 0 && check_expanded(key, item, value, err) < 0))
            return -1;
        if (r == 0 && !is_isolated(w, which, value))
            nvb_plan_line_add(&w->line, name, value);
    }
    return 0;
}

static int add_environment(struct writer *w, struct nvb_error **err)
{
    nvb_vec_foreach (item, &w->profile->values[NVB_PROFILE_ENVIRONMENT].items) {
        _cleanup_free_ char *value = NULL;
        if (!holds(w, item))
            continue;
        int r = nvb_item_expand(item, item->text, w->input->options.environment, NULL, &value,
                                w->notes, err);
        if (r < 0)
            return -1;
        if (r > 0)
            continue;
        /* The caller's own variable goes by its name: no value, perhaps a secret one, stands on a
         * command line that every user of the machine can read. */
        bool passed = item->text[0] == '$' && strcmp(item->text + 1, item->name) == 0;
        _cleanup_free_ char *variable =
            nvb_strdupf("%s%s%s", item->name, passed ? "" : "=", passed ? "" : value);
        nvb_plan_line_add(&w->line, "env", variable);
    }
    return 0;
}

/* One option in one word. */
static int add_argument(struct writer *w, const struct nvb_key_item *item, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    _cleanup_free_ char *value = NULL;
    struct nvb_plan_line one = {0};
    size_t word = 0;
    int r = 0;
    nvb_strv_add(&words, item->text);
    if (nvb_parse_defaults(&words, &one, &word, err) < 0) {
        (void)nvb_error_prefix(err, "arguments");
        return nvb_error_at(err, item->place.file, item->place.line, item->place.column);
    }
    const struct nvb_plan_option *option = &one.options.items[0];
    if (option->value)
        r = expand(w, item, nvb_plan_option_name(option), option->value, &value, err);
    if (r == 0 && value)
        nvb_plan_line_set_value(&one, 0, value);
    if (r == 0)
        nvb_plan_line_append(&w->line, &one);
    nvb_plan_line_done(&one);
    return r < 0 ? -1 : 0;
}

static int add_arguments(struct writer *w, struct nvb_error **err)
{
    nvb_vec_foreach (item, &w->profile->values[NVB_PROFILE_ARGUMENTS].items)
        if (holds(w, item) && add_argument(w, item, err) < 0)
            return -1;
    return 0;
}

/* ---- shared memory and limits ---- */

/* The one item of a text whose condition holds, or NULL. */
static const struct nvb_key_item *find_text(const struct writer *w, enum nvb_profile_key key)
{
    const struct nvb_key_value *value = &w->profile->values[key];
    return value->is_set && holds(w, &value->items.items[0]) ? &value->items.items[0] : NULL;
}

static void add_memory(struct writer *w)
{
    const struct nvb_key_item *ipc = find_text(w, NVB_PROFILE_IPC);
    const struct nvb_key_item *size = find_text(w, NVB_PROFILE_SHM_SIZE);
    uint64_t bytes = 0;
    if (ipc)
        nvb_plan_line_add(&w->line, "ipc", ipc->text);
    /* The host's /dev/shm has its own size, and none has none. */
    if (ipc && (strcmp(ipc->text, "host") == 0 || strcmp(ipc->text, "none") == 0))
        return;
    if (size && nvb_profile_parse_size(size->text, &bytes) == 0) {
        _cleanup_free_ char *text = nvb_strdupf("%llu", (unsigned long long)bytes);
        nvb_plan_line_add(&w->line, "shm-size", text);
    }
}

/* Whether the engine sets limits with this caller's rights: without them setrlimit(2) fails and
 * the container does not start. Docker's daemon has its own, but where this capability is out of
 * anybody's reach (a container, some virtual machines), it is out of the daemon's too. */
static bool is_bound(const struct writer *w)
{
    return w->input->rootless || prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) == 0;
}

static void add_number(struct nvb_str *s, uint64_t n, const char *unlimited)
{
    if (n == UINT64_MAX)
        nvb_str_add(s, unlimited);
    else
        nvb_str_addf(s, "%llu", (unsigned long long)n);
}

/* Lowers *SOFT and *HARD to the caller's hard limit and appends what was done to SAID. */
static void lower(const char *name, uint64_t *soft, uint64_t *hard, struct nvb_str *said)
{
    struct rlimit own;
    if (getrlimit((unsigned)nvb_profile_find_limit(name), &own) < 0 ||
        own.rlim_max == RLIM_INFINITY || *hard <= own.rlim_max)
        return;
    nvb_str_addf(said, "%s%s from ", said->len ? ", " : "", name);
    add_number(said, *hard, "unlimited");
    nvb_str_addf(said, " to %llu", (unsigned long long)own.rlim_max);
    *hard = own.rlim_max;
    if (*soft > *hard)
        *soft = *hard;
}

/* Whether this was said since the caller logged in: nothing has to be done about a limit, and to be
 * told at each start teaches nobody to read warnings. Without a private folder it is said again. */
static bool was_said(struct writer *w, const char *text)
{
    _cleanup_free_ char *runtime = NULL;
    if (nvb_trust_runtime_folder(w->input->runtime_dir, &runtime, NULL) != 0)
        return false;
    _cleanup_free_ char *path =
        nvb_strdupf("%s/said-%016llx", runtime,
                    (unsigned long long)nvb_hash(NVB_HASH_INIT, text, strlen(text)));
    if (access(path, F_OK) == 0)
        return true;
    w->said.path = TAKE_PTR(path);
    w->said.len = strlen(text);
    w->said.text = nvb_strdup(text);
    return false;
}

static void add_limits(struct writer *w)
{
    _cleanup_str_ struct nvb_str said = NVB_STR_INIT;
    const bool bound = is_bound(w);
    nvb_vec_foreach (item, &w->profile->values[NVB_PROFILE_ULIMITS].items) {
        _cleanup_str_ struct nvb_str value = NVB_STR_INIT;
        uint64_t soft = 0;
        uint64_t hard = 0;
        if (nvb_strv_has(&w->above.limits, item->name) || !holds(w, item) ||
            nvb_profile_parse_limit(item->text, &soft, &hard) < 0)
            continue;
        if (bound)
            lower(item->name, &soft, &hard, &said);
        nvb_str_addf(&value, "%s=", item->name);
        add_number(&value, soft, "-1");
        nvb_str_addc(&value, ':');
        add_number(&value, hard, "-1");
        nvb_plan_line_add(&w->line, "ulimit", value.data);
    }
    if (said.len == 0)
        return;
    nvb_notes_add(w->notes, was_said(w, said.data) ? NVB_NOTE_INFO : NVB_NOTE_WARNING,
                  "limits of the profile are lowered to your own hard limits: %s", said.data);
    nvb_notes_hint(w->notes, "'* - memlock unlimited' and the like in /etc/security/limits.d/ "
                             "raises them at the next login");
}

/* ---- all together ---- */

static void add_groups(struct writer *w)
{
    if (!w->profile->values[NVB_PROFILE_KEEP_GROUPS].flag || !w->input->rootless ||
        w->input->engine->kind != NVB_ENGINE_PODMAN)
        return;
    nvb_vec_foreach (option, &w->line.options) {
        if (!nvb_plan_option_is(option, "device") ||
            !nvb_device_needs_groups(option->value, w->input->options.uid))
            continue;
        nvb_plan_line_add(&w->line, "group-add", "keep-groups");
        return;
    }
}

/* The cookie's file goes where nobody but the caller looks; without such a place there is none. */
static int add_cookie(struct writer *w, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_free_ char *runtime = NULL;
    if (!w->profile->values[NVB_PROFILE_X11_COOKIE].flag ||
        nvb_strv_has(&w->above.environment, "XAUTHORITY") ||
        nvb_xauth_make(w->input->options.environment, &text) != 0)
        return 0;
    int r = nvb_trust_runtime_folder(w->input->runtime_dir, &runtime, err);
    if (r != 0)
        return r < 0 ? -1 : 0;
    w->cookie.path = nvb_strdupf("%s/xauth-%016llx", runtime,
                                 (unsigned long long)nvb_hash(NVB_HASH_INIT, text.data, text.len));
    w->cookie.len = text.len;
    w->cookie.text = nvb_str_steal(&text);
    _cleanup_free_ char *mount = nvb_strdupf("%s:" COOKIE ":ro", w->cookie.path);
    nvb_plan_line_add(&w->line, "volume", mount);
    nvb_plan_line_add(&w->line, "env", "XAUTHORITY=" COOKIE);
    return 0;
}

/* A profile that draws on the session's screen, where there is no session. */
static void note_display(const struct writer *w)
{
    static const char *const names[] = {"DISPLAY", "WAYLAND_DISPLAY"};
    if (!w->profile->values[NVB_PROFILE_X11_COOKIE].flag)
        return;
    for (size_t i = 0; i < NVB_COUNT(names); i++) {
        const char *value =
            nvb_environment_find(w->input->options.environment, names[i], strlen(names[i]));
        if ((value && *value) || nvb_strv_has(&w->above.environment, names[i]))
            return;
    }
    nvb_notes_add(w->notes, NVB_NOTE_NOTICE,
                  "neither DISPLAY nor WAYLAND_DISPLAY is set: programs in the container have no "
                  "screen to draw on");
}

static int write_line(struct writer *w, struct nvb_error **err)
{
    if (add_paths(w, NVB_PROFILE_DEVICES, "device", err) < 0 ||
        add_paths(w, NVB_PROFILE_MOUNTS, "volume", err) < 0 || add_arguments(w, err) < 0 ||
        add_environment(w, err) < 0 || add_cookie(w, err) < 0)
        return -1;
    nvb_defaults_drop_earlier(&w->line, w->input->engine);
    add_memory(w);
    add_limits(w);
    add_groups(w);
    note_display(w);
    return 0;
}

static int read_capabilities(const struct nvb_profile *profile, unsigned *ret,
                             struct nvb_error **err)
{
    nvb_vec_foreach (item, &profile->values[NVB_PROFILE_CAPABILITIES].items) {
        unsigned one = 0;
        if (nvb_capabilities_parse(item->text, &one, err) < 0)
            return nvb_error_at(err, item->place.file, item->place.line, item->place.column);
        *ret |= one;
    }
    return 0;
}

/* Lays the chosen profiles over one another. */
static int lay_profiles(const struct nvb_plan_profiles *input, struct nvb_profile *ret,
                        struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv names = {0};
    if (!input->words) {
        nvb_vec_foreach (item, nvb_config_items(input->config, NVB_CONFIG_PROFILES))
            if (nvb_profile_lay(&input->options, item->text, &item->place, ret, err) < 0)
                return -1;
        return 0;
    }
    nvb_strv_split(&names, input->words, ',');
    for (size_t i = 0; i < names.count; i++)
        if (nvb_profile_lay(&input->options, names.items[i], NULL, ret, err) < 0)
            return err && *err && (*err)->file ? -1 : nvb_error_prefix(err, "--profile");
    return 0;
}

/* The configuration's word about capabilities gives way to a profile's on the command line. */
static void drop_granted(struct nvb_plan_line *line)
{
    _cleanup_free_ bool *drop = nvb_calloc(line->options.count + 1, sizeof(*drop));
    for (size_t i = 0; i < line->options.count; i++) {
        const struct nvb_plan_option *option = &line->options.items[i];
        drop[i] = nvb_plan_option_is(option, "env") && option->value &&
                  nvb_has_prefix(option->value, NVB_GRANTED "=");
    }
    nvb_plan_line_drop(line, drop);
}

/* Lays the profile's line and the configuration's over one another. */
static void lay_lines(const struct nvb_plan_profiles *input, struct nvb_plan_line *profile,
                      unsigned capabilities, struct nvb_plan_defaults *defaults)
{
    char *const *environment = (char *const *)input->options.environment;
    const bool asks = input->words && nvb_claims_env_value(profile, NVB_VISIBLE, environment);
    struct nvb_plan_line low = input->words ? TAKE_STRUCT(defaults->line) : TAKE_STRUCT(*profile);
    struct nvb_plan_line high = input->words ? TAKE_STRUCT(*profile) : TAKE_STRUCT(defaults->line);
    if (input->words && capabilities)
        drop_granted(&low);
    nvb_defaults_drop_replaced(&low, &high, input->engine);
    nvb_plan_line_append(&low, &high);
    nvb_plan_line_done(&high);
    defaults->line = low;
    if (asks) /* and not the configuration */
        defaults->visible_place = (struct nvb_place){0};
    if (capabilities && (input->words || !defaults->capabilities))
        defaults->capabilities = capabilities;
}

int nvb_plan_add_profiles(const struct nvb_plan_profiles *profiles,
                          struct nvb_plan_defaults *defaults, struct nvb_notes *notes,
                          struct nvb_error **err)
{
    _cleanup_profile_ struct nvb_profile profile = {0};
    struct writer w = {.input = profiles, .profile = &profile, .notes = notes};
    unsigned capabilities = 0;
    int r = lay_profiles(profiles, &profile, err);
    if (r == 0 && profile.names.count == 0)
        return 0;
    nvb_claims_read(profiles->user, nvb_plan_list_version(profiles->engine), &w.above);
    if (!profiles->words)
        nvb_claims_read(&defaults->line, nvb_plan_list_version(profiles->engine), &w.above);
    if (r == 0)
        r = read_capabilities(&profile, &capabilities, err);
    if (r == 0)
        r = write_line(&w, err);
    if (r == 0) {
        lay_lines(profiles, &w.line, capabilities, defaults);
        defaults->cookie = TAKE_STRUCT(w.cookie);
        defaults->said = TAKE_STRUCT(w.said);
    }
    free(w.cookie.path);
    free(w.cookie.text);
    free(w.said.path);
    free(w.said.text);
    nvb_plan_line_done(&w.line);
    nvb_claims_done(&w.above);
    return r;
}
