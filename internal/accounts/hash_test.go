package accounts

import (
	"context"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"rohrpost/internal/fault"
)

// gate makes the checks of s report at entered and wait for release.
func gate(s *Service) (entered chan struct{}, release chan struct{}) {
	entered, release = make(chan struct{}), make(chan struct{})
	s.hasher.check = func(string, string) (bool, *argon2id.Params, error) {
		entered <- struct{}{}
		<-release
		return false, &cheap, nil
	}
	return entered, release
}

func TestHashingIsBoundedAndSoIsWaitingForIt(t *testing.T) {
	t.Parallel()
	const parallel, waiting = 2, 3
	s := serve(t, Config{HashParallel: parallel, HashWaiting: waiting})
	entered, release := gate(s)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	verify := func(ctx context.Context) error {
		_, _, err := s.hasher.verify(ctx, password, "")
		return err
	}
	var group errgroup.Group
	for range parallel + waiting {
		group.Go(func() error { return verify(ctx) })
	}
	for range parallel {
		<-entered
	}
	require.Eventually(t, func() bool { return len(s.hasher.seats) == parallel+waiting }, patience, time.Millisecond)

	_, err := s.Login(ctx, anna, password)
	require.ErrorIs(t, err, ErrBusy)
	refused(t, err, fault.Unavailable)
	_, err = s.Register(ctx, anna, "Anna", password)
	require.ErrorIs(t, err, ErrBusy)

	for range waiting { // each that ends lets one in, none before
		select {
		case <-entered:
			t.Fatal("more than may run at a time")
		default:
		}
		release <- struct{}{}
		<-entered
	}
	close(release)
	require.NoError(t, group.Wait())
	require.Empty(t, s.hasher.seats)
	require.Empty(t, s.hasher.slots)
}

func TestWhoGivesUpWaitingLeavesTheQueue(t *testing.T) {
	t.Parallel()
	s := serve(t, Config{HashParallel: 1, HashWaiting: 1})
	entered, release := gate(s)
	running := make(chan error, 1)
	go func() {
		_, _, err := s.hasher.verify(t.Context(), password, "")
		running <- err
	}()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := s.Login(ctx, anna, password)
		gone <- err
	}()
	require.Eventually(t, func() bool { return len(s.hasher.seats) == 2 }, patience, time.Millisecond)
	cancel()
	refused(t, <-gone, fault.Cancelled)
	require.Len(t, s.hasher.seats, 1)

	_, _, err := s.hasher.verify(ctx, password, "")
	require.ErrorIs(t, err, context.Canceled, "who comes without time isn't served")
	close(release)
	require.NoError(t, <-running)
	require.Empty(t, s.hasher.seats)
}

func TestAPanicInAHashGivesTheSlotBack(t *testing.T) {
	t.Parallel()
	h, err := newHasher(cheap, 1, 0)
	require.NoError(t, err)
	h.create = func(string, *argon2id.Params) (string, error) { panic("out of memory") }
	require.Panics(t, func() { _, _ = h.hash(t.Context(), password) })
	require.Empty(t, h.slots)
	require.Empty(t, h.seats)
}

func TestADamagedHashIsOurMistakeNotTheUsers(t *testing.T) {
	t.Parallel()
	s := serve(t)
	user := register(t, s, anna)
	exec(t, s, "UPDATE users SET password_hash = 'damaged' WHERE id = $1", user.ID)
	_, err := s.Login(t.Context(), anna, password)
	refused(t, err, fault.Internal)
}

func BenchmarkHash(b *testing.B) {
	h, err := newHasher(hashParams, 1, 0)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		_, err := h.hash(b.Context(), password)
		require.NoError(b, err)
	}
}
