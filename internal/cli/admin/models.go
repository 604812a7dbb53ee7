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
	"rohrpost/internal/ai"
	"rohrpost/internal/cli/terminal"
)

func (c *console) modelsCommand() *cobra.Command {
	return group("models", "Look after the models that can be asked",
		c.listModels(), c.createModel(), c.cancelModel(), c.deleteModel())
}

func (c *console) listModels() *cobra.Command {
	return list[api.Model]{
		about: about{use: "list", short: "List the models that can be asked, by name", needs: Whole},
		page: func(ctx context.Context, h House, _ []string, _ page) ([]api.Model, error) {
			return all(api.ShownModel)(h.Tuning.Catalog(ctx))
		},
		columns: []terminal.Column[api.Model]{
			{Title: "name", Text: func(m api.Model) string { return m.Name }, Flex: true},
			{Title: "provider", Text: func(m api.Model) string { return m.Provider }},
			{Title: "state", Text: modelState},
			{Title: "base", Text: func(m api.Model) string { return value(m.Base) }, Flex: true},
			{Title: "size", Text: modelSize, Right: true},
			{Title: "created", Text: func(m api.Model) string { return c.screen.When(m.CreatedAt) }},
		},
	}.command(c)
}

func modelState(m api.Model) string {
	switch {
	case m.State != nil && *m.State != "ready":
		return *m.State
	case !m.Available:
		return "unavailable"
	case m.Default:
		return "default"
	}
	return "ready"
}

func modelSize(m api.Model) string {
	if m.Size == nil {
		return ""
	}
	return terminal.Size(*m.Size)
}

func (c *console) createModel() *cobra.Command {
	recipe := ai.Recipe{}
	var parameters []string
	return start{
		about: about{
			use: "create NAME", short: "Make a model of one that the Ollama server has", args: cobra.ExactArgs(1), needs: Whole,
			example: "  rohrpost admin models create postmaster --base llama3.2 --system 'You answer in one sentence.' " +
				"--parameter temperature=0.2 --parameter 'stop=[\"END\"]'",
		},
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&recipe.Base, "base", "", "the model that it is made of (needed)")
			cmd.Flags().StringVar(&recipe.System, "system", "", "its system text; the base's if there is none")
			cmd.Flags().StringVar(&recipe.Template, "template", "", "its template; the base's if there is none")
			cmd.Flags().StringArrayVar(&parameters, "parameter", nil, "NAME=VALUE, such as temperature=0.2; may be given more than once")
		},
		start: func(ctx context.Context, h House, args []string) (id uuid.UUID, err error) {
			if recipe.Base == "" {
				return uuid.Nil, terminal.Misused("Say of which model it is made: --base MODEL.")
			}
			recipe.Name = args[0]
			if recipe.Parameters, err = parametersOf(parameters); err != nil {
				return uuid.Nil, err
			}
			if err := h.Tuning.CheckModel(ctx, recipe); err != nil {
				return uuid.Nil, err
			}
			return inTx(ctx, h, func(tx pgx.Tx) (uuid.UUID, error) {
				_, job, err := h.Tuning.StartModel(ctx, tx, c.by, recipe)
				return job.ID, err
			})
		},
	}.command(c)
}

// parametersOf reads parameters whose values are JSON.
func parametersOf(words []string) (map[string]any, error) {
	read := map[string]any{}
	for _, word := range words {
		name, text, _ := strings.Cut(word, "=")
		var one any
		if err := json.Unmarshal([]byte(text), &one); err != nil || name == "" {
			return nil, terminal.Misused(`--parameter: %q is not like temperature=0.2 or stop=["END"].`, word)
		}
		read[name] = one
	}
	return read, nil
}

func (c *console) cancelModel() *cobra.Command {
	return action[job]{
		about: about{use: "cancel NAME", short: "Cancel the making of a model, which leaves none", args: cobra.ExactArgs(1), needs: Whole},
		do: func(ctx context.Context, h House, args []string) (job, error) {
			id, err := h.Tuning.Making(ctx, args[0])
			if err != nil {
				return job{}, err
			}
			changed, err := h.Operations.Cancel(ctx, c.by, id)
			return shownJob(changed), err
		},
		show: func(j job) { c.screen.Say("The model is not made any more: the job %s is cancelled.", j.ID) },
	}.command(c)
}

func (c *console) deleteModel() *cobra.Command {
	return start{
		about: about{
			use: "delete NAME", short: "Delete a model that was made here, where it is", args: cobra.ExactArgs(1), needs: Whole,
			ask: func(args []string) string {
				return fmt.Sprintf("The model %s is deleted from the server where it is.", args[0])
			},
		},
		start: func(ctx context.Context, h House, args []string) (uuid.UUID, error) {
			return inTx(ctx, h, func(tx pgx.Tx) (uuid.UUID, error) {
				job, err := h.Tuning.StartDelete(ctx, tx, c.by, args[0])
				return job.ID, err
			})
		},
	}.command(c)
}
