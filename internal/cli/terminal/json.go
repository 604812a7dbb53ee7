package terminal

import (
	"encoding/json"
	"fmt"
	"io"
)

// Document writes a JSON document: on one line, or laid out where a person looks at it.
func (s *Screen) Document(v any) error { return write(s.Out, v, s.Width > 0) }

// Line writes a line of JSON, of those that tell what happens one after the other.
func (s *Screen) Line(v any) error { return write(s.Out, v, false) }

func write(w io.Writer, v any, indent bool) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	if indent {
		encoder.SetIndent("", "  ")
	}
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}
