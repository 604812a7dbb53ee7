package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// psqlEnd is how long psql gets to say why it takes no more.
const psqlEnd = 2 * time.Second

// load restores a dump into a database, in one transaction: all of it is there afterwards, or nothing has changed.
// pg_restore turns the dump into SQL and psql runs that, so that the transaction is ours to end: before runs at its
// beginning and after at its end, and it is committed only once the whole part was read and is as it was written. It
// closes dump.
func (p programs) load(ctx context.Context, to place, dump *reading, before, after string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	psql := p.command(ctx, to.env(), "psql", "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1",
		"--output=/dev/null", "--file=-")
	script, err := psql.StdinPipe()
	if err != nil {
		return errors.Join(fmt.Errorf("restore: %w", err), dump.source.Close())
	}
	in := &remembering{r: dump}
	restore := p.command(ctx, to.env(), "pg_restore", "--no-owner", "--no-privileges", "--file=-")
	restore.Stdin, restore.Stdout = in, script
	if err := psql.start(); err != nil {
		return errors.Join(fmt.Errorf("restore: %w", err), dump.source.Close())
	}
	if err = convert(restore, script, before); err == nil {
		err = dump.finish()
	} else {
		dump.source.Close() //nolint:errcheck // only read
	}
	if err == nil {
		_, err = io.WriteString(script, "\n"+after+"\nCOMMIT;\n")
	}
	// Without its COMMIT, psql rolls back.
	if e := script.Close(); err == nil {
		err = e
	}
	if err != nil {
		end := time.AfterFunc(psqlEnd, psql.kill)
		defer end.Stop()
	}
	said := psql.wait()
	switch {
	case err == nil && said == nil:
		return nil
	case in.err != nil:
		err = dump.broken(in.err)
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case err == nil, said != nil && psql.errors.String() != "": // what pg_restore met is that psql takes no more
		err = said
	}
	return fmt.Errorf("restore: %w", err)
}

// convert writes the beginning of the script and has pg_restore write the rest.
func convert(restore *command, script io.Writer, before string) error {
	const begin = "BEGIN;\nSET LOCAL client_min_messages = warning;\n"
	if _, err := io.WriteString(script, begin+before+"\n"); err != nil {
		return err
	}
	if err := restore.start(); err != nil {
		return err
	}
	return restore.wait()
}

// remembering keeps the error of a source: whoever reads from it only sees that it ended early.
type remembering struct {
	r   io.Reader
	err error
}

func (r *remembering) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}
