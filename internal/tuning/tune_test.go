package tuning_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/ai"
	"rohrpost/internal/audit"
	"rohrpost/internal/datasets"
	"rohrpost/internal/fault"
	"rohrpost/internal/openai"
	"rohrpost/internal/queue"
	"rohrpost/internal/tuning"
	"rohrpost/internal/tuning/tuningtest"
)

func TestADatasetBecomesAModelThatCanBeAsked(t *testing.T) {
	t.Parallel()
	h := open(t, options{})
	dataset := h.dataset(60, datasets.Chat)
	o := order(dataset)
	o.Hyperparameters = tuning.Hyperparameters{Epochs: 3}
	id, job := h.start(o)
	got := h.tuning(id)
	require.Equal(t, "tuning", got.State)
	require.Equal(t, "validating_files", *got.RemoteStatus)
	require.EqualValues(t, 2, got.EventCount)

	// The service has what the dataset has, under names of ours.
	files := h.remote.Files()
	require.Len(t, files, 2)
	for i, name := range []string{datasets.Train, datasets.Validation} {
		require.Equal(t, fmt.Sprintf("rohrpost-%s-1-%s", id, name), files[i].Name)
		file, err := h.datasets.OpenFile(t.Context(), h.admin, true, dataset, name)
		require.NoError(t, err)
		r, err := file.NewReader(t.Context())
		require.NoError(t, err)
		want, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Equal(t, string(want), files[i].Content)
	}
	remote := h.remote.Jobs()[0]
	require.Equal(t, []string{files[0].ID, files[1].ID, "letters"}, []string{remote.Training, remote.Validation, remote.Suffix})
	require.Contains(t, string(remote.Method), `"n_epochs":3`)

	h.remote.Advance("running")
	require.Equal(t, queue.Queued, h.again(job).State)
	require.Equal(t, "running", *h.tuning(id).RemoteStatus)
	h.remote.Advance("succeeded")
	done := h.again(job)
	require.Equal(t, queue.Succeeded, done.State)
	require.EqualValues(t, 1, done.Attempt, "no look was an attempt")
	got = h.tuning(id)
	model := h.remote.Jobs()[0].FineTuned
	require.Equal(t, "succeeded", got.State)
	require.Equal(t, model, *got.Model)
	require.EqualValues(t, 4096, *got.TrainedTokens)
	var result tuning.Result
	require.NoError(t, json.Unmarshal(done.Result, &result))
	require.Equal(t, tuning.Result{TuningID: id, Model: model, TrainedTokens: 4096}, result)

	// Each event was told once, in order, and before the end.
	events, types := h.told(job)
	h.same(got.Events, events)
	require.Equal(t, "The job has successfully completed", events[len(events)-1].Message)
	require.Equal(t, "result", types[len(types)-1])
	for i, e := range events {
		require.EqualValues(t, i+1, e.Seq)
	}
	require.JSONEq(t, `{"step":1,"train_loss":0.5}`, string(events[2].Data))

	// What was uploaded is not left there.
	var end tuning.Ended
	h.ended(h.ends()[0], &end)
	require.Equal(t, 2, end.DeletedFiles)
	require.Zero(t, h.remote.Served(tuningtest.CancelJob))
	for _, f := range h.remote.Files() {
		require.True(t, f.Deleted)
	}
	require.Zero(t, h.remote.Served(tuningtest.ListFiles)+h.remote.Served(tuningtest.ListJobs), "nothing had to be looked for")

	// The model is known, and answers.
	known, err := h.Catalog(t.Context())
	require.NoError(t, err)
	require.Len(t, known, 1)
	require.Equal(t, []any{model, ai.Tuned, true, "ready", tuningtest.Base, id},
		[]any{known[0].Name, known[0].Provider, known[0].Available, known[0].State, known[0].Base, *known[0].TuningID})
	h.remote.Speak(tuningtest.Speech{Pieces: []string{"It ", "arrives."}})
	answer := h.ask(ai.Question{Prompt: "And?", Model: model, System: "Be brief."})
	require.Equal(t, "It arrives.", answer.Answer)
	require.Equal(t, 1, h.count(`SELECT count(*) FROM audit_entries WHERE action = 'tuning.start' AND target = $1`, id.String()))

	// It can be deleted, at the service too, and is gone then.
	var deletion queue.Record
	h.inTx(func(tx pgx.Tx) (err error) {
		deletion, err = h.StartDelete(h.ctx(), tx, h.by(), model)
		return err
	})
	h.ended(deletion.ID, nil)
	require.Equal(t, 1, h.remote.Served(tuningtest.DeleteModel))
	require.Zero(t, h.count(`SELECT count(*) FROM models`))
}

