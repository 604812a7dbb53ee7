package datasets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"rohrpost/db"
	"rohrpost/internal/redact"
)

// writer makes a line of each conversation and decides where it goes. It belongs to one goroutine.
type writer struct {
	spec              Spec
	redact            *redact.Redactor
	counts            *Counts
	redacted          redact.Counts
	train, validation *sink
	seen              seen
	split             split
	line              bytes.Buffer
	encode            *json.Encoder // into line
}

func newWriter(spec Spec, redactor *redact.Redactor, counts *Counts, train, validation *sink) *writer {
	w := &writer{
		spec: spec, redact: redactor, counts: counts, redacted: redact.Counts{}, train: train, validation: validation,
		seen: newSeen(), split: newSplit(spec),
	}
	w.encode = json.NewEncoder(&w.line)
	w.encode.SetEscapeHTML(false)
	for _, kind := range redact.Kinds() {
		if spec.Redact {
			counts.Redacted[string(kind)] = 0
		}
	}
	return w
}

// write takes a conversation. What it counts as taken out is of the lines that were written.
func (w *writer) write(row *db.DatasetConversationsRow) error {
	w.counts.Read++
	to, written := w.train, &w.counts.Train
	if w.split.validates(row.System, row.Prompt) {
		to, written = w.validation, &w.counts.Validation
	}
	clear(w.redacted)
	if w.spec.Redact {
		row.System = w.redact.Text(row.System, w.redacted)
		row.Prompt = w.redact.Text(row.Prompt, w.redacted)
		row.Answer = w.redact.Text(row.Answer, w.redacted)
	}
	switch {
	case strings.TrimSpace(row.Prompt) == "" || strings.TrimSpace(row.Answer) == "":
		w.counts.Empty++
		return nil
	case w.seen.before(row.System, row.Prompt, row.Answer):
		w.counts.Duplicates++
		return nil
	}
	for kind, n := range w.redacted {
		w.counts.Redacted[string(kind)] += n
	}
	w.line.Reset()
	if err := w.encode.Encode(w.shaped(row)); err != nil {
		return fmt.Errorf("conversation %s: %w", row.ID, err)
	}
	*written++
	return to.write(w.line.Bytes())
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type chatLine struct {
	Messages []message `json:"messages"`
}

type completionLine struct {
	Prompt     string   `json:"prompt"`
	Completion string   `json:"completion"`
	Metadata   metadata `json:"metadata"`
}

// metadata is what else is known of a conversation. It doesn't tell whose it is.
type metadata struct {
	ID               uuid.UUID `json:"id"`
	Model            string    `json:"model"`
	System           string    `json:"system,omitempty"`
	CreatedAt        time.Time `json:"created_at"`
	Rating           int16     `json:"rating"` // 0 is not rated
	PromptTokens     *int32    `json:"prompt_tokens,omitempty"`
	CompletionTokens *int32    `json:"completion_tokens,omitempty"`
}

// shaped is the conversation in the format that was asked for.
func (w *writer) shaped(row *db.DatasetConversationsRow) any {
	if w.spec.Format == Chat {
		messages := make([]message, 0, 3)
		if row.System != "" {
			messages = append(messages, message{"system", row.System})
		}
		return chatLine{append(messages, message{"user", row.Prompt}, message{"assistant", row.Answer})}
	}
	line := completionLine{Prompt: row.Prompt, Completion: row.Answer, Metadata: metadata{
		ID: row.ID, Model: row.Model, System: row.System, CreatedAt: row.CreatedAt.UTC(),
		PromptTokens: row.PromptTokens, CompletionTokens: row.CompletionTokens,
	}}
	if row.Rating != nil {
		line.Metadata.Rating = *row.Rating
	}
	return line
}
