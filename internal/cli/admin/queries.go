package admin

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rohrpost/db"
	"rohrpost/internal/cli/terminal"
)

const usualQueries = 20

func (c *console) queriesCommand() *cobra.Command {
	var top int
	var by string
	orders := strings.Join(db.StatementOrders(), ", ")
	millis := func(of func(db.StatementUse) float64) func(db.StatementUse) string {
		return func(u db.StatementUse) string { return fmt.Sprintf("%.2fms", 1000*of(u)) }
	}
	total := func(u db.StatementUse) string {
		return terminal.Took(time.Duration(u.TotalSeconds * float64(time.Second)))
	}
	percent := func(of func(db.StatementUse) float64) func(db.StatementUse) string {
		return func(u db.StatementUse) string { return fmt.Sprintf("%.1f%%", 100*of(u)) }
	}
	number := func(of func(db.StatementUse) int64) func(db.StatementUse) string {
		return func(u db.StatementUse) string { return strconv.FormatInt(of(u), 10) }
	}
	return list[db.StatementUse]{
		about: about{
			use: "queries", short: "Show where the time of the database goes, by statement",
			long: "Show where the time of the database goes, by statement, as pg_stat_statements has counted it for all\n" +
				"processes. The names are those in the folder queries; what has none is shown by its first word.",
			example: "  rohrpost admin queries\n  rohrpost admin queries --by mean --top 5 --json",
		},
		flags: func(cmd *cobra.Command) {
			cmd.Flags().IntVar(&top, "top", usualQueries, "how many to show, 1 to 1000")
			cmd.Flags().StringVar(&by, "by", "total", "which come first: those with the highest "+orders)
		},
		page: func(ctx context.Context, h House, _ []string, _ page) ([]db.StatementUse, error) {
			if top < 1 || top > mostPage {
				return nil, terminal.Misused("--top goes from 1 to %d.", mostPage)
			}
			if err := oneOf("--by", by, db.StatementOrders()...); err != nil {
				return nil, err
			}
			return db.TopStatements(ctx, h.Pool, by, int32(top))
		},
		columns: []terminal.Column[db.StatementUse]{
			{Title: "name", Text: func(u db.StatementUse) string { return u.Name }, Flex: true},
			{Title: "calls", Text: number(func(u db.StatementUse) int64 { return u.Calls }), Right: true},
			{Title: "rows", Text: number(func(u db.StatementUse) int64 { return u.Rows }), Right: true},
			{Title: "total", Text: total, Right: true},
			{Title: "share", Text: percent(func(u db.StatementUse) float64 { return u.Share }), Right: true},
			{Title: "mean", Text: millis(func(u db.StatementUse) float64 { return u.MeanSeconds }), Right: true},
			{Title: "max", Text: millis(func(u db.StatementUse) float64 { return u.MaxSeconds }), Right: true},
			{Title: "cached", Text: percent(func(u db.StatementUse) float64 { return u.Cached }), Right: true},
		},
	}.command(c)
}
