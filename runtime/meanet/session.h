/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a session (mea.h): who owns what, and how a thread of its own
 * walks images through the exits. session.c is the interface and the queues,
 * schedule.c the thread.
 */
#ifndef MEA_SESSION_H
#define MEA_SESSION_H

#include <pthread.h>

#include "backend/registry.h"
#include "offload/client.h"
#include "meanet/prepared.h"
#include "meanet/publish.h"
#include "mea.h"

/* An image on its way. */
struct task {
	struct task *next;
	struct mea_session *session;
	uint8_t *rgb;
	double submitted, begun_main; /* ms; 0: not begun */
	double asked;		      /* ms; when the cloud was, 0: never */
	int entry;		      /* the first backend in the list that may take it */
	int set;		      /* its buffers in the prepared model; -1: none */
	enum mea_net net;	      /* what runs or is to run */
	bool started;		      /* its job is under way */
	double begun;		      /* ms; when its job started */
	struct mea_result r;	      /* what the edge knows; the session's thread's own */

	/* Guarded by the session's lock. */
	struct mea_result answer; /* the best that there is so far; what the caller gets */
	bool answered, collected;
	bool sent; /* once to the cloud; the rest is for such images */
	bool hard; /* main's class is, so that the extension has a say */
	bool away; /* the cloud has not come back */
	/* The extension: is to run, runs, has run or failed. */
	bool wanted, working, ready;
	double standby, due; /* ms; when the extension is to run, when the answer is given */
	double called;	     /* ms; since when the extension was wanted */
};

struct fifo {
	struct task *head, *tail;
};

/* One entry of the backend list. */
struct entry {
	int number;		       /* in the list */
	struct mea_prepared *prepared; /* opened when it is first needed */
	int errors;		       /* in a row */
	int lost;		       /* buffer sets of jobs that never ended */
	bool gone;		       /* refused the model or was never there */
	/* In quarantine until resume_at (ms; 0: not), then tried again, anew with reopen. */
	double resume_at, pause_ms;
	bool reopen, probing;
	char why[160]; /* it is there */
};

/* A buffer set whose image was answered by the cloud, to be given back by the thread. */
struct freed {
	struct mea_prepared *prepared;
	int set;
};

struct mea_session {
	struct mea_model *model;
	int queue; /* images that are accepted */
	int jobs;
	int sets;		 /* buffer sets: images at a backend or at the cloud */
	int8_t *features;	 /* room to send them; NULL: images are sent */
	struct mea_cloud *cloud; /* NULL: none */
	double deadline_ms;
	void (*note)(const char *text, void *ctx);
	void *note_ctx;
	/* mea_session_hear(): NULL: nobody listens. */
	void (*heard)(void *ctx, uint64_t tag, enum mea_net net, int label);
	void *heard_ctx;

	/* The thread's own; nobody else looks at these while it runs. */
	struct mea_choice choices[MEA_CHOICES_MAX];
	struct entry entries[MEA_CHOICES_MAX];
	int n_entries;
	struct task **running; /* sets entries, oldest job first */
	int n_running;

	pthread_t thread, watcher;
	bool thread_runs, watcher_runs;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t done;
	int work_event;	 /* wakes the thread; -1: none yet */
	int watch_event; /* wakes the watcher; -1: none */
	struct task *tasks;
	int n_tasks, under_way;
	struct fifo free, waiting, finished;
	struct task **sent; /* n_tasks entries: at the cloud and not answered */
	int n_sent, n_wanted;
	struct freed *freed; /* sets entries */
	int n_freed, n_away;
	double extension_ms; /* about the longest that one took lately */
	double late_ms;	     /* about the latest that the watcher woke lately */
	double watch_ms;     /* when it is to wake next */
	struct mea_exit_stats stats[MEA_EXITS];
	bool stop;
	struct mea_published *published; /* NULL: none */
	int published_fd;
};

void mea_fifo_push(struct fifo *f, struct task *t);
void mea_fifo_push_front(struct fifo *f, struct task *t);
struct task *mea_fifo_pop(struct fifo *f);

/*
 * As mea_open() for a model that is already there (taken over, also on failure)
 * and n choices of backends.
 */
int mea_session_open(struct mea_model *m, const struct mea_choice *choices, int n,
		     const struct mea_options *opt, struct mea_session **out);

/*
 * From now on heard is told the class that main and the extension say of each image, whichever
 * answer counts; the cloud's is in the result. Before the first image. The session's thread calls
 * it, before the image can be collected; once more for an image that another backend takes over.
 */
void mea_session_hear(struct mea_session *s,
		      void (*heard)(void *ctx, uint64_t tag, enum mea_net net, int label),
		      void *ctx);

/* entries.c: backends that work, fail, rest and return; for the session's thread. */

/* Opens entry i unless it is open; false when it cannot be used now, with the reason in
 * mea_errmsg() and told to the note function when it is new. */
bool mea_entry_ready(struct mea_session *s, int i);

/* A job failed there with error (and mea_errmsg()), or, hung, did not end in time. */
void mea_entry_failed(struct mea_session *s, int i, bool hung, int error);
void mea_entry_worked(struct mea_session *s, int i);

/* Enters into r that entry i was passed over, when it is in quarantine. */
void mea_entry_excuse(const struct mea_session *s, int i, struct mea_result *r);

/* Hands the image's answer to the caller, or, with answer.error set, why there is none. The lock
 * is held. */
void mea_task_finish(struct mea_session *s, struct task *t);

/* --- away.c: images at the cloud --------------------------------------------------- */

/* Sends an image whose main is done; fails when it cannot. From then on it is answered in time
 * whatever happens, and is the session's thread's only when it is wanted. */
int mea_task_send(struct mea_session *s, struct task *t);
/* The next image whose extension is to run, NULL: none. */
struct task *mea_session_wanted(struct mea_session *s);
/* Its extension is done, with what follows in t->r, or has failed. */
void mea_task_extended(struct mea_session *s, struct task *t, bool failed);
/* Nobody works on the image any more: its buffer set is free and, once its answer is collected, it
 * is. The lock is held. */
void mea_task_settle(struct mea_session *s, struct task *t);
/* Gives buffer sets back that images at the cloud do not need any more. */
void mea_session_give_freed(struct mea_session *s);
/* The watcher's thread, which sees to it that images at the cloud are answered in time: runs
 * until s->stop. */
void *mea_watch(void *session);

/* The session's thread: runs until s->stop and no job is left. */
void *mea_schedule(void *session);

#endif
