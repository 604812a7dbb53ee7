package api_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/tuning/tuningtest"
)

func TestBadOrdersOfModelsStoreNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.tuner = tuningtest.New(t).URL()
	s := h.open(api.Config{})
	root := s.admin()
	good, other, small := s.tunable("chat", 60), s.tunable("completion", 60), s.tunable("chat", 9)
	order := func(more string) request {
		return send("/api/admin/tunings", fmt.Sprintf(`{"dataset_id":%q,"base_model":"b"%s}`, good, more)).by(&root)
	}
	tune := func(body string) request { return send("/api/admin/tunings", body).by(&root) }
	model := func(body string) request { return send("/api/admin/models", body).by(&root) }
	for _, c := range []bad{
		{"no dataset", tune(`{"base_model":"b"}`), 400, "invalid", "dataset_id"},
		{"malformed dataset", tune(`{"base_model":"b","dataset_id":"x"}`), 400, "invalid", "dataset_id"},
		{"unknown dataset", tune(fmt.Sprintf(`{"base_model":"b","dataset_id":%q}`, uuid.New())), 404, "not_found", ""},
		{"other format", tune(fmt.Sprintf(`{"base_model":"b","dataset_id":%q}`, other)), 422, "dataset_not_fit", "completion"},
		{"small dataset", tune(fmt.Sprintf(`{"base_model":"b","dataset_id":%q}`, small)), 422, "dataset_not_fit", "9 examples"},
		{"no base", tune(fmt.Sprintf(`{"dataset_id":%q}`, good)), 400, "invalid", "base_model"},
		{"bad suffix", order(`,"suffix":"a b"`), 400, "invalid", "suffix"},
		{"zero epochs", order(`,"hyperparameters":{"n_epochs":0}`), 400, "invalid", "n_epochs"},
		{"half an epoch", order(`,"hyperparameters":{"n_epochs":0.5}`), 400, "invalid", "n_epochs"},
		{"many epochs", order(`,"hyperparameters":{"n_epochs":51}`), 400, "invalid", "n_epochs"},
		{"bad batch", order(`,"hyperparameters":{"batch_size":257}`), 400, "invalid", "batch_size"},
		{"negative rate", order(`,"hyperparameters":{"learning_rate_multiplier":-1}`), 400, "invalid", "learning_rate"},
		{"unknown hyperparameter", order(`,"hyperparameters":{"magic":1}`), 400, "invalid", "magic"},
		{"validation of another type", order(`,"validation":"yes"`), 400, "invalid", "validation"},
		{"unknown field", order(`,"seed":1`), 400, "invalid", "seed"},
		{"bad key", order("").with("Idempotency-Key", "a b"), 400, "invalid", "Idempotency-Key"},
		{"unknown tuning", get("/api/admin/tunings/" + uuid.NewString()).by(&root), 404, "not_found", ""},
		{"malformed tuning", get("/api/admin/tunings/x").by(&root), 400, "invalid", "id"},
		{"unknown state", get("/api/admin/tunings?state=lazy").by(&root), 400, "invalid", "state"},
		{"limit 0", get("/api/admin/tunings?limit=0").by(&root), 400, "invalid", "limit"},
		{"no name", model(`{"base":"b"}`), 400, "invalid", "name"},
		{"no base of it", model(`{"name":"n"}`), 400, "invalid", "base"},
		{"parameter of no use", model(`{"name":"n","base":"b","parameters":{"temperature":9}}`), 400, "invalid", "temperature"},
		{"parameters no object", model(`{"name":"n","base":"b","parameters":[]}`), 400, "invalid", "parameters"},
		{"no model server", model(`{"name":"n","base":"b"}`), 503, "unavailable", ""},
		{"unknown model", get("/api/admin/models/nobody").via("DELETE").by(&root), 404, "not_found", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.send(c.sent)
			a.t = t
			require.Contains(t, a.problem(c.status, c.code).Detail, c.says)
		})
	}
	for _, table := range []string{"jobs", "tunings", "models", "idempotency_keys", "audit_entries WHERE action <> 'user.create'"} {
		require.Zero(t, s.count("SELECT count(*) FROM "+table), table)
	}

	h.tuner = ""
	without := h.open(api.Config{})
	a := without.send(order(""))
	require.Contains(t, a.problem(503, "tuning_not_configured").Detail, "TUNING_URL")
}
