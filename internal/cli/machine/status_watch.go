package machine

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/safetext"
)

// watchInterval is how often zend is asked and a screen drawn.
const watchInterval = time.Second

// watchStatus shows the status and keeps it up to date: on a screen, or as lines where
// there is none.
func (a *Status) watchStatus(ctx context.Context, o ui.Output) error {
	if a.Term.Screen == nil || o.Format == ui.FormatJSON {
		return a.watchLines(ctx, o)
	}
	s := &screen{tty: a.Term.Screen, keys: a.Term.In}
	if err := s.enter(); err != nil {
		return err
	}
	err := a.watchOn(ctx, s)
	s.leave()
	return err
}

// askAgain asks zend again and again. Only the first time is it started: a watch must not
// keep bringing back a zend that was stopped. It closes the channel when ctx ends.
func (a *Status) askAgain(ctx context.Context) <-chan watched {
	moments := make(chan watched)
	go func() {
		defer close(moments)
		var w watched
		tick := time.NewTicker(watchInterval)
		defer tick.Stop()
		for start := true; ; start = false {
			client, err := a.zend(start)
			var status api.Status
			if err == nil {
				status, err = zend.Ask[api.Status](
					ctx,
					client,
					api.MethodStatus,
					api.Empty{},
					nil,
					zend.Glance,
				)
			}
			if w.err = err; err == nil {
				w.status, w.known = status, true
			}
			select {
			case moments <- w:
			case <-ctx.Done():
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return moments
}

// watchOn shows the status on a screen until somebody wants to quit.
func (a *Status) watchOn(ctx context.Context, s *screen) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	moments, keys := a.askAgain(inner), s.read()
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, resizeSignal)
	defer signal.Stop(resized)
	second := time.NewTicker(watchInterval)
	defer second.Stop()
	now, first, last := watched{}, 0, 0
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case now = <-moments:
		case <-second.C: // also when zend does not answer, the times go on
		case <-resized:
		case key, ok := <-keys:
			if !ok {
				keys = nil // the end of the input does not mean to quit: it may be </dev/null
				continue
			}
			switch key {
			case keyQuit:
				return nil
			case keySuspend:
				if err := s.suspend(); err != nil {
					return err
				}
			case keyUp:
				first = max(first-1, 0)
			case keyDown:
				first = min(first+1, last)
			}
		}
		if !now.known && now.err == nil {
			continue
		}
		columns, rows := s.size()
		var lines []string
		lines, last = now.view(a.now(), first, columns, rows)
		first = min(first, last)
		if err := s.draw(lines); err != nil {
			return ui.CannotPrint(err)
		}
	}
}

// watchLines prints a line for everything that changes, until it is interrupted, which is
// how it ends; in JSON, a whole status a line.
func (a *Status) watchLines(ctx context.Context, o ui.Output) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	said := map[string]string{}
	var before watched
	for now := range a.askAgain(inner) {
		var text string
		var err error
		switch {
		case o.Format != ui.FormatJSON:
			text = changes(said, now.facts(), a.now())
		case now.err == nil && (!before.known || !reflect.DeepEqual(before.status, now.status)):
			text, err = ui.JSONLine(now.status)
		}
		if err == nil {
			_, err = io.WriteString(a.Out, text)
		}
		if err != nil {
			return err
		}
		before = now
	}
	return context.Cause(ctx)
}

// fact is one thing that is so, and stays so until another one of the same subject comes.
type fact struct{ subject, text string }

// facts are what the moment says, with points in time instead of durations, which would
// change all the time.
func (w watched) facts() []fact {
	if w.err != nil {
		return []fact{{"zend", "does not answer: " + safetext.Line(w.err.Error())}}
	}
	s := w.status
	list := []fact{
		{
			"zend",
			fmt.Sprintf("%s, process %d, since %s", safetext.Line(s.Version), s.PID, ui.Clock(s.Started)),
		},
		{"vault", strings.TrimSuffix(safetext.Line(s.Vault.State+": "+s.Vault.Problem), ": ")},
	}
	for _, l := range s.Logins {
		subject := safetext.Line(l.Address)
		if scope := ui.LoginScope(l); l.Dir+l.Profile != "" {
			subject += " (" + safetext.Line(scope) + ")"
		}
		texts := []string{ui.AnsweredBy(l)}
		for _, moment := range []struct {
			what string
			at   *time.Time
		}{{"until", l.Until}, {"token until", l.TokenExpires}, {"used", l.LastUsed}} {
			if moment.at != nil {
				texts = append(texts, moment.what+" "+ui.Clock(*moment.at))
			}
		}
		if l.Problem != "" {
			texts = append(texts, l.Problem)
		}
		list = append(list, fact{subject, safetext.Line(strings.Join(texts, ", "))})
	}
	for _, n := range s.Notices {
		list = append(
			list,
			fact{"notice: " + safetext.Line(n.Text), strings.TrimSpace(safetext.Line(n.Hint))},
		)
	}
	return list
}

