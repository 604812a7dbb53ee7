package bench

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"sync"
	"time"

	clamd "github.com/dutchcoders/go-clamd"
	"golang.org/x/sync/errgroup"

	"rohrpost/internal/bench/trial"
	"rohrpost/internal/pause"
	"rohrpost/tasks"
)

const scannedWithin = 5 * time.Minute

// content is that of the n-th file: of no known type, and like no other.
func content(n int) []byte {
	var seed [32]byte
	seed[0], seed[1], seed[2] = byte(n), byte(n>>8), byte(n>>16)
	made := make([]byte, fileSize)
	_, _ = rand.NewChaCha8(seed).Read(made) // it never fails
	return made
}

// upload hands files in, some at once.
func (d *desk) upload(ctx context.Context, files int, values trial.Values) error {
	if _, err := d.visitor.site.pool.Exec(ctx, `DELETE FROM jobs`); err != nil { // those of the last run
		return err
	}
	h := trial.NewHistogram()
	var mu sync.Mutex // guards h
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for range files {
		d.first++
		n := d.first
		group.Go(func() error {
			mediaType, body, err := form(n)
			if err != nil {
				return err
			}
			began := time.Now()
			if err := d.visitor.send(ctx, http.MethodPost, "/api/files", mediaType, body, nil); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			return h.RecordValue(max(time.Since(began).Microseconds(), 1))
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	values[uploadP50], values[uploadP99] = trial.Milliseconds(h, 50), trial.Milliseconds(h, 99)
	return nil
}

// form is a file as a browser sends it.
func form(n int) (mediaType string, body []byte, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", fmt.Sprintf("file-%d.bin", n))
	if err != nil {
		return "", nil, err
	}
	if _, err := part.Write(content(n)); err != nil {
		return "", nil, err
	}
	if err := w.Close(); err != nil { // it writes the end
		return "", nil, err
	}
	return w.FormDataContentType(), b.Bytes(), nil
}

// scanned waits until all scans are done, and reads in their records how fast they were.
func (d *desk) scanned(ctx context.Context, values trial.Values) error {
	ctx, cancel := context.WithTimeout(ctx, scannedWithin)
	defer cancel()
	for {
		var left, failed, done int
		var seconds float64
		err := d.visitor.site.pool.QueryRow(ctx, `
			SELECT count(*) FILTER (WHERE state IN ('queued', 'running')), count(*) FILTER (WHERE state IN ('failed', 'cancelled')),
				count(*) FILTER (WHERE state = 'succeeded'),
				coalesce(extract(epoch FROM max(finished_at) - min(started_at)), 0)::float8
			FROM jobs WHERE kind = $1`, tasks.Scan.Name).Scan(&left, &failed, &done, &seconds)
		switch {
		case err != nil:
			return fmt.Errorf("scans: %w", err)
		case failed > 0:
			return fmt.Errorf("%d scans failed", failed)
		case left == 0 && done > 0:
			values[scanRate] = float64(done) / seconds
			return nil
		}
		if err := pause.For(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("%d scans are left: %w", left, err)
		}
	}
}

// scanAlone has the same files scanned by the library that Rohrpost uses, as many at once.
func (d *desk) scanAlone(ctx context.Context, files int, values trial.Values) error {
	contents := make([][]byte, files)
	for n := range contents {
		contents[n] = content(n)
	}
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, c := range contents {
		group.Go(func() error { return scanOnce(ctx, d.clamd, c) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("scan alone: %w", err)
	}
	values[scanRate] = perSecond(files, began)
	return nil
}

func scanOnce(ctx context.Context, address string, content []byte) error {
	abort := make(chan bool)
	defer close(abort) // ends the library's goroutine
	results, err := clamd.NewClamd(address).ScanStream(bytes.NewReader(content), abort)
	if err != nil {
		return err
	}
	select {
	case r, ok := <-results:
		if !ok || r.Status != clamd.RES_OK {
			return fmt.Errorf("no clean verdict: %+v", r)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
