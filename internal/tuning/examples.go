package tuning

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"rohrpost/internal/fault"
)

const (
	minExamples = 10      // to train with; services refuse less
	maxLine     = 8 << 20 // bytes of an example: more than any model's context
)

// roles are who may say something in an example.
var roles = []string{"system", "developer", "user", "assistant", "tool"}

// example is a line of a dataset, as far as it matters here.
type example struct {
	Messages []struct {
		Role      string          `json:"role"`
		Content   json.RawMessage `json:"content"`
		ToolCalls json.RawMessage `json:"tool_calls"`
	} `json:"messages"`
}

// checkExamples reads a file by the rules that services have for what models are tuned with, and returns how many
// examples there are. An error says in which line the first mistake is.
func checkExamples(name string, r io.Reader) (int, error) {
	lines := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	for n := 1; ; n++ {
		var err error
		line, err = readLine(lines, line[:0])
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			return n - 1, nil
		case errors.Is(err, errLongLine):
			return 0, fault.New(NotFit, "%s, line %d: an example has at most %d bytes.", name, n, maxLine)
		case err != nil && !errors.Is(err, io.EOF):
			return 0, fmt.Errorf("read %s: %w", name, err)
		}
		if wrong := checkExample(line); wrong != "" {
			return 0, fault.New(NotFit, "%s, line %d: %s.", name, n, wrong)
		}
	}
}

var errLongLine = errors.New("line too long")

func readLine(r *bufio.Reader, line []byte) ([]byte, error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > maxLine {
			return nil, errLongLine
		}
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

func checkExample(line []byte) string {
	var e example
	if err := json.Unmarshal(line, &e); err != nil {
		return "it is no JSON object of an example"
	}
	if len(e.Messages) == 0 {
		return "it has no messages"
	}
	for i, m := range e.Messages {
		switch {
		case !slices.Contains(roles, m.Role):
			return fmt.Sprintf("message %d has the role %q, and not one of %s", i+1, short(m.Role), strings.Join(roles, ", "))
		case empty(m.Content) && (m.Role != "assistant" || empty(m.ToolCalls)):
			return fmt.Sprintf("message %d has no content", i+1)
		}
	}
	if last := e.Messages[len(e.Messages)-1].Role; last != "assistant" {
		return fmt.Sprintf("the last message is of the %s, and not of the assistant", last)
	}
	return ""
}

func empty(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || slices.Contains([]string{"null", `""`, "[]"}, string(raw))
}

func short(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
