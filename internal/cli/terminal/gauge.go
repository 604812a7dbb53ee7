package terminal

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

const (
	barWidth = 20
	// barRest is what a bar needs beside itself and its text: percents, counts, times.
	barRest = 50
	// foreseeable is the least there has to be to do for a guess of how long it takes.
	foreseeable = 100
	// turnEvery is how often a wheel turns and a clock moves.
	turnEvery = 100 * time.Millisecond
	// plainEvery is how often progress is told where lines stay.
	plainEvery = 5 * time.Second
)

// Reading is how far something is.
type Reading struct {
	Done, Total int64  // Total is 0 while nobody knows
	Bytes       bool   // that is what is counted
	Text        string // what is going on
}

// Gauge shows how far something is to people: as a bar that is written over, or as a line now and then. Close it.
type Gauge struct {
	screen *Screen
	done   chan struct{} // closed by Close
	wg     sync.WaitGroup

	mu    sync.Mutex               // guards the rest, and Err of the screen
	bar   *progressbar.ProgressBar // nil while none is drawn
	shape shape
	last  string    // line
	told  time.Time // when that was
}

// shape is what a bar can't change once it is drawn.
type shape struct{ known, bytes bool }

// Gauge begins to show how far something is.
func (s *Screen) Gauge() *Gauge {
	g := &Gauge{screen: s, done: make(chan struct{})}
	if s.BarWidth > 0 {
		g.wg.Go(g.turn)
	}
	return g
}

// turn keeps what has no measure visibly going. The library would do so on a goroutine that nobody can wait for.
func (g *Gauge) turn() {
	tick := time.NewTicker(turnEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			g.mu.Lock()
			if g.bar != nil {
				_ = g.bar.RenderBlank() // its errors are those of writing to the terminal, which nothing can be told then
			}
			g.mu.Unlock()
		case <-g.done:
			return
		}
	}
}

// Note tells something that stays to be read.
func (g *Gauge) Note(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.clear()
	fmt.Fprintln(g.screen.Err, Clean(fmt.Sprintf(format, args...)))
}

// Spin shows that something is going on, where that can be seen.
func (g *Gauge) Spin(text string) {
	if g.screen.BarWidth > 0 {
		g.Show(Reading{Text: text})
	}
}

// Show shows a reading in place of the one before.
func (g *Gauge) Show(r Reading) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r.Text = Clean(r.Text)
	if g.screen.BarWidth == 0 {
		g.plain(r)
		return
	}
	now := shape{known: r.Total > 0, bytes: r.Bytes}
	room := max(g.screen.BarWidth-barWidth, 0)
	if now.known {
		room = max(room-barRest, 0)
	}
	r.Text = fit(r.Text, room)
	if g.bar == nil || g.shape != now {
		g.clear()
		g.shape, g.bar = now, g.draw(now, r)
	}
	g.bar.Describe(r.Text)
	if !g.shape.known {
		return
	}
	if g.bar.GetMax64() != r.Total {
		g.bar.ChangeMax64(r.Total)
	}
	// A full bar is over for the library, and more may come.
	_ = g.bar.Set64(min(max(r.Done, 0), r.Total-1))
}

func (g *Gauge) draw(as shape, r Reading) *progressbar.ProgressBar {
	options := []progressbar.Option{
		progressbar.OptionSetWriter(g.screen.Err), progressbar.OptionSetWidth(barWidth),
		progressbar.OptionUseANSICodes(true), progressbar.OptionClearOnFinish(), progressbar.OptionEnableColorCodes(false),
		progressbar.OptionSetElapsedTime(true), progressbar.OptionSetPredictTime(r.Total >= foreseeable),
		progressbar.OptionSpinnerType(14), progressbar.OptionSetSpinnerChangeInterval(0),
		progressbar.OptionUseIECUnits(true), progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionSetDescription(r.Text),
	}
	if as.known {
		options = append(options, progressbar.OptionShowCount(), progressbar.OptionShowBytes(as.bytes))
		return progressbar.NewOptions64(r.Total, options...)
	}
	return progressbar.NewOptions64(-1, options...)
}

// plain tells a reading on a line of its own, if it says something new and not too soon after the last one.
func (g *Gauge) plain(r Reading) {
	line := r.line()
	if line == g.last || line == "" || time.Since(g.told) < plainEvery {
		return
	}
	g.last, g.told = line, time.Now()
	fmt.Fprintln(g.screen.Err, line)
}

func (r Reading) line() string {
	parts := []string{}
	if r.Text != "" {
		parts = append(parts, r.Text)
	}
	if r.Total > 0 {
		count := fmt.Sprintf("%d of %d", r.Done, r.Total)
		if r.Bytes {
			count = Size(r.Done) + " of " + Size(r.Total)
		}
		parts = append(parts, fmt.Sprintf("%d %% (%s)", r.Done*100/r.Total, count))
	}
	return strings.Join(parts, ": ")
}

// clear takes the bar off the screen.
func (g *Gauge) clear() {
	if g.bar == nil {
		return
	}
	_ = g.bar.Finish() // see turn
	g.bar = nil
}

// Close takes away what would be written over. Twice is fine.
func (g *Gauge) Close() {
	g.mu.Lock()
	g.clear()
	select {
	case <-g.done:
	default:
		close(g.done)
	}
	g.mu.Unlock()
	g.wg.Wait()
}
