/*
 * What units that run GPU containers get wrong.
 *
 * A service: "-d" under Type=simple. The engine's client ends at once, systemd takes the service
 * for ended, and with Restart=always starts it until it gives up. Without "-d" the client stays and
 * passes signals on; that is what Type=simple means.
 *
 * A Quadlet file: nvbind inside Exec=. That is the command in the container, where there is no
 * nvbind; what it was to do is said by the file's own keys.
 */
#include "doctor/unit.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "doctor/unit_file.h"
#include "plan/short_name.h"

static bool is_users(struct nvb_unit_file *file)
{
    const struct nvb_unit_entry *wanted = nvb_unit_find(file, "Install", "WantedBy");
    return strstr(file->name, "systemd/user/") ||
           (wanted && strcmp(wanted->value, "default.target") == 0);
}

/* ---- services ---- */

struct service {
    struct nvb_unit_file *file;
    struct nvb_unit_entry *exec;
    struct nvb_unit_words words;
    struct nvb_unit_run run;
    bool changed;
};

static const char *type_of(struct nvb_unit_file *file)
{
    const struct nvb_unit_entry *type = nvb_unit_find(file, "Service", "Type");
    return type ? type->value : "simple";
}

static void drop_option(struct service *s, const char *name, const char *why)
{
    const struct nvb_unit_option *option = nvb_unit_run_find(&s->run, name);
    if (!option || (option->value && strcmp(option->value, "false") == 0))
        return;
    nvb_unit_remark(s->file, true, s->words.items[option->word].line, "'%s' %s: taken out",
                    option->letter ? (const char[]){'-', option->letter, 0}
                                   : s->words.items[option->word].text,
                    why);
    nvb_unit_run_drop(&s->words, option);
    s->changed = true;
}

/* Puts WORD behind "run". */
static void add_option(struct service *s, const char *word)
{
    struct nvb_unit_word *verb = &s->words.items[s->run.verb];
    char *raw = nvb_strdupf("%s %s", verb->raw, word);
    free(verb->raw);
    verb->raw = raw;
    s->changed = true;
}

static void correct_detach(struct service *s)
{
    const char *type = type_of(s->file);
    struct nvb_unit_entry *entry = nvb_unit_find(s->file, "Service", "Type");
    const bool detached = nvb_unit_run_find(&s->run, "detach") != NULL;
    if (strcmp(type, "simple") == 0 || strcmp(type, "exec") == 0 || strcmp(type, "idle") == 0) {
        drop_option(s, "detach",
                    "under Type=simple ends the service as soon as the container has started");
    } else if (strcmp(type, "forking") == 0 && detached) {
        nvb_unit_remark(s->file, true, entry->line,
                        "Type=forking waits for a daemon that no engine is: Type=simple");
        nvb_unit_set(entry, "simple");
        drop_option(s, "detach", "is not for Type=simple");
    }
}

static void correct_name(struct service *s)
{
    const struct nvb_unit_option *name = nvb_unit_run_find(&s->run, "name");
    const unsigned line = s->words.items[s->run.verb].line;
    drop_option(s, "restart", "is the engine's own supervision beside systemd's");
    if (!nvb_unit_run_find(&s->run, "rm")) {
        nvb_unit_remark(s->file, true, line,
                        "without '--rm' each start leaves a container behind: added");
        add_option(s, "--rm");
    }
    if (name && !s->run.is_docker && !nvb_unit_run_find(&s->run, "replace")) {
        nvb_unit_remark(s->file, true, line,
                        "a container '%s' that a crash left would keep the service from starting: "
                        "'--replace' added",
                        name->value ? name->value : "");
        add_option(s, "--replace");
    }
}

static void correct_exec(struct nvb_unit_file *file, struct nvb_unit_entry *exec)
{
    struct service s = {.file = file, .exec = exec};
    nvb_unit_split(exec, &s.words);
    if (nvb_unit_read_run(&s.words, &s.run) == 0) {
        correct_detach(&s);
        drop_option(&s, "tty", "wants a terminal, which a service does not have");
        drop_option(&s, "interactive", "wants an input, which a service does not have");
        correct_name(&s);
        if (s.changed)
            nvb_unit_join(exec, &s.words);
    }
    nvb_unit_words_done(&s.words);
    nvb_unit_run_done(&s.run);
}

