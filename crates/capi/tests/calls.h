/* Counts the lookups in which a thread calls the system, by syscall user dispatch (Linux 5.11, x86):
 * while `watched` says so, each call becomes a signal; the handler counts it and makes the call. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__) && defined(PR_SET_SYSCALL_USER_DISPATCH)

static __thread volatile char watched = SYSCALL_DISPATCH_FILTER_ALLOW;
static __thread long calls;

static void on_call(int signal, siginfo_t *info, void *context)
{
    int saved = errno;
    (void)signal;
    watched = SYSCALL_DISPATCH_FILTER_ALLOW;
    calls++;
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    long result = syscall(info->si_syscall, r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10],
                          r[REG_R8], r[REG_R9]);
    r[REG_RAX] = result == -1 ? -errno : result;
    errno = saved;
}

/* For each thread, and for a child again. 0 if calls can be counted here. */
static int count_calls(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_call;
    action.sa_flags = SA_SIGINFO;
    return sigaction(SIGSYS, &action, NULL) ||
           prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &watched);
}

#define WATCH(call) (watched = SYSCALL_DISPATCH_FILTER_BLOCK, watch_end(call))
static inline int watch_end(int result)
{
    watched = SYSCALL_DISPATCH_FILTER_ALLOW;
    return result;
}

#else

static __thread long calls;
static int count_calls(void) { return 1; }
#define WATCH(call) (call)

#endif
