package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/tuning/tuningtest"
)

// tunable puts a dataset on record that can be tuned with.
func (s *site) tunable(format string, rows int) uuid.UUID {
	s.t.Helper()
	id := uuid.Must(uuid.NewV7())
	var owner uuid.UUID
	require.NoError(s.t, s.pool.QueryRow(s.t.Context(), `SELECT id FROM users LIMIT 1`).Scan(&owner))
	s.exec(`INSERT INTO datasets (id, owner, job_id, scope, spec, state, counts)
		VALUES ($1::uuid, $2, $1::uuid, 'everyone', jsonb_build_object('format', $3::text), 'ready', '{}')`, id, owner, format)
	s.exec(`INSERT INTO dataset_files (dataset_id, name, size, sha256, rows, media_type, blob_key)
		VALUES ($1::uuid, 'train.jsonl', 1000, '', $2, 'application/jsonl', $1::uuid::text)`, id, rows)
	return id
}

func TestAnAdminHasAModelTunedAndSeesWhatBecomesOfIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.tuner = tuningtest.New(t).URL()
	s := h.open(api.Config{})
	root := s.admin()
	body := fmt.Sprintf(`{"dataset_id":%q,"base_model":"base","suffix":"letters","hyperparameters":{"n_epochs":3}}`,
		s.tunable("chat", 60))
	start := func() *answer {
		return s.send(send("/api/admin/tunings", body).by(&root).with("Idempotency-Key", "one"))
	}
	var accepted, same api.TuningAccepted
	first := start().want(http.StatusAccepted)
	first.into(&accepted)
	require.Equal(t, "/api/admin/tunings/"+accepted.ID.String(), first.header.Get("Location"))
	s.exec(`DELETE FROM datasets`) // what was answered once is, whatever has become of the dataset
	start().want(http.StatusAccepted).into(&same)
	require.Equal(t, accepted, same)
	require.Equal(t, "ai:tune", s.job(root, accepted.JobID).Kind)
	require.Equal(t, 1, s.count(`SELECT count(*) FROM audit_entries WHERE action = 'tuning.start'`))

	s.exec(`UPDATE tunings SET state = 'tuning', training_file = 'file-1', remote_job = 'ftjob-1', remote_status = 'running'`)
	s.exec(`INSERT INTO tuning_events (tuning_id, round, seq, remote_id, at, level, message, data)
		VALUES ($1, 1, 1, 'ftevent-1', now(), 'info', 'Step 1', '{"step": 1}')`, accepted.ID)
	var one api.Tuning
	s.send(request{path: "/api/admin/tunings/" + accepted.ID.String(), as: &root}).want(http.StatusOK).into(&one)
	require.Equal(t, "tuning", one.State)
	require.EqualValues(t, 3, *one.Hyperparameters.NEpochs)
	require.Nil(t, one.Hyperparameters.BatchSize)
	require.True(t, one.Validation, "by default")
	require.Equal(t, []string{"file-1", "ftjob-1", "running"}, []string{*one.Service.TrainingFile, *one.Service.Job, *one.Service.Status})
	require.Equal(t, "Step 1", (*one.Events)[0].Message)
	require.JSONEq(t, `{"step":1}`, string((*one.Events)[0].Data))

	s.exec(`UPDATE tunings SET state = 'failed', error_code = 'tuning_failed', error_message = 'No.', finished_at = now()`)
	var page api.TuningPage
	s.send(request{path: "/api/admin/tunings?state=failed", as: &root}).want(http.StatusOK).into(&page)
	require.Len(t, page.Items, 1)
	require.EqualValues(t, 1, page.Items[0].EventCount)
	require.Nil(t, page.Items[0].Events)
	require.Equal(t, "No.", page.Items[0].Error.Message)
	s.send(request{path: "/api/admin/tunings?state=queued", as: &root}).want(http.StatusOK).into(&page)
	require.Empty(t, page.Items)
}

func TestAnAdminHasAModelMadeAndEveryoneSeesIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.ollama = stacktest.Ollama(t).URL()
	s := h.open(api.Config{})
	root, ada := s.admin(), s.user()
	body := fmt.Sprintf(`{"name":"clerk","base":%q,"system":"Be brief.","parameters":{"temperature":0.5}}`, stacktest.ModelSay)
	var accepted, same api.ModelAccepted
	s.send(send("/api/admin/models", body).by(&root).with("Idempotency-Key", "one")).want(http.StatusAccepted).into(&accepted)
	s.send(send("/api/admin/models", body).by(&root).with("Idempotency-Key", "one")).want(http.StatusAccepted).into(&same)
	require.Equal(t, accepted, same)
	require.Equal(t, "clerk:latest", accepted.Name)
	require.Equal(t, "ai:create-model", s.job(root, accepted.JobID).Kind)
	s.send(send("/api/admin/models", body).by(&root)).problem(409, "model_exists")
	s.send(get("/api/admin/models/clerk").via("DELETE").by(&root)).problem(409, "conflict")

	s.exec(`UPDATE models SET state = 'ready'`)
	s.exec(`INSERT INTO models (name, provider, base, creator, state, job_id) VALUES ('ft:b:x::1', 'openai', 'b', $1, 'ready', $1)`,
		uuid.New())
	var list api.ModelList
	s.send(request{path: "/api/ai/models", as: &ada}).want(http.StatusOK).into(&list)
	found := map[string]api.Model{}
	for _, m := range list.Items {
		found[m.Name] = m
	}
	require.Equal(t, "ready", *found["clerk:latest"].State)
	require.False(t, found["clerk:latest"].Available, "nobody has made it yet")
	require.True(t, found[stacktest.ModelSay+":latest"].Available)
	require.False(t, found["ft:b:x::1"].Available, "there is no service to ask")

	var gone api.ModelAccepted
	s.send(get("/api/admin/models/clerk").via("DELETE").by(&root)).want(http.StatusAccepted).into(&gone)
	require.Equal(t, "ai:delete-model", s.job(root, gone.JobID).Kind)
	s.send(get("/api/admin/models/" + url.PathEscape("ft:b:x::1")).via("DELETE").by(&root)).want(http.StatusAccepted).into(&gone)
	require.Equal(t, "ft:b:x::1", gone.Name)
}
