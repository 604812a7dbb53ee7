package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/tasks"
)

// Notice is the data of a notice event about a file. A file that was deleted since has an id only.
type Notice struct {
	JobID     uuid.UUID  `json:"job_id"` // the job that tells it: the same in a repetition
	Notice    string     `json:"notice"`
	FileID    uuid.UUID  `json:"file_id"`
	Owner     *uuid.UUID `json:"owner,omitempty"`
	Name      string     `json:"name,omitempty"`
	Signature *string    `json:"signature,omitempty"`
}

// NoticeAdmins runs a [tasks.NoticeAdmins]: an event of type notice on the stream of every admin.
func (s *Service) NoticeAdmins(ctx context.Context, job *queue.Job[tasks.NoticeAdminsArgs]) (any, error) {
	if s.events == nil {
		return nil, fault.New(fault.Unavailable, "This worker has no event log to tell notices through.")
	}
	notice := Notice{JobID: job.ID(), Notice: job.Args.Notice, FileID: job.Args.FileID}
	file, err := s.queries.FileByID(ctx, s.pool, notice.FileID)
	if err == nil {
		notice.Owner, notice.Name, notice.Signature = &file.Owner, file.Name, file.Signature
	} else if !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("notice %s: %w", notice.Notice, err)
	}
	admins, err := s.queries.AdminIDs(ctx, s.pool)
	if err != nil {
		return nil, fmt.Errorf("notice %s: admins: %w", notice.Notice, err)
	}
	data, err := json.Marshal(notice)
	if err != nil {
		return nil, fmt.Errorf("notice %s: %w", notice.Notice, err)
	}
	entries := make([]stream.Entry, len(admins))
	for i, admin := range admins {
		entries[i] = stream.Entry{Key: stream.User(admin), Type: stream.TypeNotice, Data: data}
	}
	if len(entries) > 0 {
		if err := s.events.Append(ctx, 0, entries...); err != nil {
			return nil, fault.Wrap(err, fault.Unavailable, "The admins' live events can't be reached.")
		}
	}
	return struct {
		Admins int `json:"admins"`
	}{len(admins)}, nil
}
