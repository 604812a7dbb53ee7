package tuning

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/ai"
	"rohrpost/internal/fault"
)

// Known is a model that can be asked, or could be.
type Known struct {
	Name      string
	Provider  string     // ai.Ollama or ai.Tuned
	Available bool       // it can be asked here and now, as far as is known
	Default   bool       // it answers where a question names none
	State     string     // of one that was made here; else empty
	Base      string     // likewise
	Size      int64      // bytes, of one on the Ollama server
	TuningID  *uuid.UUID // of one that was tuned
	CreatedAt time.Time  // or changed last, of one that was not made here
}

// Catalog lists the models of the Ollama server and those that were made here, by name. A server that doesn't answer
// makes its models unavailable and is no error.
func (s *Service) Catalog(ctx context.Context) ([]Known, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := s.queries.AllModels(ctx, s.Pool)
	if err != nil {
		return nil, fmt.Errorf("list models: %w", err)
	}
	var made time.Time // the last one, which an older list of the server doesn't have
	for _, row := range rows {
		if row.UpdatedAt.After(made) {
			made = row.UpdatedAt
		}
	}
	there, err := s.AI.Models(ctx, made)
	if err != nil {
		if code := fault.CodeOf(err); code != fault.Unavailable && code != ai.NotConfigured {
			return nil, err
		}
		s.Log.Debug("models of the model server not listed", "err", err)
	}
	all := map[string]Known{}
	for _, m := range there {
		name := ai.FullName(m.Name)
		all[name] = Known{Name: name, Provider: ai.Ollama, Available: true, Size: m.Size, CreatedAt: m.ModifiedAt}
	}
	for _, row := range rows {
		known := Known{
			Name: row.Name, Provider: row.Provider, State: row.State, Base: row.Base, TuningID: row.TuningID, CreatedAt: row.CreatedAt,
		}
		if row.Provider == ai.Tuned {
			known.Available = row.State == modelReady && s.AI.Asks()
		} else {
			known.Size = all[row.Name].Size
			known.Available = row.State == modelReady && all[row.Name].Available
		}
		all[row.Name] = known
	}
	usual := s.AI.Default()
	list := make([]Known, 0, len(all))
	for _, known := range all {
		known.Default = usual != "" && (known.Name == usual || known.Provider == ai.Ollama && known.Name == ai.FullName(usual))
		list = append(list, known)
	}
	slices.SortFunc(list, func(a, b Known) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}
