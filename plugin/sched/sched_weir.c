// SPDX-License-Identifier: GPL-2.0-or-later
/* What slurmctld loads as its scheduler: Slurm's own sched_backfill.so, to which every call is forwarded, and
 * weirctld kept running beside it by a thread that alone owns that child. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <slurm/slurm.h>
#include <slurm/spank.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT const char plugin_name[] = "Slurm's backfill with Weir's controller beside it";
EXPORT const char plugin_type[] = "sched/weir";
EXPORT const uint32_t plugin_version = SLURM_VERSION_NUMBER;

extern slurm_conf_t slurm_conf;

struct child {
    pid_t pid;        // 0: none
    int line;         // from its output and to its input, which ends when slurmctld does
    char words[800];  // the end of what it wrote
};

static void* inner;  // the real backfill
static const char* controller;
static pthread_t watcher;
static atomic_bool watching, reload;  // what slurmctld's threads ask of the watcher

static int now(void) {
    struct timespec t;
    return clock_gettime(CLOCK_MONOTONIC, &t), (int)t.tv_sec;
}

// Between fork and exec: async-signal-safe calls only. SIGHUP would kill a weirctld not ready for it yet.
static void become_controller(pid_t parent, int line) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; ++number) sigaction(number, &action, NULL);
    signal(SIGHUP, SIG_IGN);
    sigprocmask(SIG_SETMASK, &action.sa_mask, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(EXIT_FAILURE);
    for (int fd = 0; fd < 3; ++fd) dup2(line, fd);
#ifdef SYS_close_range
    if (syscall(SYS_close_range, 3U, ~0U, 0U) != 0)
#endif
        for (int fd = (int)sysconf(_SC_OPEN_MAX) - 1; fd >= 3; --fd) close(fd);
    execl(controller, controller, "--supervised", (char*)NULL);
    static const char kRefused[] = "it cannot be executed";
    _exit(write(2, kRefused, sizeof kRefused - 1) < 0 ? 126 : 127);
}

// Leaves pid 0, and the reason in words, where there is none to start.
static void start(struct child* c) {
    int line[2];
    pid_t parent = getpid();
    *c = (struct child){.line = -1};
    if (access(controller, X_OK) == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line) == 0) {
        if ((c->pid = fork()) == 0) become_controller(parent, line[1]);
        c->line = line[0];
        close(line[1]);
    }
    if (c->pid > 0) return;
    snprintf(c->words, sizeof c->words, "%s", strerror(errno));
    c->pid = 0;
}

// Keeps the end of what the child says, as one line. False: nothing there, for now or for good.
static bool listen_to(struct child* c) {
    size_t kept = strlen(c->words), most = sizeof c->words / 2;
    if (kept > most) memmove(c->words, c->words + kept - most, most), kept = most;
    ssize_t got = recv(c->line, c->words + kept, sizeof c->words - 1 - kept, MSG_DONTWAIT);
    c->words[kept + (got > 0 ? (size_t)got : 0)] = '\0';
    for (char* p = c->words + kept; *p; ++p)
        if ((unsigned char)*p < ' ') *p = ' ';
    if (got == 0) close(c->line), c->line = -1;
    return got > 0;
}

// Waits a tick at most for the child's words, and passes on a reconfiguration.
static void attend(struct child* c) {
    if (poll(&(struct pollfd){.fd = c->line, .events = POLLIN}, 1, 200) > 0) listen_to(c);
    if (atomic_exchange(&reload, false) && c->pid > 0) kill(c->pid, SIGHUP);
}

static bool ended(struct child* c, int* status) {
    if (waitpid(c->pid, status, WNOHANG) == 0) return false;
    while (listen_to(c)) continue;
    return true;
}

static void stop(struct child* c) {
    int status, ticks = 0;
    kill(c->pid, SIGTERM);
    for (; !ended(c, &status) && ticks < 250; ++ticks) {  // of 20 ms
        if (ticks == 150) kill(c->pid, SIGKILL);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    if (ticks == 250) slurm_error("weir: weirctld (pid %d) does not die, left behind", (int)c->pid);
}

static void* watch(void* unused) {
    struct child c;
    int fast = 0;  // deaths soon after the start, since one lived long
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (watching) {
        int began = now(), status = 0;
        start(&c);
        if (c.pid) slurm_info("weir: started %s, pid %d", controller, (int)c.pid);
        bool gone = !c.pid;
        for (; !gone && watching; gone = ended(&c, &status)) attend(&c);
        if (!gone) stop(&c);
        close(c.line);
        if (!watching) break;
        int lived = now() - began, code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
        fast = (lived < 60 ? fast : 0) + (lived < 10);
        int delay = fast < 3 ? 1 : fast < 8 ? 1 << (fast - 2) : 60;
        if (c.pid)
            slurm_error("weir: weirctld (pid %d) ended after %d s %s %d, saying \"%s\"; next start in %d s",
                        (int)c.pid, lived, WIFSIGNALED(status) ? "by signal" : "with exit status", code,
                        c.words, delay);
        else
            slurm_error("weir: cannot start %s: %s; next try in %d s", controller, c.words, delay);
        c.pid = 0, c.line = -1;
        for (int due = now() + delay; watching && now() < due;) attend(&c);
    }
    return unused;
}

// The first backfill in PluginDir built for this Slurm that is not this plugin again, by whatever path.
static void* load_backfill(void) {
    char *directories = strdup(slurm_conf.plugindir), *rest = directories, path[PATH_MAX];
    void* found = NULL;
    for (char* directory; !found && (directory = strsep(&rest, ":"));) {
        snprintf(path, sizeof path, "%s/sched_backfill.so", directory);
        if (!(found = dlopen(path, RTLD_LAZY | RTLD_LOCAL))) continue;
        const char* name = dlsym(found, "plugin_name");
        const uint32_t* version = dlsym(found, "plugin_version");
        if (name && strcmp(name, plugin_name) != 0 && version && *version == plugin_version) break;
        dlclose(found), found = NULL;
    }
    free(directories);
    return found;
}

static int forward(const char* name) {
    int (*function)(void);
    *(void**)&function = dlsym(inner, name);
    return function ? function() : SLURM_ERROR;
}

EXPORT int init(void) {  // on slurmctld's main thread, under its write locks
    if (!(inner = load_backfill())) {
        slurm_error("weir: no sched_backfill.so of this Slurm version in PluginDir=%s", slurm_conf.plugindir);
        return SLURM_ERROR;
    }
    if (forward("init") != SLURM_SUCCESS) return dlclose(inner), SLURM_ERROR;
    if (!(controller = getenv("WEIR_CONTROLLER"))) controller = WEIR_CONTROLLER_PATH;
    watching = true;
    if ((errno = pthread_create(&watcher, NULL, watch, NULL)) == 0) return SLURM_SUCCESS;
    watching = false;
    slurm_error("weir: going on without weirctld: no thread to watch it: %s", strerror(errno));
    return SLURM_SUCCESS;
}

EXPORT void fini(void) {
    if (atomic_exchange(&watching, false)) pthread_join(watcher, NULL);
    forward("fini");
    dlclose(inner);
}

EXPORT int sched_p_reconfig(void) {
    reload = true;
    return forward("sched_p_reconfig");
}
