package bench_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/bench"
)

// argsEnv makes the test binary a rohrpost with these arguments.
const argsEnv = "ROHRPOST_TEST_ARGS"

// ofThisTest starts the test binary as rohrpost.
func ofThisTest(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{argsEnv + "=" + strings.Join(args, " ")}
	return cmd
}

// measured runs a bench once and reads its table.
func measured(t *testing.T, run func(opts bench.Options) error) (got table) {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, run(bench.Options{Runs: 1, Cold: true, JSON: true, Out: &out, Program: ofThisTest}))
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	return got
}

func (tb table) requirePositive(t *testing.T, subject string, keys ...string) {
	t.Helper()
	for _, key := range keys {
		require.Positive(t, tb.of(t, key)[subject].Median, "%s of %s", key, subject)
	}
}

func TestStreamsAreOpenedToldCutOffAndCaughtUp(t *testing.T) {
	t.Parallel()
	got := measured(t, func(opts bench.Options) error {
		return bench.Streams(t.Context(), bench.StreamsOptions{Options: opts, Streams: 30, Tokens: 10})
	})
	got.requirePositive(t, "rohrpost", "connects_per_second", "fan_out_p50_ms", "fan_out_p99_ms", "token_relay_p50_ms",
		"token_coalesced_p99_ms", "replay_p99_ms")
	alone, crowded := got.of(t, "token_relay_p50_ms")["rohrpost"], got.of(t, "token_coalesced_p50_ms")["rohrpost"]
	require.Less(t, alone.Median, crowded.Median, "tokens that come fast wait for one another, one that comes alone doesn't")
}

func TestAnswersOfTheAPIAndResultsOfJobsAreTimed(t *testing.T) {
	t.Parallel()
	got := measured(t, func(opts bench.Options) error {
		return bench.HTTP(t.Context(), bench.HTTPOptions{Options: opts, Rate: 50, For: 400 * time.Millisecond, Answers: 2})
	})
	got.requirePositive(t, "rohrpost", "accepted_per_second", "accept_p50_ms", "accept_p99_ms", "result_p50_ms", "result_p99_ms")
}

func TestFilesAreUploadedScannedAndMadeSmall(t *testing.T) {
	t.Parallel()
	got := measured(t, func(opts bench.Options) error {
		return bench.Files(t.Context(), bench.FilesOptions{Options: opts, Files: 4, Images: 1})
	})
	got.requirePositive(t, "rohrpost", "upload_p50_ms", "upload_p99_ms", "scans_per_second", "images_per_second")
	got.requirePositive(t, "alone", "scans_per_second")
}

func TestAModelIsAskedThroughRohrpostAndDirectly(t *testing.T) {
	t.Parallel()
	got := measured(t, func(opts bench.Options) error {
		return bench.AI(t.Context(), bench.AIOptions{Options: opts, Questions: 2})
	})
	for _, subject := range []string{"rohrpost", "ollama"} {
		got.requirePositive(t, subject, "first_token_p50_ms", "tokens_per_second")
	}
}
