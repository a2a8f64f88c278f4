// SPDX-License-Identifier: GPL-2.0
/*
 * The terminal.  Whatever ends the program, but for SIGKILL, leaves the terminal
 * as it was: a request to end is a flag that the loop looks at, and any other
 * signal that would end it finds a handler which writes what ncurses would.
 */
#include <errno.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "top.h"
#include "tracer.h"

/* How long to wait for a key without a look at what signals set. */
#define NAP_MS	  100
/* Escape is a key of its own if nothing follows for so long. */
#define ESCAPE_MS 25

#define MSEC 1000000ULL

/* struct screen - while it is shown */
struct screen {
	struct top *top;
	struct top_frame frame;
	struct top_view view;
	struct top_text text;
	uint64_t interval_ns;
	uint64_t next; /* tracer_now_ns() of the next frame */
	uint64_t end;
	uint64_t count;
	uint64_t frames;
};

/*
 * Signals
 */

static volatile sig_atomic_t stop;
static struct termios before;
static char restore[256]; /* written to put the terminal back */

/* Only what a signal handler may call. */
static void die(int signo)
{
	if (write(STDOUT_FILENO, restore, strlen(restore)) < 0)
		errno = 0;
	tcsetattr(STDOUT_FILENO, TCSANOW, &before);
	/* SA_RESETHAND: this one ends the program. */
	raise(signo);
}

static void on_stop(int signo)
{
	if (stop) {
		signal(signo, SIG_DFL);
		die(signo);
	}
	stop = 1;
}

static const int stopping[] = { SIGINT, SIGTERM, SIGHUP };
static const int deadly[] = { SIGQUIT, SIGABRT, SIGSEGV, SIGBUS,  SIGFPE,
			      SIGILL,  SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE,
			      SIGXCPU, SIGXFSZ, SIGTRAP, SIGSYS };

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_stop };

	for (size_t i = 0; i < sizeof(stopping) / sizeof(*stopping); i++)
		sigaction(stopping[i], &action, NULL);
	action.sa_handler = die;
	action.sa_flags = (int)(SA_RESETHAND | SA_NODEFER);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(*deadly); i++)
		sigaction(deadly[i], &action, NULL);
}

static const char *capability(const char *name)
{
	const char *text = tigetstr(name);

	return text == (const char *)-1 ? NULL : text;
}

static void add_restore(const char *name)
{
	const char *text = capability(name);

	if (text && strlen(restore) + strlen(text) < sizeof(restore))
		strcat(restore, text);
}

/*
 * The terminal
 */

static int open_terminal(void)
{
	SCREEN *screen;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
	    tcgetattr(STDOUT_FILENO, &before))
		return -ENOTTY;
	set_escdelay(ESCAPE_MS);
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return -ENOTSUP;
	if (!capability("cup")) {
		endwin();
		return -ENOTSUP;
	}
	add_restore("sgr0");
	add_restore("rmkx");
	add_restore("cnorm");
	add_restore("rmcup");
	catch_signals();
	cbreak();
	noecho();
	nonl();
	curs_set(0);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	return 0;
}

static attr_t attribute(enum top_look look)
{
	switch (look) {
	case TOP_BOLD:
		return A_BOLD;
	case TOP_HEADING:
		return A_REVERSE;
	case TOP_CURSOR:
		return A_REVERSE | A_BOLD;
	default:
		return A_NORMAL;
	}
}

static void put_lines(const struct top_text *text)
{
	erase();
	for (size_t i = 0; i < text->nr; i++) {
		attrset(attribute(text->lines[i].look));
		mvaddnstr((int)i, 0, text->lines[i].text, (int)text->cols);
	}
	attrset(A_NORMAL);
	refresh();
}

static int draw(struct screen *s)
{
	struct top_layer layers[TOP_LAYERS_MAX];
	size_t nr_layers = 0;
	int err;

	s->view.rows = LINES > 0 ? (size_t)LINES : 1;
	s->view.cols = COLS > 0 ? (size_t)COLS : 1;
	if (s->view.page == TOP_DEVICE && !s->frame.recorded)
		nr_layers = top_stack(s->view.selected, layers);
	err = top_render(&s->frame, &s->view, layers, nr_layers, &s->text);
	if (!err)
		put_lines(&s->text);
	return err;
}

/*
 * Keys
 */

static int key_of(int key)
{
	switch (key) {
	case KEY_UP:
		return TOP_KEY_UP;
	case KEY_DOWN:
		return TOP_KEY_DOWN;
	case KEY_PPAGE:
		return TOP_KEY_PAGE_UP;
	case KEY_NPAGE:
		return TOP_KEY_PAGE_DOWN;
	case KEY_HOME:
		return TOP_KEY_HOME;
	case KEY_END:
		return TOP_KEY_END;
	case KEY_ENTER:
	case '\r':
	case '\n':
		return TOP_KEY_ENTER;
	case KEY_BACKSPACE:
	case KEY_LEFT:
	case '\b':
	case 127:
		return TOP_KEY_BACK;
	case 27:
		return TOP_KEY_ESCAPE;
	default:
		return key < 256 ? key : 0;
	}
}

/* Returns 1 if somebody wants to quit, 0, or a negative errno. */
static int take_keys(struct screen *s)
{
	bool any = false;
	int key;

	while ((key = getch()) != ERR) {
		any = true;
		/* The size is asked for when it is drawn. */
		if (key != KEY_RESIZE &&
		    !top_press(&s->view, &s->frame, key_of(key)))
			return 1;
	}
	return any ? draw(s) : 0;
}

/* Returns 1 when nobody is there any more, 0, or a negative errno. */
static int wait_for_key(const struct screen *s)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	uint64_t now = tracer_now_ns();
	int ms = NAP_MS;

	if (now >= s->next)
		return 0;
	if (s->next - now < NAP_MS * MSEC)
		ms = (int)((s->next - now) / MSEC) + 1;
	if (poll(&in, 1, ms) < 0 && errno != EINTR)
		return -errno;
	return in.revents & (POLLHUP | POLLERR | POLLNVAL) ? 1 : 0;
}

/*
 * The loop
 */

static int next_frame(struct screen *s)
{
	int err = 0;

	s->next += s->interval_ns;
	/* After a stop or a suspend, do not catch up. */
	if (s->next < tracer_now_ns())
		s->next = tracer_now_ns() + s->interval_ns;
	if (!s->view.paused && !s->view.ended)
		err = top_read(s->top, &s->frame);
	if (err == -ENODATA) {
		s->view.ended = true;
		err = 0;
	}
	s->frames++;
	return err ?: draw(s);
}

static bool over(const struct screen *s)
{
	return stop || tracer_now_ns() >= s->end ||
	       (s->count && s->frames > s->count);
}

static int run(struct screen *s)
{
	int err = 0;

	while (!err && !over(s)) {
		if (tracer_now_ns() >= s->next)
			err = next_frame(s);
		if (!err)
			err = wait_for_key(s);
		if (!err)
			err = take_keys(s);
	}
	return err < 0 ? err : 0;
}

int top_screen(struct top *top, uint64_t interval_ns, uint64_t count,
	       uint64_t duration_ns)
{
	struct screen s = {
		.top = top,
		.interval_ns = interval_ns,
		.next = tracer_now_ns(),
		.end = duration_ns ? tracer_now_ns() + duration_ns : UINT64_MAX,
		.count = count,
		.view = { .sort = TOP_BY_COPIES },
	};
	int err;

	err = open_terminal();
	if (err)
		return err;
	err = run(&s);
	endwin();
	top_text_free(&s.text);
	return err;
}
