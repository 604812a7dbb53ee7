package db

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ConversationCursor reads the rows of DatasetConversations a batch at a time, in memory for one row: PostgreSQL keeps
// the place. It lives as long as its transaction.
type ConversationCursor struct{ tx pgx.Tx }

const conversationCursor = "dataset_conversations"

// OpenDatasetConversations opens the cursor, one in a transaction.
func (q *Queries) OpenDatasetConversations(ctx context.Context, tx pgx.Tx,
	arg DatasetConversationsParams) (ConversationCursor, error) {
	_, err := tx.Exec(ctx, "DECLARE "+conversationCursor+" NO SCROLL CURSOR FOR "+datasetConversations,
		arg.Everyone, arg.Owner, arg.Since, arg.Until, arg.Models, arg.MinRating)
	if err != nil {
		return ConversationCursor{}, fmt.Errorf("open a cursor: %w", err)
	}
	return ConversationCursor{tx}, nil
}

// Fetch hands up to n further rows to fn as they come, and returns how many there were: fewer than n at the end. The row
// is fn's for the call only. An error of fn ends it and is returned.
func (c ConversationCursor) Fetch(ctx context.Context, n int, fn func(row *DatasetConversationsRow) error) (int, error) {
	rows, err := c.tx.Query(ctx, fmt.Sprintf("FETCH %d FROM %s", n, conversationCursor))
	if err != nil {
		return 0, fmt.Errorf("fetch: %w", err)
	}
	defer rows.Close()
	count := 0
	var row DatasetConversationsRow
	into := []any{
		&row.ID, &row.Model, &row.System, &row.Prompt, &row.Answer, &row.Rating, &row.PromptTokens, &row.CompletionTokens,
		&row.CreatedAt,
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return count, fmt.Errorf("fetch: %w", err)
		}
		count++
		if err := fn(&row); err != nil {
			return count, err
		}
	}
	if err := rows.Err(); err != nil {
		return count, fmt.Errorf("fetch: %w", err)
	}
	return count, nil
}
