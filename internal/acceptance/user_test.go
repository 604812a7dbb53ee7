package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/ai"
)

// user is somebody who is logged in, at one of the api processes.
type user struct {
	t      testing.TB
	url    string
	client *http.Client
	email  string
	id     uuid.UUID
	token  string
}

var users atomic.Int64

// join registers somebody at an api process and logs them in.
func join(t testing.TB, at *child) user {
	t.Helper()
	u := stranger(t, at)
	u.email = fmt.Sprintf("user%d@example.org", users.Add(1))
	var made api.User
	u.post("/api/auth/register", api.Registration{Email: u.email, Name: "Somebody", Password: password}).
		want(http.StatusCreated).into(&made)
	u.id = made.ID
	return u.login()
}

// visit registers somebody elsewhere and takes them to an api process, which thus has hashed no password: that takes
// 19 MiB for a moment, and memory is to be measured there.
func (p *place) visit(t testing.TB, at *child) user {
	t.Helper()
	elsewhere := p.api()
	defer elsewhere.kill()
	return join(t, elsewhere).at(at)
}

// admin makes an administrator by the subcommand and logs them in.
func (p *place) admin(t testing.TB, at *child) user {
	t.Helper()
	u := stranger(t, at)
	u.email = fmt.Sprintf("admin%d@example.org", users.Add(1))
	p.command(settings{"ADMIN_PASSWORD": password}, "admin", "create", u.email)
	return u.login()
}

func stranger(t testing.TB, at *child) user {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return user{t: t, url: at.url(), client: &http.Client{Transport: transport}}
}

func (u user) login() user {
	u.t.Helper()
	var tokens api.Tokens
	u.post("/api/auth/login", api.Credentials{Email: u.email, Password: password}).want(http.StatusOK).into(&tokens)
	u.token = tokens.AccessToken
	return u
}

// at is the same user at another api process.
func (u user) at(other *child) user {
	u.url = other.url()
	return u
}

// answer is what came back.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
	took   time.Duration
}

func (u user) get(path string) *answer { u.t.Helper(); return u.send(http.MethodGet, path, nil) }

func (u user) delete(path string) *answer { u.t.Helper(); return u.send(http.MethodDelete, path, nil) }

func (u user) post(path string, body any, header ...string) *answer {
	u.t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(u.t, err)
	return u.send(http.MethodPost, path, bytes.NewReader(raw), append([]string{"Content-Type", "application/json"}, header...)...)
}

// send sends a request; header is name after value after name.
func (u user) send(method, path string, body io.Reader, header ...string) *answer {
	u.t.Helper()
	a, err := u.try(method, path, body, header...)
	require.NoError(u.t, err, "%s %s", method, path)
	return a
}

// try is send for requests that may fail.
func (u user) try(method, path string, body io.Reader, header ...string) (*answer, error) {
	ctx, cancel := context.WithTimeout(u.t.Context(), patience)
	defer cancel()
	return u.do(ctx, method, path, body, header...)
}

func (u user) do(ctx context.Context, method, path string, body io.Reader, header ...string) (*answer, error) {
	req, err := u.request(ctx, method, path, body, header...)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	res, err := u.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return &answer{t: u.t, status: res.StatusCode, header: res.Header, body: raw, took: time.Since(began)}, err
}

