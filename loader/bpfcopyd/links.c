// SPDX-License-Identifier: GPL-2.0
/*
 * Policies that go away behind our back: the kernel hangs up on their links, when
 * their disk goes, or when somebody detaches them.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon.h"

/* Who detaches a policy again and again shall not keep us busy. */
#define WAIT_USEC 1000000

struct link {
	struct links *links;
	struct link *next;
	char name[DEVICE_NAME_MAX];
	uint32_t dev;
	uint64_t diskseq;
	int fd;
	sd_event_source *source; /* owns @fd */
	bool wanted;
	bool hung_up;
};

struct links {
	struct daemon *d;
	struct link *first;
};

static void forget(struct link *link)
{
	struct link **at = &link->links->first;

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	sd_event_source_disable_unref(link->source);
	free(link);
}

/* The disk may be about to go: it is too early to tell. */
static int on_hangup(sd_event_source *source, int fd, uint32_t events,
		     void *data)
{
	struct link *link = data;

	(void)fd;
	(void)events;
	link->hung_up = true;
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	daemon_look_later(link->links->d, WAIT_USEC);
	return 0;
}

void links_report(struct links *links)
{
	struct link *link, *next;

	for (link = links->first; link; link = next) {
		next = link->next;
		if (!link->hung_up)
			continue;
		if (device_is_here(link->dev, link->diskseq))
			log_line(LOG_WARNING, link->name, NULL,
				 "its policy was detached by somebody else");
		else
			log_line(LOG_INFO, link->name, NULL,
				 "the disk is gone, and its policy with it");
		forget(link);
	}
}

/* When a transaction was undone it is the same policy, but another link. */
static bool is_dead(const struct link *link)
{
	struct pollfd poll_fd = { .fd = link->fd };

	return link->hung_up || poll(&poll_fd, 1, 0) > 0;
}

static struct link *find(struct links *links, const struct state_disk *disk)
{
	struct link *link;

	for (link = links->first; link; link = link->next)
		if (link->dev == disk->dev && link->diskseq == disk->diskseq)
			return link;
	return NULL;
}

static void watch(struct links *links, const struct state_disk *disk)
{
	struct link *link = calloc(1, sizeof(*link));
	int fd = link ? policy_link_open(disk->dev) : -ENOMEM;

	if (fd < 0 || sd_event_add_io(links->d->event, &link->source, fd,
				      EPOLLHUP, on_hangup, link) < 0) {
		if (fd >= 0)
			close(fd);
		free(link);
		return;
	}
	sd_event_source_set_io_fd_own(link->source, true);
	memcpy(link->name, disk->name, sizeof(link->name));
	link->dev = disk->dev;
	link->diskseq = disk->diskseq;
	link->fd = fd;
	link->links = links;
	link->wanted = true;
	link->next = links->first;
	links->first = link;
}

void links_watch(struct links *links)
{
	struct link *link, *next;
	struct state state;

	if (state_load(STATE_DIR, &state))
		return;
	for (link = links->first; link; link = next) {
		next = link->next;
		link->wanted = false;
		if (is_dead(link))
			forget(link);
	}
	for (size_t i = 0; i < state.nr; i++) {
		link = find(links, &state.disks[i]);
		if (link)
			link->wanted = state.disks[i].policy;
		else if (state.disks[i].policy)
			watch(links, &state.disks[i]);
	}
	for (link = links->first; link; link = next) {
		next = link->next;
		if (!link->wanted)
			forget(link);
	}
	state_free(&state);
}

struct links *links_new(struct daemon *d)
{
	struct links *links = calloc(1, sizeof(*links));

	if (links)
		links->d = d;
	return links;
}

void links_free(struct links *links)
{
	while (links && links->first)
		forget(links->first);
	free(links);
}