func TestNoWorkerIsHeldBetweenTwoLooks(t *testing.T) {
	t.Parallel()
	other := queue.Kind[struct{}]{Name: "test:other", Queue: "critical"}
	h := open(t, options{concurrency: 1, bind: func(mux *queue.Mux) {
		queue.Handle(mux, other, func(context.Context, *queue.Job[struct{}]) (any, error) { return "done", nil })
	}})
	id, job := h.start(order(h.dataset(60, datasets.Chat)))
	for range 2 {
		var record queue.Record
		h.inTx(func(tx pgx.Tx) (err error) {
			record, err = queue.Enqueue(h.ctx(), tx, other, struct{}{})
			return err
		})
		h.ended(record.ID, nil)
		require.Equal(t, "tuning", h.tuning(id).State)
		require.Equal(t, queue.Queued, h.again(job).State)
	}
}

func TestLooksComeMoreSeldomUntilThereIsNews(t *testing.T) {
	t.Parallel()
	h := open(t, options{cfg: tuning.Config{PollMin: 2 * time.Minute, PollMax: 20 * time.Minute}})
	id, job := h.start(order(h.dataset(60, datasets.Chat)))
	wait := func() time.Duration { j := h.job(job); return j.RunAt.Sub(*j.StartedAt).Round(time.Second) }
	between := func(least, most time.Duration) {
		t.Helper()
		require.GreaterOrEqual(t, wait(), least*4/5-time.Second)
		require.LessOrEqual(t, wait(), most*6/5+10*time.Second)
	}
	between(2*time.Minute, 2*time.Minute)
	h.again(job)
	between(4*time.Minute, 4*time.Minute)
	h.again(job)
	between(8*time.Minute, 8*time.Minute)
	for range 2 {
		h.again(job)
	}
	between(20*time.Minute, 20*time.Minute)
	h.remote.Advance("running")
	h.again(job)
	between(2*time.Minute, 2*time.Minute)
	h.remote.Fail(tuningtest.GetJob, tuningtest.Fault{Status: 429, RetryAfter: "1800"})
	h.again(job)
	between(30*time.Minute, 30*time.Minute)
	require.Equal(t, "tuning", h.tuning(id).State)
}

func TestWhatTheServiceTookBeforeTheAnswerWasLostIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	h := open(t, options{})
	h.remote.Pages(3, false)
	h.remote.Fail(tuningtest.Upload, tuningtest.Fault{Cut: true}, tuningtest.Fault{Lose: true}, tuningtest.Fault{}, tuningtest.Fault{})
	h.remote.Fail(tuningtest.CreateJob, tuningtest.Fault{Lose: true})
	id, job := h.start(order(h.dataset(60, datasets.Chat)))
	require.Empty(t, h.remote.Files(), "the first upload was cut off")
	require.Equal(t, "uploading", h.tuning(id).State)

	h.again(job)
	require.Len(t, h.remote.Files(), 1, "the second arrived, its answer did not")
	require.Nil(t, h.tuning(id).TrainingFile)

	h.again(job)
	require.Len(t, h.remote.Files(), 2, "it is found again, and the other one sent")
	require.Equal(t, h.remote.Files()[0].ID, *h.tuning(id).TrainingFile)
	require.Len(t, h.remote.Jobs(), 1, "the job is started, the answer lost")
	require.Equal(t, "creating", h.tuning(id).State)
	require.Nil(t, h.tuning(id).RemoteJob)

	rests := h.again(job)
	require.Len(t, h.remote.Jobs(), 1)
	require.Equal(t, h.remote.Jobs()[0].ID, *h.tuning(id).RemoteJob)
	require.Equal(t, "tuning", h.tuning(id).State)
	require.EqualValues(t, 3, rests.Attempt)

	h.remote.Advance("succeeded")
	require.Equal(t, queue.Succeeded, h.again(job).State)
	var end tuning.Ended
	h.ended(h.ends()[0], &end)
	require.Equal(t, 2, end.DeletedFiles)
}

