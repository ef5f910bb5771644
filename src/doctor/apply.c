/* Carrying out a step: an argument vector, never a shell. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "doctor/doctor.h"
#include "host/user.h"

/* What the program reads from its standard input: a file of memory, or nothing. */
static int open_input(const char *input, struct nvb_error **err)
{
    int fd =
        input ? memfd_create("nvbind-input", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return nvb_error_make(err, NVB_ERROR_INTERNAL, errno, "cannot make an input");
    if (!input)
        return fd;
    int r = nvb_write_all(fd, input, strlen(input));
    if (r < 0 || lseek(fd, 0, SEEK_SET) < 0) {
        (void)close(fd);
        return nvb_error_make(err, NVB_ERROR_INTERNAL, r < 0 ? -r : errno, "cannot make an input");
    }
    return fd;
}

static int run(const char *program, char *const argv[], char *const *environment, int input,
               struct nvb_error **err)
{
    int status = 0;
    if (nvb_process_run(program, argv, environment, input, &status, err) < 0)
        return -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFEXITED(status))
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0, "'%s' ended with exit status %d", argv[0],
                              WEXITSTATUS(status));
    return nvb_error_make(err, NVB_ERROR_ENGINE, 0, "'%s' was ended by signal %d", argv[0],
                          WTERMSIG(status));
}

int nvb_fix_step_apply(const struct nvb_fix_step *step, uid_t uid, char *const *environment,
                       struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    _cleanup_free_ char *program = NULL;
    if (step->root && uid != 0)
        nvb_strv_add(&words, "sudo");
    for (size_t i = 0; i < step->argv.count; i++)
        nvb_strv_add(&words, step->argv.items[i]);
    if (words.count == 0)
        return nvb_error_make(err, NVB_ERROR_INTERNAL, 0, "this step is no command");
    int r =
        nvb_process_find(words.items[0], nvb_environment_get(environment, "PATH"), &program, err);
    if (r > 0)
        return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "there is no '%s' in PATH",
                              words.items[0]);
    if (r < 0)
        return -1;
    _cleanup_close_ int input = open_input(step->input, err);
    if (input < 0)
        return -1;
    return run(program, nvb_strv_terminate(&words), environment, input, err);
}
