package ai

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"rohrpost/internal/tracing"
)

// goodbye is how long the server has to end the response after the final chunk, so that the connection can be used
// again. The answer doesn't depend on it.
const goodbye = time.Second

// Why a generation ended.
const (
	Stop       = "stop"           // the model was done
	Length     = "length"         // it reached the bound on tokens or on time, or the end of its context
	Repetition = "repetition"     // it said the same over and over, and the server ended it
	Filtered   = "content_filter" // the service did not like what its model was saying
	Stopped    = "cancelled"      // somebody stopped it; the text is what was said so far
	Broken     = "failed"         // the job failed; there is no answer
)

// Answer is what a model said.
type Answer struct {
	Text             string
	FinishReason     string
	PromptTokens     int
	CompletionTokens int
	FirstToken       time.Duration // until the first text, loading the model included; 0 if there was none
	Total            time.Duration
}

// models asks the models of one server, one question at a time per call of generate. It is safe for concurrent use.
type models struct {
	cfg      Config
	server   server
	breakers *breakers
	metrics  *metrics
}

func newModels(server server, cfg Config, metrics *metrics) *models {
	return &models{cfg: cfg, server: server, breakers: newBreakers(cfg, server.key), metrics: metrics}
}

// generate puts q to its model and hands each piece of text to sink as it comes; thinking is called once if the model
// thinks before it speaks. Neither may block.
//
// When ctx ends it stops the model, within a second, and returns ctx's cause with what was said up to then. Any other
// error has a code: [ModelNotFound], invalid, or unavailable and timeout, which are worth another attempt.
func (m *models) generate(ctx context.Context, q Question, sink func(text string), thinking func()) (answer Answer, err error) {
	ctx, span := tracing.Call(ctx, "chat", attribute.String("gen_ai.operation.name", "chat"))
	m.metrics.running.Inc()
	defer func() {
		m.metrics.running.Dec()
		m.metrics.ended(ctx, q.Model, answer, err)
		told(span, q.Model, answer, err)
	}()
	if ctx.Err() != nil {
		return Answer{}, context.Cause(ctx)
	}
	report, err := m.breakers.allow(q.Model)
	if err != nil {
		return Answer{}, err
	}
	a := &attempt{cfg: m.cfg, started: time.Now(), report: report, sink: sink, thinking: thinking}
	err = a.run(ctx, m.server, q)
	if ctx.Err() != nil {
		a.settle(errStopped)
	} else {
		a.settle(err)
	}
	return a.result(), err
}

// told ends the span of a generation, by the semantic conventions for generative AI.
func told(span trace.Span, model string, a Answer, err error) {
	if span.IsRecording() {
		span.SetAttributes(attribute.String("gen_ai.request.model", model),
			attribute.StringSlice("gen_ai.response.finish_reasons", []string{a.FinishReason}),
			attribute.Int("gen_ai.usage.input_tokens", a.PromptTokens),
			attribute.Int("gen_ai.usage.output_tokens", a.CompletionTokens),
			attribute.Int64("rohrpost.ai.first_token_ms", a.FirstToken.Milliseconds()))
	}
	tracing.End(span, err)
}

// attempt is one generation under way. All of it belongs to the goroutine that runs it.
type attempt struct {
	cfg      Config
	started  time.Time
	report   func(error) // to the breaker; nil once told
	sink     func(string)
	thinking func() // nil once called

	text   strings.Builder
	chunks int
	first  time.Duration
	final  *chunk // the one that says done
	late   bool   // it took all the time or all the tokens it may, and we ended it
}

func (a *attempt) run(ctx context.Context, server server, q Question) error {
	// Not ctx itself: when that ends, the connection must be left with care.
	exchange := open(ctx)
	defer exchange.close()
	silence := time.AfterFunc(a.cfg.FirstChunk, func() { exchange.cut(errSilent) })
	defer silence.Stop()
	err := server.chat(exchange.ctx, q, func(c chunk) error {
		silence.Reset(a.cfg.Silence)
		if ctx.Err() == nil {
			a.take(c)
		}
		switch {
		case c.final != "":
			silence.Reset(goodbye)
		case exchange.due():
			return errLeft
		case time.Since(a.started) > a.cfg.MaxTime, a.chunks > a.cfg.MaxTokens:
			a.late = true
			return errLeft
		}
		return nil
	})
	switch cause := context.Cause(exchange.ctx); {
	case a.final != nil || a.late:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case cause != nil:
		return server.classify(cause, q.Model)
	case err != nil:
		return server.classify(err, q.Model)
	}
	// The client doesn't tell a stream that was cut from one that ended.
	return server.classify(fmt.Errorf("the stream ended after %d chunks without the final one", a.chunks), q.Model)
}

// take notes a chunk that came while the answer was still wanted.
func (a *attempt) take(c chunk) {
	a.settle(nil)
	if c.thinking && a.thinking != nil {
		a.thinking()
		a.thinking = nil
	}
	if c.text != "" || c.thinking {
		a.chunks++
	}
	// PostgreSQL takes no NUL, neither in text nor in JSON.
	if text := strings.ReplaceAll(c.text, "\x00", ""); text != "" {
		if a.first == 0 {
			a.first = time.Since(a.started)
		}
		a.text.WriteString(text)
		a.sink(text)
	}
	if c.final != "" {
		a.final = &c
	}
}

// settle tells the breaker how it went, once.
func (a *attempt) settle(err error) {
	if a.report != nil {
		a.report(err)
		a.report = nil
	}
}

func (a *attempt) result() Answer {
	// Without the server's counts a chunk counts as a token, which it is by and large.
	answer := Answer{
		Text: a.text.String(), FinishReason: Stopped, CompletionTokens: a.chunks,
		FirstToken: a.first, Total: time.Since(a.started),
	}
	switch {
	case a.final != nil:
		answer.FinishReason = a.final.final
		if a.final.usage != nil {
			answer.PromptTokens, answer.CompletionTokens = a.final.usage.prompt, a.final.usage.completion
		}
	case a.late:
		answer.FinishReason = Length
	}
	return answer
}