func (u user) request(ctx context.Context, method, path string, body io.Reader, header ...string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.url+path, body)
	if err != nil {
		return nil, err
	}
	if u.token != "" {
		req.Header.Set("Authorization", "Bearer "+u.token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return req, nil
}

func (a *answer) want(status int) *answer {
	a.t.Helper()
	require.Equal(a.t, status, a.status, "%s", a.body)
	return a
}

func (a *answer) into(v any) {
	a.t.Helper()
	reflect.ValueOf(v).Elem().SetZero() // an optional field that isn't answered keeps what v had, also in a slice's place
	require.NoError(a.t, json.Unmarshal(a.body, v), "%s", a.body)
}

// problem wants a problem document with this code.
func (a *answer) problem(status int, code string) {
	a.t.Helper()
	a.want(status)
	require.Equal(a.t, "application/problem+json", a.header.Get("Content-Type"))
	var p api.Problem
	a.into(&p)
	require.Equal(a.t, code, p.Code, "%s", a.body)
}

// form is an upload's body, and its type.
func form(name string, content []byte) (body []byte, media string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, _ := w.CreateFormFile("file", name) // a buffer takes everything
	_, _ = part.Write(content)
	_ = w.Close()
	return b.Bytes(), w.FormDataContentType()
}

// upload sends a file, which is not scanned yet when this returns.
func (u user) upload(name string, content []byte, header ...string) *answer {
	u.t.Helper()
	a, err := u.tryUpload(name, content, header...)
	require.NoError(u.t, err)
	return a
}

func (u user) tryUpload(name string, content []byte, header ...string) (*answer, error) {
	body, media := form(name, content)
	return u.try(http.MethodPost, "/api/files", bytes.NewReader(body), append([]string{"Content-Type", media}, header...)...)
}

func (u user) uploaded(name string, content []byte) api.UploadAccepted {
	u.t.Helper()
	var up api.UploadAccepted
	u.upload(name, content).want(http.StatusAccepted).into(&up)
	return up
}

func (u user) ask(model, prompt string) api.QuestionAccepted {
	u.t.Helper()
	var asked api.QuestionAccepted
	u.post("/api/ai/query", api.Question{Prompt: prompt, Model: &model}).want(http.StatusAccepted).into(&asked)
	return asked
}

func (u user) file(id uuid.UUID) (f api.File) {
	u.t.Helper()
	u.get("/api/files/" + id.String()).want(http.StatusOK).into(&f)
	return f
}

func (u user) job(id uuid.UUID) (j api.Job) {
	u.t.Helper()
	u.get("/api/jobs/" + id.String()).want(http.StatusOK).into(&j)
	return j
}

// ended waits until a job is over.
func (u user) ended(id uuid.UUID) (j api.Job) {
	u.t.Helper()
	eventually(u.t, func() bool { j = u.job(id); return j.FinishedAt != nil }, "job %s should end", id)
	return j
}

// answered is what the record has of an answer, whose job has to have succeeded.
func (u user) answered(id uuid.UUID) (result ai.Result) {
	u.t.Helper()
	job := u.ended(id)
	require.EqualValues(u.t, "succeeded", job.State, "%+v", job.Error)
	require.NoError(u.t, json.Unmarshal(job.Result, &result))
	return result
}

// settled waits until nothing of the user's is under way and returns all jobs of a kind.
func (u user) settled(kind string) []api.Job {
	u.t.Helper()
	eventually(u.t, func() bool {
		for _, state := range []string{"queued", "running"} {
			var page api.JobPage
			u.get("/api/jobs?limit=1&state=" + state).want(http.StatusOK).into(&page)
			if len(page.Items) > 0 {
				return false
			}
		}
		return true
	}, "all jobs should end")
	return u.jobs(kind)
}

// jobs are all of a kind, the newest first.
func (u user) jobs(kind string) []api.Job {
	u.t.Helper()
	var all []api.Job
	path := "/api/jobs?limit=100&kind=" + kind
	for before := ""; ; {
		var page api.JobPage
		u.get(path + before).want(http.StatusOK).into(&page)
		all = append(all, page.Items...)
		if page.Next == nil {
			return all
		}
		before = "&before=" + page.Next.String()
	}
}

// gauge reads a metric of a process that has no labels.
func (u user) gauge(of *child, name string) string {
	u.t.Helper()
	other := u
	other.url, other.token = of.metrics(), ""
	for line := range strings.Lines(string(other.get("").want(http.StatusOK).body)) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strings.TrimSpace(value)
		}
	}
	u.t.Fatalf("%s shows no %s", of.name, name)
	return ""
}
