package tuning_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/datasets"
	"rohrpost/internal/openai"
	"rohrpost/internal/queue"
	"rohrpost/internal/tuning"
	"rohrpost/internal/tuning/tuningtest"
)

func TestACancelReachesTheServiceAlsoIfThatIsAway(t *testing.T) {
	t.Parallel()
	h := open(t, options{})
	id, job := h.start(order(h.dataset(60, datasets.Chat)))
	h.remote.Advance("running")
	h.again(job)
	h.remote.Fail(tuningtest.CancelJob, tuningtest.Fault{Status: 503}, tuningtest.Fault{Lose: true})
	_, err := h.engine.Cancel(t.Context(), job, h.admin)
	require.NoError(t, err)
	require.Equal(t, "cancelled", h.tuning(id).State, "on record with the cancel")
	require.Equal(t, "cancelled", *h.tuning(id).ErrorCode)

	end := h.ends()[0]
	rests := h.rests(end, time.Time{})
	require.Equal(t, queue.Queued, rests.State)
	require.Equal(t, "running", h.remote.Jobs()[0].Status, "the service was away")
	require.Equal(t, queue.Succeeded, h.again(end).State, "it was done and the answer lost, so it was looked at")
	require.Equal(t, "cancelled", h.remote.Jobs()[0].Status)
	require.EqualValues(t, 1, h.job(end).Attempt)
	require.Equal(t, "cancelled", *h.tuning(id).RemoteStatus)
	for _, f := range h.remote.Files() {
		require.True(t, f.Deleted)
	}
	require.Equal(t, queue.Cancelled, h.job(job).State)
}

func TestACancelFindsTheJobWhoseAnswerWasLost(t *testing.T) {
	t.Parallel()
	h := open(t, options{})
	h.remote.Fail(tuningtest.CreateJob, tuningtest.Fault{Lose: true})
	id, job := h.start(order(h.dataset(60, datasets.Chat)))
	require.Equal(t, "creating", h.tuning(id).State)
	_, err := h.engine.Cancel(t.Context(), job, h.admin)
	require.NoError(t, err)
	end := h.ends()[0]
	require.Greater(t, time.Until(h.job(end).RunAt), 30*time.Minute, "what may be on its way is waited for")
	var done tuning.Ended
	h.ended(end, &done)
	require.Equal(t, tuning.Ended{RemoteJob: h.remote.Jobs()[0].ID, Status: "cancelled", DeletedFiles: 2}, done)
	require.Equal(t, h.remote.Jobs()[0].ID, *h.tuning(id).RemoteJob)
}

func TestACancelDuringTheUploadLeavesNothingThere(t *testing.T) {
	t.Parallel()
	h := open(t, options{})
	h.remote.Fail(tuningtest.Upload, tuningtest.Fault{Lose: true})
	_, job := h.start(order(h.dataset(60, datasets.Chat)))
	require.Len(t, h.remote.Files(), 1)
	_, err := h.engine.Cancel(t.Context(), job, h.admin)
	require.NoError(t, err)
	var done tuning.Ended
	h.ended(h.ends()[0], &done)
	require.Equal(t, tuning.Ended{DeletedFiles: 1}, done)
	require.True(t, h.remote.Files()[0].Deleted)
	require.Zero(t, h.remote.Served(tuningtest.CancelJob))
}

func TestACancelThatComesTooLateIsToldWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	h := open(t, options{cfg: tuning.Config{KeepFiles: true}})
	id, job := h.start(order(h.dataset(60, datasets.Chat)))
	h.remote.Advance("succeeded")
	_, err := h.engine.Cancel(t.Context(), job, h.admin)
	require.NoError(t, err)
	var done tuning.Ended
	h.ended(h.ends()[0], &done)
	require.Equal(t, "succeeded", done.Status)
	require.Zero(t, done.DeletedFiles, "TUNING_KEEP_FILES")
	require.Equal(t, "succeeded", *h.tuning(id).RemoteStatus)
	require.Equal(t, "cancelled", h.tuning(id).State)
	require.Zero(t, h.count(`SELECT count(*) FROM models`))
}

func TestACancelThatTheServiceRefusesIsLeftForSomebodyToSee(t *testing.T) {
	t.Parallel()
	h := open(t, options{})
	_, job := h.start(order(h.dataset(60, datasets.Chat)))
	h.remote.Fail(tuningtest.CancelJob, tuningtest.Fault{Status: 403, Message: "not yours"})
	_, err := h.engine.Cancel(t.Context(), job, h.admin)
	require.NoError(t, err)
	failed := h.rests(h.ends()[0], time.Time{})
	require.Equal(t, queue.Failed, failed.State)
	require.Equal(t, string(openai.Refused), *failed.ErrorCode)
	require.Contains(t, *failed.ErrorMessage, "not yours")
}

func TestACancelInTheMiddleOfAnUploadStopsIt(t *testing.T) {
	t.Parallel()
	h := open(t, options{})
	dataset := h.dataset(60, datasets.Chat)
	held := make(chan struct{})
	h.remote.Fail(tuningtest.Upload, tuningtest.Fault{Hold: held})
	var id, job uuid.UUID
	h.inTx(func(tx pgx.Tx) error {
		t, record, err := h.Start(h.ctx(), tx, h.by(), order(dataset))
		id, job = t.ID, record.ID
		return err
	})
	require.True(t, h.remote.Await(tuningtest.Upload, 1, patience))
	_, err := h.engine.Cancel(t.Context(), job, h.admin)
	require.NoError(t, err)
	select {
	case <-h.remote.Left():
	case <-time.After(patience):
		t.Fatal("the connection to the service is still open")
	}
	close(held)
	require.Equal(t, "cancelled", h.tuning(id).State)
	require.Empty(t, h.remote.Files())
	var done tuning.Ended
	h.ended(h.ends()[0], &done)
	require.Equal(t, tuning.Ended{}, done)
}
