package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"rohrpost/api"
	"rohrpost/internal/tracing"
)

// listing is a GET that answers with items, and what puts n of them on record. The parameters of a statement are n and the
// id of the account that asks.
type listing struct {
	path  string // where it differs from the one in the contract
	rows  []string
	fixed string // why their number isn't n
}

// jobsOf has n jobs that failed of kinds of their own, and n that run or wait.
const jobsOf = `
	INSERT INTO jobs (id, kind, queue, args, max_attempts, owner, state, error_code, error_message, worker_id, started_at, finished_at)
	SELECT gen_random_uuid(), 'kind:' || gen_random_uuid(), 'ai', '{}'::jsonb, 3, $2::uuid, 'failed', 'timeout', 'No.', $2::uuid, now(), now()
	FROM generate_series(1, $1::integer) AS n
	UNION ALL
	SELECT gen_random_uuid(), 'kind:' || gen_random_uuid(), 'files', '{}', 3, $2::uuid, 'running', NULL, NULL, $2::uuid, now(), NULL
	FROM generate_series(1, $1::integer) AS n`

// filesOf has n files that are in quarantine and n clean ones, with thumbnails and a history.
const filesOf = `
	WITH f AS (
		INSERT INTO files (id, owner, name, size, media_type, sha256, blob_key, status, verdict, thumbnail_status, job_id)
		SELECT gen_random_uuid(), $2::uuid, 'a', 1, 'image/png', sha256(''), 'files/' || n || s, s,
			CASE s WHEN 'clean' THEN 'clean' ELSE 'infected' END, CASE s WHEN 'clean' THEN 'ready' ELSE 'none' END, gen_random_uuid()
		FROM generate_series(1, $1::integer) AS n, unnest('{clean,quarantined}'::text[]) AS s
		RETURNING id, status
	), t AS (
		INSERT INTO thumbnails (file_id, name, width, height, size, media_type, blob_key)
		SELECT id, name, 1, 1, 1, 'image/png', id || name FROM f, unnest('{small,medium,large}'::text[]) AS name WHERE status = 'clean'
	)
	INSERT INTO file_events (id, file_id, event, status) SELECT gen_random_uuid(), id, 'scan', status FROM f`

