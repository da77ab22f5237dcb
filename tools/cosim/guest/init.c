// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's first process. On the host's files, read-only, it mounts what programs
 * expect, loads modules, runs one command, unloads, asks for leaks, and powers off.
 * User-Mode Linux starts it on these files; QEMU starts it in an initial RAM disk, whose
 * modules it loads to get at them.
 *
 * run.sh leaves its wishes in the folder $MEA_RUN, which appears writable at /run/out:
 * argv, env, modules (each word or line ended by a zero), cwd. The answer is status.
 * The command has $MEA_TTY followed by 1 as input and output, by 2 as error output.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define OUT	    "/run/out"
#define CONSOLE	    "/dev/console"
#define WORDS	    256
#define LEAKS	    "/sys/kernel/debug/kmemleak"
#define UNLOAD_MS   2000
#define LEAK_AGE_US 600000 /* kmemleak does not report blocks of under 0.5 s; kernel.sh */

static FILE *console;
static bool in_qemu;

/* A line of the log; run.sh fails the run for "init: error". */
static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vfprintf(console ? console : stderr, format, ap);
	va_end(ap);
	fflush(console ? console : stderr);
}

static void try_mount(const char *what, const char *where, const char *type, const char *options)
{
	mkdir(where, 0755);
	if (mount(what, where, type, 0, options))
		say("init: error: mount %s: %s\n", where, strerror(errno));
}

/* Reads a file of words that zeros end. The words live as long as the process. */
static int read_words(const char *path, char **words)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	int n = 0;

	if (!f)
		return 0;
	while (n < WORDS - 1 && getdelim(&line, &room, 0, f) > 0) {
		words[n++] = line;
		line = NULL;
		room = 0;
	}
	words[n] = NULL;
	fclose(f);
	return n;
}

static bool any_below_tmp(char **words)
{
	for (; *words; words++)
		if (!strncmp(*words, "/tmp/", 5))
			return true;
	return false;
}

/* 9P with this name, writable if the host lets it be. */
#define NINE_P "trans=virtio,version=9p2000.L,msize=262144,"

static void mount_all(const char *run, bool keep_tmp)
{
	try_mount("proc", "/proc", "proc", NULL);
	try_mount("sysfs", "/sys", "sysfs", NULL);
	try_mount("devtmpfs", "/dev", "devtmpfs", NULL);
	console = fopen(CONSOLE, "w");
	try_mount("tmpfs", "/dev/shm", "tmpfs", NULL);
	try_mount("debugfs", "/sys/kernel/debug", "debugfs", NULL);
	try_mount("tmpfs", "/run", "tmpfs", NULL);
	mkdir("/run/tmp", 01777);
	setenv("TMPDIR", "/run/tmp", 1);
	if (in_qemu)
		try_mount("out", OUT, "9p", NINE_P "cache=none");
	else
		try_mount("none", OUT, "hostfs", run);
	if (!keep_tmp)
		try_mount("tmpfs", "/tmp", "tmpfs", NULL);
}

/* --- modules: "path parameters" ------------------------------------------------------- */

