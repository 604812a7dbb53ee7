package config_test

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/config"
	"rohrpost/internal/fault"
)

type part struct {
	Wait time.Duration `env:"PART_WAIT"`
}

type settings struct {
	URL   string `env:"THING_URL" secret:"true"`
	Key   string `env:"THING_KEY" secret:"true"`
	PIN   int    `env:"THING_PIN" secret:"true"`
	Host  string `env:"THING_HOST"`
	Count int    `env:"THING_COUNT"`
	Size  int64  `env:"THING_SIZE"`
	Keep  *int   `env:"THING_KEEP"`
	Part  part
	Log   *slog.Logger
	Names map[string]int `env:"-"`
}

func TestWhatIsPrintedHoldsNoSecret(t *testing.T) {
	t.Parallel()
	// Given settings of which some are secret, and an address with a password that isn't marked as a secret
	env := config.Env{"THING_URL": "redis://:hunter2@h", "THING_HOST": "http://ann:hunter2@h:1/", "THING_COUNT": "3",
		"PART_WAIT": "5s"}
	var got settings
	require.NoError(t, env.Load(&got))
	// When they are printed, the part once more by itself
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	log.LogAttrs(t.Context(), slog.LevelInfo, "settings", config.Describe(got, &got.Part)...)
	// Then one sees which secrets are set, the other values, and what takes its default
	require.Contains(t, out.String(), `msg=settings THING_URL=set THING_KEY=unset THING_PIN=unset `+
		`THING_HOST=http://ann:xxxxx@h:1/ THING_COUNT=3 PART_WAIT=5s defaults="THING_KEEP THING_SIZE"`)
	require.NotContains(t, out.String(), "hunter2")
}

func TestAValueThatCannotBeReadIsNamedByItsVariable(t *testing.T) {
	t.Parallel()
	env := config.Env{"THING_COUNT": "many", "PART_WAIT": "long", "THING_PIN": "hunter2"}
	err := env.Load(&settings{})
	require.ErrorContains(t, err, `THING_COUNT can't be read as int: strconv.ParseInt: parsing "many"`)
	require.ErrorContains(t, err, `PART_WAIT can't be read as time.Duration`)
	require.ErrorContains(t, err, `THING_PIN can't be read as int`)
	require.NotContains(t, err.Error(), "hunter2")
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
}

func TestANumberBelowZeroIsRefused(t *testing.T) {
	t.Parallel()
	err := config.Env{"THING_COUNT": "-1", "PART_WAIT": "-5s", "THING_KEEP": "-2", "THING_SIZE": "0"}.Load(&settings{})
	require.EqualError(t, err, "THING_COUNT is less than zero\nTHING_KEEP is less than zero\nPART_WAIT is less than zero")
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
}

func TestMissingSettingsAreNamedAllAtOnce(t *testing.T) {
	t.Parallel()
	env := config.Env{"A": "1", "B": ""}
	require.NoError(t, env.Require("A"))
	require.EqualError(t, env.Require("A", "B"), "B is not set")
	require.EqualError(t, env.Require("A", "B", "C"), "B, C are not set")
}

func TestAnAddedPairLeavesTheOriginalAlone(t *testing.T) {
	t.Parallel()
	env := config.Env{"A": "1"}
	more := env.With("A", "2", "B", "3")
	require.Equal(t, config.Env{"A": "2", "B": "3"}, more)
	require.Equal(t, config.Env{"A": "1"}, env)
	require.Equal(t, "3", more.Or("B", "x"))
	require.Equal(t, "x", env.Or("B", "x"))
}
