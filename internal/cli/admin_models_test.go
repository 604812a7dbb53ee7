package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/queue"
	"rohrpost/internal/tuning/tuningtest"
	"rohrpost/worker"
)

func TestModelsAreMadeListedAndDeletedAtTheConsole(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.env["OLLAMA_HOST"], d.env["AI_MODEL"] = stacktest.Ollama(t).URL(), stacktest.ModelSay
	create := []string{
		"models", "create", "console", "--base", stacktest.ModelSay, "--system", "You are brief.",
		"--parameter", "temperature=0.5", "--parameter", `stop=["END"]`,
	}
	// Nobody works yet, so it can still be thought better of.
	job := strings.TrimSpace(d.admin(append(create, "--no-wait")...).want(terminal.OK).out)
	require.Contains(t, d.admin("models", "cancel", "console").want(terminal.OK).out, "is not made any more")
	code, says := d.admin("models", "cancel", "console", "--json").want(terminal.Failure).problem()
	require.Equal(t, "conflict", code)
	require.Contains(t, says, "it is failed")

	d.exec(`UPDATE jobs SET run_at = now() WHERE kind = 'ai:delete-model'`) // what may be left of it goes first
	d.workOn(func(mux *queue.Mux, h house) { worker.Tuning(mux, h.tuning) })
	events := d.admin(append(create, "--json")...).want(terminal.OK).events()
	require.Equal(t, "result", events[len(events)-1].Event)
	items, _ := d.admin("models", "list", "--json").list()
	found := map[any]map[string]any{}
	for _, m := range items {
		found[m["name"]] = m
	}
	require.Equal(t, "ready", found["console:latest"]["state"])
	require.Equal(t, true, found[stacktest.ModelSay+":latest"]["default"])
	d.exec(`INSERT INTO models (name, provider, base, creator, state, job_id) VALUES ('ft:b:x', 'openai', 'b', $1, 'ready', $1)`, uuid.New())
	rows := map[string][]string{}
	for _, row := range d.admin("models", "list").want(terminal.OK).cells() {
		rows[row[0]] = row
	}
	require.Equal(t, []string{"ft:b:x", "openai", "unavailable", "b"}, rows["ft:b:x"][:4], "there is no service to ask")
	require.Equal(t, []string{"console:latest", "ollama", "ready", stacktest.ModelSay}, rows["console:latest"][:4])
	require.Equal(t, "default", rows[stacktest.ModelSay+":latest"][2])

	d.admin("models", "delete", "console", "--yes").want(terminal.OK)
	require.NotContains(t, d.admin("models", "list").want(terminal.OK).out, "console")
	require.Equal(t, []string{"model.delete console:latest", "model.create console:latest", "job.cancel " + job, "model.create console:latest"},
		d.logged())
}

func TestATuningIsStartedFollowedAndCancelledAtTheConsole(t *testing.T) {
	t.Parallel()
	service := tuningtest.New(t)
	d := newDesk(t)
	d.env["TUNING_URL"], d.env["TUNING_API_KEY"] = service.URL(), tuningtest.Key
	d.env["TUNING_POLL_MIN"], d.env["TUNING_POLL_MAX"] = "10ms", "20ms"
	ada := d.account("ada@example.org", "admin")
	d.exec("INSERT INTO training_consents (user_id) VALUES ($1)", ada)
	for i := range 60 {
		d.exec(`INSERT INTO ai_queries (id, owner, job_id, model, prompt, answer, finish_reason, finished_at)
			VALUES (gen_random_uuid(), $1, gen_random_uuid(), 'tiny', $2, 'It arrives.', 'stop', now())`, ada, fmt.Sprintf("Letter %d?", i))
	}
	d.workOn(func(mux *queue.Mux, h house) {
		worker.Datasets(mux, h.datasets)
		worker.Tuning(mux, h.tuning)
	})
	d.admin("datasets", "create", "--for", "ada@example.org").want(terminal.OK)
	dataset := d.admin("datasets", "list").want(terminal.OK).cells()[0][0]

	service.Auto("running", "running", "succeeded")
	told := d.admin("tunings", "start", "--dataset", dataset, "--base", tuningtest.Base, "--suffix", "console", "--epochs", "2",
		"--yes").want(terminal.OK)
	require.Contains(t, told.beside, "Created fine-tuning job", "what the service says, and no more of it")
	require.NotContains(t, told.beside, "waits until", "that it looks again and again is no news")
	model := service.Jobs()[0].FineTuned
	require.Contains(t, told.out, model)
	require.Contains(t, string(service.Jobs()[0].Method), `"n_epochs":2`)
	rows := d.admin("tunings", "list", "--state", "succeeded").want(terminal.OK).cells()
	require.Equal(t, []string{"succeeded", "succeeded", tuningtest.Base, model}, rows[0][1:5])
	require.Contains(t, d.admin("tunings", "show", rows[0][0]).want(terminal.OK).out, "Created fine-tuning job")
	items, _ := d.admin("models", "list", "--json").list()
	require.Equal(t, model, items[0]["name"])
	require.Equal(t, rows[0][0], items[0]["tuning_id"])

	service.Auto("running")
	d.admin("tunings", "start", "--dataset", dataset, "--base", tuningtest.Base, "--no-validation", "--yes", "--no-wait").want(terminal.OK)
	id := d.admin("tunings", "list").want(terminal.OK).cells()[0][0]
	require.Eventually(t, func() bool {
		return d.count("SELECT count(*) FROM tunings WHERE state = 'tuning'") == 1
	}, patience, pollEvery)
	var cancelled map[string]any
	d.admin("tunings", "cancel", id, "--yes", "--json").want(terminal.OK).into(&cancelled)
	require.Equal(t, "cancelled", cancelled["state"])
	require.Equal(t, false, cancelled["validation"])
	require.True(t, service.Await(tuningtest.CancelJob, 1, patience), "the service is told")
}
