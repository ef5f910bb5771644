/* What a program with a window or a sound finds of the caller's session. */

#include <string.h>
#include <sys/stat.h>

#include "doctor/check.h"
#include "doctor/x11.h"

#define X11_FOLDER "/tmp/.X11-unix"

/* ":1.0" -> "1", owned; NULL: DISPLAY is not set, or not of this machine. */
static char *local_display(const struct nvb_doctor *d)
{
    const char *display = nvb_doctor_env(d, "DISPLAY");
    if (!display)
        return NULL;
    if (nvb_has_prefix(display, "unix:"))
        display += strlen("unix");
    size_t len = display[0] == ':' ? strspn(display + 1, "0123456789") : 0;
    return len ? nvb_strndup(display + 1, len) : NULL;
}

static bool wants_display(const struct nvb_doctor *d, struct nvb_finding *f, char **ret_number)
{
    *ret_number = local_display(d);
    if (*ret_number)
        return true;
    if (!nvb_doctor_env(d, "DISPLAY"))
        nvb_finding_skip(f, "DISPLAY is not set: no X server in this session");
    else
        nvb_finding_skip(f, "DISPLAY is not an X server of this machine");
    return false;
}

static void check_socket(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_free_ char *number = NULL;
    struct stat st;
    const char *display = nvb_doctor_env(d, "DISPLAY");
    if (!wants_display(d, f, &number)) {
        if (display) {
            nvb_finding_warn(f,
                             "DISPLAY is '%s': a container reaches that X server by the network "
                             "alone",
                             display);
            (void)nvb_fix_text(f, "nvbind run --network host --profile gaming IMAGE");
        }
        return;
    }
    _cleanup_free_ char *path = nvb_strdupf(X11_FOLDER "/X%s", number);
    if (nvb_root_stat(&d->host.root, path, &st) < 0) {
        nvb_finding_fail(f, "DISPLAY is '%s' and there is no %s", display, path);
        (void)nvb_fix_text(f, "set DISPLAY to one of: ls " X11_FOLDER "  (X1 is :1)");
    } else if (nvb_root_stat(&d->host.root, X11_FOLDER, &st) == 0 &&
               (st.st_mode & 07777) != 01777) {
        nvb_finding_warn(f,
                         X11_FOLDER " has mode %04o, not 1777: the next X server or user cannot "
                                    "make its socket there",
                         (unsigned)st.st_mode & 07777);
        (void)nvb_fix_root(f, "chmod", "1777", X11_FOLDER, NULL);
    } else {
        nvb_finding_ok(f, "%s is there", path);
    }
}

/* The bytes of the caller's file of cookies. Returns its path, owned, or NULL. */
static char *read_cookies(struct nvb_doctor *d, struct nvb_str *ret, bool *ret_there)
{
    const char *set = nvb_doctor_env(d, "XAUTHORITY");
    char *path = set ? nvb_strdup(set) : nvb_doctor_home(d, ".Xauthority");
    *ret_there = path && nvb_root_read(&d->host.root, path, (size_t)1 << 20, ret, NULL) == 0;
    return path;
}

static void check_cookie(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_free_ char *number = NULL;
    _cleanup_str_ struct nvb_str file = NVB_STR_INIT;
    bool there;
    const char *cookie;
    size_t len;
    if (!wants_display(d, f, &number))
        return;
    _cleanup_free_ char *path = read_cookies(d, &file, &there);
    if (!there) {
        nvb_finding_fail(f, "there is no X cookie: %s cannot be read",
                         path ? path : "~/.Xauthority");
        (void)nvb_fix_text(f, "log in at the desktop, or point XAUTHORITY at the session's file: "
                              "ls /run/user/$(id -u)/.mutter-Xwaylandauth* /run/user/$(id -u)/gdm");
    } else if (nvb_x11_find_cookie(file.data, file.len, number, &cookie, &len) != 0) {
        nvb_finding_fail(f, "%s has no cookie for display :%s", path, number);
        _cleanup_free_ char *display = nvb_strdupf(":%s", number);
        (void)nvb_fix_user(f, "xauth", "generate", display, ".", "trusted", NULL);
    } else {
        nvb_finding_ok(f, "%s has a cookie for display :%s, which --profile gaming brings in", path,
                       number);
    }
}

static void check_xhost(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_free_ char *number = NULL;
    _cleanup_str_ struct nvb_str file = NVB_STR_INIT;
    bool there;
    const char *cookie = NULL;
    size_t len = 0;
    enum nvb_x11_access access;
    if (!wants_display(d, f, &number))
        return;
    _cleanup_free_ char *path = read_cookies(d, &file, &there);
    if (there)
        (void)nvb_x11_find_cookie(file.data, file.len, number, &cookie, &len);
    _cleanup_free_ char *inside = nvb_strdupf(X11_FOLDER "/X%s", number);
    _cleanup_free_ char *socket = nvb_root_outside(&d->host.root, inside);
    if (nvb_x11_ask_access(socket, cookie, len, &access) != 0) {
        nvb_finding_skip(f, "the X server does not let us ask it");
    } else if (access == NVB_X11_CLOSED) {
        nvb_finding_ok(f, "only who has the cookie may connect");
    } else {
        nvb_finding_warn(f,
                         "the X server lets %s connect (xhost +%s): any of them may read the "
                         "keyboard",
                         access == NVB_X11_ANY ? "everybody" : "every local user",
                         access == NVB_X11_ANY ? "" : "local:");
        if (access == NVB_X11_ANY)
            (void)nvb_fix_user(f, "xhost", "-", NULL);
        (void)nvb_fix_user(f, "xhost", "-local:", NULL);
        (void)nvb_fix_text(f, "nvbind run --profile gaming IMAGE  brings the cookie instead");
    }
}

