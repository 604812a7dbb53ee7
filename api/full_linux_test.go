package api_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/devstack/stacktest"
)

func TestAFullStorageRefusesUploadsAndServesTheRest(t *testing.T) {
	t.Parallel()
	h := newHouseOn(t, stacktest.SmallDisk(t, 3<<20))
	s := h.open(api.Config{})
	ada := s.user()
	var kept api.UploadAccepted
	s.upload(ada, "kept.txt", "hello").want(http.StatusAccepted).into(&kept)
	s.exec(`UPDATE files SET status = 'clean'`)
	filler := filepath.Join(h.folder, "filler")
	require.Error(t, os.WriteFile(filler, make([]byte, 4<<20), 0o600))

	refused := s.upload(ada, "new.txt", strings.Repeat("x", 1<<19), "Idempotency-Key", "one")
	p := refused.problem(507, "storage_full")
	require.Equal(t, "There is no room left in the file storage.", p.Detail)
	require.Equal(t, "60", refused.header.Get("Retry-After"))
	require.Equal(t, 1, s.count("SELECT count(*) FROM files"))
	require.Equal(t, 1, s.count("SELECT count(*) FROM jobs"))
	require.Zero(t, s.count("SELECT count(*) FROM idempotency_keys"))
	require.Len(t, s.stored(), 2, "the file that was there, and the filler")
	var health api.Health
	s.send(request{path: "/readyz"}).want(http.StatusOK).into(&health)
	require.Equal(t, "degraded", health.Status)
	require.Equal(t, "full", (*health.Checks)["storage"])
	content := s.send(get("/api/files/" + kept.ID.String() + "/content").by(&ada)).want(http.StatusOK)
	require.Equal(t, "hello", string(content.body))

	require.NoError(t, os.Remove(filler))
	s.upload(ada, "new.txt", strings.Repeat("x", 1<<19), "Idempotency-Key", "one").want(http.StatusAccepted)
	s.send(request{path: "/readyz"}).want(http.StatusOK).into(&health)
	require.Equal(t, "ok", health.Status)
}
