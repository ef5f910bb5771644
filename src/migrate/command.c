/* One command: is it Docker's, and what is it then? */

#include <string.h>

#include "migrate/migrate.h"

#define IS(word, s) ((word) && strcmp((word), (s)) == 0)

/* What both engines have under the same name with the same meaning (podman(1), docker(1)). */
static const char *const same[] = {
    "attach", "build",  "commit",  "container", "cp",      "create",   "diff",    "events",
    "exec",   "export", "history", "image",     "images",  "import",   "info",    "inspect",
    "kill",   "load",   "login",   "logout",    "logs",    "manifest", "network", "pause",
    "port",   "ps",     "pull",    "push",      "rename",  "restart",  "rm",      "rmi",
    "run",    "save",   "search",  "secret",    "start",   "stats",    "stop",    "system",
    "tag",    "top",    "unpause", "update",    "version", "volume",   "wait",
};

/* What stands before a command and is none of its words (POSIX shell grammar, and runners). */
static const char *const leaders[] = {
    "then", "do",   "else", "elif",  "if",      "while", "until",   "!",    "{",
    "time", "exec", "env",  "nohup", "command", "sudo",  "builtin", "nice", "xargs",
};

static bool is_one_of(const char *text, const char *const *list, size_t count)
{
    for (size_t i = 0; text && i < count; i++)
        if (strcmp(text, list[i]) == 0)
            return true;
    return false;
}

static bool is_assignment(const char *text)
{
    size_t n = text ? strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
                                   "0123456789")
                    : 0;
    return n > 0 && text[n] == '=';
}

/* Options of sudo(8), xargs(1) and nice(1) whose value is the next word. */
static bool takes_next(const char *leader, const char *option)
{
    const char *letters = IS(leader, "sudo")    ? "ugpCDhRrTt"
                          : IS(leader, "xargs") ? "EILnPsda"
                          : IS(leader, "nice")  ? "n"
                                                : "u";
    return option[0] == '-' && option[1] && !option[2] && strchr(letters, option[1]);
}

/* The index of the word that is the command's name. */
static size_t find_name(const struct nvb_shell_words *words)
{
    const char *leader = NULL;
    size_t i = 0;
    for (; i < words->count; i++) {
        const char *text = words->items[i].text;
        if (is_one_of(text, leaders, NVB_COUNT(leaders)))
            leader = text;
        else if (leader && text && text[0] == '-')
            i += takes_next(leader, text);
        else if (!is_assignment(text) || (leader && IS(leader, "!")))
            break;
    }
    return i;
}

/* $(NAME), ${NAME} or $NAME where NAME stands for docker in this file. */
static bool is_variable(const struct nvb_migration *m, const struct nvb_shell_word *word)
{
    const char *text = m->text + word->start;
    size_t len = word->end - word->start;
    if (len < 2 || text[0] != '$')
        return false;
    bool closed = text[1] == '(' || text[1] == '{';
    text += closed ? 2 : 1;
    len -= closed ? 3 : 1;
    nvb_vec_foreach (name, &m->variables)
        if (strlen(*name) == len && strncmp(*name, text, len) == 0)
            return true;
    return false;
}

/* docker and /usr/bin/docker: how Podman's program (or nvbind) is called instead. */
static char *rename_program(const char *old, const char *name)
{
    const char *slash = strrchr(old, '/');
    if (!slash)
        return nvb_strdup(name);
    if (strcmp(name, "nvbind") == 0)
        return nvb_strdup("/usr/local/bin/nvbind");
    return nvb_strdupf("%.*s/%s", (int)(slash - old), old, name);
}

static void edit_word(struct nvb_migration *m, const struct nvb_shell_word *word, const char *text)
{
    nvb_migrate_edit(m, word->start, word->end, text);
}

static void rename_to(struct nvb_migration *m, const struct nvb_shell_word *word, const char *name)
{
    _cleanup_free_ char *program = word->text ? rename_program(word->text, name) : NULL;
    if (program)
        edit_word(m, word, program);
}

static void add_assigned(struct nvb_migration *m, const struct nvb_shell_words *words)
{
    nvb_vec_foreach (word, words) {
        if (!word->text || !is_assignment(word->text))
            continue;
        const char *value = strchr(word->text, '=') + 1;
        if (strstr(value, "--gpus") || strstr(value, "--runtime=nvidia"))
            nvb_migrate_leave(m, word->start,
                              "--device nvidia.com/gpu=all, or one name for each GPU",
                              "a variable with Docker's words for GPUs");
        if (strcmp(value, "docker") == 0) {
            size_t at = word->start + (size_t)(value - word->text);
            size_t quote = m->text[at] == '"' || m->text[at] == '\'';
            if (strncmp(m->text + at + quote, "docker", strlen("docker")) != 0)
                continue; /* written in a way that only the shell reads */
            nvb_migrate_edit(m, at + quote, at + quote + strlen("docker"), "podman");
            nvb_strv_addn(&m->variables, word->text, (size_t)(value - 1 - word->text));
        }
    }
}

