package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"rohrpost/api"
	"rohrpost/internal/accounts"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/datasets"
)

func (c *console) datasetsCommand() *cobra.Command {
	return group("datasets", "Look after exports of everyone's conversations",
		c.listDatasets(), c.showDataset(), c.createDataset(), c.deleteDataset())
}

// everyones is who sees the datasets of everyone's conversations and no others.
func (c *console) everyones() datasets.Viewer { return datasets.Viewer{Admin: true, By: c.by} }

func (c *console) listDatasets() *cobra.Command {
	return list[api.Dataset]{
		about: about{use: "list", short: "List the datasets, the newest first", needs: Whole},
		page: func(ctx context.Context, h House, _ []string, p page) ([]api.Dataset, error) {
			before, err := p.id()
			if err != nil {
				return nil, err
			}
			return all(api.ShownDataset)(h.Datasets.List(ctx, c.everyones(), before, p.limit))
		},
		cursor: func(d api.Dataset) string { return d.ID.String() },
		columns: []terminal.Column[api.Dataset]{
			{Title: "id", Text: func(d api.Dataset) string { return d.ID.String() }},
			{Title: "state", Text: func(d api.Dataset) string { return d.State }},
			{Title: "format", Text: func(d api.Dataset) string { return d.Format }},
			{Title: "train", Text: func(d api.Dataset) string { return trained(d, false) }, Right: true},
			{Title: "validation", Text: func(d api.Dataset) string { return trained(d, true) }, Right: true},
			{Title: "size", Text: datasetSize, Right: true},
			{Title: "created", Text: func(d api.Dataset) string { return c.screen.When(d.CreatedAt) }},
			{Title: "reason", Text: func(d api.Dataset) string { return value(d.Reason) }, Flex: true},
		},
	}.command(c)
}

func trained(d api.Dataset, validation bool) string {
	switch {
	case d.Counts == nil:
		return ""
	case validation:
		return strconv.FormatInt(d.Counts.Validation, 10)
	}
	return strconv.FormatInt(d.Counts.Train, 10)
}

func datasetSize(d api.Dataset) string {
	var size int64
	for _, f := range d.Files {
		size += f.Size
	}
	return terminal.Size(size)
}

func (c *console) showDataset() *cobra.Command {
	return action[api.Dataset]{
		about: about{use: "show ID", short: "Show a dataset", args: cobra.ExactArgs(1), needs: Whole},
		do: func(ctx context.Context, h House, args []string) (api.Dataset, error) {
			id, err := idOf(args[0])
			if err != nil {
				return api.Dataset{}, err
			}
			found, err := h.Datasets.Get(ctx, c.everyones(), id)
			return api.ShownDataset(found), err
		},
		show: func(d api.Dataset) {
			files := ""
			for _, f := range d.Files {
				files += fmt.Sprintf("%s  %s  %d rows  sha256 %s\n", f.Name, terminal.Size(f.Size), f.Rows, f.Sha256)
			}
			c.screen.Fields(
				terminal.Field{Title: "id", Value: d.ID.String()},
				terminal.Field{Title: "job", Value: d.JobID.String()},
				terminal.Field{Title: "state", Value: d.State},
				terminal.Field{Title: "reason", Value: value(d.Reason)},
				terminal.Field{Title: "format", Value: d.Format},
				terminal.Field{Title: "train", Value: trained(d, false)},
				terminal.Field{Title: "validation", Value: trained(d, true)},
				terminal.Field{Title: "created", Value: c.screen.When(d.CreatedAt)},
				terminal.Field{Title: "finished", Value: c.screen.WhenOr(d.FinishedAt, "")},
				terminal.Field{Title: "files", Value: files},
			)
		},
	}.command(c)
}

func (c *console) createDataset() *cobra.Command {
	spec := datasets.Spec{Scope: datasets.Everyone, Redact: true}
	var owner, from, to string
	return start{
		about: about{
			use: "create", short: "Export the conversations of everyone who consents", needs: Whole,
			example: "  rohrpost admin datasets create --for ada@example.org --format chat --model llama3.2",
		},
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&owner, "for", "", "the administrator whose it is, by id or address (needed)")
			cmd.Flags().StringVar(&spec.Format, "format", datasets.Chat, "of a line: completion or chat")
			cmd.Flags().StringVar(&from, "from", "", "only what was asked at this time or later, such as 2026-01-31T14:00:00Z")
			cmd.Flags().StringVar(&to, "to", "", "only what was asked before this time")
			cmd.Flags().StringSliceVar(&spec.Models, "model", nil, "only what was asked of these models")
			cmd.Flags().IntVar(&spec.MinRating, "min-rating", datasets.Bad, "-1 is all, 0 all but what was rated bad, 1 what was rated good")
			cmd.Flags().Float64Var(&spec.ValidationShare, "validation-share", datasets.UsualValidation, "0 to 0.5, of the questions")
			cmd.Flags().Int64Var(&spec.Seed, "seed", 0, "another seed, another split")
		},
		start: func(ctx context.Context, h House, _ []string) (uuid.UUID, error) {
			if owner == "" {
				return uuid.Nil, terminal.Misused("Say whose it is: --for EMAIL.")
			}
			for flag, field := range map[string]struct {
				text string
				to   **time.Time
			}{"--from": {from, &spec.From}, "--to": {to, &spec.To}} {
				if field.text != "" {
					at, err := timeOf(flag, field.text)
					if err != nil {
						return uuid.Nil, err
					}
					*field.to = &at
				}
			}
			user, err := h.Accounts.Find(ctx, owner)
			if err != nil {
				return uuid.Nil, err
			}
			viewer := datasets.Viewer{ID: user.ID, Admin: user.Role == accounts.RoleAdmin, By: c.by}
			return inTx(ctx, h, func(tx pgx.Tx) (uuid.UUID, error) {
				_, job, err := h.Datasets.Create(ctx, tx, viewer, spec)
				return job.ID, err
			})
		},
	}.command(c)
}

func (c *console) deleteDataset() *cobra.Command {
	return action[deleted]{
		about: about{
			use: "delete ID", short: "Delete a dataset and its files", args: cobra.ExactArgs(1), needs: Whole,
			ask: func(args []string) string { return fmt.Sprintf("The dataset %s is deleted, with its files.", args[0]) },
		},
		do: func(ctx context.Context, h House, args []string) (deleted, error) {
			id, err := idOf(args[0])
			if err != nil {
				return deleted{}, err
			}
			return deleted{args[0]}, h.Datasets.Delete(ctx, c.everyones(), id)
		},
		show: func(d deleted) { c.screen.Say("The dataset %s is gone.", d.Deleted) },
	}.command(c)
}

func exportReading(_, progress json.RawMessage) terminal.Reading {
	var p datasets.Progress
	if err := json.Unmarshal(progress, &p); err != nil {
		return anyReading(progress)
	}
	return terminal.Reading{Done: p.Read, Total: p.Total, Text: p.Phase}
}
