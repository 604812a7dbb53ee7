package api

import (
	"github.com/google/uuid"

	"rohrpost/db"
	"rohrpost/internal/accounts"
	"rohrpost/internal/datasets"
	"rohrpost/internal/deadletter"
	"rohrpost/internal/files"
	"rohrpost/internal/queue"
	"rohrpost/internal/reports"
	"rohrpost/internal/scaling"
	"rohrpost/internal/schedule"
	"rohrpost/internal/tuning"
)

// What records look like from outside, for the command line, which shows the same under the same names.

// ShownUser is an account.
func ShownUser(u accounts.User) User { return shownUser(u) }

// ShownAdminJob is a job as administrators see it. Why it waits, if it does and somebody knows, is not in its record.
func ShownAdminJob(j db.Job, waiting *queue.Waiting) AdminJob {
	out := shownAdminJob(j)
	out.Waiting = shownWaiting(waiting)
	return out
}

// ShownSchedule is a schedule.
func ShownSchedule(s schedule.Schedule) Schedule { return shownSchedule(s) }

// ShownQueue is how a queue stands.
func ShownQueue(s queue.State) Queue { return shownQueue(s) }

// ShownWorker is a living worker.
func ShownWorker(w queue.Worker) Worker { return shownWorker(w) }

// ShownScaling is how many workers there should be.
func ShownScaling(a scaling.Advice) Scaling { return shownScaling(a) }

// ShownGroup is dead letters of one cause.
func ShownGroup(g deadletter.Group) DeadLetterGroup { return shownGroup(g) }

// ShownBackup is a backup.
func ShownBackup(b db.Backup) (Backup, error) { return shownBackup(b) }

// ShownReport is a report.
func ShownReport(r reports.Report) Report { return shownReport(r) }

// ShownDataset is a dataset.
func ShownDataset(d datasets.Dataset) Dataset { return shownDataset(d) }

// ShownQuarantined is a file that the scanner closed.
func ShownQuarantined(f files.Uploaded) QuarantinedFile { return shownQuarantined(f) }

// ShownInspected is the same with its history.
func ShownInspected(f files.Inspected) QuarantinedFile { return shownInspected(f) }

// ShownTuning is a tuning, with its events if they were asked for.
func ShownTuning(t tuning.Tuning) Tuning { return shownTuning(t) }

// ShownModel is a model that can be asked, or could be.
func ShownModel(m tuning.Known) Model { return shownModel(m) }

// ShownMail is a mail, without what it tells.
func ShownMail(m db.Mail) Mail { return shownMail(m) }

// ShownSuppression is an address that nothing is sent to.
func ShownSuppression(a db.SuppressedAddress) Suppression { return shownSuppression(a) }

// ShownEntry is a change in the audit log.
func ShownEntry(e db.AuditEntry) AuditEntry { return shownEntry(e) }

// JobStarted is the answer to a request that started a job.
func JobStarted(id uuid.UUID) JobAccepted { return JobAccepted{JobID: id, EventsURL: eventsURL(id)} }