/* docker buildx … and docker builder …: Podman's build is one command. Returns whether it went. */
static bool rewrite_buildx(struct nvb_migration *m, const struct nvb_shell_words *words, size_t sub)
{
    const char *what = sub + 1 < words->count ? words->items[sub + 1].text : NULL;
    if (IS(what, "prune")) {
        nvb_migrate_edit(m, words->items[sub].start, words->items[sub + 1].end, "system prune");
        return true;
    }
    if (!IS(what, "build"))
        return false;
    for (size_t i = sub + 2; i < words->count; i++) {
        const char *text = words->items[i].text;
        if (text && (nvb_has_prefix(text, "--builder") || nvb_has_prefix(text, "--push") ||
                     nvb_has_prefix(text, "--cache-to") || nvb_has_prefix(text, "--output") ||
                     nvb_has_prefix(text, "--provenance") || nvb_has_prefix(text, "--sbom")))
            return false;
        if (IS(text, "--load")) {
            /* Podman's images are always in its own store. */
            size_t end = i + 1 < words->count ? words->items[i + 1].start : words->items[i].end;
            nvb_migrate_edit(m, words->items[i].start, end, "");
        }
    }
    nvb_migrate_edit(m, words->items[sub].start, words->items[sub + 1].end, "build");
    return true;
}

static const char *hint_for(const char *sub)
{
    if (IS(sub, "swarm") || IS(sub, "service") || IS(sub, "stack") || IS(sub, "node"))
        return "Podman has no swarm: units (nvbind generate quadlet) or Kubernetes do that";
    if (IS(sub, "context"))
        return "podman system connection";
    if (IS(sub, "buildx") || IS(sub, "builder"))
        return "podman build, podman manifest and podman push do that one by one";
    return NULL;
}

/* The sub-command's index behind Docker's own options; 0: they name another machine. */
static size_t find_sub(const struct nvb_shell_words *words, size_t name)
{
    size_t i = name + 1;
    for (; i < words->count && words->items[i].text && words->items[i].text[0] == '-'; i++) {
        const char *text = words->items[i].text;
        if (nvb_has_prefix(text, "-H") || nvb_has_prefix(text, "--host") || IS(text, "-c") ||
            nvb_has_prefix(text, "--context") || nvb_has_prefix(text, "--tls"))
            return 0;
        if (IS(text, "-l") || IS(text, "--log-level") || IS(text, "--config"))
            i++;
    }
    return i;
}

static void rewrite_docker(struct nvb_migration *m, const struct nvb_shell_words *words,
                           size_t name, bool all_gpus)
{
    const struct nvb_shell_word *program = &words->items[name];
    const size_t sub = find_sub(words, name);
    const char *text = sub && sub < words->count ? words->items[sub].text : NULL;
    const bool container = IS(text, "container") && sub + 1 < words->count;
    const size_t verb = sub + container;
    const char *word = sub && verb < words->count ? words->items[verb].text : NULL;
    bool well = true;
    bool gpus = false;

    if (!sub) {
        nvb_migrate_leave(m, program->start,
                          "podman --connection NAME, after: podman system connection add",
                          "this docker talks to another service");
        return;
    }
    if (IS(word, "run") || IS(word, "create"))
        gpus = nvb_migrate_run(m, words, verb, program->text ? m->target : NVB_MIGRATE_TO_PODMAN,
                               all_gpus, &well);
    else if (IS(text, "buildx") || IS(text, "builder"))
        well = rewrite_buildx(m, words, sub);
    else if (IS(text, "compose")) {
        nvb_migrate_edit(m, program->start, words->items[sub].end, "podman-compose");
        return;
    } else if (sub < words->count && text && !is_one_of(text, same, NVB_COUNT(same)))
        well = false;
    if (!well) {
        if (!IS(word, "run") && !IS(word, "create"))
            nvb_migrate_leave(m, program->start, hint_for(text), "Podman has no '%s'", text);
        return;
    }
    if (gpus && program->text && m->target == NVB_MIGRATE_TO_NVBIND) {
        rename_to(m, program, "nvbind");
        if (container)
            nvb_migrate_edit(m, words->items[sub].start, words->items[verb].start, "");
    } else {
        rename_to(m, program, "podman");
    }
}

void nvb_migrate_command(struct nvb_migration *m, const struct nvb_shell_words *words)
{
    add_assigned(m, words);
    const size_t name = find_name(words);
    if (name >= words->count)
        return;
    const struct nvb_shell_word *word = &words->items[name];
    const char *base =
        word->text && strrchr(word->text, '/') ? strrchr(word->text, '/') + 1 : word->text;
    if (IS(base, "docker") || is_variable(m, word))
        rewrite_docker(m, words, name, false);
    else if (IS(base, "nvidia-docker") || IS(base, "nvidia-docker2"))
        rewrite_docker(m, words, name, true);
    else if (IS(base, "docker-compose"))
        rename_to(m, word, "podman-compose");
    else if (IS(base, "dockerd"))
        nvb_migrate_leave(m, word->start, "leave the line out", "Podman has no daemon");
    else if (IS(base, "systemctl") || IS(base, "service") || IS(base, "usermod"))
        for (size_t i = name + 1; i < words->count; i++) {
            const char *text = words->items[i].text;
            if (IS(text, "docker") || IS(text, "docker.service") || IS(text, "docker.socket"))
                nvb_migrate_leave(m, word->start, "leave the line out",
                                  "Podman has no daemon and no group of its own");
        }
}
