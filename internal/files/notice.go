package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/tasks"
)

// Notice is the data of a notice event about a file, or a job that failed. A file that was deleted since has an id only.
type Notice struct {
	JobID     uuid.UUID  `json:"job_id"` // the job that tells it: the same in a repetition
	Notice    string     `json:"notice"`
	FailedJob uuid.UUID  `json:"failed_job,omitzero"`
	Message   string     `json:"message,omitempty"`
	FileID    uuid.UUID  `json:"file_id,omitzero"`
	Owner     *uuid.UUID `json:"owner,omitempty"`
	Name      string     `json:"name,omitempty"`
	Status    string     `json:"status,omitempty"` // what the file is when this is told
	Signature *string    `json:"signature,omitempty"`
}

// NoticeAdmins runs a [tasks.NoticeAdmins]: an event of type notice on the stream of every admin.
func (s *Service) NoticeAdmins(ctx context.Context, job *queue.Job[tasks.NoticeAdminsArgs]) (any, error) {
	admins, err := s.queries.AdminIDs(ctx, s.pool)
	if err != nil {
		return nil, fmt.Errorf("notice %s: admins: %w", job.Args.Notice, err)
	}
	notice := Notice{
		JobID: job.ID(), Notice: job.Args.Notice, FileID: job.Args.FileID,
		FailedJob: job.Args.FailedJob, Message: job.Args.Message,
	}
	if err := s.tell(ctx, notice, admins...); err != nil {
		return nil, err
	}
	return struct {
		Admins int `json:"admins"`
	}{len(admins)}, nil
}

// NoticeOwner runs a [tasks.NoticeOwner]: an event of type notice on the stream of the owner.
func (s *Service) NoticeOwner(ctx context.Context, job *queue.Job[tasks.NoticeOwnerArgs]) (any, error) {
	notice := Notice{JobID: job.ID(), Notice: job.Args.Notice, FileID: job.Args.FileID}
	return nil, s.tell(ctx, notice, job.Args.Owner)
}

// tellOwner has the owner of a file told what became of it, if and when tx commits.
func tellOwner(ctx context.Context, tx pgx.Tx, file db.File, notice string) error {
	_, err := queue.Enqueue(ctx, tx, tasks.NoticeOwner, tasks.NoticeOwnerArgs{
		Notice: notice, FileID: file.ID, Owner: file.Owner,
	})
	if err != nil {
		return fmt.Errorf("notice about %s: %w", file.ID, err)
	}
	return nil
}

func (s *Service) tell(ctx context.Context, notice Notice, users ...uuid.UUID) error {
	if s.events == nil {
		return fault.New(fault.Unavailable, "This worker has no event log to tell notices through.")
	}
	file, err := s.queries.FileByID(ctx, s.pool, notice.FileID)
	if err == nil {
		notice.Owner, notice.Name, notice.Status, notice.Signature = &file.Owner, file.Name, file.Status, file.Signature
	} else if !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("notice %s: %w", notice.Notice, err)
	}
	data, err := json.Marshal(notice)
	if err != nil {
		return fmt.Errorf("notice %s: %w", notice.Notice, err)
	}
	entries := make([]stream.Entry, len(users))
	for i, user := range users {
		entries[i] = stream.Entry{Key: stream.User(user), Type: stream.TypeNotice, Data: data}
	}
	if len(entries) == 0 {
		return nil
	}
	if err := s.events.Append(ctx, 0, entries...); err != nil {
		return fault.Wrap(err, fault.Unavailable, "The live events can't be reached.")
	}
	return nil
}
