package devstack_test

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
)

// TestMain is also the main of the processes that some tests start from this binary.
func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case roleParent:
		parent()
	case roleNobody:
		nobody()
	default:
		stacktest.Main(m)
	}
}

// open opens a stack that the test closes itself or that ends with the test.
func open(t *testing.T, dir string) *devstack.Stack {
	t.Helper()
	s, err := devstack.Open(dir, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// folder is a private folder that the servers' users may enter; those of t.TempDir they may not.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rohrpost-test-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// query runs sql on a fresh connection and returns the first value as text.
func query(t *testing.T, url, sql string) (string, error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	text := ""
	for rows.Next() {
		if err := rows.Scan(&text); err != nil {
			return "", err
		}
	}
	return text, rows.Err()
}

func redisClient(t *testing.T, url string) *redis.Client {
	t.Helper()
	opts, err := redis.ParseURL(url)
	must(t, err)
	opts.MaxRetries = -1
	c := redis.NewClient(opts)
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}

// scan is clamd's answer to content.
func scan(t *testing.T, address string, content []byte) string {
	t.Helper()
	stream := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
	stream = append(stream, content...)
	return exchange(t, address, append(stream, 0, 0, 0, 0))
}

// exchange is clamd's answer to the chunks of a stream.
func exchange(t *testing.T, address string, stream []byte) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(address, "tcp://"))
	must(t, err)
	defer conn.Close()
	_, err = conn.Write(append([]byte("zINSTREAM\x00"), stream...))
	must(t, err)
	answer, err := io.ReadAll(conn)
	must(t, err)
	return strings.TrimSuffix(string(answer), "\x00")
}
