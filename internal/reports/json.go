package reports

import (
	"encoding/json"
	"fmt"
	"io"
)

// writeJSON writes the usage as it is, see [Schema].
func writeJSON(w io.Writer, u Usage) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	if err := out.Encode(u); err != nil {
		return fmt.Errorf("json: %w", err)
	}
	return nil
}
