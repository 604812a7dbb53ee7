package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"rohrpost/api"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/tuning"
)

func (c *console) tuningsCommand() *cobra.Command {
	return group("tunings", "Have models tuned with datasets, at the service that TUNING_URL names",
		c.listTunings(), c.showTuning(), c.startTuning(), c.cancelTuning())
}

func (c *console) listTunings() *cobra.Command {
	var state string
	return list[api.Tuning]{
		about: about{use: "list", short: "List the tunings, the newest first", needs: Whole},
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&state, "state", "", "only these: "+strings.Join(tuning.States(), ", "))
		},
		page: func(ctx context.Context, h House, _ []string, p page) ([]api.Tuning, error) {
			before, err := p.id()
			if err != nil {
				return nil, err
			}
			if err := oneOf("--state", state, tuning.States()...); err != nil {
				return nil, err
			}
			return all(api.ShownTuning)(h.Tuning.List(ctx, tuning.Filter{State: some(state), Before: before, Limit: p.limit}))
		},
		cursor: func(t api.Tuning) string { return t.ID.String() },
		columns: []terminal.Column[api.Tuning]{
			{Title: "id", Text: func(t api.Tuning) string { return t.ID.String() }},
			{Title: "state", Text: func(t api.Tuning) string { return t.State }},
			{Title: "service", Text: func(t api.Tuning) string { return value(t.Service.Status) }},
			{Title: "base", Text: func(t api.Tuning) string { return t.BaseModel }, Flex: true},
			{Title: "model", Text: func(t api.Tuning) string { return value(t.Model) }, Flex: true},
			{Title: "created", Text: func(t api.Tuning) string { return c.screen.When(t.CreatedAt) }},
			{Title: "error", Text: tuningError, Flex: true},
		},
	}.command(c)
}

func tuningError(t api.Tuning) string {
	if t.Error == nil {
		return ""
	}
	return t.Error.Code + ": " + t.Error.Message
}

func (c *console) showTuning() *cobra.Command {
	return action[api.Tuning]{
		about: about{use: "show ID", short: "Show a tuning and what the service told of it", args: cobra.ExactArgs(1), needs: Whole},
		do: func(ctx context.Context, h House, args []string) (api.Tuning, error) {
			id, err := idOf(args[0])
			if err != nil {
				return api.Tuning{}, err
			}
			found, err := h.Tuning.Get(ctx, id)
			return api.ShownTuning(found), err
		},
		show: func(t api.Tuning) {
			events := ""
			for _, e := range value(t.Events) {
				events += fmt.Sprintf("%s  %s  %s\n", c.screen.When(e.At), e.Level, e.Message)
			}
			c.screen.Fields(
				terminal.Field{Title: "id", Value: t.ID.String()},
				terminal.Field{Title: "job", Value: t.JobID.String()},
				terminal.Field{Title: "state", Value: t.State},
				terminal.Field{Title: "error", Value: tuningError(t)},
				terminal.Field{Title: "model", Value: value(t.Model)},
				terminal.Field{Title: "base", Value: t.BaseModel},
				terminal.Field{Title: "dataset", Value: t.DatasetID.String()},
				terminal.Field{Title: "at the service", Value: strings.TrimSpace(value(t.Service.Job) + " " + value(t.Service.Status))},
				terminal.Field{Title: "created", Value: c.screen.When(t.CreatedAt)},
				terminal.Field{Title: "finished", Value: c.screen.WhenOr(t.FinishedAt, "")},
				terminal.Field{Title: "events", Value: events},
			)
		},
	}.command(c)
}

func (c *console) startTuning() *cobra.Command {
	order := tuning.Order{}
	var dataset string
	var alone bool
	return start{
		about: about{
			use: "start", short: "Have a model tuned with a dataset of everyone's conversations", needs: Whole,
			example: "  rohrpost admin tunings start --dataset 01a21091-… --base gpt-4o-mini-2024-07-18 --suffix letters --yes",
			ask: func([]string) string {
				return "The dataset leaves the house, and the service may charge for what it does."
			},
		},
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&dataset, "dataset", "", "what to tune with, of the format chat (needed)")
			cmd.Flags().StringVar(&order.BaseModel, "base", "", "the model to tune, by the service's name (needed)")
			cmd.Flags().StringVar(&order.Suffix, "suffix", "", "becomes part of the new model's name")
			cmd.Flags().Int64Var(&order.Hyperparameters.Epochs, "epochs", 0, "how often all examples are seen; 0 leaves it to the service")
			cmd.Flags().Int64Var(&order.Hyperparameters.BatchSize, "batch-size", 0, "examples at once; 0 leaves it to the service")
			cmd.Flags().Float64Var(&order.Hyperparameters.LearningRateMultiplier, "learning-rate-multiplier", 0, "0 leaves it to the service")
			cmd.Flags().BoolVar(&alone, "no-validation", false, "without the dataset's part to validate by")
		},
		start: func(ctx context.Context, h House, _ []string) (id uuid.UUID, err error) {
			if dataset == "" || order.BaseModel == "" {
				return uuid.Nil, terminal.Misused("Say what to tune, and with what: --base MODEL --dataset ID.")
			}
			if order.DatasetID, err = idOf(dataset); err != nil {
				return uuid.Nil, err
			}
			order.Validation = !alone
			if err := h.Tuning.Check(ctx, c.by, order); err != nil {
				return uuid.Nil, err
			}
			return inTx(ctx, h, func(tx pgx.Tx) (uuid.UUID, error) {
				_, job, err := h.Tuning.Start(ctx, tx, c.by, order)
				return job.ID, err
			})
		},
	}.command(c)
}

func (c *console) cancelTuning() *cobra.Command {
	return action[api.Tuning]{
		about: about{
			use: "cancel ID", short: "Cancel a tuning, here and at the service", args: cobra.ExactArgs(1), needs: Whole,
			ask: func(args []string) string {
				return fmt.Sprintf("The tuning %s is cancelled; what the service has done so far is lost.", args[0])
			},
		},
		do: func(ctx context.Context, h House, args []string) (api.Tuning, error) {
			id, err := idOf(args[0])
			if err != nil {
				return api.Tuning{}, err
			}
			found, err := h.Tuning.Get(ctx, id)
			if err != nil {
				return api.Tuning{}, err
			}
			if _, err := h.Operations.Cancel(ctx, c.by, found.JobID); err != nil {
				return api.Tuning{}, err
			}
			found, err = h.Tuning.Get(ctx, id)
			return api.ShownTuning(found), err
		},
		show: func(t api.Tuning) {
			c.screen.Say("The tuning %s is cancelled. The service is told by a job of its own, also if it is away.", t.ID)
		},
	}.command(c)
}

func tuneReading(_, progress json.RawMessage) terminal.Reading {
	var p tuning.Progress
	if err := json.Unmarshal(progress, &p); err != nil {
		return anyReading(progress)
	}
	text := p.Phase
	for _, more := range []string{p.File, p.Status, p.Trouble} {
		if more != "" {
			text += " " + more
		}
	}
	return terminal.Reading{Done: p.Bytes, Total: p.Total, Bytes: p.Total > 0, Text: text}
}

// tuneNote is what the service said.
func tuneNote(typ string, data json.RawMessage) string {
	var e tuning.Event
	if typ != tuning.EventType || json.Unmarshal(data, &e) != nil {
		return ""
	}
	return e.Message
}
