package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"rohrpost/db"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
)

// teller tells what a follower hears of a job. Events of a run before epoch are old news.
type teller interface {
	event(e stream.Event, epoch int64)
	record(job db.Job) // as it is now, where there are no events
	end(job db.Job)    // it is over, and nothing follows
	hint(text string)
	close()
}

// past tells the events of earlier runs, which a log may still have.
type past struct{ old bool }

func (p *past) is(e stream.Event, epoch int64) bool {
	if e.Type == stream.TypeState {
		p.old = stateOf(e.Data).Epoch < epoch
	}
	return p.old
}

// lineTeller tells programs, a line for each event.
type lineTeller struct {
	screen *terminal.Screen
	past   past
	seen   sighting
	ended  bool
}

// line is an event as the API sends it.
type line struct {
	Event string          `json:"event"`
	ID    string          `json:"id,omitempty"`
	Data  json.RawMessage `json:"data"`
}

func (t *lineTeller) event(e stream.Event, epoch int64) {
	if !t.past.is(e, epoch) {
		t.write(line{e.Type, e.ID, e.Data})
		t.ended = e.End
	}
}

func (t *lineTeller) record(job db.Job) {
	state, progress := t.seen.news(job)
	if state {
		t.events(job)
	}
	if progress {
		data, _ := json.Marshal(map[string]any{"job_id": job.ID, "progress": job.Progress}) // of plain values: can't fail
		t.write(line{Event: stream.TypeProgress, Data: data})
	}
}

func (t *lineTeller) end(job db.Job) {
	if !t.ended {
		t.events(job)
	}
}

// events are those that tell the job's state, made from its record.
func (t *lineTeller) events(job db.Job) {
	for _, e := range queue.Events(job) {
		if e.Key == stream.Job(job.ID) {
			t.write(line{Event: e.Type, Data: e.Data})
			t.ended = e.End
		}
	}
}

func (t *lineTeller) write(l line) { _ = t.screen.Line(l) } // whoever reads it has gone, and nobody else is to be told

func (t *lineTeller) hint(string) {}
func (t *lineTeller) close()      {}

// gaugeTeller tells people.
type gaugeTeller struct {
	screen *terminal.Screen
	gauge  *terminal.Gauge
	kind   kind
	args   json.RawMessage // of the job
	past   past
	seen   sighting
	tokens int64
	said   string
}

func (t *gaugeTeller) event(e stream.Event, epoch int64) {
	if t.past.is(e, epoch) {
		return
	}
	switch e.Type {
	case stream.TypeState:
		t.state(stateOf(e.Data))
	case stream.TypeProgress:
		var data struct {
			Progress json.RawMessage `json:"progress"`
		}
		_ = json.Unmarshal(e.Data, &data) // it is the engine's; one that can't be read says nothing
		t.gauge.Show(t.kind.read(t.args, data.Progress))
	case stream.TypeToken:
		t.tokens++
		t.gauge.Show(terminal.Reading{Text: fmt.Sprintf("answers, %d pieces", t.tokens)})
	case stream.TypeResult, stream.TypeError, stream.TypeReload:
	default:
		t.gauge.Note("%s", t.kind.noteOf(e.Type, e.Data))
	}
}

// state tells a state in which the job is not over.
func (t *gaugeTeller) state(s state) {
	text := ""
	switch {
	case t.kind.looks && t.said != "" && s.Error == nil:
		return
	case s.State == queue.Running:
		text = fmt.Sprintf("runs, attempt %d", s.Attempt)
	case s.State != queue.Queued:
		return
	case s.Waiting != "":
		text = "waits for another of its kind to end"
	case s.Error != nil && s.RunAt != nil:
		text = fmt.Sprintf("tries again at %s: %s", t.screen.When(*s.RunAt), s.Error.Message)
	case s.RunAt != nil:
		text = "waits until " + t.screen.When(*s.RunAt)
	default:
		text = "waits for its turn"
	}
	if text != t.said {
		t.said = text
		t.gauge.Note("%s  %s", time.Now().In(t.screen.Zone).Format(time.TimeOnly), text)
	}
	t.gauge.Spin(s.State)
}

func (t *gaugeTeller) record(job db.Job) {
	state, progress := t.seen.news(job)
	if state {
		for _, e := range queue.Events(job) {
			if e.Type == stream.TypeState {
				t.state(stateOf(e.Data))
				break
			}
		}
	}
	if progress {
		t.gauge.Show(t.kind.read(t.args, job.Progress))
	}
}

func (t *gaugeTeller) end(job db.Job) {
	t.gauge.Close()
	if job.State == queue.Succeeded && job.StartedAt != nil && job.FinishedAt != nil {
		t.screen.Hint("The job %s succeeded after %s.", job.ID, terminal.Took(job.FinishedAt.Sub(*job.StartedAt)))
	}
}

func (t *gaugeTeller) hint(text string) { t.gauge.Note("%s", text) }
func (t *gaugeTeller) close()           { t.gauge.Close() }

// sighting is what was last seen of a record.
type sighting struct {
	epoch    int64
	state    string
	attempt  int32
	parked   bool
	progress json.RawMessage
}

// news tells what of a job is new since the last call.
func (s *sighting) news(job db.Job) (state, progress bool) {
	now := sighting{job.Epoch, job.State, job.Attempt, job.Parked, job.Progress}
	state = now.epoch != s.epoch || now.state != s.state || now.attempt != s.attempt || now.parked != s.parked
	progress = len(now.progress) > 0 && !bytes.Equal(now.progress, s.progress)
	*s = now
	return state, progress
}
