#include "host/user.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

const char *nvb_environment_get(char *const *environment, const char *name)
{
    size_t len = strlen(name);
    for (char *const *e = environment; e && *e; e++)
        if (strncmp(*e, name, len) == 0 && (*e)[len] == '=')
            return *e + len + 1;
    return NULL;
}

static const char *get_absolute(char *const *environment, const char *name)
{
    const char *value = nvb_environment_get(environment, name);
    return value && value[0] == '/' ? value : NULL;
}

/* nvbind's folder in the one that a variable names, else in HOME's usual one. */
static char *name_folder(const char *named, const char *home, const char *usual)
{
    if (named)
        return nvb_strdupf("%s/nvbind", named);
    return home ? nvb_strdupf("%s/%s/nvbind", home, usual) : NULL;
}

void nvb_user_read(char *const *environment, struct nvb_user *ret)
{
    const char *home = get_absolute(environment, "HOME");
    const char *cache = get_absolute(environment, "XDG_CACHE_HOME");
    *ret = (struct nvb_user){.uid = geteuid()};
    if (!home) {
        const struct passwd *entry = getpwuid(ret->uid);
        home = entry && entry->pw_dir && entry->pw_dir[0] == '/' ? entry->pw_dir : NULL;
    }
    ret->home = nvb_strdup(home);
    ret->runtime_dir = nvb_strdup(get_absolute(environment, "XDG_RUNTIME_DIR"));
    ret->cache = name_folder(cache, home, ".cache");
    ret->state = name_folder(get_absolute(environment, "XDG_STATE_HOME"), home, ".local/state");
    ret->kept = ret->uid == 0
                    ? nvb_strdup("/var/lib/nvbind")
                    : name_folder(get_absolute(environment, "XDG_DATA_HOME"), home, ".local/share");
}

void nvb_user_done(struct nvb_user *user)
{
    free(user->home);
    free(user->cache);
    free(user->state);
    free(user->kept);
    free(user->runtime_dir);
    *user = (struct nvb_user){0};
}
