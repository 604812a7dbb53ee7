package plans

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/db"
)

func answers(d *dataset) []check {
	id, job := d.id(250_000, answerRows), d.job(500_000)
	return []check{
		on("", func(x db.DBTX) {
			q.InsertAIQuery(bg, x, db.InsertAIQueryParams{ID: uuid.New(), Owner: d.user(1), JobID: uuid.New(), Model: "model1"})
		}),
		on("", func(x db.DBTX) { q.AIQueryByID(bg, x, id) }),
		on("", func(x db.DBTX) { q.AIQueryByJob(bg, x, job) }),
		on("", func(x db.DBTX) { q.FinishAIQuery(bg, x, db.FinishAIQueryParams{ID: id}) }),
		on("", func(x db.DBTX) { q.KeepCancelledAnswer(bg, x, db.KeepCancelledAnswerParams{ID: id, Epoch: 1}) }),
		on("", func(x db.DBTX) { q.CloseAIQuery(bg, x, db.CloseAIQueryParams{FinishReason: "failed", JobID: job}) }),
		on("", func(x db.DBTX) { q.ReopenAIQuery(bg, x, job) }),
		on("", func(x db.DBTX) {
			q.RateAIQuery(bg, x, db.RateAIQueryParams{Rating: new(int16(1)), JobID: job, Owner: d.user(1)})
		}),
		on("", func(x db.DBTX) { q.TrainingConsent(bg, x, d.user(4)) }),
		on("", func(x db.DBTX) { q.GiveTrainingConsent(bg, x, d.user(5)) }),
		on("", func(x db.DBTX) { q.WithdrawTrainingConsent(bg, x, d.user(4)) }),
	}
}

func datasets(d *dataset) []check {
	id, job, heavy := d.id(10_000, datasetRows), d.id(10_000, datasetRows), d.user(1)
	const cursor = "read through a cursor, planned at each opening"
	list := func(arg db.DatasetsOfViewerBeforeParams) func(x db.DBTX) {
		arg.PageSize = 21
		return func(x db.DBTX) { q.DatasetsOfViewerBefore(bg, x, arg) }
	}
	return []check{
		on("", func(x db.DBTX) {
			q.InsertDataset(bg, x, db.InsertDatasetParams{ID: uuid.New(), Owner: heavy, JobID: uuid.New(), Scope: "mine", Spec: []byte(`{}`)})
		}),
		on("", func(x db.DBTX) { q.DatasetByID(bg, x, id) }),
		on("", func(x db.DBTX) { q.DatasetOfViewer(bg, x, db.DatasetOfViewerParams{ID: id, Viewer: heavy}) }),
		on("heavy user", list(db.DatasetsOfViewerBeforeParams{Before: uuid.Max, Viewer: heavy})),
		on("light user", list(db.DatasetsOfViewerBeforeParams{Before: uuid.Max, Viewer: d.user(7777)})),
		on("admin", list(db.DatasetsOfViewerBeforeParams{Before: uuid.Max, Viewer: d.user(4001), IsAdmin: true})),
		on("", func(x db.DBTX) { q.DeleteDataset(bg, x, db.DeleteDatasetParams{ID: id, Viewer: heavy, IsAdmin: true}) }),
		on("", func(x db.DBTX) { q.FinishDataset(bg, x, db.FinishDatasetParams{ID: d.id(19_995, datasetRows)}) }),
		on("", func(x db.DBTX) { q.CloseDataset(bg, x, db.CloseDatasetParams{State: "failed", JobID: job}) }),
		on("", func(x db.DBTX) { q.ReopenDataset(bg, x, job) }),
		on("", func(x db.DBTX) {
			q.InsertDatasetFile(bg, x, db.InsertDatasetFileParams{DatasetID: id, Name: "new.jsonl", SHA256: hash(1)})
		}),
		on("a page", func(x db.DBTX) { q.FilesOfDatasets(bg, x, d.ids(datasetRows, 10_000, 20)) }),
		on("", func(x db.DBTX) { q.DatasetsInStorage(bg, x, d.ids(datasetRows, 10_000, 100)) }),
		on("some", func(x db.DBTX) { q.OldDatasets(bg, x, db.OldDatasetsParams{AgeSeconds: 86400, Most: 1000}) }),
		on("none", func(x db.DBTX) { q.OldDatasets(bg, x, db.OldDatasetsParams{AgeSeconds: 1e8, Most: 1000}) }),
		on("a tenth", func(x db.DBTX) { q.CountOldDatasets(bg, x, 27*86400) }).
			scanning(100_000, "counts what a sweep would delete", "dataset_files"),
		on("", func(x db.DBTX) { q.DeleteOldDataset(bg, x, id) }),
		on("of a heavy user", func(x db.DBTX) {
			q.DatasetConversations(bg, x, db.DatasetConversationsParams{Models: []string{}, Owner: heavy})
		}).planned(cursor),
		on("of a light user", func(x db.DBTX) {
			q.DatasetConversations(bg, x, db.DatasetConversationsParams{Models: []string{}, Owner: d.user(7777)})
		}).planned(cursor),
		on("of everyone who consents", func(x db.DBTX) {
			q.DatasetConversations(bg, x, db.DatasetConversationsParams{Models: []string{}, Everyone: true})
		}).planned(cursor).scanning(600_000, "a quarter of all is exported", "ai_queries", "training_consents"),
		on("of everyone, the last day", func(x db.DBTX) {
			q.DatasetConversations(bg, x, db.DatasetConversationsParams{Models: []string{}, Everyone: true, Since: new(d.at(29, 30))})
		}).planned(cursor).scanning(600_000, "goes over all consents", "training_consents"),
		on("of a light user", func(x db.DBTX) {
			q.CountDatasetConversations(bg, x, db.CountDatasetConversationsParams{Models: []string{}, Owner: d.user(7777)})
		}).reading(200, "counts what an export would hold"),
		on("of everyone", func(x db.DBTX) {
			q.CountDatasetConversations(bg, x, db.CountDatasetConversationsParams{Models: []string{}, Everyone: true})
		}).scanning(600_000, "counts what an export would hold", "ai_queries", "training_consents"),
	}
}

