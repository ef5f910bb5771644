#include "hook/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SECONDS 10
#define MEMORY  ((rlim_t)96 << 20) /* a merge of the largest cache needs a third of it */
#define FILES   ((rlim_t)8 << 20)

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#else
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

static void on_alarm(int signal)
{
    static const char text[] = "nvbind-hook: it took too long and was given up\n";
    (void)signal;
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        _exit(1);
    _exit(1);
}

static void limit(__rlimit_resource_t resource, rlim_t value)
{
    struct rlimit now;
    /* A lower one of the engine's stays. */
    if (getrlimit(resource, &now) == 0 && (now.rlim_cur == RLIM_INFINITY || now.rlim_cur > value)) {
        now.rlim_cur = value;
        (void)setrlimit(resource, &now);
    }
}

/* A descriptor opened later must not become one of the standard three, or messages go into it. */
static void fill_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        (void)close(fd);
}

void hook_guard_limits(void)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    fill_standard_descriptors();
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)umask(022);
    (void)sigaction(SIGALRM, &action, NULL);
    /* A write beyond the limit, or to nobody, fails instead. */
    (void)sigaction(SIGXFSZ, &ignore, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)alarm(SECONDS);
#if !defined(NVB_SANITIZED) /* the sanitizers map terabytes */
    limit(RLIMIT_AS, MEMORY);
#endif
    limit(RLIMIT_FSIZE, FILES);
    limit(RLIMIT_CORE, 0);
}

/* clang-format off */
static const int allowed[] = {
    /* finding, opening and describing */
    SYS_openat, SYS_openat2, SYS_close, SYS_newfstatat, SYS_fstat, SYS_statx, SYS_fstatfs,
    SYS_readlinkat, SYS_getdents64, SYS_name_to_handle_at, SYS_fcntl,
    /* reading and writing */
    SYS_read, SYS_pread64, SYS_write, SYS_lseek,
    /* making and replacing */
    SYS_mkdirat, SYS_symlinkat, SYS_unlinkat, SYS_renameat, SYS_fchmod, SYS_fchown,
    /* /proc/driver/nvidia/params */
    SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_open_tree, SYS_move_mount, SYS_mount_setattr,
    /* memory and the end */
    SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_exit_group, SYS_rt_sigreturn,
    SYS_restart_syscall, SYS_getrandom, SYS_futex,
    /* what abort() needs to end with its own signal */
    SYS_rt_sigprocmask, SYS_getpid, SYS_gettid, SYS_tgkill,
};
/* clang-format on */

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define GIVE(value) BPF_STMT(BPF_RET | BPF_K, value)

/* Memory for data is granted, memory for code is not: both calls take the protection third. */
static size_t allow_data(struct sock_filter *f, unsigned number)
{
    const struct sock_filter rule[] = {
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4),
        LOAD(args[2]), /* the low half, on a little-endian machine */
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
        GIVE(SECCOMP_RET_KILL_PROCESS),
        GIVE(SECCOMP_RET_ALLOW),
    };
    memcpy(f, rule, sizeof(rule));
    return NVB_COUNT(rule);
}

int hook_guard_calls(struct nvb_error **err)
{
    struct sock_filter f[16 + 2 * NVB_COUNT(allowed)];
    const struct sock_filter head[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
        GIVE(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
    };
    size_t n = NVB_COUNT(head);
    memcpy(f, head, sizeof(head));
    for (size_t i = 0; i < NVB_COUNT(allowed); i++) {
        f[n++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)allowed[i], 0, 1);
        f[n++] = (struct sock_filter)GIVE(SECCOMP_RET_ALLOW);
    }
    n += allow_data(f + n, SYS_mmap);
    n += allow_data(f + n, SYS_mprotect);
    /* x32's numbers are beyond those above and end here as well. */
    f[n++] = (struct sock_filter)GIVE(SECCOMP_RET_KILL_PROCESS);

#if defined(NVB_SANITIZED) /* and call what they like */
    f[0] = (struct sock_filter)GIVE(SECCOMP_RET_ALLOW);
#endif
    struct sock_fprog program = {.len = (unsigned short)n, .filter = f};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
        return nvb_error_make(err, NVB_ERROR_INTERNAL, errno, "cannot filter system calls");
    return 0;
}