static bool load(const char *line)
{
	size_t len = strcspn(line, " ");
	char *path = strndup(line, len);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	long rc = fd < 0 ? -1 : syscall(SYS_finit_module, fd, line[len] ? line + len + 1 : "", 0);

	if (rc)
		say("init: error: %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	free(path);
	return !rc;
}

static void unload(const char *line)
{
	const char *dot, *slash;
	char name[64];

	line = strndupa(line, strcspn(line, " "));
	slash = strrchr(line, '/');
	slash = slash ? slash + 1 : line;
	dot = strchrnul(slash, '.');
	snprintf(name, sizeof(name), "%.*s", (int)(dot - slash), slash);
	for (char *c = name; *c; c++)
		if (*c == '-')
			*c = '_';
	/* The last jobs' fences hold the driver a moment longer than the process lives. */
	for (int ms = 0; syscall(SYS_delete_module, name, O_NONBLOCK); ms += 10) {
		/* A test may have unloaded it already. */
		if (errno == ENOENT)
			return;
		if (errno != EAGAIN || ms >= UNLOAD_MS) {
			say("init: error: module %s does not unload: %s\n", name, strerror(errno));
			return;
		}
		usleep(10000);
	}
}

/* The initial RAM disk: its modules, then the host's files become the root. */
static void leave_ram_disk(void)
{
	FILE *order = fopen("/modules/order", "r");
	char name[64], path[80];

	if (!order)
		return;
	in_qemu = true;
	while (fscanf(order, "%63s", name) == 1) {
		snprintf(path, sizeof(path), "/modules/%s", name);
		load(path);
	}
	fclose(order);
	try_mount("host", "/host", "9p", NINE_P "cache=loose,ro");
	if (chdir("/host") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot("."))
		say("init: error: the host's files: %s\n", strerror(errno));
}

/* --- the command -------------------------------------------------------------------- */

static const char *tty_path(int number)
{
	static char path[64];
	const char *name = getenv("MEA_TTY");

	snprintf(path, sizeof(path), "/dev/%s%d", name ? name : "tty", number);
	return path;
}

/* Bytes as they are, unless somebody types at them. */
static int open_tty(const char *path, bool raw)
{
	int fd = open(path, O_RDWR | O_NOCTTY);
	struct termios t;

	if (fd >= 0 && raw && !tcgetattr(fd, &t)) {
		cfmakeraw(&t);
		tcsetattr(fd, TCSANOW, &t);
	}
	return fd;
}

static void child(char **argv, char **env, bool interactive)
{
	int out = open_tty(tty_path(1), !interactive);
	int err = interactive ? out : open_tty(tty_path(2), true);

	setsid();
	if (interactive)
		ioctl(out, TIOCSCTTY, 0);
	dup2(out, 0);
	dup2(out, 1);
	dup2(err, 2);
	for (int i = 0; env[i]; i++)
		putenv(env[i]);
	execvp(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static int run(char **argv, char **env, bool interactive)
{
	pid_t pid = fork(), done;
	int status = 0;

	if (pid < 0)
		return 126;
	if (!pid)
		child(argv, env, interactive);
	/* Orphans end here too. */
	do
		done = wait(&status);
	while (done != pid && (done >= 0 || errno == EINTR));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Output that the host has not taken yet would be lost with the power. */
static void drain(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0) {
		tcdrain(fd);
		close(fd);
	}
}

/* --- leaks --------------------------------------------------------------------------- */

static void report_leaks(void)
{
	int fd = open(LEAKS, O_RDWR | O_CLOEXEC);
	char buf[4096];
	ssize_t n;

	if (fd < 0)
		return;
	usleep(LEAK_AGE_US);
	/* Once more, because a block may hide in a register the first time. */
	for (int i = 0; i < 2; i++)
		if (write(fd, "scan", 4) != 4)
			say("init: error: kmemleak: %s\n", strerror(errno));
	/* What follows a message of the kernel at once may lose its first characters. */
	say("\n");
	tcdrain(fileno(console));
	usleep(100000);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, (size_t)n, console);
	fflush(console);
	close(fd);
}

static void leave(int status)
{
	FILE *f = fopen(OUT "/status", "w");

	if (!f || fprintf(f, "%d\n", status) < 0 || fclose(f))
		say("init: error: status: %s\n", strerror(errno));
	drain(tty_path(1));
	drain(tty_path(2));
	drain(CONSOLE);
	sync();
	reboot(RB_POWER_OFF);
	_exit(1); /* the kernel panics, which the host sees */
}

int main(void)
{
	static char *argv[WORDS], *env[WORDS], *modules[WORDS], *cwd[WORDS];
	const char *run_dir = getenv("MEA_RUN");
	int n_modules = 0, status = 125;
	bool interactive = getenv("MEA_INTERACTIVE") != NULL;

	leave_ram_disk();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	/* Still the host's folder, whatever will be mounted over it. */
	if (run_dir && !chdir(run_dir)) {
		read_words("cwd", cwd);
		read_words("argv", argv);
		read_words("env", env);
		n_modules = read_words("modules", modules);
	}
	/* Programs that insist on /tmp get one, unless what they need is there. */
	mount_all(run_dir, any_below_tmp(cwd) || any_below_tmp(argv) || any_below_tmp(modules));
	if (!cwd[0] || chdir(cwd[0]))
		say("init: error: no working folder: %s\n", strerror(errno));
	for (int i = 0; i < n_modules; i++)
		if (!load(modules[i]))
			leave(status);
	if (argv[0])
		status = run(argv, env, interactive);
	while (n_modules--)
		unload(modules[n_modules]);
	report_leaks();
	leave(status);
}
