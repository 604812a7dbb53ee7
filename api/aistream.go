package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"rohrpost/api/edge"
	"rohrpost/db"
	"rohrpost/internal/ai"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/tasks"
)

// done is the message that ends an answer.
var done = []byte("[DONE]")

// startedAgain is the data of a reload that comes before a second run of the job, after a crash or for another attempt.
var startedAgain = []byte(`{"reason":"restarted"}`)

// StreamAnswer asks a model and streams its answer, or goes on with the answer that the last event id names. The id is
// "<job id>/<id in the job's stream>", so that a client which comes back can only ever go on.
func (s *Server) StreamAnswer(c *fiber.Ctx, params StreamAnswerParams) error {
	if c.Method() != fiber.MethodGet {
		return fiber.ErrMethodNotAllowed
	}
	if s.streams.stopping() {
		return s.hangUp(c) // before a question is asked that nobody would be told the answer of
	}
	who := edge.Who(c)
	var job db.Job
	last := lastEventID(params.LastEventID, params.LastEventIDQuery)
	after := ""
	var err error
	if last == "" {
		question := ai.Question{Prompt: text(params.Prompt), Model: text(params.Model), System: text(params.System)}
		job, err = s.asked(c.UserContext(), who.UserID, question)
	} else {
		job, after, err = s.continued(c.UserContext(), who.UserID, last)
	}
	if err != nil {
		return err
	}
	teller := &answerTeller{jobTeller: jobTeller{server: s, id: job.ID, owner: who.UserID}}
	teller.spoken = after != "" && !stream.First(after)
	f := &follower{server: s, session: who.SessionID, key: stream.Job(job.ID), teller: teller}
	if last == "" {
		f.hello = teller.introduce
	}
	return s.follow(c, f, after, &job)
}

func (s *Server) asked(ctx context.Context, user uuid.UUID, q ai.Question) (db.Job, error) {
	var job db.Job
	err := db.AtOnce(ctx, s.pool, func(w *db.Writes) (err error) {
		job, err = s.ai.Ask(ctx, w, user, q)
		return err
	})
	if err != nil {
		return db.Job{}, fmt.Errorf("ask: %w", err)
	}
	return job, nil
}

func (s *Server) continued(ctx context.Context, user uuid.UUID, last string) (db.Job, string, error) {
	id, after, found := strings.Cut(last, "/")
	parsed, err := uuid.Parse(id)
	if !found || err != nil {
		return db.Job{}, "", fault.New(fault.Invalid, "The last event id is malformed.")
	}
	job, err := s.engine.Get(ctx, parsed, user)
	if err != nil {
		return db.Job{}, "", fmt.Errorf("go on with an answer: %w", err)
	}
	if job.Kind != tasks.Infer.Name {
		return db.Job{}, "", fault.New(fault.NotFound, "There is no such answer.")
	}
	return job, after, nil
}

// answerTeller tells a job's stream as an answer: plain messages with its tokens, then [DONE]. The messages since the
// last reload, or since the job event, are the whole answer in the end.
type answerTeller struct {
	jobTeller
	spoken   bool // the client may have heard tokens
	reloaded bool // the last event was a reload
	headless bool // the beginning of the answer is lost: it is told at the end, all at once
}

// introduce tells the client which job it follows, with an id to come back with.
func (t *answerTeller) introduce(out *eventWriter) {
	out.Event(t.id.String()+"/", "job", encode(QuestionAccepted{JobID: t.id, EventsURL: eventsURL(t.id)}))
}

func (t *answerTeller) tell(out *eventWriter, e stream.Event) {
	if t.repeats(e) {
		return
	}
	if t.reloaded {
		t.headless = !stream.First(e.ID)
	}
	t.reloaded = e.Type == stream.TypeReload
	id := t.id.String() + "/" + e.ID
	if t.reloaded || t.headless && !e.End {
		id = "" // whoever comes back before the answer is whole has to hear of the reload again
	}
	switch e.Type {
	case stream.TypeState:
		t.heed(out, e.Data)
	case stream.TypeToken:
		if t.headless {
			return
		}
		t.spoken = true
	case stream.TypeResult:
		if t.headless {
			t.whole(out, e.Data)
		}
	}
	t.say(out, id, e.Type, e.Data)
}

// heed makes the client forget what it has heard when the job runs again: its answer begins anew.
func (t *answerTeller) heed(out *eventWriter, data json.RawMessage) {
	var job struct{ State string }
	if json.Unmarshal(data, &job) != nil || job.State != queue.Running {
		return
	}
	if t.spoken {
		out.Event("", stream.TypeReload, startedAgain)
	}
	t.spoken, t.headless = false, false
}

// whole tells the answer from the result.
func (t *answerTeller) whole(out *eventWriter, data json.RawMessage) {
	var end struct {
		Result struct {
			Answer string `json:"answer"`
		} `json:"result"`
	}
	if json.Unmarshal(data, &end) == nil && end.Result.Answer != "" { // ours, so it can be read
		out.Event("", "", message(end.Result.Answer))
	}
}

func (t *answerTeller) say(out *eventWriter, id, typ string, data json.RawMessage) {
	switch typ {
	case stream.TypeToken:
		var token token
		if json.Unmarshal(data, &token) == nil { // ours, so it is
			out.Event(id, "", encode(token))
		}
	case stream.TypeResult:
		out.Event(id, "", done)
	case stream.TypeError:
		out.Event("", typ, failure(data))
		out.Event(id, "", done)
	default:
		out.Event(id, typ, data)
	}
}

// finish tells the answer from the record: all of it, after a reload that makes the client forget what it has.
func (t *answerTeller) finish(ctx context.Context, out *eventWriter) (bool, error) {
	job, err := t.job(ctx)
	if err != nil || !ended(job.State) {
		return false, err
	}
	query, err := t.server.ai.ByJob(ctx, t.owner, t.id)
	if err != nil {
		return false, fmt.Errorf("answer from the record: %w", err)
	}
	out.Event("", stream.TypeReload, lostEvents)
	if answer := text(query.Answer); answer != "" {
		out.Event("", "", message(answer))
	}
	for _, e := range queue.OwnEvents(job) {
		if e.End {
			t.say(out, t.id.String()+"/"+recordID(job), e.Type, e.Data)
		}
	}
	return true, nil
}

// present tells the state of a question that waits, and the whole answer of one that is over.
func (t *answerTeller) present(ctx context.Context, out *eventWriter) (bool, error) {
	job, err := t.job(ctx)
	if err != nil {
		return false, err
	}
	if ended(job.State) {
		return t.finish(ctx, out)
	}
	t.record(out, job)
	return false, nil
}

// token is the data of a message: more of the answer.
type token struct {
	Token string `json:"token"`
}

func message(text string) []byte { return encode(token{text}) }

// failure is the data of an event error: what a problem document says of it.
func failure(data json.RawMessage) []byte {
	var end JobError
	_ = json.Unmarshal(data, &end) // ours; and without a code it is still an error
	class := fault.ClassOf(fault.Code(end.Code))
	return encode(struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}{class.Title, class.Status, end.Code, end.Message})
}

// encode encodes what can't fail to be encoded.
func encode(v any) []byte {
	raw, _ := json.Marshal(v)
	return raw
}
