// SPDX-License-Identifier: GPL-2.0
/*
 * Disks come, change and go.
 *
 * Where udev runs, its events are taken: they come when the links in
 * /dev/disk/by-id are there, which rules may be about.  Without udev nobody
 * sends those, and sd_device_monitor has no other kind; then those of the kernel
 * itself are read from its netlink group.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include <systemd/sd-device.h>

#include "daemon.h"

#define KERNEL_GROUP 1
#define BUFFER_BYTES (4 << 20)
/* A disk that comes brings partitions and paths along. */
#define WAIT_USEC    20000

static int on_udev(sd_device_monitor *monitor, sd_device *device, void *data)
{
	(void)monitor;
	(void)device;
	daemon_look_later(data, WAIT_USEC);
	return 0;
}

static int start_udev(struct daemon *d)
{
	sd_device_monitor *monitor;
	int err = sd_device_monitor_new(&monitor);

	if (err < 0)
		return err;
	sd_device_monitor_set_receive_buffer_size(monitor, BUFFER_BYTES);
	/* 1 if the filter is new. */
	err = sd_device_monitor_filter_add_match_subsystem_devtype(
		monitor, "block", "disk");
	if (err >= 0)
		err = sd_device_monitor_attach_event(monitor, d->event);
	if (err >= 0)
		err = sd_device_monitor_start(monitor, on_udev, d);
	if (err >= 0)
		err = sd_event_source_set_priority(
			sd_device_monitor_get_event_source(monitor),
			PRIORITY_EVENTS);
	/* It lives as long as the process. */
	if (err < 0)
		sd_device_monitor_unref(monitor);
	return err;
}

static bool has(const char *text, const char *end, const char *want)
{
	for (; text < end; text += strlen(text) + 1)
		if (!strcmp(text, want))
			return true;
	return false;
}

/* "add@/devices/..." and then KEY=VALUE, each ended by a NUL. */
static bool is_disk(const char *text, const char *end)
{
	return has(text, end, "SUBSYSTEM=block") &&
	       has(text, end, "DEVTYPE=disk");
}

/* Return: 1 if it is about a disk, 0 if not, or a negative errno. */
static int read_event(int fd)
{
	struct sockaddr_nl from = {};
	char text[8192];
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	ssize_t len = recvmsg(fd, &msg, MSG_DONTWAIT);

	if (len < 0)
		return -errno;
	/* Others than the kernel can send as well, if they are privileged. */
	if (from.nl_pid)
		return 0;
	text[len] = '\0';
	return is_disk(text, text + len);
}

static int on_kernel(sd_event_source *source, int fd, uint32_t events,
		     void *data)
{
	bool look = false;
	int got;

	(void)source;
	(void)events;
	while ((got = read_event(fd)) >= 0 || got == -EINTR)
		look |= got > 0;
	/* Too many for the buffer: some are lost, so look anyway. */
	if (look || got != -EAGAIN)
		daemon_look_later(data, WAIT_USEC);
	return 0;
}

static int start_kernel(struct daemon *d)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK,
				    .nl_groups = KERNEL_GROUP };
	sd_event_source *source = NULL;
	int bytes = BUFFER_BYTES, err = 0;
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_KOBJECT_UEVENT);

	if (fd < 0)
		return -errno;
	/* As large as may be; without the right to force it, that is less. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		err = -errno;
	if (!err)
		err = sd_event_add_io(d->event, &source, fd, EPOLLIN, on_kernel,
				      d);
	/* It lives as long as the loop. */
	if (err >= 0)
		err = sd_event_source_set_floating(source, true);
	if (err >= 0)
		err = sd_event_source_set_priority(source, PRIORITY_EVENTS);
	if (err < 0)
		close(fd);
	return err;
}

int uevent_start(struct daemon *d)
{
	int err;

	if (!access("/run/udev/control", F_OK))
		err = start_udev(d);
	else
		err = start_kernel(d);
	if (err < 0)
		log_line(LOG_ERR, NULL, NULL,
			 "cannot hear of disks that come and go: %s",
			 strerror(-err));
	return err < 0 ? err : 0;
}