/* Without this systemd ends the container's own processes together with the engine's. */
static void correct_kill(struct nvb_unit_file *file)
{
    struct nvb_unit_entry *last = nvb_unit_last(file, "Service");
    if (nvb_unit_find(file, "Service", "KillMode") || !last)
        return;
    nvb_str_add(&last->after, "KillMode=mixed\n");
    nvb_unit_remark(file, true, last->line,
                    "systemd would end the container and its engine at once: KillMode=mixed added");
}

/* Whether the unit is ordered after UNIT. */
static bool names_unit(const struct nvb_unit_file *file, const char *unit)
{
    nvb_vec_foreach (entry, &file->entries)
        if (entry->raw && entry->key && strcmp(entry->key, "After") == 0 &&
            strstr(entry->value, unit))
            return true;
    return false;
}

static void correct_user(struct nvb_unit_file *file)
{
    struct nvb_unit_entry *user = nvb_unit_find(file, "Service", "User");
    if (!user || strcmp(user->value, "root") == 0 || strcmp(user->value, "0") == 0)
        return;
    if (!nvb_unit_find(file, "Service", "Delegate")) {
        nvb_str_add(&user->after, "Delegate=yes\n");
        nvb_unit_remark(file, true, user->line,
                        "a rootless container makes cgroups below the service's: Delegate=yes "
                        "added");
    }
    const struct passwd *entry = getpwnam(user->value);
    struct nvb_unit_entry *last = nvb_unit_last(file, "Unit");
    _cleanup_free_ char *manager =
        entry ? nvb_strdupf("user@%u.service", (unsigned)entry->pw_uid) : NULL;
    if (manager && last && !names_unit(file, manager)) {
        nvb_str_addf(&last->after, "Wants=%s\nAfter=%s\n", manager, manager);
        nvb_unit_remark(file, true, last->line,
                        "%s has no runtime folder at boot before %s makes it: added", user->value,
                        manager);
    }
    nvb_unit_remark(file, false, user->line,
                    "%s's runtime folder and containers go when %s logs out: sudo loginctl "
                    "enable-linger %s",
                    user->value, user->value, user->value);
}

static void correct_targets(struct nvb_unit_file *file)
{
    struct nvb_unit_entry *after = nvb_unit_find(file, "Unit", "After");
    struct nvb_unit_entry *wanted = nvb_unit_find(file, "Install", "WantedBy");
    const bool users = is_users(file);
    if (after && strcmp(after->value, "network.target") == 0 && users) {
        nvb_unit_remark(file, true, after->line,
                        "a user's service manager has no network.target: taken out");
        nvb_unit_drop(after);
    } else if (after && strcmp(after->value, "network.target") == 0) {
        nvb_unit_set(after, "network-online.target");
        nvb_str_add(&after->after, "Wants=network-online.target\n");
        nvb_unit_remark(file, true, after->line,
                        "network.target does not wait for a network, which pulling an image needs: "
                        "network-online.target");
    }
    if (wanted && users && strcmp(wanted->value, "multi-user.target") == 0) {
        nvb_unit_set(wanted, "default.target");
        nvb_unit_remark(file, true, wanted->line,
                        "a user's service manager has no multi-user.target: default.target");
    }
}

static void correct_service(struct nvb_unit_file *file)
{
    struct nvb_unit_entry *exec = nvb_unit_find(file, "Service", "ExecStart");
    struct nvb_unit_words words = {0};
    struct nvb_unit_run run = {0};
    if (!exec)
        return;
    nvb_unit_split(exec, &words);
    bool runs = nvb_unit_read_run(&words, &run) == 0;
    nvb_unit_words_done(&words);
    nvb_unit_run_done(&run);
    if (!runs)
        return;
    correct_targets(file);
    correct_user(file);
    correct_exec(file, exec);
    correct_kill(file);
}

/* ---- Quadlet ---- */

struct quadlet {
    struct nvb_unit_file *file;
    struct nvb_unit_entry *exec;
    struct nvb_unit_words words;
    struct nvb_unit_run run;
    struct nvb_str keys; /* lines that say what the options said */
};

/* Options whose value is that of a key of podman-systemd.unit(5). */
static const struct {
    const char *name, *key;
} quadlet_keys[] = {
    {"volume", "Volume"},      {"publish", "PublishPort"}, {"env", "Environment"},
    {"network", "Network"},    {"device", "AddDevice"},    {"user", "User"},
    {"workdir", "WorkingDir"}, {"label", "Label"},         {"secret", "Secret"},
    {"name", "ContainerName"}, {"hostname", "HostName"},   {"tmpfs", "Tmpfs"},
};

