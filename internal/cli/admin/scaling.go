package admin

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"rohrpost/api"
	"rohrpost/internal/cli/terminal"
)

func (c *console) scalingCommand() *cobra.Command {
	number := func(of func(api.WorkerGroup) int) func(api.WorkerGroup) string {
		return func(g api.WorkerGroup) string { return strconv.Itoa(of(g)) }
	}
	return action[api.Scaling]{
		about: about{use: "scaling", short: "See how many workers there should be, and why"},
		do: func(ctx context.Context, h House, _ []string) (api.Scaling, error) {
			advice, err := h.Scaling.Advice(ctx)
			return api.ShownScaling(advice), err
		},
		show: func(s api.Scaling) {
			if s.At == nil {
				c.screen.Hint("No scheduler has looked lately, so nobody knows.")
				return
			}
			terminal.Table(c.screen, []terminal.Column[api.WorkerGroup]{
				{Title: "group", Text: func(g api.WorkerGroup) string { return g.Group }},
				{Title: "living", Text: number(func(g api.WorkerGroup) int { return g.Living }), Right: true},
				{Title: "desired", Text: number(func(g api.WorkerGroup) int { return g.Desired }), Right: true},
				{Title: "bounds", Text: func(g api.WorkerGroup) string { return fmt.Sprintf("%d:%d", g.Least, g.Most) }, Right: true},
				{Title: "why", Text: func(g api.WorkerGroup) string { return g.Reason }, Flex: true},
			}, s.Items)
		},
	}.command(c)
}
