package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/ollama/ollama/api"

	"rohrpost/internal/bench/trial"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/tinygguf"
	"rohrpost/internal/stream"
	"rohrpost/tasks"
)

// AIOptions are those of [AI].
type AIOptions struct {
	Options
	Questions int // of one run, one after the other; 0 takes 20, or 5 if quick
}

// The figures of answers.
const (
	firstP50   = "first_token_p50_ms"
	firstP99   = "first_token_p99_ms"
	answerRate = "tokens_per_second"
)

var aiFigures = []figure{
	{firstP50, "question to first token p50, ms"},
	{firstP99, "question to first token p99, ms"},
	{answerRate, "tokens/s from the first to the end"},
}

const (
	direct       = "ollama"
	benchModel   = "bench"
	answerWithin = 2 * time.Minute
	// benchCorpus is what the model strings its answers together from.
	benchCorpus = "a letter goes into the tube and the tube carries the letter to the room where it is read\n" +
		"somebody reads the letter and writes an answer that goes back through the same tube\n"
)

// AI asks a small model the same question through Rohrpost and directly. The model is real to the Ollama server, its
// weights are made up, and it is fast: what a relay costs shows more than with a model worth asking.
func AI(ctx context.Context, opts AIOptions) (err error) {
	opts.Options = opts.withDefaults()
	if opts.Questions <= 0 {
		opts.Questions = 20
		if opts.Quick {
			opts.Questions = 5
		}
	}
	var ollama *devstack.Ollama
	s, err := openSite(ctx, opts.Options, func(ctx context.Context, stack *devstack.Stack) (_ []string, err error) {
		if ollama, err = stack.StartOllama(ctx, devstack.OllamaOptions{}); err != nil {
			return nil, err
		}
		err = ollama.CreateModel(ctx, benchModel, tinygguf.SlowMarkov(benchCorpus))
		return []string{"OLLAMA_HOST=" + ollama.URL(), "AI_MODEL=" + benchModel}, err
	})
	if err != nil {
		return err
	}
	defer closing(&err, s.close)
	rep := report{Bench: "ai", Load: map[string]int{"questions": opts.Questions}, Runs: opts.Runs, Baseline: direct}
	if rep.Machine, err = thisMachine(ctx, s.pool, s.rdb); err != nil {
		return err
	}
	if _, err := s.worker(ctx, tasks.AI); err != nil {
		return err
	}
	v, err := s.visit(ctx, 0)
	if err != nil {
		return err
	}
	base, err := url.Parse(ollama.URL())
	if err != nil {
		return err
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	columns, err := compete(ctx, opts.Options, []contestant{
		asking("rohrpost", opts, v.question),
		asking(direct, opts, ask(api.NewClient(base, &http.Client{Transport: transport}))),
	})
	if err != nil {
		return err
	}
	rep.fill(aiFigures, columns)
	return rep.print(opts.Out, opts.JSON)
}

// answer is how one went.
type answer struct {
	first  time.Duration // from before the question to the first token
	rest   time.Duration // from there to the last
	tokens int           // as Ollama counts them
}

// asking puts the questions of a run one after the other.
func asking(name string, opts AIOptions, put func(ctx context.Context) (answer, error)) contestant {
	return contestant{name, func(ctx context.Context, warm bool) (trial.Values, error) {
		h, tokens, took := trial.NewHistogram(), 0, time.Duration(0)
		questions := opts.Questions
		if warm {
			questions = 1
		}
		for range questions {
			asking, cancel := context.WithTimeout(ctx, answerWithin)
			a, err := put(asking)
			cancel()
			if err != nil {
				return nil, err
			}
			if err := h.RecordValue(max(a.first.Microseconds(), 1)); err != nil {
				return nil, err
			}
			tokens, took = tokens+a.tokens, took+a.rest
		}
		return trial.Values{
			firstP50: trial.Milliseconds(h, 50), firstP99: trial.Milliseconds(h, 99),
			answerRate: float64(tokens) / took.Seconds(),
		}, nil
	}}
}

const prompt = "Where does the letter go?"

// ask asks Ollama as Rohrpost's worker does.
func ask(client *api.Client) func(ctx context.Context) (answer, error) {
	return func(ctx context.Context) (a answer, err error) {
		began, done := time.Now(), false
		truncate := false
		request := &api.ChatRequest{
			Model: benchModel, Messages: []api.Message{{Role: "user", Content: prompt}}, Truncate: &truncate,
		}
		err = client.Chat(ctx, request, func(r api.ChatResponse) error {
			if a.first == 0 && r.Message.Content != "" {
				a.first = time.Since(began)
			}
			if r.Done {
				done, a.tokens, a.rest = true, r.EvalCount, time.Since(began)-a.first
			}
			return nil
		})
		if err == nil && !done { // the client returns nil for a stream that was cut
			err = errors.New("the answer was cut off")
		}
		return a, err
	}
}

// question asks through Rohrpost, and follows the job's events.
func (v *visitor) question(ctx context.Context) (a answer, err error) {
	began := time.Now()
	var accepted struct {
		JobID     uuid.UUID `json:"job_id"`
		EventsURL string    `json:"events_url"`
	}
	if err := v.call(ctx, http.MethodPost, "/api/ai/query", map[string]string{"prompt": prompt}, &accepted); err != nil {
		return a, err
	}
	s, err := v.follow(ctx, accepted.EventsURL, "")
	if err != nil {
		return a, err
	}
	defer s.close()
	e, err := s.until(answerWithin, func(e sseEvent) bool {
		if e.typ == stream.TypeToken && a.first == 0 {
			a.first = time.Since(began)
		}
		return e.typ == stream.TypeResult || e.typ == stream.TypeError
	})
	if err != nil {
		return a, fmt.Errorf("answer to %s: %w", accepted.JobID, err)
	}
	a.rest = time.Since(began) - a.first
	var end struct {
		Result struct {
			Tokens int `json:"completion_tokens"`
		} `json:"result"`
	}
	if err := json.Unmarshal(e.data, &end); err != nil || end.Result.Tokens == 0 {
		return a, fmt.Errorf("answer to %s ended with %s", accepted.JobID, e.data)
	}
	a.tokens = end.Result.Tokens
	return a, nil
}
