package api_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
)

// bad is a request that can't be answered as it is meant.
type bad struct {
	name   string
	sent   request
	status int
	code   string
	says   string // part of the detail
}

func get(path string) request { return request{path: path} }

func send(path, body string) request {
	return request{path: path, body: body, media: "application/json"}
}

func (r request) by(u *user) request { r.as = u; return r }

func (r request) with(name, value string) request {
	r.header = map[string]string{name: value}
	return r
}

func (r request) via(method string) request { r.method = method; return r }

// Whatever a client does wrong, it is told so by a code, and nothing is stored.
func TestBadRequestsAreToldWhatIsWrongAndStoreNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada, root := s.user(), s.admin()
	for _, group := range [][]bad{
		badAddresses(&ada), badLogins(&ada), badPlaces(&ada), badBodies(&ada),
		badOperations(&ada, &root),
		badDatasets(&ada), badReports(&ada),
		badOrders(&root), badLooks(&root),
	} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				a := s.send(c.sent)
				a.t = t
				p := a.problem(c.status, c.code)
				require.Contains(t, p.Detail, c.says)
				require.Equal(t, c.status == http.StatusUnauthorized, a.header.Get("WWW-Authenticate") != "")
				require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
				require.Contains(t, a.header.Get("Content-Security-Policy"), "default-src 'none'")
			})
		}
	}
	for _, table := range []string{
		"jobs", "files", "ai_queries", "idempotency_keys", "audit_entries WHERE action <> 'user.create'",
		"queue_pauses", "datasets", "training_consents", "reports", "schedules", "suppressed_addresses",
	} {
		require.Zero(t, s.count("SELECT count(*) FROM "+table), table)
	}
}

func badAddresses(ada *user) []bad {
	unknown := uuid.Must(uuid.NewV7()).String()
	job, file := "/api/jobs/"+unknown, "/api/files/"+unknown
	return []bad{
		{"no such route", get("/api/nothing").by(ada), 404, "not_found", ""},
		{"trailing slash", get("/api/me/").by(ada), 404, "not_found", ""},
		{"other method", get("/api/jobs").via("PUT").by(ada), 405, "method_not_allowed", "PUT"},
		{"unknown method", get("/api/jobs").via("BREW").by(ada), 405, "method_not_allowed", ""},
		{"headers too large", get("/api/me").with("X-Large", strings.Repeat("x", 40<<10)).by(ada), 431,
			"headers_too_large", ""},

		{"malformed job", get("/api/jobs/17").by(ada), 400, "invalid", "id"},
		{"unknown job", get(job).by(ada), 404, "not_found", ""},
		{"events of it", get(job + "/events").by(ada), 404, "not_found", ""},
		{"cancel it", get(job).via("DELETE").by(ada), 404, "not_found", ""},
		{"retry it", get(job + "/retry").via("POST").by(ada), 404, "not_found", ""},
		{"malformed file", get("/api/files/17").by(ada), 400, "invalid", "id"},
		{"unknown file", get(file).by(ada), 404, "not_found", ""},
		{"content of it", get(file + "/content").by(ada), 404, "not_found", ""},
		{"thumbnail of it", get(file + "/thumbnails/small").by(ada), 404, "not_found", ""},
		{"delete it", get(file).via("DELETE").by(ada), 404, "not_found", ""},
	}
}