func TestAWorkerThatDiedBeforeItRecordedWhatItDidIsFollowedByOneThatLooks(t *testing.T) {
	t.Parallel()
	h := open(t, options{})
	id, job := h.start(order(h.dataset(60, datasets.Chat)))
	// As if it had died between the service's answer and the record, of the file or of the job.
	h.exec(`UPDATE tunings SET state = 'uploading', training_file = NULL, validation_file = NULL, remote_job = NULL,
		remote_status = NULL, asked_at = NULL WHERE id = $1`, id)
	h.exec(`UPDATE tunings SET state = 'uploading' WHERE id = $1`, id)
	h.remote.Fail(tuningtest.CreateJob, tuningtest.Fault{Status: 500})
	h.again(job)
	require.Len(t, h.remote.Files(), 2)
	require.Equal(t, h.remote.Files()[0].ID, *h.tuning(id).TrainingFile)
	require.Equal(t, h.remote.Files()[1].ID, *h.tuning(id).ValidationFile)
	h.again(job)
	require.Len(t, h.remote.Jobs(), 1)
	require.Equal(t, h.remote.Jobs()[0].ID, *h.tuning(id).RemoteJob)

	// And before it had told what it put on record: told once all the same.
	h.exec(`UPDATE tunings SET events_told = 0 WHERE id = $1`, id)
	h.remote.Advance("running")
	h.again(job)
	events, _ := h.told(job)
	h.same(h.tuning(id).Events, events)
}

func TestAnAnswerThatWasLostIsWaitedForBeforeTheServiceIsAsked(t *testing.T) {
	t.Parallel()
	h := open(t, options{})
	h.remote.Fail(tuningtest.CreateJob, tuningtest.Fault{Status: 502, Plain: true})
	id, job := h.start(order(h.dataset(60, datasets.Chat)))
	asked := *h.tuning(id).AskedAt
	// The next run comes at once: the request may still be on its way.
	h.exec(`UPDATE jobs SET run_at = now(), epoch = epoch + 1, dispatched_at = NULL WHERE id = $1`, job)
	before := *h.job(job).StartedAt
	h.engine.Wake("ai")
	h.rests(job, before)
	require.Zero(t, h.remote.Served(tuningtest.ListJobs))
	require.Equal(t, 1, h.remote.Served(tuningtest.CreateJob))
	h.again(job)
	require.Equal(t, 1, h.remote.Served(tuningtest.ListJobs))
	require.Equal(t, 2, h.remote.Served(tuningtest.CreateJob))
	require.True(t, h.tuning(id).AskedAt.After(asked))
	require.Equal(t, "tuning", h.tuning(id).State)
}

func TestAServiceThatIsAwayWhileItTunesCostsNothing(t *testing.T) {
	t.Parallel()
	h := open(t, options{cfg: tuning.Config{Deadline: 1000 * time.Hour}})
	id, job := h.start(order(h.dataset(60, datasets.Chat)))
	h.remote.Advance("running")
	h.remote.Fail(tuningtest.GetJob, tuningtest.Fault{Status: 500}, tuningtest.Fault{Status: 503}, tuningtest.Fault{Garbage: true},
		tuningtest.Fault{Status: 429})
	h.remote.Fail(tuningtest.ListEvents, tuningtest.Fault{Status: 502, Plain: true})
	for range 5 {
		require.Equal(t, queue.Queued, h.again(job).State)
	}
	require.Contains(t, string(h.job(job).Progress), "trouble")
	require.Zero(t, h.again(job).Attempt, "no look was an attempt")
	require.NotContains(t, string(h.job(job).Progress), "trouble")
	require.Equal(t, "running", *h.tuning(id).RemoteStatus)
}

func TestAWrongKeyFailsAtOnceAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	h := open(t, options{})
	h.remote.Fail(tuningtest.Upload, tuningtest.Fault{Status: 401})
	id, job := h.start(order(h.dataset(60, datasets.Chat)))
	failed := h.job(job)
	require.Equal(t, queue.Failed, failed.State)
	require.Equal(t, string(openai.Refused), *failed.ErrorCode)
	require.Contains(t, *failed.ErrorMessage, "TUNING_API_KEY")
	require.Equal(t, "failed", h.tuning(id).State)
	require.Equal(t, string(openai.Refused), *h.tuning(id).ErrorCode)
}

func TestAModelThatCannotBeTunedIsTheServicesWord(t *testing.T) {
	t.Parallel()
	h := open(t, options{})
	o := order(h.dataset(60, datasets.Chat))
	o.BaseModel = "nobody-large"
	_, job := h.start(o)
	failed := h.job(job)
	require.Equal(t, queue.Failed, failed.State)
	require.Equal(t, string(fault.Invalid), *failed.ErrorCode)
	require.Contains(t, *failed.ErrorMessage, "nobody-large is not available for fine-tuning")
	var end tuning.Ended
	h.ended(h.ends()[0], &end)
	require.Equal(t, 2, end.DeletedFiles, "nothing is left there")
}

func TestATuningThatFailsAtTheServiceIsRunAgainUnderOtherNames(t *testing.T) {
	t.Parallel()
	h := open(t, options{})
	id, job := h.start(order(h.dataset(60, datasets.Chat)))
	h.remote.Advance("failed")
	failed := h.again(job)
	require.Equal(t, queue.Failed, failed.State)
	require.Equal(t, string(tuning.Failed), *failed.ErrorCode)
	require.Contains(t, *failed.ErrorMessage, "found wanting")
	events, types := h.told(job)
	require.Equal(t, "The job failed", events[len(events)-1].Message)
	require.Equal(t, "error", types[len(types)-1])
	var end tuning.Ended
	h.ended(h.ends()[0], &end)
	require.Equal(t, tuning.Ended{RemoteJob: h.remote.Jobs()[0].ID, Status: "failed", DeletedFiles: 2}, end)

	_, err := h.engine.Rerun(t.Context(), job, h.admin)
	require.NoError(t, err)
	h.rests(job, *failed.StartedAt)
	require.Equal(t, "tuning", h.tuning(id).State)
	require.Len(t, h.remote.Jobs(), 2)
	require.Contains(t, h.remote.Files()[2].Name, id.String()+"-2-")
	require.EqualValues(t, 2, h.tuning(id).EventCount, "of this round")
	h.remote.Advance("succeeded")
	require.Equal(t, queue.Succeeded, h.again(job).State)
}

func TestWhatTakesTooLongIsGivenUpAndStopped(t *testing.T) {
	t.Parallel()
	h := open(t, options{cfg: tuning.Config{Deadline: 3 * time.Hour}})
	id, job := h.start(order(h.dataset(60, datasets.Chat)))
	h.remote.Advance("running")
	require.Equal(t, queue.Queued, h.again(job).State)
	failed := h.again(job)
	require.Equal(t, queue.Failed, failed.State)
	require.Equal(t, string(tuning.Overdue), *failed.ErrorCode)
	require.Contains(t, *failed.ErrorMessage, "TUNING_DEADLINE")
	h.ended(h.ends()[0], nil)
	require.Equal(t, "cancelled", h.remote.Jobs()[0].Status)
	require.Equal(t, "cancelled", *h.tuning(id).RemoteStatus)

	// One that was done when its time was up is a success.
	h.ahead.Store(0)
	id, job = h.start(order(h.dataset(61, datasets.Chat)))
	h.ahead.Add(int64(100 * time.Hour))
	h.remote.Advance("succeeded")
	require.Equal(t, queue.Succeeded, h.again(job).State)
	require.Equal(t, "succeeded", h.tuning(id).State)
}

