package bench

import (
	"context"
	"fmt"
	"time"

	"rohrpost/internal/bench/trial"
	"rohrpost/internal/devstack"
	"rohrpost/tasks"
)

// FilesOptions are those of [Files].
type FilesOptions struct {
	Options
	Files  int // uploaded in one run; 0 takes 100, or 20 if quick
	Images int // made small in one run; 0 takes 20, or 4 if quick
}

func (o FilesOptions) withDefaults() FilesOptions {
	o.Options = o.Options.withDefaults()
	files, images := 100, 20
	if o.Quick {
		files, images = 20, 4
	}
	if o.Files <= 0 {
		o.Files = files
	}
	if o.Images <= 0 {
		o.Images = images
	}
	return o
}

// The figures of files.
const (
	uploadP50     = "upload_p50_ms"
	uploadP99     = "upload_p99_ms"
	scanRate      = "scans_per_second"
	thumbnailRate = "images_per_second"
)

var fileFigures = []figure{
	{uploadP50, "upload of 1 MiB to 202 p50, ms"},
	{uploadP99, "upload of 1 MiB to 202 p99, ms"},
	{scanRate, "scans of 1 MiB/s (alone: go-clamd)"},
	{thumbnailRate, "images of 12 MP/s (alone: vipsthumbnail)"},
}

const (
	alone    = "alone" // a tool without Rohrpost
	fileSize = 1 << 20
	atOnce   = 4 // uploads, and scans of a worker and of the client beside it
)

// Files measures how soon an upload is answered, and how fast files are scanned and made small, beside a client of the
// same scanner alone and beside libvips where that is installed. The scanner knows a handful of signatures: what is
// measured is the way to it and back.
func Files(ctx context.Context, opts FilesOptions) (err error) {
	opts = opts.withDefaults()
	var clamd *devstack.Clamd
	s, err := openSite(ctx, opts.Options, func(ctx context.Context, stack *devstack.Stack) (_ []string, err error) {
		if clamd, err = stack.StartClamd(ctx, devstack.ClamdOptions{OwnSignatures: true}); err != nil {
			return nil, err
		}
		return []string{"CLAMD_ADDRESS=" + clamd.Address(), fmt.Sprintf("CLAMD_PARALLEL=%d", atOnce)}, nil
	})
	if err != nil {
		return err
	}
	defer closing(&err, s.close)
	rep := report{
		Bench: "files", Load: map[string]int{"files": opts.Files, "images": opts.Images}, Runs: opts.Runs, Baseline: alone,
	}
	if rep.Machine, err = thisMachine(ctx, s.pool, s.rdb); err != nil {
		return err
	}
	v, err := s.visit(ctx, 0)
	if err != nil {
		return err
	}
	worker, err := s.worker(ctx, tasks.Files)
	if err != nil {
		return err
	}
	d := desk{visitor: v, worker: worker, clamd: clamd.Address(), opts: opts, folder: s.stack.Dir()}
	if err := d.paint(); err != nil {
		return err
	}
	columns, err := compete(ctx, opts.Options, []contestant{
		{"rohrpost", d.ours},
		{alone, d.alone},
	})
	if err != nil {
		return err
	}
	rep.fill(fileFigures, columns)
	return rep.print(opts.Out, opts.JSON)
}

// desk is where files are handed in.
type desk struct {
	visitor *visitor
	worker  *devstack.Process
	clamd   string
	opts    FilesOptions
	folder  string
	image   string // the path of a photo
	first   int    // the number of the next file: no two have the same content
}

func (d *desk) ours(ctx context.Context, warm bool) (trial.Values, error) {
	values := trial.Values{}
	// What is handed in lies there until all is: the scans are measured by themselves.
	if err := d.worker.Stop(ctx); err != nil {
		return nil, err
	}
	if err := d.upload(ctx, less(d.opts.Files, warm), values); err != nil {
		return nil, err
	}
	if err := d.worker.Start(ctx); err != nil {
		return nil, err
	}
	if err := d.scanned(ctx, values); err != nil {
		return nil, err
	}
	return values, d.shrink(ctx, less(d.opts.Images, warm), values)
}

func (d *desk) alone(ctx context.Context, warm bool) (trial.Values, error) {
	values := trial.Values{}
	if err := d.scanAlone(ctx, less(d.opts.Files, warm), values); err != nil {
		return nil, err
	}
	return values, d.vips(ctx, less(d.opts.Images, warm), values)
}

// less is how much of n a run takes that only warms up.
func less(n int, warm bool) int {
	if warm {
		return min(n, 2)
	}
	return n
}

func perSecond(n int, since time.Time) float64 { return float64(n) / time.Since(since).Seconds() }
