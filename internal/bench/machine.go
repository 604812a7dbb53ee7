package bench

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"rohrpost/db"
	"rohrpost/internal/bench/trial"
	"rohrpost/internal/pause"
)

// machine is what the figures were taken on.
type machine struct {
	OS         string `json:"os"`
	Processors int    `json:"processors"`
	Processor  string `json:"processor,omitempty"`
	Go         string `json:"go"`
	PostgreSQL string `json:"postgresql,omitempty"`
	Redis      string `json:"redis,omitempty"`
	// Commit is what the smallest durable transaction takes on an idle machine, median, in milliseconds: nothing that is
	// durable can be faster.
	Commit float64 `json:"commit_ms,omitempty"`
}

// thisMachine asks the servers that are given for their versions, and PostgreSQL for a few commits.
func thisMachine(ctx context.Context, pool *db.Pool, rdb redis.UniversalClient) (machine, error) {
	m := machine{
		OS: runtime.GOOS + "/" + runtime.GOARCH, Processors: runtime.NumCPU(), Processor: processor(), Go: runtime.Version(),
	}
	if pool != nil {
		if err := pool.QueryRow(ctx, `SHOW server_version`).Scan(&m.PostgreSQL); err != nil {
			return m, fmt.Errorf("version of PostgreSQL: %w", err)
		}
		var err error
		if m.Commit, err = commitAlone(ctx, pool); err != nil {
			return m, fmt.Errorf("commit: %w", err)
		}
	}
	if rdb != nil {
		info, err := rdb.Info(ctx, "server").Result()
		if err != nil {
			return m, fmt.Errorf("version of Redis: %w", err)
		}
		m.Redis = field(info, "redis_version:")
	}
	return m, nil
}

// commitAlone is the time of a commit that has to get to the disk, with pauses between them as between idle jobs.
func commitAlone(ctx context.Context, pool *db.Pool) (float64, error) {
	const commits = 51
	h := trial.NewHistogram()
	for range commits {
		if err := pause.For(ctx, 10*time.Millisecond); err != nil {
			return 0, err
		}
		began := time.Now()
		if _, err := pool.Exec(ctx, `SELECT pg_logical_emit_message(true, 'bench', 'commit')`); err != nil {
			return 0, err
		}
		_ = h.RecordValue(time.Since(began).Microseconds()) // it holds more than a commit takes
	}
	return trial.Milliseconds(h, 50), nil
}

// String is the line above the table.
func (m machine) String() string {
	text := fmt.Sprintf("%s, %d processors", m.OS, m.Processors)
	if m.Processor != "" {
		text += " (" + m.Processor + ")"
	}
	text += ", " + m.Go
	if m.PostgreSQL != "" {
		text += ", PostgreSQL " + m.PostgreSQL
	}
	if m.Redis != "" {
		text += ", Redis " + m.Redis
	}
	if m.Commit > 0 {
		text += fmt.Sprintf(", %.2f ms for a durable commit alone", m.Commit)
	}
	return text
}

// processor is the model's name as Linux on x86 tells it; elsewhere there is none.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	_, name, _ := strings.Cut(field(string(text), "model name"), ":")
	return strings.Join(strings.Fields(name), " ")
}

// field is the rest of the first line that begins with key.
func field(text, key string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