func badLogins(ada *user) []bad {
	cookie := "rohrpost_access=" + ada.tokens.AccessToken
	foreign := get("/api/events").with("Cookie", cookie)
	foreign.header["Sec-Fetch-Site"] = "cross-site"
	twice := fmt.Sprintf(`{"email":%q,"name":"A","password":%q}`, ada.email, password)
	return []bad{
		{"no login", get("/api/me"), 401, "unauthorized", ""},
		{"no login, no route", get("/api/nothing"), 401, "unauthorized", ""},
		{"forged token", get("/api/me").with("Authorization", "Bearer a.b.c"), 401, "unauthorized", ""},
		{"other scheme", get("/api/me").with("Authorization", "Basic YTpi"), 401, "unauthorized", ""},
		{"cookie where none counts", get("/api/me").with("Cookie", cookie), 401, "unauthorized", ""},
		{"cookie by a foreign page", foreign, 403, "forbidden", ""},
		{"pages for admins", get("/admin/queues").by(ada), 403, "forbidden", ""},
		{"schedules", get("/api/admin/schedules").by(ada), 403, "forbidden", ""},
		{"schedules, by a browser", get("/api/admin/schedules").with("Accept", "text/html"), 401, "unauthorized", ""},
		{"run one", get("/api/admin/schedules/sweep/run").via("POST").by(ada), 403, "forbidden", ""},
		{"pause one", get("/api/admin/schedules/sweep/pause").via("POST").by(ada), 403, "forbidden", ""},
		{"resume one", get("/api/admin/schedules/sweep/resume").via("POST").by(ada), 403, "forbidden", ""},
		{"sweep", send("/api/admin/cleanup", `{"dry_run":true}`).by(ada), 403, "forbidden", ""},
		{"change one", send("/api/admin/schedules/sweep", `{}`).via("PATCH").by(ada), 403, "forbidden", ""},
		{"the quarantine", get("/api/admin/quarantine").by(ada), 403, "forbidden", ""},
		{"rescan", send("/api/admin/quarantine/rescan", `{"dry_run":true}`).by(ada), 403, "forbidden", ""},
		{"mails", get("/api/admin/mails").by(ada), 403, "forbidden", ""},
		{"suppressions", get("/api/admin/mail-suppressions").by(ada), 403, "forbidden", ""},
		{"the audit log", get("/api/admin/audit").by(ada), 403, "forbidden", ""},
		{"cookie for an admin's call", get("/api/admin/schedules").with("Cookie", cookie), 401, "unauthorized", ""},

		{"unknown link", send("/api/auth/verify", `{"token":"x"}`), 400, "link_not_valid", ""},
		{"no link", send("/api/auth/verify", `{}`), 400, "invalid", "token"},
		{"unknown link for a password", send("/api/auth/password", `{"token":"x","password":"correct horse battery"}`), 400,
			"link_not_valid", ""},
		{"no password", send("/api/auth/password", `{"token":"x"}`), 400, "invalid", "password"},
		{"no mail server", send("/api/auth/password-reset", `{"email":"a@b.example"}`), 503, "unavailable", ""},
		{"no mail server to ask again", get("/api/auth/verification").via("POST").by(ada), 503, "unavailable", ""},

		{"login without fields", send("/api/auth/login", `{}`), 400, "invalid", "email"},
		{"wrong password", send("/api/auth/login", fmt.Sprintf(`{"email":%q,"password":"x"}`, ada.email)), 401,
			"invalid_credentials", ""},
		{"unknown refresh token", send("/api/auth/refresh", `{"refresh_token":"x"}`), 401, "unauthorized", ""},
		{"no refresh token", send("/api/auth/refresh", `{}`), 400, "invalid", "refresh_token"},
		{"registered twice", send("/api/auth/register", twice), 409, "email_taken", ""},
		{"no address", send("/api/auth/register", `{"name":"A","password":"correct horse"}`), 400, "invalid", "address"},
		{"short password", send("/api/auth/register", `{"email":"a@b.example","name":"A","password":"x"}`), 400, "invalid",
			"password"},
	}
}

func badPlaces(ada *user) []bad {
	unknown := uuid.Must(uuid.NewV7()).String()
	return []bad{
		{"limit 0", get("/api/jobs?limit=0").by(ada), 400, "invalid", "limit"},
		{"limit 101", get("/api/files?limit=101").by(ada), 400, "invalid", "limit"},
		{"limit no number", get("/api/jobs?limit=many").by(ada), 400, "invalid", "limit"},
		{"bad cursor", get("/api/jobs?before=yesterday").by(ada), 400, "invalid", "before"},
		{"nil cursor", get("/api/files?before=" + uuid.Nil.String()).by(ada), 400, "invalid", "before"},
		{"unknown state", get("/api/jobs?state=lazy").by(ada), 400, "invalid", "state"},
		{"kind with NUL", get("/api/jobs?kind=a%00b").by(ada), 400, "invalid", "kind"},
		{"bad query", get("/api/jobs?kind=%zz").by(ada), 400, "invalid", ""},
		{"bad event id", get("/api/events").with("Last-Event-ID", "yesterday").by(ada), 400, "invalid", ""},
		{"bad answer id", get("/api/ai/stream").with("Last-Event-ID", "yesterday").by(ada), 400, "invalid", ""},
		{"unknown answer", get("/api/ai/stream?prompt=x").with("Last-Event-ID", unknown+"/").by(ada), 404, "not_found", ""},
		{"stream of nothing", get("/api/ai/stream").by(ada), 400, "invalid", "prompt"},
	}
}

