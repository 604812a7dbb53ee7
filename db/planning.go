package db

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// plannedAnew are the queries whose best plan depends on their values: on which of their optional conditions is there, or
// on whether a few rows have a value or half of the table. After five calls a connection could settle for one plan for all
// values, which would read a heavy user's whole history for a page of it. To plan takes some 0.3 ms, so what every job does
// is not here: its plan is good for any values.
var plannedAnew = map[string]bool{
	"JobsByOwnerBefore": true, "JobsBefore": true, "RecentlyEndedJobs": true,
	"DeadLetterGroups": true, "DeadLettersBefore": true, "DeadLettersAfter": true, "CountDeadLetters": true,
	"ClosedFilesBefore": true, "ReleasedFilesBefore": true, "CountFilesToCheck": true,
	"AuditEntriesBefore": true, "MailsBefore": true, "UsersBefore": true, "CountDatasetConversations": true,
	"BackupBlobsOf": true, "DeleteEndedJobs": true,
}

// PlannedAnew tells whether a query, by its name, is planned for its values each time.
func PlannedAnew(name string) bool { return plannedAnew[name] }

// anew puts before the arguments of such a query that it is sent as a statement without a name, whose plan nobody keeps.
func anew(sql string, args []any) []any {
	if !PlannedAnew(StatementName(sql)) {
		return args
	}
	return append([]any{pgx.QueryExecModeCacheDescribe}, args...)
}

// Query is pgx's, with a plan of its own for what needs one.
func (p *Pool) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return p.Pool.Query(ctx, sql, anew(sql, args)...)
}

// QueryRow is pgx's, with a plan of its own for what needs one.
func (p *Pool) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return p.Pool.QueryRow(ctx, sql, anew(sql, args)...)
}

func (s *signallingTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return s.Tx.Query(ctx, sql, anew(sql, args)...)
}

func (s *signallingTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return s.Tx.QueryRow(ctx, sql, anew(sql, args)...)
}