var listings = map[string]listing{
	"listJobs":    {rows: []string{jobsOf}},
	"listAllJobs": {rows: []string{jobsOf}},
	"listFiles":   {rows: []string{filesOf}},
	"listReports": {rows: []string{`
		WITH r AS (
			INSERT INTO reports (id, owner, scope, from_at, to_at, zone, formats, state, job_id)
			SELECT gen_random_uuid(), $2::uuid, 'mine', now() - interval '1 day', now(), 'UTC', '{csv}', 'built', gen_random_uuid()
			FROM generate_series(1, $1::integer) RETURNING id
		), f AS (
			INSERT INTO files (id, owner, name, size, media_type, sha256, blob_key, status, job_id)
			SELECT id, $2::uuid, 'a', 1, 'text/csv', sha256(''), id::text, 'clean', id FROM r
		)
		INSERT INTO report_files (report_id, format, file_id) SELECT id, 'csv', id FROM r`}},
	"listDatasets": {rows: []string{`
		WITH d AS (
			INSERT INTO datasets (id, owner, job_id, scope, spec, state, counts)
			SELECT gen_random_uuid(), $2::uuid, gen_random_uuid(), 'mine', '{"scope": "mine", "format": "chat", "models": []}', 'ready',
				'{"redacted": {}}'
			FROM generate_series(1, $1::integer) RETURNING id
		)
		INSERT INTO dataset_files (dataset_id, name, size, sha256, rows, media_type, blob_key)
		SELECT id, name, 1, sha256(''), 1, 'application/jsonl', id || name FROM d, unnest('{train.jsonl,manifest.json}'::text[]) AS name`}},
	"listModels": {rows: []string{`
		INSERT INTO models (name, provider, base, creator, state, job_id)
		SELECT 'made' || gen_random_uuid(), 'openai', 'base', $2::uuid, 'ready', $2::uuid FROM generate_series(1, $1::integer)`}},
	"listTunings": {rows: []string{`
		WITH t AS (
			INSERT INTO tunings (id, owner, job_id, dataset_id, base_model, validation)
			SELECT gen_random_uuid(), $2::uuid, gen_random_uuid(), gen_random_uuid(), 'base', false
			FROM generate_series(1, $1::integer) RETURNING id
		)
		INSERT INTO tuning_events (tuning_id, round, seq, remote_id, at, level, message)
		SELECT id, 1, 1, 'one', now(), 'info', 'Step 1' FROM t`}},
	"listBackups": {rows: []string{`
		INSERT INTO backups (id, job_id, state, reason)
		SELECT gen_random_uuid(), gen_random_uuid(), 'failed', 'for ' || $2::uuid FROM generate_series(1, $1::integer)`}},
	"listSchedules":    {rows: []string{schedulesOf}},
	"listScheduleRuns": {path: "/api/admin/schedules/busy/runs", rows: []string{schedulesOf}},
	"listQuarantine":   {rows: []string{filesOf}},
	"listMails": {rows: []string{`
		INSERT INTO mails (id, job_id, template, recipient, user_id)
		SELECT gen_random_uuid(), gen_random_uuid(), 'notice', 'a@example.org', $2::uuid FROM generate_series(1, $1::integer)`}},
	"listSuppressions": {rows: []string{`
		INSERT INTO suppressed_addresses (address, reason)
		SELECT gen_random_uuid() || '@example.org', $2::uuid::text FROM generate_series(1, $1::integer)`}},
	"listAudit": {rows: []string{`
		INSERT INTO audit_entries (id, actor, actor_name, action, target)
		SELECT gen_random_uuid(), $2::uuid, 'root', 'schedule.pause', 'a' FROM generate_series(1, $1::integer)`}},
	"listWorkers": {rows: []string{jobsOf, `
		INSERT INTO workers (id, host, pid, queues, concurrency)
		SELECT CASE n WHEN 0 THEN $2::uuid ELSE gen_random_uuid() END, 'here', n, '{"ai": 1}', 1
		FROM generate_series(0, $1::integer) AS n ON CONFLICT DO NOTHING`}},
	"getScaling": {rows: []string{`
		INSERT INTO scaling_advice (tick, group_name, queues, living, least, most, wanted, reason)
		SELECT coalesce((SELECT max(tick) FROM scaling_advice), now()), gen_random_uuid()::text, '{ai}', 1, 1, 9, 1, 'for ' || $2::uuid FROM generate_series(1, $1::integer)`}},
	"listQueues":       {rows: []string{jobsOf}, fixed: "the queues are those of the program"},
	"groupDeadLetters": {rows: []string{jobsOf}},
	"listDeadLetters":  {rows: []string{jobsOf}},
}

// schedulesOf has n schedules with a run each, and n runs of one.
const schedulesOf = `
	WITH s AS (
		INSERT INTO schedules (name, cron, zone, kind, catch_up, next_at)
		SELECT gen_random_uuid()::text, '0 0 1 1 *', 'UTC', 'cleanup:sweep', 'skip', now() + interval '1 year'
		FROM generate_series(1, $1::integer)
		UNION ALL
		SELECT 'busy', '0 0 1 1 *', 'UTC', 'cleanup:sweep', 'skip', now() + interval '1 year'
		WHERE NOT EXISTS (SELECT FROM schedules WHERE name = 'busy')
		RETURNING name
	), j AS (
		INSERT INTO jobs (id, kind, queue, args, max_attempts, owner, state, finished_at)
		SELECT gen_random_uuid(), 'cleanup:sweep', 'maintenance', '{}', 1, $2::uuid, 'succeeded', now()
		FROM generate_series(1, $1::integer) RETURNING id
	)
	INSERT INTO schedule_ticks (schedule, tick, job_id, fired_at)
	SELECT name, now(), gen_random_uuid(), now() FROM s WHERE name <> 'busy'
	UNION ALL
	SELECT 'busy', now() - row_number() OVER () * interval '1 s', id, now() FROM j`