func badBodies(ada *user) []bad {
	ask := func(body string) request { return send("/api/ai/query", body).by(ada) }
	other := ask("{}")
	other.media = "text/plain"
	untold := ask("{}")
	untold.media = ""
	fine := ask(`{"prompt":"x"}`)
	return []bad{
		{"no body", ask("").via("POST"), 400, "invalid", "object"},
		{"no JSON", ask("{"), 400, "invalid", ""},
		{"other media type", other, 415, "unsupported_media_type", ""},
		{"no media type", untold, 415, "unsupported_media_type", ""},
		{"a list", ask("[]"), 400, "invalid", "object"},
		{"null", ask("null"), 400, "invalid", "object"},
		{"wrong type", ask(`{"prompt":7}`), 400, "invalid", `"prompt" has to be a string`},
		{"unknown field", ask(`{"prompt":"x","temperature":1}`), 400, "invalid", `"temperature"`},
		{"repeated field", ask(`{"prompt":"x","prompt":"y"}`), 400, "invalid", `"prompt"`},
		{"repeated in other case", ask(`{"prompt":"x","Prompt":"y"}`), 400, "invalid", `"Prompt"`},
		{"trailing garbage", ask(`{"prompt":"x"} {}`), 400, "invalid", "after"},
		{"missing field", ask(`{}`), 400, "invalid", "prompt"},
		{"oversized field", ask(`{"prompt":"` + strings.Repeat("x", 1001) + `"}`), 400, "invalid", "prompt"},
		{"oversized body", ask(`{"prompt":"` + strings.Repeat("x", 1<<20) + `"}`), 413, "too_large", ""},
		{"key with a space", fine.with("Idempotency-Key", "a b"), 400, "invalid", "Idempotency-Key"},
		{"key too long", fine.with("Idempotency-Key", strings.Repeat("k", 256)), 400, "invalid", "Idempotency-Key"},
	}
}

