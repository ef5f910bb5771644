#ifndef NVB_BASE_PROCESS_H
#define NVB_BASE_PROCESS_H

/* Finding programs and asking them something. nvbind becomes an engine by execve(2), not by this.
 */

#include "base/error.h"
#include "base/str.h"

/*
 * Finds the program NAME in SEARCH_PATH (the text of $PATH; NULL stands for the system's default).
 * Only absolute elements count: an empty or relative one would run whatever lies in the working
 * folder. A NAME with a slash is not looked up but must be absolute. As root, a program that others
 * can write (or in a folder that they can) is refused.
 * Returns 0 with an owned absolute path, 1 when there is none, -1 on refusal.
 */
int nvb_process_find(const char *name, const char *search_path, char **ret, struct nvb_error **err);

/*
 * Runs PROGRAM (absolute) with ARGV and ENVP (both NULL-terminated, borrowed), without standard
 * input, and collects its standard output; standard error is kept in *ret_stderr where that is not
 * NULL, else dropped. At most MAX bytes of each, at most TIMEOUT_MS; beyond either it is killed.
 * Returns 0 with the wait status, or -1.
 */
int nvb_process_capture(const char *program, char *const argv[], char *const envp[],
                        unsigned timeout_ms, size_t max, struct nvb_str *ret_stdout,
                        struct nvb_str *ret_stderr, int *ret_status, struct nvb_error **err);

/*
 * Runs PROGRAM with ARGV and ENVP, whose output goes where the caller's does, and waits for it.
 * Its standard input is the descriptor INPUT; -1: nothing. Returns 0 with the wait status, or -1.
 */
int nvb_process_run(const char *program, char *const argv[], char *const envp[], int input,
                    int *ret_status, struct nvb_error **err);

/*
 * Calls CALL(ARG, FD) in a child process and collects what it writes to FD: for code of others that
 * may hang, crash, print or leave threads behind. CALL returns the child's exit status; nothing
 * else of this process runs in it. Standard streams are /dev/null there. At most MAX bytes and
 * TIMEOUT_MS; beyond either it is killed, and where even that does not end it (it hangs in the
 * kernel) it is left behind. Returns 0 with the wait status, or -1.
 */
int nvb_process_ask(int (*call)(const void *arg, int fd), const void *arg, unsigned timeout_ms,
                    size_t max, struct nvb_str *ret_answer, int *ret_status,
                    struct nvb_error **err);

#endif