func TestEventsAreToldOnceInWhateverOrderAServiceListsThem(t *testing.T) {
	t.Parallel()
	for _, ascending := range []bool{false, true} {
		h := open(t, options{})
		h.remote.Pages(2, ascending)
		id, job := h.start(order(h.dataset(60, datasets.Chat)))
		said := 0
		for range 3 {
			for range 5 {
				said++
				h.remote.Tell("info", fmt.Sprintf("Step %d", said))
			}
			h.again(job)
		}
		h.remote.Advance("succeeded")
		require.Equal(t, queue.Succeeded, h.again(job).State)
		events, _ := h.told(job)
		h.same(h.tuning(id).Events, events)
		require.Len(t, events, 2+said+2)
		seen := map[string]bool{}
		for _, e := range events {
			require.False(t, seen[e.ID])
			seen[e.ID] = true
		}
		for i := range said {
			require.Equal(t, fmt.Sprintf("Step %d", i+1), events[2+i].Message)
		}
	}
}

func TestEventsWaitForTheLiveStreamToBeBack(t *testing.T) {
	t.Parallel()
	h := open(t, options{})
	id, job := h.start(order(h.dataset(60, datasets.Chat)))
	h.remote.Tell("info", "Nobody hears this yet")
	require.NoError(t, h.redis.Stop(h.within()))
	require.NoError(t, h.redis.Start(h.within()))
	h.remote.Advance("succeeded")
	require.Equal(t, queue.Succeeded, h.again(job).State)
	events, _ := h.told(job)
	all := h.tuning(id).Events
	h.same(all[len(all)-len(events):], events)
	require.GreaterOrEqual(t, len(events), 3)
}

func TestADatasetThatNoModelCanBeTunedWithIsRefusedBeforeItLeavesTheHouse(t *testing.T) {
	t.Parallel()
	h := open(t, options{})
	check := func(o tuning.Order, code fault.Code, says string) {
		t.Helper()
		err := h.Check(t.Context(), h.by(), o)
		require.Equal(t, code, fault.CodeOf(err), "%v", err)
		require.Contains(t, fault.Message(err), says)
	}
	check(order(uuid.New()), fault.NotFound, "dataset")
	check(order(h.dataset(5, datasets.Chat)), tuning.NotFit, "10 are the least")
	check(order(h.dataset(30, datasets.Completion)), tuning.NotFit, `"completion"`)
	good := h.dataset(60, datasets.Chat)
	for says, o := range map[string]tuning.Order{
		"base_model":               {DatasetID: good, BaseModel: "a b"},
		"suffix":                   {DatasetID: good, BaseModel: "b", Suffix: "no spaces"},
		"n_epochs":                 {DatasetID: good, BaseModel: "b", Hyperparameters: tuning.Hyperparameters{Epochs: 51}},
		"batch_size":               {DatasetID: good, BaseModel: "b", Hyperparameters: tuning.Hyperparameters{BatchSize: -1}},
		"learning_rate_multiplier": {DatasetID: good, BaseModel: "b", Hyperparameters: tuning.Hyperparameters{LearningRateMultiplier: -1}},
	} {
		check(o, fault.Invalid, says)
	}
	require.Zero(t, h.remote.Served(tuningtest.Upload))
}

func TestADatasetThatWasDamagedInTheStorageIsNotSent(t *testing.T) {
	t.Parallel()
	h := open(t, options{})
	dataset := h.dataset(60, datasets.Chat)
	h.exec(`UPDATE dataset_files SET sha256 = sha256(sha256) WHERE dataset_id = $1 AND name = 'validation.jsonl'`, dataset)
	id, job := h.start(order(dataset))
	failed := h.job(job)
	require.Equal(t, queue.Failed, failed.State)
	require.Equal(t, string(openai.Damaged), *failed.ErrorCode)
	require.Len(t, h.remote.Files(), 1)
	require.Equal(t, "failed", h.tuning(id).State)
	h.ended(h.ends()[0], nil)
	require.True(t, h.remote.Files()[0].Deleted)
}

func TestAFileThatIsTooLargeIsToldBeforeItIsSent(t *testing.T) {
	t.Parallel()
	h := open(t, options{cfg: tuning.Config{MaxBytes: 100}})
	_, job := h.start(order(h.dataset(60, datasets.Chat)))
	require.Equal(t, string(fault.TooLarge), *h.job(job).ErrorCode)
	require.Contains(t, *h.job(job).ErrorMessage, "TUNING_MAX_BYTES")
	require.Empty(t, h.ends())
}