static void add_gpus(struct quadlet *q)
{
    const struct nvb_unit_option *gpu = nvb_unit_run_find(&q->run, "gpu");
    const struct nvb_unit_entry *device = nvb_unit_find(q->file, "Container", "AddDevice");
    const char *selection = gpu && gpu->value ? gpu->value : "all";
    _cleanup_strv_ struct nvb_strv words = {0};
    if (strcmp(selection, "none") == 0 || (device && strstr(device->value, "nvidia.com/gpu=")))
        return;
    nvb_strv_split(&words, selection, ',');
    for (size_t i = 0; i < words.count; i++)
        nvb_str_addf(&q->keys, "AddDevice=%s%s\n",
                     strchr(words.items[i], '=') ? "" : "nvidia.com/gpu=", words.items[i]);
}

static const char *find_key(const char *name)
{
    for (size_t i = 0; i < NVB_COUNT(quadlet_keys); i++)
        if (strcmp(quadlet_keys[i].name, name) == 0)
            return quadlet_keys[i].key;
    return NULL;
}

/* What a unit says by itself, or what has no meaning in it. */
static bool is_moot(const char *name)
{
    static const char *const names[] = {"detach",   "rm",   "tty",     "interactive",
                                        "gpu",      "gpus", "runtime", "capabilities",
                                        "rootless", "cdi",  "no-cdi",  "isolate"};
    for (size_t i = 0; i < NVB_COUNT(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static void add_options(struct quadlet *q)
{
    nvb_vec_foreach (option, &q->run.options) {
        const char *key = find_key(option->name);
        if (is_moot(option->name))
            continue;
        if (strcmp(option->name, "profile") == 0) {
            nvb_unit_remark(
                q->file, false, q->words.items[option->word].line,
                "what profile '%s' brings has to be said by keys: nvbind profile show %s",
                option->value ? option->value : "", option->value ? option->value : "");
            continue;
        }
        if (key && option->value) {
            const bool apart = option->words == 2; /* then it stands quoted as a unit wants it */
            const bool quote = !apart && strpbrk(option->value, " \t\"'");
            nvb_str_addf(&q->keys, "%s=%s%s%s\n", key, quote ? "\"" : "",
                         apart ? q->words.items[option->word + 1].raw : option->value,
                         quote ? "\"" : "");
            continue;
        }
        nvb_str_add(&q->keys, "PodmanArgs=");
        for (size_t i = 0; i < option->words; i++)
            nvb_str_addf(&q->keys, "%s%s", i ? " " : "", q->words.items[option->word + i].raw);
        nvb_str_addc(&q->keys, '\n');
    }
}

static void settle_image(struct quadlet *q)
{
    struct nvb_unit_entry *image = nvb_unit_find(q->file, "Container", "Image");
    const char *inner = q->words.items[q->run.image].text;
    if (!image) {
        nvb_str_addf(&q->keys, "Image=%s\n", inner);
    } else if (strcmp(image->value, inner) != 0) {
        nvb_unit_remark(q->file, true, image->line,
                        "Image= is '%s' and nvbind was to run '%s': the latter", image->value,
                        inner);
        nvb_unit_set(image, inner);
    }
}

static void unwrap(struct quadlet *q)
{
    _cleanup_str_ struct nvb_str command = NVB_STR_INIT;
    for (size_t i = q->run.image + 1; i < q->words.count; i++)
        nvb_str_addf(&command, "%s%s", command.len ? " " : "", q->words.items[i].raw);
    nvb_unit_remark(q->file, true, q->exec->line,
                    "Exec= is the command inside the container, where there is no nvbind: GPUs are "
                    "AddDevice=, the options are keys");
    nvb_unit_remark(
        q->file, false, q->exec->line,
        "AddDevice= needs a specification where Podman looks: sudo systemctl enable --now "
        "nvbind-cdi-refresh.path nvbind-cdi-refresh.service");
    settle_image(q);
    add_gpus(q);
    add_options(q);
    nvb_str_add(&q->exec->after, q->keys.data);
    if (command.len)
        nvb_unit_set(q->exec, command.data);
    else
        nvb_unit_drop(q->exec);
}

/* What keeps the service from coming up, or from coming up again. */
static void correct_limits(struct nvb_unit_file *file)
{
    struct nvb_unit_entry *restart = nvb_unit_find(file, "Service", "Restart");
    if (!restart || strcmp(restart->value, "no") == 0)
        return;
    if (!nvb_unit_find(file, "Service", "RestartSec")) {
        nvb_str_add(&restart->after, "RestartSec=10\n");
        nvb_unit_remark(file, true, restart->line,
                        "systemd gives up after five starts in ten seconds: RestartSec=10 added");
    }
    if (!nvb_unit_find(file, "Service", "TimeoutStartSec")) {
        nvb_str_add(&restart->after, "TimeoutStartSec=900\n");
        nvb_unit_remark(file, true, restart->line,
                        "pulling an image may take longer than systemd's 90 seconds: "
                        "TimeoutStartSec=900 added");
    }
}

/* Podman makes no folder of the host that is not there. */
static void remark_volumes(struct nvb_unit_file *file, const char *home)
{
    nvb_vec_foreach (entry, &file->entries) {
        if (!entry->raw || !entry->key || strcmp(entry->key, "Volume") != 0)
            continue;
        const bool at_home = nvb_has_prefix(entry->value, "%h/");
        const size_t len = strcspn(entry->value, ":");
        /* Root's home is not that of the user whose file it is. */
        if (!entry->value[len] || (!at_home && entry->value[0] != '/') ||
            (at_home && geteuid() == 0 && is_users(file)))
            continue;
        _cleanup_free_ char *path =
            at_home ? nvb_strdupf("%s%.*s", home, (int)len - 2, entry->value + 2)
                    : nvb_strndup(entry->value, len);
        if (strchr(path, '%') || access(path, F_OK) == 0)
            continue;
        _cleanup_str_ struct nvb_str quoted = NVB_STR_INIT;
        nvb_str_add_shell(&quoted, path);
        nvb_unit_remark(file, false, entry->line,
                        "there is no '%s', and Podman does not make it: mkdir -p %s", path,
                        quoted.data);
    }
}

static void remark_image(struct nvb_unit_file *file)
{
    const struct nvb_unit_entry *image = nvb_unit_find(file, "Container", "Image");
    if (image && nvb_image_is_short(image->value) && !nvb_has_suffix(image->value, ".image") &&
        !nvb_has_suffix(image->value, ".build"))
        nvb_unit_remark(file, false, image->line,
                        "'%s' names no registry: Podman takes a local image of that name; one of "
                        "Docker's is " NVB_DOCKER_REGISTRY "/%s%s",
                        image->value, strchr(image->value, '/') ? "" : "library/", image->value);
}

static void correct_quadlet(struct nvb_unit_file *file, const char *home)
{
    struct quadlet q = {.file = file, .keys = NVB_STR_INIT};
    q.exec = nvb_unit_find(file, "Container", "Exec");
    if (!q.exec)
        return;
    nvb_unit_split(q.exec, &q.words);
    if (nvb_unit_read_run(&q.words, &q.run) == 0 && q.run.is_nvbind &&
        q.run.image < q.words.count) {
        unwrap(&q);
        correct_limits(file);
        remark_image(file);
        if (home)
            remark_volumes(file, home);
    }
    nvb_unit_words_done(&q.words);
    nvb_unit_run_done(&q.run);
    nvb_str_done(&q.keys);
}

/* ---- the whole ---- */

static int by_line(const void *left, const void *right)
{
    const struct nvb_unit_remark *a = left;
    const struct nvb_unit_remark *b = right;
    return a->line < b->line ? -1 : a->line > b->line;
}

int nvb_unit_correct(const char *text, const char *name, const char *home, struct nvb_str *ret,
                     struct nvb_unit_remarks *remarks, struct nvb_error **err)
{
    _cleanup_(nvb_unit_file_done) struct nvb_unit_file file = {.name = name, .remarks = remarks};
    bool changed = false;
    if (nvb_unit_parse(text, name, &file, err) < 0)
        return -1;
    if (nvb_has_suffix(name, ".container"))
        correct_quadlet(&file, home);
    else
        correct_service(&file);
    nvb_vec_foreach (entry, &file.entries) {
        nvb_str_add(ret, entry->raw ? entry->raw : "");
        nvb_str_add(ret, entry->after.data);
    }
    if (remarks->count)
        qsort(remarks->items, remarks->count, sizeof(*remarks->items), by_line);
    nvb_vec_foreach (remark, remarks)
        changed = changed || remark->changed;
    return changed;
}
