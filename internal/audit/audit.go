// Package audit keeps what administrators changed: who, what, when and why. An entry commits with the change that it
// tells of, so neither is there without the other, and nobody changes it afterwards: PostgreSQL refuses to.
package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"time"

	"github.com/google/uuid"

	"rohrpost/db"
)

// queryTimeout bounds a look at the log, which goes along an index.
const queryTimeout = 10 * time.Second

// Actor is who changes something: an account, or whoever runs a command.
type Actor struct {
	User uuid.UUID // nil for the command line
	Name string    // for the command line; an account's name is its address
}

// User is an administrator who uses the API.
func User(id uuid.UUID) Actor { return Actor{User: id} }

// CommandLine is the person who runs this program, by the names of their login and of the machine.
func CommandLine() Actor {
	who, where := "somebody", "somewhere"
	if u, err := user.Current(); err == nil {
		who = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		where = host
	}
	return Actor{Name: who + "@" + where}
}

// Entry is one change.
type Entry struct {
	Action string // what was done to what, as in schedule.pause
	Target string // the id or name of what was changed
	Reason string // in the words of the actor, where they are asked for one
	Detail any    // what else is worth knowing, as a JSON object; nil is {}
}

// Record adds an entry, in the transaction that makes the change.
func Record(ctx context.Context, tx db.DBTX, by Actor, e Entry) error {
	detail := []byte("{}")
	if e.Detail != nil {
		var err error
		if detail, err = json.Marshal(e.Detail); err != nil {
			return fmt.Errorf("audit %s: %w", e.Action, err)
		}
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("audit %s: %w", e.Action, err)
	}
	p := db.InsertAuditEntryParams{
		ID: id, ActorName: by.Name, Action: e.Action, Target: e.Target, Reason: e.Reason, Detail: detail,
	}
	if by.User != uuid.Nil {
		p.Actor = &by.User
	} else if by.Name == "" {
		return errors.New("audit: nobody did it")
	}
	if err := db.New().InsertAuditEntry(ctx, tx, p); err != nil {
		return fmt.Errorf("audit %s: %w", e.Action, err)
	}
	return nil
}

// Filter picks entries for [List]. Zero values pick all.
type Filter struct {
	Actor          *uuid.UUID
	Action, Target *string
	Before         uuid.UUID // older than this entry
	Limit          int32
}

// List returns entries, the newest first.
func List(ctx context.Context, pool *db.Pool, f Filter) ([]db.AuditEntry, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if f.Before == uuid.Nil {
		f.Before = uuid.Max
	}
	entries, err := db.New().AuditEntriesBefore(ctx, pool, db.AuditEntriesBeforeParams{
		Before: f.Before, Actor: f.Actor, Action: f.Action, Target: f.Target, PageSize: f.Limit,
	})
	if err != nil {
		return nil, fmt.Errorf("list audit entries: %w", err)
	}
	return entries, nil
}
