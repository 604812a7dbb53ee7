package admin

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"rohrpost/api"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/deadletter"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

func (c *console) deadLettersCommand() *cobra.Command {
	return group("dead-letters", "Look after jobs that failed for good",
		c.groupDeadLetters(), c.listDeadLetters(), c.retryDeadLetters(), c.discardDeadLetters())
}

// picked is which dead letters are meant, as it was typed.
type picked struct {
	tasks.DeadLetters
	since, until string
}

func (p *picked) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.Kind, "kind", "", "only jobs of this kind, such as file:scan")
	cmd.Flags().StringVar(&p.Code, "code", "", "only those that failed with this code, such as unavailable")
	cmd.Flags().StringVar(&p.Q, "q", "", "only those whose error says this, in any case")
	cmd.Flags().StringVar(&p.since, "since", "", "only those that failed at this time or later, such as 2026-01-31T14:00:00Z")
	cmd.Flags().StringVar(&p.until, "until", "", "only those that failed before this time")
}

func (p *picked) read() (tasks.DeadLetters, error) {
	for flag, field := range map[string]struct {
		text string
		to   **time.Time
	}{"--since": {p.since, &p.Since}, "--until": {p.until, &p.Until}} {
		if field.text == "" {
			continue
		}
		at, err := timeOf(flag, field.text)
		if err != nil {
			return p.DeadLetters, err
		}
		*field.to = &at
	}
	return p.DeadLetters, nil
}

func (c *console) groupDeadLetters() *cobra.Command {
	var p picked
	return list[api.DeadLetterGroup]{
		about: about{use: "groups", short: "Count the dead letters by cause, the latest to fail first", needs: Whole},
		flags: p.flags,
		page: func(ctx context.Context, h House, _ []string, _ page) ([]api.DeadLetterGroup, error) {
			f, err := p.read()
			if err != nil {
				return nil, err
			}
			return all(api.ShownGroup)(h.DeadLetters.Groups(ctx, f))
		},
		columns: []terminal.Column[api.DeadLetterGroup]{
			{Title: "kind", Text: func(g api.DeadLetterGroup) string { return g.Kind }},
			{Title: "code", Text: func(g api.DeadLetterGroup) string { return g.Code }},
			{Title: "jobs", Text: func(g api.DeadLetterGroup) string { return strconv.FormatInt(g.Count, 10) }, Right: true},
			{Title: "first", Text: func(g api.DeadLetterGroup) string { return c.screen.When(g.First) }},
			{Title: "last", Text: func(g api.DeadLetterGroup) string { return c.screen.When(g.Last) }},
			{Title: "message of the last", Text: func(g api.DeadLetterGroup) string { return g.Message }, Flex: true},
		},
	}.command(c)
}

func (c *console) listDeadLetters() *cobra.Command {
	var p picked
	return list[job]{
		about: about{use: "list", short: "List the dead letters, the newest job first", needs: Whole},
		flags: p.flags,
		page: func(ctx context.Context, h House, _ []string, part page) ([]job, error) {
			before, err := part.id()
			if err != nil {
				return nil, err
			}
			f, err := p.read()
			if err != nil {
				return nil, err
			}
			return all(shownJob)(h.DeadLetters.List(ctx, f, before, part.limit))
		},
		cursor:  func(j job) string { return j.ID.String() },
		columns: c.jobColumns(),
	}.command(c)
}

func (c *console) retryDeadLetters() *cobra.Command {
	var rate int
	return c.bulk("retry", "Run dead letters again, at a rate that what they need can stand", "run again",
		"  rohrpost admin dead-letters retry --kind mail:send --code unavailable --rate 20",
		func(cmd *cobra.Command) {
			cmd.Flags().IntVar(&rate, "rate", deadletter.DefaultRate, "how many to start a second")
		},
		func(ctx context.Context, tx pgx.Tx, h House, f tasks.DeadLetters) (queue.Record, error) {
			return h.DeadLetters.AskRetry(ctx, tx, c.by, f, rate)
		})
}

func (c *console) discardDeadLetters() *cobra.Command {
	return c.bulk("discard", "Take jobs out of the dead letters; they stay on record", "discarded",
		"  rohrpost admin dead-letters discard --kind ai:infer --until 2026-01-01T00:00:00Z",
		func(*cobra.Command) {},
		func(ctx context.Context, tx pgx.Tx, h House, f tasks.DeadLetters) (queue.Record, error) {
			return h.DeadLetters.AskDiscard(ctx, tx, c.by, f)
		})
}

// bulk is a command that deals with many dead letters: it counts them first, and asks.
func (c *console) bulk(use, short, done, example string, flags func(*cobra.Command),
	start func(ctx context.Context, tx pgx.Tx, h House, f tasks.DeadLetters) (queue.Record, error)) *cobra.Command {
	var p picked
	var dry bool
	about := about{use: use + " [ID…]", short: short, example: example, args: cobra.ArbitraryArgs, needs: Whole}
	cmd := about.command()
	p.flags(cmd)
	flags(cmd)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only count")
	sure, noWait := yes(cmd), c.noWait(cmd)
	cmd.RunE = c.run(cmd, about, func(ctx context.Context, h House, args []string) error {
		f, err := p.read()
		if err != nil {
			return err
		}
		for _, arg := range args {
			id, err := idOf(arg)
			if err != nil {
				return err
			}
			f.IDs = append(f.IDs, id)
		}
		n, err := h.DeadLetters.Count(ctx, f)
		if err != nil {
			return err
		}
		if dry {
			return c.counted(n, done)
		}
		if err := c.screen.Confirm(ctx, *sure, "%d dead letters are %s.", n, done); err != nil {
			return err
		}
		id, err := inTx(ctx, h, func(tx pgx.Tx) (uuid.UUID, error) {
			job, err := start(ctx, tx, h, f)
			return job.ID, err
		})
		if err != nil {
			return err
		}
		return c.see(ctx, h, id, *noWait)
	})
	return cmd
}

// counted tells what a dry run found.
func (c *console) counted(n int64, done string) error {
	if c.screen.JSON {
		return c.screen.Document(api.DeadLetterCount{DryRun: true, Count: n})
	}
	c.screen.Say("%d dead letters would be %s.", n, done)
	return nil
}

func bulkReading(_, progress json.RawMessage) terminal.Reading {
	var p deadletter.Progress
	if err := json.Unmarshal(progress, &p); err != nil {
		return anyReading(progress)
	}
	return terminal.Reading{Done: p.Retried + p.Discarded + p.Skipped, Total: p.Of, Text: "dead letters"}
}

func showBulk(s *terminal.Screen, result json.RawMessage) {
	var p deadletter.Progress
	if err := json.Unmarshal(result, &p); err != nil {
		kind{}.showResult(s, result)
		return
	}
	s.Say("Of %d dead letters, %d run again, %d were discarded and %d were skipped.", p.Of, p.Retried, p.Discarded, p.Skipped)
}

// timeOf reads a time that was typed.
func timeOf(flag, text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, terminal.Misused("%s: %q is no time, such as 2026-01-31T14:00:00Z.", flag, text)
	}
	return at, nil
}
