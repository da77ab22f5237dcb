// SPDX-License-Identifier: Apache-2.0
#include "backend/opencl/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/note.h"

#define MESSAGE_MAX 1200 /* bytes */

/* What the child sends: messages that end with a 0. "n" and a note; "r", a code, a space and an
 * error's text, last. */
struct trial {
	int pipe; /* the end that is read */
	int said; /* a file with the child's standard output and error */
	pid_t pid;
	bool done; /* the result has come */
	int result;
	char error[MESSAGE_MAX];
};

/* --- the child ----------------------------------------------------------------------- */

static int child_pipe;

static void send_message(const char *text)
{
	size_t left = strlen(text) + 1;

	while (left) {
		ssize_t n = write(child_pipe, text, left);

		if (n < 0 && errno != EINTR)
			return;
		text += n > 0 ? n : 0;
		left -= n > 0 ? (size_t)n : 0;
	}
}

static void send_note(const char *text, void *ctx)
{
	char message[MESSAGE_MAX];

	(void)ctx;
	snprintf(message, sizeof(message), "n%s", text);
	send_message(message);
}

static void child(int (*open)(void *ctx), void *ctx, int to, int said)
{
	char message[MESSAGE_MAX];
	int rc;

	/* What the driver starts, a linker for example, ends with it. */
	setpgid(0, 0);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	signal(SIGABRT, SIG_DFL);
	/* exit(), which a driver may call, would write out what the parent has in its buffers. */
	__fpurge(stdout);
	dup2(said, STDOUT_FILENO);
	dup2(said, STDERR_FILENO);
	child_pipe = to;
	mea_note_to(send_note, NULL);
	rc = open(ctx);
	snprintf(message, sizeof(message), "r%d %s", rc, rc ? mea_errmsg() : "");
	send_message(message);
	_exit(0);
}

/* --- the parent ---------------------------------------------------------------------- */

static void take_message(struct trial *t, const char *text)
{
	char *error;

	if (*text == 'n') {
		mea_note("%s", text + 1);
	} else if (*text == 'r') {
		t->result = (int)strtol(text + 1, &error, 10);
		t->done = true;
		snprintf(t->error, sizeof(t->error), "%s", error + (*error == ' '));
	}
}

/* Takes messages until the child has ended or the time is over. True: in time. */
static bool listen(struct trial *t, int limit_ms)
{
	double end = mea_now_ms() + limit_ms;
	char text[2 * MESSAGE_MAX];
	size_t have = 0;

	for (;;) {
		struct pollfd p = {.fd = t->pipe, .events = POLLIN};
		double left = end - mea_now_ms();
		char *stop;
		ssize_t n;

		if (left <= 0)
			return false;
		if (poll(&p, 1, (int)left + 1) <= 0)
			continue;
		n = read(t->pipe, text + have, sizeof(text) - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return true;
		have += (size_t)n;
		while ((stop = memchr(text, 0, have))) {
			take_message(t, text);
			have -= (size_t)(stop + 1 - text);
			memmove(text, stop + 1, have);
		}
		/* No message is as long. */
		if (have == sizeof(text))
			have = 0;
	}
}

/* The last line that the child wrote, which a driver's reason tends to be. */
static void last_words(int fd, char *line, size_t size)
{
	char text[4096], *start = text;
	off_t end = lseek(fd, 0, SEEK_END);
	ssize_t n = pread(fd, text, sizeof(text) - 1,
			  end >= (off_t)sizeof(text) ? end - (off_t)sizeof(text) + 1 : 0);

	text[n > 0 ? n : 0] = 0;
	while (n > 0 && (unsigned char)text[n - 1] <= ' ')
		text[--n] = 0;
	if (strrchr(text, '\n'))
		start = strrchr(text, '\n') + 1;
	snprintf(line, size, "%s%.250s", *start ? ": " : "", start);
}

static int verdict(struct trial *t, bool in_time, int limit_ms)
{
	char words[300];
	int status = 0;

	/* Who ignores SIGCHLD has no status; the result says enough. */
	if (waitpid(t->pid, &status, 0) < 0)
		status = 0;
	if (t->done)
		return t->result ? mea_fail(t->result, "%s", t->error) : 0;
	last_words(t->said, words, sizeof(words));
	if (!in_time)
		return mea_fail(MEA_ETIMEDOUT, "the driver did not start within %d ms%s", limit_ms,
				words);
	if (WIFSIGNALED(status))
		return mea_fail(MEA_EDEVICE, "the driver died (%s)%s", strsignal(WTERMSIG(status)),
				words);
	return mea_fail(MEA_EDEVICE, "the driver ended the process%s", words);
}

int mea_cl_trial(int (*open)(void *ctx), void *ctx, int limit_ms)
{
	struct trial t = {.said = memfd_create("mea-opencl", MFD_CLOEXEC)};
	int ends[2], rc;
	bool in_time;

	if (t.said < 0 || pipe2(ends, O_CLOEXEC)) {
		rc = mea_fail(MEA_EIO, "no pipe to a child process: %s", strerror(errno));
		goto out;
	}
	t.pipe = ends[0];
	t.pid = fork();
	if (t.pid == 0)
		child(open, ctx, ends[1], t.said);
	close(ends[1]);
	if (t.pid < 0) {
		rc = mea_fail(MEA_EIO, "no child process to try the driver in: %s",
			      strerror(errno));
	} else {
		in_time = listen(&t, limit_ms);
		if (!in_time && kill(-t.pid, SIGKILL))
			kill(t.pid, SIGKILL);
		rc = verdict(&t, in_time, limit_ms);
	}
	close(ends[0]);
out:
	if (t.said >= 0)
		close(t.said);
	return rc;
}