func tunings(d *dataset) []check {
	ended, going := d.id(100, tuningRows), d.id(4998, tuningRows)
	return []check{
		on("", func(x db.DBTX) {
			q.InsertTuning(bg, x, db.InsertTuningParams{
				ID: uuid.New(), Owner: d.user(1), JobID: uuid.New(), BaseModel: "base", Hyperparameters: []byte(`{}`)})
		}),
		on("", func(x db.DBTX) { q.TuningByID(bg, x, going) }),
		on("", func(x db.DBTX) { q.LockTuningByJob(bg, x, going) }),
		on("", func(x db.DBTX) { q.TuningsBefore(bg, x, db.TuningsBeforeParams{Before: uuid.Max, PageSize: 21}) }),
		on("going on", func(x db.DBTX) {
			q.TuningsBefore(bg, x, db.TuningsBeforeParams{Before: uuid.Max, State: new("tuning"), PageSize: 21})
		}),
		on("failed", func(x db.DBTX) {
			q.TuningsBefore(bg, x, db.TuningsBeforeParams{Before: uuid.Max, State: new("failed"), PageSize: 21})
		}),
		on("", func(x db.DBTX) { q.MarkTuningUploading(bg, x, db.MarkTuningUploadingParams{ID: going, Round: 1}) }),
		on("", func(x db.DBTX) { q.RecordTrainingFile(bg, x, db.RecordTrainingFileParams{ID: going, Round: 1}) }),
		on("", func(x db.DBTX) { q.RecordValidationFile(bg, x, db.RecordValidationFileParams{ID: going, Round: 1}) }),
		on("", func(x db.DBTX) {
			q.MarkTuningCreating(bg, x, db.MarkTuningCreatingParams{AskedAt: time.Now(), ID: going, Round: 1})
		}),
		on("", func(x db.DBTX) { q.RecordTuningJob(bg, x, db.RecordTuningJobParams{ID: going, Round: 1}) }),
		on("", func(x db.DBTX) { q.RecordTuningPoll(bg, x, db.RecordTuningPollParams{ID: going, Round: 1}) }),
		on("", func(x db.DBTX) { q.SucceedTuning(bg, x, db.SucceedTuningParams{Model: "m", ID: going, Round: 1}) }),
		on("", func(x db.DBTX) { q.CloseTuning(bg, x, db.CloseTuningParams{State: "failed", ID: going}) }),
		on("", func(x db.DBTX) { q.ReopenTuning(bg, x, ended) }),
		on("", func(x db.DBTX) { q.RecordTuningEnd(bg, x, db.RecordTuningEndParams{ID: ended, Round: 1}) }),
		on("", func(x db.DBTX) {
			q.InsertTuningEvent(bg, x, db.InsertTuningEventParams{TuningID: going, Round: 1, RemoteID: "new", At: time.Now()})
		}),
		on("", func(x db.DBTX) {
			q.KnownTuningEvents(bg, x, db.KnownTuningEventsParams{TuningID: going, Round: 1, RemoteIds: []string{"event-1", "none"}})
		}).reading(40, "may look at all events of the tuning"),
		on("", func(x db.DBTX) {
			q.TuningEventsAfter(bg, x, db.TuningEventsAfterParams{TuningID: going, Round: 1, After: 5, PageSize: 21})
		}),
		on("a page", func(x db.DBTX) { q.CountTuningEvents(bg, x, d.ids(tuningRows, 3000, 20)) }).
			reading(2000, "counts the events of a page of tunings"),
		on("", func(x db.DBTX) { q.TuningEventsTold(bg, x, db.TuningEventsToldParams{Seq: 1, ID: going, Round: 1}) }),
		on("", func(x db.DBTX) { q.AllModels(bg, x) }),
		on("", func(x db.DBTX) { q.ModelByName(bg, x, "made7") }),
		on("", func(x db.DBTX) { q.ModelNamesAt(bg, x, "openai") }),
		on("", func(x db.DBTX) { q.LockModel(bg, x, "made7") }),
		on("", func(x db.DBTX) { q.InsertModel(bg, x, db.InsertModelParams{Name: "new", Spec: []byte(`{}`)}) }),
		on("", func(x db.DBTX) {
			q.InsertTunedModel(bg, x, db.InsertTunedModelParams{Name: "new", TuningID: &ended})
		}),
		on("", func(x db.DBTX) {
			q.SetModelState(bg, x, db.SetModelStateParams{State: "ready", Name: "made7", JobID: d.id(7, tuningRows)})
		}),
		on("", func(x db.DBTX) { q.MarkModelDeleting(bg, x, db.MarkModelDeletingParams{Name: "made7"}) }),
		on("", func(x db.DBTX) { q.DeleteModelRow(bg, x, "made7") }),
	}
}