// changes returns a line for each fact that was not said before, and for each that does
// not hold any more. said remembers.
func changes(said map[string]string, facts []fact, now time.Time) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, ui.Clock(now)+"  "+format+"\n", args...) }
	down := len(facts) == 1 // zend does not answer: that says nothing about logins
	seen := map[string]bool{}
	for _, f := range facts {
		seen[f.subject] = true
		if old, ok := said[f.subject]; !ok || old != f.text {
			line("%s", strings.TrimSuffix(f.subject+": "+f.text, ": "))
			said[f.subject] = f.text
		}
	}
	for subject := range said {
		if !seen[subject] && !down {
			line("%s: no longer", subject)
			delete(said, subject)
		}
	}
	return b.String()
}

// What a person can press.
type watchKey int

const (
	keyOther watchKey = iota
	keyQuit
	keySuspend
	keyUp
	keyDown
)

// screen is a terminal that is drawn on as a whole, on its alternate screen (xterm's
// private modes 1049 and 25).
type screen struct {
	tty    *os.File
	keys   *os.File // where keys come from; nil: nowhere
	before *term.State
}

const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[2J"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
)

// enter takes the terminal over.
func (s *screen) enter() error {
	if s.keys != nil {
		state, err := term.MakeRaw(int(s.keys.Fd()))
		if err != nil {
			return err
		}
		s.before = state
	}
	_, err := s.tty.WriteString(enterScreen)
	return err
}

// leave gives the terminal back as it was.
func (s *screen) leave() {
	_, _ = s.tty.WriteString(leaveScreen)
	if s.before != nil {
		_ = term.Restore(int(s.keys.Fd()), s.before)
	}
}

// suspend gives the terminal back for as long as the program is stopped.
func (s *screen) suspend() error {
	s.leave()
	if err := stopProcess(); err != nil {
		return err
	}
	return s.enter()
}

// size is the screen's, in columns and rows; that of a VT100 when it does not tell.
func (s *screen) size() (columns, rows int) {
	columns, rows, err := term.GetSize(int(s.tty.Fd()))
	if err != nil || columns <= 0 || rows <= 0 {
		return 80, 24
	}
	return columns, rows
}

// draw draws everything again, in one piece, each line over the one that was there.
func (s *screen) draw(lines []string) error {
	_, err := s.tty.WriteString("\x1b[H" + strings.Join(lines, "\x1b[K\r\n") + "\x1b[K\x1b[J")
	return err
}

// read hands out what is pressed. Nobody can end a read of a terminal: it is left behind
// when the program ends.
func (s *screen) read() <-chan watchKey {
	if s.keys == nil {
		return nil
	}
	keys := make(chan watchKey)
	go func() {
		defer close(keys)
		buf := make([]byte, 64)
		for {
			n, err := s.keys.Read(buf)
			for _, k := range keysIn(string(buf[:n])) {
				keys <- k
			}
			if err != nil {
				return
			}
		}
	}()
	return keys
}

// keysIn finds the keys in what a terminal sends, of which one read has a whole escape
// sequence (ECMA-48; xterm's cursor keys).
func keysIn(text string) (keys []watchKey) {
	names := []struct {
		prefix string
		key    watchKey
	}{
		{"\x1b[A", keyUp},
		{"\x1bOA", keyUp},
		{"\x1b[B", keyDown},
		{"\x1bOB", keyDown},
		{"k", keyUp},
		{"j", keyDown},
		{"q", keyQuit},
		{"Q", keyQuit},
		{"\x03", keyQuit},
		{"\x04", keyQuit},
		{"\x1a", keySuspend},
	}
next:
	for text != "" {
		for _, n := range names {
			if rest, ok := strings.CutPrefix(text, n.prefix); ok {
				keys, text = append(keys, n.key), rest
				continue next
			}
		}
		if text[0] == '\x1b' { // another sequence: its letters are not keys
			return append(keys, keyOther)
		}
		keys, text = append(keys, keyOther), text[1:]
	}
	return keys
}
