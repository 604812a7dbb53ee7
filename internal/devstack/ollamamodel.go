package devstack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/ollama/ollama/api"

	"rohrpost/internal/devstack/tinygguf"
)

const createWithin = 60 * time.Second // 0.1 s on an idle machine

// chatTemplate speaks the special tokens of the tiny models. Naming .Tools is what makes Ollama accept tools for a model.
const chatTemplate = `{{ if .Tools }}<|system|>{{ range .Tools }}{{ . }}{{ end }}<|end|>{{ end }}` +
	`{{ range .Messages }}<|{{ .Role }}|>{{ .Content }}` +
	`{{ range .ToolCalls }}{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}{{ end }}<|end|>` +
	`{{ end }}<|assistant|>`

// CreateModel makes model known to the server under name, which its file bears, too: Ollama takes models with one file for
// one, with one line of questions.
func (o *Ollama) CreateModel(ctx context.Context, name string, model tinygguf.Model) error {
	content, err := model.Named(name).Bytes()
	if err != nil {
		return fmt.Errorf("model %s: %w", name, err)
	}
	sum := sha256.Sum256(content)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	request := &api.CreateRequest{
		Model: name, Files: map[string]string{name + ".gguf": digest},
		// With more threads than idle cores the tiny models stall for tens of milliseconds a token.
		Parameters: map[string]any{"num_thread": 1},
	}
	if !model.Embedder() {
		request.Template = chatTemplate
		request.Parameters["stop"] = []string{"<|end|>"}
	}
	ctx, cancel := context.WithTimeout(ctx, createWithin)
	defer cancel()
	err = withClient(o.Address(), func(c *api.Client) error {
		if err := c.CreateBlob(ctx, digest, bytes.NewReader(content)); err != nil {
			return err
		}
		if err := c.Create(ctx, request, func(api.ProgressResponse) error { return nil }); err != nil {
			return err
		}
		return ctx.Err() // the client returns nil for a stream that was cut
	})
	if err != nil {
		return fmt.Errorf("model %s: %w", name, err)
	}
	return nil
}
