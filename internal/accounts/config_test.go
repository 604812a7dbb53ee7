package accounts

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/fault"
)

func TestSecretThatIsMissingOrShortIsNamed(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"", secret[1:]} {
		_, err := New(nil, Config{Secret: secret})
		refused(t, err, fault.Invalid)
		require.ErrorContains(t, err, "AUTH_SECRET")
		if secret != "" {
			require.NotContains(t, err.Error(), secret)
		}
	}
}

func TestZeroConfigHasTheDocumentedDefaults(t *testing.T) {
	t.Parallel()
	cfg, err := Config{Secret: secret}.withDefaults()
	require.NoError(t, err)
	require.Equal(t, 15*time.Minute, cfg.AccessTTL)
	require.Equal(t, 30*24*time.Hour, cfg.RefreshTTL)
	require.Positive(t, cfg.HashParallel)
	require.Equal(t, 32*cfg.HashParallel, cfg.HashWaiting)
	require.False(t, cfg.RegistrationClosed)
}
