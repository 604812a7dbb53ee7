package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rohrpost/db"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/fault"
	"rohrpost/internal/formation"
	"rohrpost/internal/scaling"
)

// scaleOptions are the flags of scale.
type scaleOptions struct {
	procfile string
	bounds   map[string]string
	every    time.Duration
	grace    time.Duration
	port     int
	dryRun   bool
}

func (s shell) scaleCommand() *cobra.Command {
	var o scaleOptions
	cmd := &cobra.Command{
		Use:   "scale",
		Short: "Keep as many workers running on this machine as there should be",
		Long: "Keep as many processes of the Procfile's worker groups running on this machine as there should be, see\n" +
			"rohrpost admin scaling. A scheduler has to run somewhere. The settings of the workers are taken from the environment.",
		Example: "  rohrpost scale --procfile Procfile\n" +
			"  rohrpost scale --procfile Procfile --bounds worker-ai=1:4 --bounds worker-files=0:2 --dry-run",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.scale(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.procfile, "procfile", "Procfile", "where the commands of the groups are")
	f.StringToStringVar(&o.bounds, "bounds", nil,
		"a group with the least and the most processes of it, such as worker-ai=1:4; may be repeated, and only these groups are\n"+
			"run (default: every line worker-…, one process for each processor at most)")
	f.DurationVar(&o.every, "every", 15*time.Second, "how often it is looked at")
	f.DurationVar(&o.grace, "grace", closeWithin+5*time.Second, "how long a worker may take to end in its orderly way")
	f.IntVar(&o.port, "port", 5000, "PORT of the first process; each group begins 100 later")
	f.BoolVar(&o.dryRun, "dry-run", false, "only tell what would run")
	return cmd
}

// scaled is a group that is kept running here.
type scaled struct {
	line   formation.Line
	bounds scaling.Bounds
}

// groups are the lines of the Procfile to be run, in its order.
func (o scaleOptions) groups() ([]scaled, error) {
	file, err := os.Open(o.procfile)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "--procfile: %s", err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	lines, err := formation.Procfile(file)
	if err != nil {
		return nil, err
	}
	var groups []scaled
	for _, l := range lines {
		bounds, given := o.bounds[l.Name]
		switch {
		case given:
			parsed, err := scaling.ParseBounds(bounds)
			if err != nil {
				return nil, fault.Wrap(err, fault.Invalid, "--bounds %s: %s", l.Name, fault.Message(err))
			}
			groups = append(groups, scaled{l, parsed})
		case len(o.bounds) == 0 && strings.HasPrefix(l.Name, "worker-"):
			groups = append(groups, scaled{l, scaling.Bounds{Least: 1, Most: runtime.NumCPU()}})
		}
	}
	for name := range o.bounds {
		if !slices.ContainsFunc(groups, func(g scaled) bool { return g.line.Name == name }) {
			return nil, fault.New(fault.Invalid, "--bounds: %s has no line %s", o.procfile, name)
		}
	}
	if len(groups) == 0 {
		return nil, fault.New(fault.Invalid, "%s has no line worker-…; name a group by --bounds", o.procfile)
	}
	return groups, nil
}

func (s shell) scale(ctx context.Context, o scaleOptions) error {
	if o.every <= 0 || o.grace <= 0 || o.port < 1 || o.port > 65535-1000 {
		return fault.New(fault.Invalid, "--every and --grace are above zero, and --port is from 1 to 64535")
	}
	groups, err := o.groups()
	if err != nil {
		return err
	}
	var cfg struct {
		DB      db.Config
		Scaling scaling.Config
	}
	if err := s.load([]string{"DATABASE_URL"}, &cfg); err != nil {
		return err
	}
	cfg.DB.MaxConns, cfg.DB.MinConns = 2, 0 // it asks one question at a time
	pool, err := db.Open(ctx, cfg.DB, db.LogTo(s.log))
	if err != nil {
		return err
	}
	defer pool.Close()
	advice, err := scaling.New(pool, cfg.Scaling)
	if err != nil {
		return err
	}
	if o.dryRun {
		return s.scaleDry(ctx, advice, groups)
	}
	lines := make([]formation.Line, len(groups))
	for i, g := range groups {
		lines[i] = g.line
	}
	f := formation.New(formation.Options{
		Lines: lines, Env: s.env.List(), Port: o.port, Grace: o.grace, Out: s.screen.Err, Log: s.log,
	})
	defer f.Close()
	return s.keepScaled(ctx, advice, groups, f, o.every)
}

// keepScaled follows the advice until ctx ends. While there is none, everything stays as it is.
func (s shell) keepScaled(ctx context.Context, service *scaling.Service, groups []scaled, f *formation.Formation,
	every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for first := true; ; first = false {
		advice, err := service.Advice(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			s.log.Warn("nobody knows how many workers there should be, those there are stay", "err", err)
		case advice.At.IsZero() && !first:
			s.log.Warn("no scheduler has looked lately how many workers there should be, those there are stay")
		}
		for _, g := range groups {
			had := f.Count(g.line.Name)
			want, why := g.wanted(advice, had)
			if want == had {
				continue
			}
			s.log.Info("scaling", "group", g.line.Name, "from", had, "to", want, "why", why)
			if err := f.Keep(g.line.Name, want); err != nil {
				return err
			}
		}
		if first {
			s.log.Info("ready", "process", "scale")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// wanted is how many processes of a group should run here, of which some do.
func (g scaled) wanted(advice scaling.Advice, had int) (n int, why string) {
	n, why = had, "No scheduler has looked lately."
	if !advice.At.IsZero() {
		why = "Nothing is advised: no work counts at it, as others serve its queues."
	}
	for _, a := range advice.Groups {
		if a.Group == g.line.Name {
			n, why = a.Desired, a.Reason
		}
	}
	if within := min(max(n, g.bounds.Least), g.bounds.Most); within != n {
		return within, fmt.Sprintf("%s The bounds here are %s.", why, g.bounds)
	}
	return n, why
}

func (s shell) scaleDry(ctx context.Context, service *scaling.Service, groups []scaled) error {
	advice, err := service.Advice(ctx)
	if err != nil {
		return err
	}
	if advice.At.IsZero() {
		err = errors.New("no scheduler has looked lately, so nobody knows more than the bounds")
	}
	terminal.Table(s.screen, []terminal.Column[scaled]{
		{Title: "group", Text: func(g scaled) string { return g.line.Name }},
		{Title: "would run", Text: func(g scaled) string { n, _ := g.wanted(advice, 0); return fmt.Sprint(n) }, Right: true},
		{Title: "why", Text: func(g scaled) string { _, why := g.wanted(advice, 0); return why }, Flex: true},
	}, groups)
	return err
}
