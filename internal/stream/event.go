package stream

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// The types of event in use. Writers may add others of [a-z0-9_.-]; TypeReload is the hub's own.
const (
	TypeState    = "state"
	TypeProgress = "progress"
	TypeToken    = "token"
	TypeResult   = "result"
	TypeError    = "error"
	TypeNotice   = "notice"
	// TypeReload tells the reader that events are missing: read the record, then go on with what follows.
	TypeReload = "reload"
)

// Entry is an event to append.
type Entry struct {
	Key  Key
	Type string
	Data json.RawMessage // valid JSON; without line breaks if it is to travel as one SSE line
	End  bool            // the final event of Key's stream
	// Job is whose epoch guards the entry in a user's stream. It may stay empty if the same Append writes to the stream
	// of that job, too.
	Job uuid.UUID
}

// Event is an event as read. Data is shared by all readers: don't change it.
type Event struct {
	// ID is what to resume after. It is empty only in a reload of a log that is gone: resume from the beginning.
	ID   string
	Type string
	Data json.RawMessage
	End  bool // nothing follows

	appended int64 // when, in microseconds since 1970 by Redis's clock; 0 if it was read from the log
}

func (e Entry) check() error {
	switch {
	case e.Key.kind == 0:
		return fmt.Errorf("no key: %w", ErrBadEntry)
	case e.Type == "" || e.Type == TypeReload || strings.Trim(e.Type, "abcdefghijklmnopqrstuvwxyz0123456789_.-") != "":
		return fmt.Errorf("type %q: %w", e.Type, ErrBadEntry)
	case !json.Valid(e.Data):
		return fmt.Errorf("data of %s isn't JSON: %w", e.Type, ErrBadEntry)
	}
	return nil
}

// parseMessage reads what the script publishes: "<id> <0|1> <type> <microseconds since 1970>\n<data>". The time may be
// missing, and more may follow: the processes of a deploy are not replaced at once.
func parseMessage(payload string) (Event, position, error) {
	head, data, ok := strings.Cut(payload, "\n")
	fields := strings.Split(head, " ")
	if !ok || len(fields) < 3 {
		return Event{}, position{}, ErrBadEntry
	}
	// Cloned, so that the short strings of a queued event don't keep the whole payload alive a second time.
	id, typ := strings.Clone(fields[0]), strings.Clone(fields[2])
	at, err := parsePosition(id)
	if err != nil {
		return Event{}, position{}, err
	}
	var appended int64
	if len(fields) > 3 {
		if appended, err = strconv.ParseInt(fields[3], 10, 64); err != nil {
			return Event{}, position{}, ErrBadEntry
		}
	}
	return Event{ID: id, Type: typ, Data: json.RawMessage(data), End: fields[1] == "1", appended: appended}, at, nil
}

func reload(at position, reason string) Event {
	return Event{ID: at.String(), Type: TypeReload, Data: json.RawMessage(`{"reason":"` + reason + `"}`)}
}
