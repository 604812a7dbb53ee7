package stream

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"rohrpost/internal/pause"
)

// loop flushes until the writer is closed and empty, refused, or given up.
func (w *TokenWriter) loop() {
	defer close(w.done)
	var flushed time.Time // zero before the first: that one goes at once
	for {
		select {
		case <-w.wake:
		case <-w.ctx.Done():
			return
		}
		closing, ok := w.gather(flushed)
		if !ok {
			return
		}
		for {
			text, more := w.next(closing)
			if text == "" {
				break
			}
			if err := w.flush(text); err != nil {
				w.refuse(err)
				return
			}
			flushed = time.Now()
			if !more {
				break
			}
		}
		if closing {
			return
		}
	}
}

// gather waits until the time of the next flush has come, or enough text has.
func (w *TokenWriter) gather(flushed time.Time) (closing, ok bool) {
	timer := time.NewTimer(time.Until(flushed.Add(w.cfg.Coalesce)))
	defer timer.Stop()
	for {
		w.mu.Lock()
		closing, full := w.closing, w.full()
		w.mu.Unlock()
		if closing || full {
			return closing, true
		}
		select {
		case <-timer.C:
			return false, true
		case <-w.wake:
		case <-w.ctx.Done():
			return false, false
		}
	}
}

// next takes the text of one event. more tells that another one is full already: that is so after an outage, and with
// tokens faster than Redis.
func (w *TokenWriter) next(final bool) (text string, more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text = w.pending.take(w.cfg.CoalesceBytes, final)
	w.flying = text != ""
	left := len(w.pending.text)
	more = final && left > 0 || left >= w.cfg.CoalesceBytes
	if !more && left >= utf8.UTFMax { // more than a held back character: no token need come for it to be flushed
		w.signal()
	}
	return text, more
}

// flush writes one event, trying again until it works, is refused, or the writer gives up. The parts are made once: the
// append key in them is what keeps an attempt with an unknown outcome from being written twice.
func (w *TokenWriter) flush(text string) error {
	data := w.opts.Data(text)
	entries := []Entry{{Key: Job(w.opts.Job), Type: TypeToken, Data: data}}
	if w.opts.Owner != uuid.Nil {
		entries = append(entries, Entry{Key: User(w.opts.Owner), Type: TypeToken, Data: data, Job: w.opts.Job})
	}
	parts, err := w.prepare(entries)
	if err != nil {
		return err
	}
	wait := tokenRetryMost / 10
	for {
		err := w.opts.Through(func() error { return w.run(w.ctx, parts) })
		w.mu.Lock()
		w.last, w.flying = err, err != nil
		w.mu.Unlock()
		if err == nil || refused(err) {
			return err
		}
		if err := pause.For(w.ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, tokenRetryMost)
	}
}

// refuse ends the writer because of err, unless it is only that Close gave up.
func (w *TokenWriter) refuse(err error) {
	if w.ctx.Err() != nil && !refused(err) {
		return
	}
	w.mu.Lock()
	w.err = fmt.Errorf("write tokens: %w", err)
	w.pending.text = nil
	told := w.err
	w.mu.Unlock()
	if w.opts.OnRefused != nil {
		w.opts.OnRefused(told)
	}
}