// promisedListings are the GET operations of the contract whose answer has items, by their names.
func promisedListings(t *testing.T) map[string]string {
	t.Helper()
	doc, err := contract()
	require.NoError(t, err)
	found := map[string]string{}
	for path, item := range doc.Paths.Map() {
		if item.Get == nil {
			continue
		}
		media := item.Get.Responses.Status(http.StatusOK).Value.Content.Get("application/json")
		if media == nil || media.Schema == nil || media.Schema.Value.Properties["items"] == nil {
			continue
		}
		if item.Get.Parameters.GetByInAndName("query", "limit") != nil {
			path += "?limit=100"
		}
		found[item.Get.OperationID] = path
	}
	require.NotEmpty(t, found)
	return found
}

// Not in parallel: it has the spans of the whole process.
func TestAListAsksTheDatabaseAsOftenForManyRowsAsForOne(t *testing.T) {
	ended := tracetest.NewSpanRecorder()
	tracing.Use(sdk.NewTracerProvider(sdk.WithSpanProcessor(ended)))
	t.Cleanup(func() { tracing.Use(nil) })
	promised := promisedListings(t)
	require.Empty(t, unlisted(promised, listings), "a GET that answers with items has no case in listings")
	for operation := range listings {
		require.Contains(t, promised, operation, "listings has a case of what isn't in the contract any more")
	}
	s := newSite(t)
	root := s.admin()
	var me api.User
	s.send(request{path: "/api/me", as: &root}).want(http.StatusOK).into(&me)
	root.id = me.ID
	for operation, path := range promised {
		t.Run(operation, func(t *testing.T) {
			s := s.of(t)
			s.exec("TRUNCATE jobs, files, schedules CASCADE") // what several cases have rows in
			l := listings[operation]
			if l.path != "" {
				_, query, _ := strings.Cut(path, "?")
				path = l.path + "?" + query
			}
			one, _ := s.asked(ended, root, l, path, 1)
			many, items := s.asked(ended, root, l, path, 49)
			if l.fixed == "" {
				require.GreaterOrEqual(t, items, 50, "the statements of the case make too few rows")
			}
			require.NoError(t, grown(one, many))
		})
	}
}

// of is the site as one that fails t.
func (s *site) of(t *testing.T) *site {
	own, h := *s, *s.house
	h.t = t
	own.house = &h
	return &own
}

// unlisted are the promised operations without a case.
func unlisted(promised map[string]string, cases map[string]listing) (names []string) {
	for name := range promised {
		if _, ok := cases[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// grown complains where many rows took more statements than one.
func grown(one, many []string) error {
	if len(many) <= len(one) {
		return nil
	}
	return fmt.Errorf("%d statements for a row, %d for 50: first %q, then %q", len(one), len(many), one, many)
}

// asked makes n more rows, gets the list, and returns the names of the statements that that took and how many items came.
func (s *site) asked(ended *tracetest.SpanRecorder, as user, l listing, path string, n int) (statements []string, items int) {
	s.t.Helper()
	for _, rows := range l.rows {
		s.exec(rows, n, as.id)
	}
	statements, a := s.exchanges(ended, request{path: path, as: &as})
	var list struct{ Items []json.RawMessage }
	a.want(http.StatusOK).into(&list)
	return statements, len(list.Items)
}

func TestAPlantedListThatAsksForEachRowIsFound(t *testing.T) {
	t.Parallel()
	require.NoError(t, grown([]string{"Rows", "LiveSessions"}, []string{"Rows", "LiveSessions"}))
	require.ErrorContains(t, grown([]string{"Rows", "OfRow"}, []string{"Rows", "OfRow", "OfRow"}), "2 statements for a row, 3 for 50")
	require.Equal(t, []string{"listNew"}, unlisted(map[string]string{"listNew": "/api/new", "listJobs": "/api/jobs"}, listings))
}
