package reports

import (
	"time"

	"github.com/google/uuid"
)

// Schema names the form of [Usage] as JSON. Fields may be added under the same name; one that changes its meaning or
// goes makes a new one.
const Schema = "rohrpost.report/1"

// Usage is what a report says: the JSON format is this, and the others are made of it.
type Usage struct {
	Schema   string    `json:"schema"`
	ReportID uuid.UUID `json:"report_id"`
	MadeAt   time.Time `json:"made_at"` // of all numbers
	Scope    string    `json:"scope"`   // Mine or Everyone
	Owner    Person    `json:"owner"`
	Period   Span      `json:"period"`
	Notes    []string  `json:"notes"` // what a reader has to know to trust the numbers

	Jobs    JobNumbers     `json:"jobs"`
	Files   FileNumbers    `json:"files"`
	Storage StorageNumbers `json:"storage"`
	AI      AINumbers      `json:"ai"`
	Users   *UserNumbers   `json:"users,omitempty"` // for Everyone only
	Days    []DayNumbers   `json:"days"`            // without a gap
}

// Person is a user, or who owned what a deleted user or the system left: without an address.
type Person struct {
	ID    uuid.UUID `json:"id"`
	Email string    `json:"email,omitempty"`
	Name  string    `json:"name,omitempty"`
}

// Span is a [Period] and how much of it was over.
type Span struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`    // exclusive
	Until time.Time `json:"until"` // to, or made_at where that is earlier
	Zone  string    `json:"zone"`
}

// Percentiles are in seconds. They are interpolated between the two nearest values.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// JobNumbers count the jobs that ended in the period, each once, by what became of it in the end.
type JobNumbers struct {
	Ended  int64        `json:"ended"`
	Wait   *Percentiles `json:"wait_seconds"` // from when the last attempt was due until it began; null if none did
	Run    *Percentiles `json:"run_seconds"`  // of the last attempt
	ByKind []KindJobs   `json:"by_kind"`      // by kind and outcome
}

// KindJobs are the jobs of a kind that ended the same way.
type KindJobs struct {
	Kind    string       `json:"kind"`
	Outcome string       `json:"outcome"` // succeeded, failed or cancelled
	Jobs    int64        `json:"jobs"`
	Wait    *Percentiles `json:"wait_seconds"`
	Run     *Percentiles `json:"run_seconds"`
}

// FileNumbers count the files that were stored in the period, whether or not they were deleted since: what was uploaded,
// and what jobs made for users, such as reports.
type FileNumbers struct {
	Stored    int64          `json:"stored"`
	Bytes     int64          `json:"bytes"`
	ByVerdict []VerdictFiles `json:"by_verdict"`
}

// VerdictFiles are the files of the period with the same verdict.
type VerdictFiles struct {
	Verdict string `json:"verdict"` // none: not scanned yet
	Files   int64  `json:"files"`
	Bytes   int64  `json:"bytes"`
}

// StorageNumbers are what lay in the storage at the end of the period.
type StorageNumbers struct {
	Files          int64         `json:"files"`
	Bytes          int64         `json:"bytes"`
	ThumbnailBytes int64         `json:"thumbnail_bytes"` // beside bytes; of files that are there still
	ByStatus       []StatusFiles `json:"by_status"`
}

// StatusFiles are the files of a status.
type StatusFiles struct {
	Status string `json:"status"`
	Files  int64  `json:"files"`
	Bytes  int64  `json:"bytes"`
}

// AINumbers count the questions that were asked in the period.
type AINumbers struct {
	Questions
	ByModel []ModelQuestions `json:"by_model"` // who got most first
	// Others are the models beyond the first 100.
	Others *Questions `json:"other_models,omitempty"`
}

// Questions are some questions. Those that are none of answered, cancelled and failed were under way.
type Questions struct {
	Queries          int64        `json:"queries"`
	Answered         int64        `json:"answered"`
	Cancelled        int64        `json:"cancelled"`
	Failed           int64        `json:"failed"`
	PromptTokens     int64        `json:"prompt_tokens"`
	CompletionTokens int64        `json:"completion_tokens"`
	FirstToken       *Percentiles `json:"first_token_seconds"` // of those answered: until the first token
	Answer           *Percentiles `json:"answer_seconds"`      // until the last
}

// ModelQuestions are those to a model.
type ModelQuestions struct {
	Model string `json:"model"`
	Questions
}

// UserNumbers are everyone's.
type UserNumbers struct {
	Listed []UserUsage `json:"listed"` // who used most tokens first, up to 1000
	Others *Amounts    `json:"others,omitempty"`
}

// UserUsage is what a user used.
type UserUsage struct {
	User Person `json:"user"`
	Amounts
}

// Amounts are counts of the same things that the whole report counts.
type Amounts struct {
	Jobs             int64 `json:"jobs"`
	Files            int64 `json:"files"`
	Bytes            int64 `json:"bytes"`
	Queries          int64 `json:"queries"`
	PromptTokens     int64 `json:"prompt_tokens"`
	CompletionTokens int64 `json:"completion_tokens"`
}

// DayNumbers are what happened on a day.
type DayNumbers struct {
	Day  string    `json:"day"` // the date in the zone
	From time.Time `json:"from"`
	DayAmounts
}

// DayAmounts count the same things as the whole report does.
type DayAmounts struct {
	Succeeded        int64 `json:"jobs_succeeded"`
	Failed           int64 `json:"jobs_failed"`
	Cancelled        int64 `json:"jobs_cancelled"`
	Files            int64 `json:"files"`
	Bytes            int64 `json:"bytes"`
	Queries          int64 `json:"queries"`
	PromptTokens     int64 `json:"prompt_tokens"`
	CompletionTokens int64 `json:"completion_tokens"`
}