static void check_wayland(struct nvb_doctor *d, struct nvb_finding *f)
{
    const char *name = nvb_doctor_env(d, "WAYLAND_DISPLAY");
    const char *folder = nvb_doctor_env(d, "XDG_RUNTIME_DIR");
    if (!name) {
        nvb_finding_skip(f, "WAYLAND_DISPLAY is not set: no Wayland in this session");
        return;
    }
    _cleanup_free_ char *path = name[0] == '/' ? nvb_strdup(name)
                                : folder       ? nvb_strdupf("%s/%s", folder, name)
                                               : NULL;
    if (!path) {
        nvb_finding_fail(f, "WAYLAND_DISPLAY is set and XDG_RUNTIME_DIR is not");
        (void)nvb_fix_text(f, "export XDG_RUNTIME_DIR=/run/user/$(id -u)");
    } else if (!nvb_doctor_exists(d, path)) {
        nvb_finding_fail(f, "there is no Wayland socket %s", path);
        (void)nvb_fix_text(f, "set WAYLAND_DISPLAY to one of: ls %s/wayland-*",
                           folder ? folder : "$XDG_RUNTIME_DIR");
    } else {
        nvb_finding_ok(f, "%s is there", path);
    }
}

static void check_sound(struct nvb_doctor *d, struct nvb_finding *f)
{
    static const char *const names[] = {"pipewire-0", "pulse/native"};
    const char *folder = nvb_doctor_env(d, "XDG_RUNTIME_DIR");
    if (!nvb_doctor_env(d, "DISPLAY") && !nvb_doctor_env(d, "WAYLAND_DISPLAY")) {
        nvb_finding_skip(f, "this session has no display, so no sound either");
        return;
    }
    for (size_t i = 0; folder && i < NVB_COUNT(names); i++) {
        _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, names[i]);
        if (!nvb_doctor_exists(d, path))
            continue;
        nvb_finding_ok(f, "%s is there", path);
        return;
    }
    nvb_finding_warn(f, "no sound server: neither pipewire-0 nor pulse/native in %s",
                     folder ? folder : "XDG_RUNTIME_DIR, which is not set");
    (void)nvb_fix_user(f, "systemctl", "--user", "enable", "--now", "pipewire.socket",
                       "pipewire-pulse.socket", NULL);
}

static void check_input(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_strv_ struct nvb_strv names = {0};
    struct stat st;
    bool open = false;
    nvb_doctor_list(d, "/dev/input", NULL, &names);
    for (size_t i = 0; i < names.count && !open; i++) {
        _cleanup_free_ char *path = nvb_strdupf("/dev/input/%s", names.items[i]);
        const struct nvb_caller *caller = &d->options->caller;
        if (!nvb_has_prefix(names.items[i], "event") || nvb_root_stat(&d->host.dev, path, &st) < 0)
            continue;
        open = caller->uid == 0 || (st.st_mode & 04) ||
               (st.st_uid == caller->uid && st.st_mode & 0400);
        for (size_t k = 0; k < caller->group_count; k++)
            open = open || (caller->groups[k] == st.st_gid && st.st_mode & 040);
    }
    if (names.count == 0) {
        nvb_finding_skip(f, "there is no /dev/input");
    } else if (open) {
        nvb_finding_ok(f, "the caller may read /dev/input");
    } else {
        nvb_finding_warn(f, "the caller may read no device in /dev/input: game controllers do not "
                            "work in containers");
        nvb_fix_root(f, "usermod", "-aG", "input", nvb_doctor_user_name(d), NULL)->text =
            nvb_strdup("the group may read every keyboard of the machine");
        (void)nvb_fix_text(f, "log out and in again, so that the session has the group");
    }
}

const struct nvb_check nvb_checks_display[] = {
    NVB_CHECK("x11-socket", "display", "DISPLAY and its socket in " X11_FOLDER, NULL, check_socket),
    NVB_CHECK("x11-cookie", "display", "XAUTHORITY and the display's cookie in it", NULL,
              check_cookie),
    NVB_CHECK("xhost", "display", "whom the X server lets in without a cookie", "x11-socket",
              check_xhost),
    NVB_CHECK("wayland", "display", "WAYLAND_DISPLAY and its socket", NULL, check_wayland),
    NVB_CHECK("sound", "display", "PipeWire's or PulseAudio's socket", NULL, check_sound),
    NVB_CHECK_ON_REQUEST("input", "display", "the caller's right on /dev/input", NULL, check_input),
    {0},
};
