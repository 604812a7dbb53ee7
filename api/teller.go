package api

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"rohrpost/db"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
)

// recordPrefix begins the id of an end that was told from the record, which has no place in a log. The job's epoch
// follows: a client that comes back with it has been told all there is, unless the job was run again.
const recordPrefix = "record-"

// lostEvents is the data of a reload that comes before an end from the record.
var lostEvents = []byte(`{"reason":"gone"}`)

func recordID(job db.Job) string { return recordPrefix + strconv.FormatInt(job.Epoch, 10) }

func toldByRecord(id string) (epoch int64, ok bool) {
	rest, ok := strings.CutPrefix(id, recordPrefix)
	if !ok {
		return 0, false
	}
	epoch, err := strconv.ParseInt(rest, 10, 64)
	return epoch, err == nil
}

// plainTeller tells a user's stream, which never ends.
type plainTeller struct{}

func (plainTeller) tell(out *eventWriter, e stream.Event) { out.Event(e.ID, e.Type, e.Data) }

func (plainTeller) finish(context.Context, *eventWriter) (bool, error) { return false, nil }

func (plainTeller) present(context.Context, *eventWriter) (bool, error) { return false, nil }

func (plainTeller) over(context.Context) (bool, error) { return false, nil }

// jobTeller tells a job's stream.
type jobTeller struct {
	server    *Server
	id, owner uuid.UUID
	state     []byte // as told last
}

func (t *jobTeller) tell(out *eventWriter, e stream.Event) {
	if !t.repeats(e) {
		out.Event(e.ID, e.Type, e.Data)
	}
}

// repeats tells whether the state is what the client was told last, by the record or the log.
func (t *jobTeller) repeats(e stream.Event) bool {
	if e.Type != stream.TypeState {
		t.state = nil
		return false
	}
	known := bytes.Equal(t.state, e.Data)
	t.state = e.Data
	return known
}

func (t *jobTeller) finish(ctx context.Context, out *eventWriter) (bool, error) {
	job, err := t.job(ctx)
	if err != nil || !ended(job.State) {
		return false, err
	}
	out.Event("", stream.TypeReload, lostEvents)
	t.record(out, job)
	return true, nil
}

func (t *jobTeller) present(ctx context.Context, out *eventWriter) (bool, error) {
	job, err := t.job(ctx)
	if err != nil {
		return false, err
	}
	t.record(out, job)
	return ended(job.State), nil
}

// record tells the job's present state, and its end if it has one.
func (t *jobTeller) record(out *eventWriter, job db.Job) {
	for _, e := range queue.OwnEvents(job) {
		if e.Type == stream.TypeState {
			t.state = e.Data
		}
		id := ""
		if e.End {
			id = recordID(job)
		}
		out.Event(id, e.Type, e.Data)
	}
}

func (t *jobTeller) over(ctx context.Context) (bool, error) {
	job, err := t.job(ctx)
	return err == nil && ended(job.State), err
}

func (t *jobTeller) job(ctx context.Context) (db.Job, error) {
	job, err := t.server.engine.Get(ctx, t.id, t.owner)
	if err != nil {
		return db.Job{}, fmt.Errorf("record of the stream: %w", err)
	}
	return job, nil
}