func TestExamplesAreCheckedLineByLine(t *testing.T) {
	t.Parallel()
	good := `{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}]}` + "\n"
	calls := `{"messages":[{"role":"user","content":[{"type":"text","text":"u"}]},{"role":"assistant","tool_calls":[{"id":"1"}]}]}`
	n, err := tuning.CheckExamples("f", strings.NewReader(good+good+calls))
	require.NoError(t, err)
	require.Equal(t, 3, n)
	n, err = tuning.CheckExamples("f", strings.NewReader(""))
	require.NoError(t, err)
	require.Zero(t, n)
	for says, line := range map[string]string{
		"no JSON":        `{`,
		"no messages":    `{"prompt":"p","completion":"c"}`,
		`role "boss"`:    `{"messages":[{"role":"boss","content":"c"}]}`,
		"has no content": `{"messages":[{"role":"user","content":""},{"role":"assistant","content":"a"}]}`,
		"of the user":    `{"messages":[{"role":"assistant","content":"a"},{"role":"user","content":"u"}]}`,
		"at most":        `{"messages":[{"role":"user","content":"` + strings.Repeat("x", 9<<20) + `"}]}`,
	} {
		_, err := tuning.CheckExamples("train.jsonl", strings.NewReader(good+line+"\n"+good))
		require.Equal(t, tuning.NotFit, fault.CodeOf(err), says)
		require.Contains(t, fault.Message(err), "train.jsonl, line 2")
		require.Contains(t, fault.Message(err), says)
	}
	broken := fault.New(fault.Unavailable, "gone")
	_, err = tuning.CheckExamples("f", io.MultiReader(strings.NewReader(good), iotestErr{broken}))
	require.ErrorIs(t, err, broken)
}

type iotestErr struct{ err error }

func (e iotestErr) Read([]byte) (int, error) { return 0, e.err }

func TestTuningsAreListed(t *testing.T) {
	t.Parallel()
	h := open(t, options{})
	first, job := h.start(order(h.dataset(60, datasets.Chat)))
	_, err := h.engine.Cancel(t.Context(), job, h.admin)
	require.NoError(t, err)
	second, _ := h.start(order(h.dataset(61, datasets.Chat)))
	list := func(f tuning.Filter) (ids []uuid.UUID) {
		t.Helper()
		f.Limit = 10
		all, err := h.List(t.Context(), f)
		require.NoError(t, err)
		for _, one := range all {
			require.Nil(t, one.Events)
			ids = append(ids, one.ID)
		}
		return ids
	}
	require.Equal(t, []uuid.UUID{second, first}, list(tuning.Filter{}))
	require.Equal(t, []uuid.UUID{first}, list(tuning.Filter{Before: second}))
	cancelled := "cancelled"
	require.Equal(t, []uuid.UUID{first}, list(tuning.Filter{State: &cancelled}))
	_, err = h.Get(t.Context(), uuid.New())
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

func TestWithoutAServiceTuningIsRefused(t *testing.T) {
	t.Parallel()
	answers, err := ai.New(nil, ai.Config{})
	require.NoError(t, err)
	s, err := tuning.New(tuning.Deps{AI: answers}, tuning.Config{})
	require.NoError(t, err)
	err = s.Check(t.Context(), audit.CommandLine(), order(uuid.New()))
	require.Equal(t, tuning.NotConfigured, fault.CodeOf(err))
	require.Contains(t, fault.Message(err), "TUNING_URL")
	for name, cfg := range map[string]tuning.Config{
		"TUNING_DEADLINE": {Deadline: time.Second}, "TUNING_POLL_MAX": {PollMin: time.Hour}, "TUNING_POLL_MIN": {PollMin: -1}, "TUNING_MAX_BYTES": {MaxBytes: -1},
		"TUNING_SETTLE": {Settle: -1},
	} {
		_, err := tuning.New(tuning.Deps{}, cfg)
		require.ErrorContains(t, err, name)
		require.Equal(t, fault.Invalid, fault.CodeOf(err))
	}
}
