package acceptance

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/dashboards"
	"rohrpost/internal/backup"
	"rohrpost/internal/blob"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/thumbnail/imagetest"
	"rohrpost/tasks"
)

// quiet are the panels that have nothing to show in the place below, and why.
var quiet = map[string]string{
	"servers.json: Waits for a connection to Redis": "nobody had to",
}

// scrape is the time between two scrapes: short, as a rate needs two of them.
const scrape = time.Second

func TestWhatPanelsAndAlertsNameIsExportedAndEachQueryIsAnswered(t *testing.T) {
	t.Parallel()
	// Given processes that had something to do, so that their metrics have labels, with a Prometheus that scrapes them
	safe := t.TempDir()
	recipient, err := backup.EnsureKey(filepath.Join(safe, "key.txt"))
	require.NoError(t, err)
	backups, err := blob.FileURL(filepath.Join(safe, "backups"))
	require.NoError(t, err)
	p, _ := observed(t, settings{
		"DATABASE_SLOW_AFTER": "1ns", "AI_MAX_TOKENS": "300", "BACKUP_URL": backups, "BACKUP_RECIPIENTS": recipient,
	})
	mails := p.mailpit()
	town := p.busy()
	eventually(t, func() bool { return len(received(t, mails)) >= 2 }, "each who joined gets a mail")
	watching := town.watched()
	all := panels(t)
	seen := exported{"up": {}}
	for _, of := range town.processes() {
		seen.read(town.page(of))
	}
	doc, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	seen.heed(string(doc))
	for _, raw := range dashboards.Rules() {
		some, recorded := rules(t, raw)
		all = append(all, some...)
		for _, name := range recorded {
			seen.add(name)
		}
	}

	t.Run("a planted mistake is found", func(t *testing.T) {
		for text, want := range map[string]string{
			`sum(rate(api_request_total[5m]))`:                               "api_request_total is exported by nobody",
			`sum by (endpont) (rate(api_requests_total[5m]))`:                "nothing in it has a label endpont",
			`rohrpost_jobs_ended_total{outcom="failed"}`:                     "rohrpost_jobs_ended_total has no label outcom",
			`rohrpost_jobs_ended_total{outcome="faild"}`:                     `outcome of rohrpost_jobs_ended_total is never "faild"`,
			`ai_requests_total{status!~"ok|canceled"}`:                       `status of ai_requests_total is never "canceled"`,
			`rohrpost_queue_slots / on (queu) rohrpost_queue_oldest_seconds`: "nothing in it has a label queu",
			`sum(rate(api_requests_total[5m])`:                               "parse error",
		} {
			require.Contains(t, seen.wrong(text), want, text)
		}
	})
	for _, e := range all {
		if wrong := seen.wrong(e.text); wrong != "" {
			t.Errorf("%s: %s\n\t%s", e.where, wrong, e.text)
		}
	}
	watching.sawAll(town)
	for _, e := range all {
		n := watching.ask(e)
		_, silent := quiet[e.where]
		if strings.Contains(e.where, ".json") && n == 0 && !silent {
			t.Errorf("%s: no data\n\t%s", e.where, e.text)
		}
	}
	watching.rulesAreWell()
	watching.hasExemplars("api_request_duration_seconds_bucket", "rohrpost_jobs_run_seconds_bucket",
		"rohrpost_jobs_wait_seconds_bucket", "rohrpost_db_statement_duration_seconds_bucket")
}

// busyTown is a place where each kind of thing has happened once.
type busyTown struct {
	*place
	user       user
	api, clock *child
	workers    *child
}

func (p *place) busy() *busyTown {
	p.t.Helper()
	b := &busyTown{place: p, api: p.api(), clock: p.scheduler()}
	first := p.worker()
	b.user = join(p.t, b.api)
	// An answer that is being written when its worker is killed
	asked := b.user.ask(slowModel(p.t), "Tell me a long story.")
	answer := b.user.listen(asked.EventsURL, "")
	answer.Until(isToken)
	b.workers = p.worker()
	first.kill()
	answer.Rest()
	b.happenings()
	return b
}

// happenings are what everyday brings, good and bad.
func (b *busyTown) happenings() {
	b.t.Helper()
	u := b.user
	join(b.t, b.api) // once more: what the killed worker counted is gone with it
	u.uploaded("a.jpg", imagetest.Encoded(b.t, "jpeg", imagetest.Halves(600, 400)))
	u.uploaded("virus.txt", devstack.EICAR())
	u.answered(u.ask(stacktest.ModelSay, "Hello").JobID)
	u.ended(u.ask("a-model-that-nobody-has", "Hello").JobID) // dead
	u.get("/api/ai/models").want(http.StatusOK)
	u.get("/api/ai/models").want(http.StatusOK) // from the cache
	u.settled(tasks.Thumbnail.Name)
	b.aFailure()
	admin := b.admin(b.t, b.api)
	var started struct {
		JobID uuid.UUID `json:"job_id"`
	}
	admin.post("/api/admin/backups", nil).want(http.StatusAccepted).into(&started)
	require.EqualValues(b.t, "succeeded", admin.ended(started.JobID).State)
	for _, queue := range []string{tasks.Files, tasks.AI} {
		admin.post("/api/admin/queues/"+queue+"/pause", map[string]string{"reason": "a test"}).want(http.StatusOK)
	}
	u.uploaded("waits.txt", []byte("a"))
	u.ask(stacktest.ModelSay, "Hello?")
	u.listen("/api/events", "")
}

