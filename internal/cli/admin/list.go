package admin

import (
	"context"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"rohrpost/internal/cli/terminal"
)

const (
	usualPage = 50
	mostPage  = 1000 // what is read in one statement, within its time
)

// list is a command that shows Ts, a page at a time.
type list[T any] struct {
	about
	flags func(cmd *cobra.Command)
	page  func(ctx context.Context, h House, args []string, p page) ([]T, error)
	// cursor is what a page that ends with the T is continued after; nil where there are no pages.
	cursor  func(T) string
	columns []terminal.Column[T]
}

// page is what part of a list is wanted.
type page struct {
	after string // the cursor of the page before, "" for the first
	limit int32  // how many to read
}

// id is the cursor of a list that goes by ids, the nil one for the first page.
func (p page) id() (uuid.UUID, error) {
	if p.after == "" {
		return uuid.Nil, nil
	}
	return idOf(p.after)
}

// document is a list for programs, as the API answers it.
type document[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

func (l list[T]) command(c *console) *cobra.Command {
	cmd := l.about.command()
	if l.flags != nil {
		l.flags(cmd)
	}
	p, size := page{limit: mostPage}, usualPage
	if l.cursor != nil {
		cmd.Flags().IntVar(&size, "limit", usualPage, "how many to show, 1 to 1000")
		cmd.Flags().StringVar(&p.after, "next", "", "go on with what the page before gave as next")
	}
	cmd.RunE = c.run(cmd, l.about, func(ctx context.Context, h House, args []string) error {
		if size < 1 || size > mostPage {
			return terminal.Misused("--limit goes from 1 to %d.", mostPage)
		}
		if l.cursor != nil {
			p.limit = int32(size) + 1 // one more tells whether there is a next page
		}
		items, err := l.page(ctx, h, args, p)
		if err != nil {
			return err
		}
		doc := document[T]{Items: items}
		if l.cursor != nil && len(items) > size {
			doc.Items, doc.Next = items[:size], l.cursor(items[size-1])
		}
		return doc.show(c.screen, l.columns)
	})
	return cmd
}

func (d document[T]) show(screen *terminal.Screen, columns []terminal.Column[T]) error {
	if screen.JSON {
		if d.Items == nil {
			d.Items = []T{}
		}
		return screen.Document(d)
	}
	if len(d.Items) == 0 {
		screen.Hint("There are none.")
		return nil
	}
	terminal.Table(screen, columns, d.Items)
	if d.Next != "" {
		screen.Hint("There are more: --next %s", d.Next)
	}
	return nil
}