func badOperations(ada, root *user) []bad {
	unknown := uuid.Must(uuid.NewV7()).String()
	job, dead := "/api/admin/jobs/"+unknown, "/api/admin/dead-letters"
	pause := func(body string) request { return send("/api/admin/queues/files/pause", body).by(root) }
	retry := func(body string) request { return send(dead+"/retry", body).by(root) }
	discard := func(body string) request { return send(dead+"/discard", body).by(root) }
	cases := []bad{
		{"pause nothing", send("/api/admin/queues/nothing/pause", `{"reason":"x"}`).by(root), 404, "not_found", "files"},
		{"pause without a body", get("/api/admin/queues/files/pause").via("POST").by(root), 415, "unsupported_media_type", ""},
		{"pause without a reason", pause(`{}`), 400, "invalid", "reason"},
		{"pause with an empty reason", pause(`{"reason":" "}`), 400, "invalid", "reason"},
		{"pause with a long reason", pause(`{"reason":"` + strings.Repeat("x", 501) + `"}`), 400, "invalid", "reason"},
		{"pause with a NUL", pause(`{"reason":"a\u0000b"}`), 400, "invalid", "reason"},
		{"pause until", pause(`{"reason":"x","until":"tomorrow"}`), 400, "invalid", `"until"`},
		{"resume nothing", get("/api/admin/queues/nothing/resume").via("POST").by(root), 404, "not_found", "files"},

		{"all jobs, unknown state", get("/api/admin/jobs?state=lazy").by(root), 400, "invalid", "state"},
		{"all jobs, bad kind", get("/api/admin/jobs?kind=a%00b").by(root), 400, "invalid", "kind"},
		{"all jobs, bad queue", get("/api/admin/jobs?queue=").by(root), 400, "invalid", "queue"},
		{"all jobs, bad owner", get("/api/admin/jobs?owner=ada").by(root), 400, "invalid", "owner"},
		{"all jobs, bad cursor", get("/api/admin/jobs?before=x").by(root), 400, "invalid", "before"},
		{"all jobs, limit 0", get("/api/admin/jobs?limit=0").by(root), 400, "invalid", "limit"},
		{"malformed job of anybody", get("/api/admin/jobs/17").by(root), 400, "invalid", "id"},
		{"unknown job of anybody", get(job).by(root), 404, "not_found", ""},
		{"cancel unknown", get(job).via("DELETE").by(root), 404, "not_found", ""},
		{"retry unknown", get(job + "/retry").via("POST").by(root), 404, "not_found", ""},
		{"discard unknown", get(job + "/discard").via("POST").by(root), 404, "not_found", ""},

		{"dead letters, bad kind", get(dead + "?kind=").by(root), 400, "invalid", "kind"},
		{"dead letters, bad code", get(dead + "?code=a%20b").by(root), 400, "invalid", "code"},
		{"dead letters, empty q", get(dead + "?q=").by(root), 400, "invalid", "q"},
		{"dead letters, long q", get(dead + "?q=" + strings.Repeat("x", 201)).by(root), 400, "invalid", "q"},
		{"dead letters, q with NUL", get(dead + "/jobs?q=a%00b").by(root), 400, "invalid", "q"},
		{"dead letters, bad since", get(dead + "?since=yesterday").by(root), 400, "invalid", "since"},
		{"dead letters, upside down", get(dead + "/jobs?since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z").by(root), 400,
			"invalid", "until"},
		{"dead letters, limit 101", get(dead + "/jobs?limit=101").by(root), 400, "invalid", "limit"},

		{"retry without saying whether", retry(`{"kind":"file:scan"}`), 400, "invalid", "dry_run"},
		{"retry everything", retry(`{"dry_run":false}`), 400, "invalid", "which"},
		{"count everything", retry(`{"dry_run":true}`), 400, "invalid", "which"},
		{"retry an empty kind", retry(`{"dry_run":false,"kind":""}`), 400, "invalid", "kind"},
		{"retry a bad code", retry(`{"dry_run":false,"code":"a b"}`), 400, "invalid", "code"},
		{"retry an empty q", retry(`{"dry_run":false,"q":" "}`), 400, "invalid", "q"},
		{"retry no ids", retry(`{"dry_run":false,"ids":[]}`), 400, "invalid", "ids"},
		{"retry malformed ids", retry(`{"dry_run":false,"ids":["17"]}`), 400, "invalid", ""},
		{"retry too many ids", retry(`{"dry_run":false,"ids":["` + strings.Repeat(unknown+`","`, 1000) + unknown + `"]}`), 400,
			"invalid", "1000"},
		{"retry until nonsense", retry(`{"dry_run":false,"kind":"k","until":"now"}`), 400, "invalid", ""},
		{"retry at no rate", retry(`{"dry_run":false,"kind":"k","rate":0}`), 400, "invalid", "rate"},
		{"retry too fast", retry(`{"dry_run":false,"kind":"k","rate":1001}`), 400, "invalid", "rate"},
		{"retry with a bad key", retry(`{"dry_run":false,"kind":"k"}`).with("Idempotency-Key", "a b"), 400, "invalid", "Idempotency-Key"},
		{"discard without saying whether", discard(`{"kind":"file:scan"}`), 400, "invalid", "dry_run"},
		{"discard everything", discard(`{"dry_run":false}`), 400, "invalid", "which"},
		{"discard at a rate", discard(`{"dry_run":false,"kind":"k","rate":5}`), 400, "invalid", `"rate"`},
	}
	for _, r := range []request{
		get("/api/admin/queues"), send("/api/admin/queues/files/pause", `{"reason":"x"}`),
		get("/api/admin/queues/files/resume").via("POST"), get("/api/admin/workers"), get("/api/admin/scaling"),
		get("/api/admin/jobs"), get(job), get(job).via("DELETE"), get(job + "/retry").via("POST"), get(job + "/discard").via("POST"), get(dead),
		get(dead + "/jobs"), send(dead+"/retry", `{"dry_run":true,"kind":"k"}`), send(dead+"/discard", `{"dry_run":true,"kind":"k"}`),
	} {
		cases = append(cases, bad{"no admin: " + r.method + " " + r.path, r.by(ada), 403, "forbidden", ""})
	}
	return cases
}

func TestBadUploadsStoreNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	file := [3]string{"file", "a.txt", "content"}
	raw := func(disposition string) (string, string) {
		return "--b\r\nContent-Disposition: " + disposition + "\r\n\r\ncontent\r\n--b--\r\n", "multipart/form-data; boundary=b"
	}
	type upload struct {
		body, media string
		status      int
		code        string
	}
	cases := map[string]upload{}
	add := func(name string, status int, code string) func(body, media string) {
		return func(body, media string) { cases[name] = upload{body, media, status, code} }
	}
	add("no form", 415, "unsupported_media_type")("content", "text/plain")
	add("no boundary", 415, "unsupported_media_type")("content", "multipart/form-data")
	add("empty form", 400, "invalid")(form())
	add("two files", 400, "invalid")(form(file, file))
	add("file and field", 400, "invalid")(form(file, [3]string{"note", "", "x"}))
	add("field before", 400, "invalid")(form([3]string{"note", "", "x"}, file))
	add("other field", 400, "invalid")(form([3]string{"document", "a.txt", "x"}))
	add("a value, no file", 400, "invalid")(form([3]string{"file", "", "x"}))
	add("empty file", 400, "empty_file")(form([3]string{"file", "a.txt", ""}))
	add("one byte too many", 413, "too_large")(form([3]string{"file", "a.txt", strings.Repeat("x", maxBytes+1)}))
	add("no name", 400, "invalid")(raw(`form-data; name="file"; filename=""`))
	add("name with slash", 400, "invalid")(raw(`form-data; name="file"; filename="../../etc/passwd"`))
	add("name with backslash", 400, "invalid")(raw(`form-data; name="file"; filename="..\\..\\boot.ini"`))
	add("name with newline", 400, "invalid")(raw("form-data; name=\"file\"; filename*=UTF-8''a%0Ab.txt"))
	add("name with NUL", 400, "invalid")(raw("form-data; name=\"file\"; filename*=UTF-8''a%00b.txt"))
	add("name too long", 400, "invalid")(raw(`form-data; name="file"; filename="` + strings.Repeat("x", 300) + `"`))
	cutOff := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\ncontent"
	add("cut off", 400, "invalid")(cutOff, "multipart/form-data; boundary=b")
	add("data behind", 400, "invalid")(func() (string, string) {
		body, media := form(file)
		return body + strings.Repeat("x", 100<<10), media
	}())

	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := s.send(request{path: "/api/files", method: "POST", as: &ada, body: c.body, media: c.media,
				header: map[string]string{"Idempotency-Key": uuid.NewString()}})
			a.t = t
			a.problem(c.status, c.code)
		})
	}
	require.Zero(t, s.count("SELECT count(*) FROM files")+s.count("SELECT count(*) FROM jobs")+
		s.count("SELECT count(*) FROM idempotency_keys"))
	require.Empty(t, s.stored(), "bytes left in the storage")
}

func TestAnInternalErrorIsToldWithoutItsCause(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.open(api.Config{})
	ada := s.user()
	h.exec("ALTER TABLE jobs RENAME TO gone")
	p := s.send(request{path: "/api/jobs", as: &ada}).problem(500, "internal")
	require.NotContains(t, p.Detail, "gone")
	require.NotContains(t, p.Detail, "SQLSTATE")
}

// What a handler has not read of a body must not be taken for the next request on the connection.
func TestAnUnreadBodyIsNotTakenForARequest(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	conn, err := net.Dial("tcp", s.addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	smuggled := "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	body := strings.Repeat("x", 64<<10) + smuggled
	_, err = fmt.Fprintf(conn, "POST /api/ai/query HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	require.NoError(t, err)
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, res.StatusCode)
	require.True(t, res.Close)
	_, _ = res.Body.Read(make([]byte, 4096))
	_, err = http.ReadResponse(r, nil)
	require.Error(t, err, "the body was answered as a request")
}

func TestAClientThatSendsNoHeadersIsDropped(t *testing.T) {
	t.Parallel()
	s := newHouse(t).open(api.Config{ReadTimeout: 100 * time.Millisecond, UploadPause: 100 * time.Millisecond})
	for _, begin := range []string{
		"GET /healthz HT",
		"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
	} {
		conn, err := net.Dial("tcp", s.addr)
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
		_, err = conn.Write([]byte(begin))
		require.NoError(t, err)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err, begin)
		require.Equal(t, http.StatusRequestTimeout, res.StatusCode)
		require.NoError(t, conn.Close())
	}
}
