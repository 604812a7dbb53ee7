package datasets

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// manifest tells what a dataset holds.
type manifest struct {
	ID      uuid.UUID      `json:"id"`
	Source  string         `json:"source"`
	TakenAt time.Time      `json:"taken_at"` // the moment that conversations, ratings and consents are of
	Spec    Spec           `json:"spec"`
	Counts  Counts         `json:"counts"`
	Files   []manifestFile `json:"files"`
}

type manifestFile struct {
	Name   string `json:"name"`
	Rows   int64  `json:"rows"`
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// source is where the conversations come from.
const source = "ai_queries"

// writeManifest writes the last file, about the ones before.
func (e *export) writeManifest(ctx context.Context, taken time.Time) error {
	m := manifest{ID: e.dataset.ID, Source: source, TakenAt: taken.UTC(), Spec: e.spec, Counts: e.progress.Counts}
	for _, f := range e.files {
		m.Files = append(m.Files, manifestFile{f.Name, f.Rows, f.Size, hex.EncodeToString(f.SHA256)})
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	s := e.sink(ctx, Manifest, jsonMedia)
	defer s.abort()
	if err := s.write(append(text, '\n')); err != nil {
		return err
	}
	file, err := s.finish()
	if err != nil {
		return err
	}
	file.Rows = 0
	e.files = append(e.files, file)
	return nil
}
