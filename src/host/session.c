#include "host/session.h"

#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/str.h"

#define WAIT_MS     30000
#define BUS_WAIT_MS 5000
#define STEP_MS     50
#define STORE_MAX   ((size_t)64 << 20)

static bool is_users_folder(const char *path, uid_t uid)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == uid;
}

static bool lingers(const char *name)
{
    _cleanup_free_ char *mark = nvb_strdupf("/var/lib/systemd/linger/%s", name);
    return access(mark, F_OK) == 0;
}

static bool wait_for(const char *path, int limit_ms)
{
    for (int waited = 0; waited < limit_ms; waited += STEP_MS) {
        if (access(path, F_OK) == 0)
            return true;
        const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
        (void)nanosleep(&step, NULL);
    }
    return false;
}

/* Podman writes its folders down when it makes its store, and wants the same ones ever after. */
static bool file_names(const char *folder, const char *file, const char *runtime)
{
    _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, file);
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    return nvb_file_read_path(path, STORE_MAX, &text, NULL) == 0 &&
           memmem(text.data, text.len, runtime, strlen(runtime)) != NULL;
}

static bool store_needs(const struct nvb_user *user, const char *runtime)
{
    if (!user->kept)
        return false;
    _cleanup_free_ char *data = nvb_path_dir(user->kept);
    _cleanup_free_ char *store = nvb_strdupf("%s/containers/storage", data);
    _cleanup_free_ char *below = nvb_strdupf("%s/", runtime);
    return file_names(store, "db.sql", below) || file_names(store, "libpod/bolt_state.db", below);
}

int nvb_session_find(struct nvb_user *user, struct nvb_notes *notes, struct nvb_error **err)
{
    if (user->uid == 0 || user->runtime_dir || access("/run/systemd/system", F_OK) < 0)
        return 0;
    _cleanup_free_ char *runtime = nvb_strdupf("/run/user/%u", (unsigned)user->uid);
    const struct passwd *entry = getpwuid(user->uid);
    const char *name = entry ? entry->pw_name : "";
    if (!is_users_folder(runtime, user->uid) && lingers(name) && wait_for(runtime, WAIT_MS)) {
        _cleanup_free_ char *bus = nvb_strdupf("%s/bus", runtime);
        /* Podman asks the user's systemd for control groups; without a bus it does without. */
        (void)wait_for(bus, BUS_WAIT_MS);
    }
    if (is_users_folder(runtime, user->uid)) {
        user->runtime_dir = TAKE_PTR(runtime);
        return 0;
    }
    if (store_needs(user, runtime)) {
        (void)nvb_error_make(
            err, NVB_ERROR_NOT_FOUND, 0,
            "'%s' has no session, so there is no '%s', which is where Podman keeps "
            "the state of this user's containers",
            name, runtime);
        return nvb_error_hint(err, "sudo loginctl enable-linger %s", name);
    }
    nvb_notes_add(notes, NVB_NOTE_WARNING,
                  "'%s' has no session and no '%s': Podman keeps its state in /tmp", name, runtime);
    nvb_notes_hint(notes, "sudo loginctl enable-linger %s", name);
    return 0;
}
