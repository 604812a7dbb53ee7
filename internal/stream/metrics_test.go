package stream

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
)

func TestTheLagOfLiveEventsIsCountedAndNotThatOfReplayedOnes(t *testing.T) {
	t.Parallel()
	rdb := startRedis(t).client()
	reg := prometheus.NewRegistry()
	hub := NewHub(rdb, Config{}, NewMetrics(reg), nil)
	hub.Start(t.Context())
	t.Cleanup(hub.Stop)
	lag := func() *dto.Histogram {
		families, err := reg.Gather()
		require.NoError(t, err)
		for _, family := range families {
			if family.GetName() == "rohrpost_stream_lag_seconds" {
				return family.GetMetric()[0].GetHistogram()
			}
		}
		t.Fatal("not shown")
		return nil
	}
	// Given a stream with an event in its log
	log, job := New(rdb, Config{}), newJob()
	appendNumbers(t, log, job, 1, 1)
	s := subscribe(t, hub, job, "")
	// When it was replayed, then that counts for nothing
	s.Written(next(t, s))
	require.Zero(t, lag().GetSampleCount())
	// When a live one was written, then its time is the one since its append
	began := time.Now()
	appendNumbers(t, log, job, 2, 2)
	s.Written(next(t, s))
	require.EqualValues(t, 1, lag().GetSampleCount())
	// Redis and this test share a clock, and Redis rounds down to microseconds
	require.Less(t, lag().GetSampleSum(), (time.Since(began) + time.Millisecond).Seconds())
	require.GreaterOrEqual(t, lag().GetSampleSum(), 0.0)
	// A clock that goes ahead of ours is no negative time
	s.Written(Event{appended: time.Now().Add(time.Hour).UnixMicro()})
	require.GreaterOrEqual(t, lag().GetSampleSum(), 0.0)
}

func TestAMessageThatCantBeReadIsNone(t *testing.T) {
	t.Parallel()
	e, at, err := parseMessage("5-1 1 result 1700000000000000\n{}")
	require.NoError(t, err)
	require.Equal(t, position{5, 1}, at)
	require.Equal(t, Event{ID: "5-1", Type: "result", Data: []byte("{}"), End: true, appended: 1700000000000000}, e)
	for _, wrong := range []string{"", "5-1 1\n{}", "5-1 1 result 7", "5-1 1 result now\n{}", "x 1 result 7\n{}"} {
		_, _, err := parseMessage(wrong)
		require.Error(t, err, wrong)
	}
}
