/*
 * nvbind-hook: makes the GPU driver's libraries known inside a container.
 *
 *     nvbind-hook create ARGUMENT... < state.json
 *
 * The one createContainer hook of nvbind's specifications. An OCI runtime starts it once for each
 * container, whatever the number of GPUs, in the container's namespaces, before it changes to the
 * container's root; everything is mounted by then. It makes, all inside that root: the libraries'
 * links, the linker cache, and a /proc/driver/nvidia/params that keeps programs from making device
 * nodes. Arguments (hook/args.h) say what, or a file of root's that they name (words_file.c);
 * nothing else does. Such a file can have it bring the libraries too (mounts.c).
 *
 * Theory of operation
 *
 * Who is trusted: the OCI runtime, the host's files, and who wrote the arguments (a specification
 * in a folder that only its user can write, or root's own file). Who is not: the image, which is
 * every file and link inside the root and the size, kind and content of each; what volumes show
 * there; the container's annotations; and another container on the same root or volume that changes
 * things while the hook works.
 *
 * What an attacker could want is that a process of the host's, often root, writes to or runs
 * something of the attacker's choice. So:
 *
 *  - Nothing runs. There is no exec, no shared library, no ldconfig, no locale or NSS; the program
 *    is static, and a system call filter takes exec away (guard.c). The environment is not read:
 *    under runc it may be the image's. Only arguments, the state and the files below are inputs.
 *  - No path leads out. Every path of the container's is opened with openat2(2) beneath a
 *    descriptor of its root, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV: absolute
 *    links start at the root, ".." stops there, and a component on another mount (a volume, which
 *    may be a folder of the host's) ends the walk. What is made is made by one name in the folder
 *    that was so opened, so a path that changes meanwhile changes nothing. Where the kernel has no
 *    openat2, base/path_walk.c does the same by hand; that is asked of the kernel once, before the
 *    image can answer.
 *  - Two places are not on the root's mount. /dev must be a tmpfs that is not the host's /dev, and
 *    /proc the root of a procfs; both are opened without following links, checked by fstatfs(2),
 *    and below them links are refused (root.c, params.c).
 *  - Nothing is opened for writing that was there before. A file is made under a temporary name
 *    with O_CREAT | O_EXCL | O_NOFOLLOW and renamed; a link likewise. So neither a link, a FIFO, a
 *    device nor a hard link to something else is written through. What is read is checked to be a
 *    regular file before and after it is opened without waiting.
 *  - What is read is bounded and checked before use: the linker cache (ldcache/read.c), an ELF note
 *    (elf_note.c), JSON (base/json_scan.h). Nothing tells the image's ld.so.conf apart from a trap,
 *    so it is not read.
 *  - It ends. Reads are bounded, an alarm ends the process, memory and file size are limited.
 *
 * What the image can do is to spoil its own container: then the hook says in one line what it left
 * alone, and the container starts without it. The hook fails, and with it the start, only when it
 * cannot know what to do: wrong arguments, no state, no root.
 *
 * It changes nothing that is right already, so a second start writes nothing.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "hook/arguments.h"
#include "hook/cache.h"
#include "hook/guard.h"
#include "hook/links.h"
#include "hook/mounts.h"
#include "hook/params.h"
#include "hook/root.h"
#include "hook/say.h"
#include "hook/state.h"

static int fail(const struct nvb_error *err)
{
    hook_say("error: %s", err->message);
    if (err->hint)
        hook_say("  hint: %s", err->hint);
    return 1;
}

static int open_root(struct hook_root *root, struct nvb_error **err)
{
    _cleanup_free_ char *path = NULL;
    int r = hook_state_read(STDIN_FILENO, &path, err);
    if (r < 0)
        return -1;
    /* In a user namespace of its own (--userns=auto) the bundle is closed to the hook. runc, whose
     * state does not tell the root, has changed to it before it starts the hook. */
    if (r > 0)
        path = nvb_strdup("(the working folder)");
    r = r > 0 ? hook_root_open_here(root) : hook_root_open(path, root);
    if (r == -EXDEV) {
        nvb_error_make(err, NVB_ERROR_ENGINE, 0, "the container's root '%s' is the hook's own",
                       path);
        return nvb_error_hint(err, "nvbind-hook is for the stage createContainer alone");
    }
    if (r < 0)
        return nvb_error_make(err, nvb_error_kind_of(-r), -r,
                              "cannot open the container's root '%s'", path);
    return 0;
}

int main(int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_(hook_arguments_done) struct hook_arguments arguments = {0};
    _cleanup_(hook_root_done) struct hook_root root = HOOK_ROOT_INIT;

    hook_guard_limits();
    if (hook_arguments_parse(argc, argv, &arguments, &err) < 0 || open_root(&root, &err) < 0)
        return fail(err);
    root.resolve = arguments.no_openat2 ? NVB_RESOLVE_FALLBACK : 0;
    nvb_path_probe();
    if (hook_guard_calls(&err) < 0)
        return fail(err);

    hook_make_mounts(&root, &arguments);
    if (!arguments.no_links)
        hook_make_links(&root, &arguments);
    if (!arguments.no_cache)
        hook_update_cache(&root, &arguments);
    if (arguments.no_device_files)
        hook_hide_params(&root);
    if (root.refused)
        hook_say("the container's root is read-only: links and entries of the linker cache are "
                 "missing");
    return 0;
}