// aFailure is a request whose statement is taken away from it.
func (b *busyTown) aFailure() {
	b.t.Helper()
	held := b.lock("files")
	defer held.release()
	failed := make(chan *answer, 1)
	go func() {
		a, _ := b.user.try(http.MethodGet, "/api/files", nil)
		failed <- a
	}()
	b.waitFor("files", 1)
	_, err := b.connect().Exec(b.t.Context(),
		`SELECT pg_cancel_backend(pid) FROM pg_locks WHERE NOT granted AND relation = 'files'::regclass`)
	require.NoError(b.t, err)
	a := <-failed
	require.NotNil(b.t, a)
	require.GreaterOrEqual(b.t, a.status, http.StatusInternalServerError)
}

func (b *busyTown) processes() map[string]*child {
	return map[string]*child{"api": b.api, "worker": b.workers, "scheduler": b.clock}
}

// page is what a process shows.
func (b *busyTown) page(of *child) string {
	other := b.user
	other.url, other.token = of.metrics(), ""
	return string(other.get("").want(http.StatusOK).body)
}

// watched starts a Prometheus that scrapes the processes, with our rules.
func (b *busyTown) watched() watching {
	b.t.Helper()
	opts := devstack.PrometheusOptions{Every: scrape, Targets: map[string][]string{}, Rules: map[string][]byte{}}
	for name, of := range b.processes() {
		at, err := url.Parse(of.metrics())
		require.NoError(b.t, err)
		opts.Targets[name] = []string{at.Host}
	}
	// Figures of days are looked at every five minutes; here all are at each scrape.
	interval := regexp.MustCompile(`(?m)^    interval: .*\n`)
	for name, raw := range dashboards.Rules() {
		opts.Rules[name] = interval.ReplaceAll(raw, nil)
	}
	server, err := stacktest.Own(b.t).StartPrometheus(b.t.Context(), opts)
	require.NoError(b.t, err)
	visitor := b.user
	visitor.url, visitor.token = server.URL(), ""
	return watching{b.t, visitor}
}

// watching is a Prometheus at work.
type watching struct {
	t  testing.TB
	at user
}

// get asks its API and puts what it answers into v. A warning is an error.
func (w watching) get(path string, v any) {
	w.t.Helper()
	raw := w.at.get("/api/v1/" + path)
	var said struct {
		Status, Error string
		Warnings      []string
		Data          json.RawMessage
	}
	require.NoError(w.t, json.Unmarshal(raw.body, &said))
	require.Equal(w.t, "success", said.Status, "%s: %s", path, said.Error)
	require.Empty(w.t, said.Warnings, path)
	require.NoError(w.t, json.NewDecoder(bytes.NewReader(said.Data)).Decode(v))
}

// ask executes an expression over the last minute and returns how many series it has.
func (w watching) ask(e expression) int {
	w.t.Helper()
	now := time.Now()
	var found struct{ Result []json.RawMessage }
	w.get("query_range?"+url.Values{
		"query": {e.text}, "step": {"5"},
		"start": {strconv.FormatInt(now.Add(-time.Minute).Unix(), 10)}, "end": {strconv.FormatInt(now.Unix(), 10)},
	}.Encode(), &found)
	return len(found.Result)
}

// sawAll waits until each process was scraped a few times, which rates need.
func (w watching) sawAll(b *busyTown) {
	w.t.Helper()
	query := expression{"", `(count(count_over_time(up[1m]) >= 5 and up == 1) == ` + strconv.Itoa(len(b.processes())) + `)`}
	eventually(w.t, func() bool { return w.ask(query) > 0 }, "all processes should be scraped")
}

// rulesAreWell fails for a rule that Prometheus couldn't evaluate.
func (w watching) rulesAreWell() {
	w.t.Helper()
	var said struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	w.get("rules", &said)
	n := 0
	for _, group := range said.Groups {
		for _, rule := range group.Rules {
			require.Equal(w.t, "ok", rule.Health, "%s: %s", rule.Name, rule.LastError)
			n++
		}
	}
	require.Positive(w.t, n)
}

// hasExemplars fails unless observations of these series lead to traces.
func (w watching) hasExemplars(series ...string) {
	w.t.Helper()
	now := time.Now()
	for _, name := range series {
		eventually(w.t, func() bool {
			var found []struct {
				Exemplars []struct{ Labels map[string]string }
			}
			w.get("query_exemplars?"+url.Values{
				"query": {name},
				"start": {strconv.FormatInt(now.Add(-time.Minute).Unix(), 10)}, "end": {strconv.FormatInt(now.Add(patience).Unix(), 10)},
			}.Encode(), &found)
			return len(found) > 0 && len(found[0].Exemplars[0].Labels["trace_id"]) == 32
		}, "%s should lead to traces", name)
	}
}
