package api_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/db"
)

func TestARequestThatFindsNoConnectionIsAskedToComeBack(t *testing.T) {
	t.Parallel()
	// Given an api process whose one connection is taken
	h := newHouse(t)
	pool, err := db.Open(t.Context(), db.Config{
		URL: h.pool.Config().ConnString(), MaxConns: 1, Wait: 50 * time.Millisecond, ConnectTimeout: time.Minute,
	})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	h.pool = pool
	s := h.open(api.Config{})
	ada := s.user()
	taken, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	// When somebody asks for something, then the answer comes after a bounded wait and says when to try again
	refused := s.send(request{path: "/api/jobs", as: &ada})
	refused.problem(503, "unavailable")
	require.Equal(t, "5", refused.header.Get("Retry-After"))
	// And when the connection is free, it works
	taken.Release()
	s.send(request{path: "/api/jobs", as: &ada}).want(200)
}
