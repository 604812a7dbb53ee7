// Package tuningtest is a fine-tuning service for tests: it speaks OpenAI's published API for files, fine-tuning jobs,
// models and chat completions, refuses whatever that does not allow, and can be told to fail in the ways a service
// fails. A request that breaks the API fails the test, too.
package tuningtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Key is the key that the server wants.
const Key = "sk-test-0123456789"

// Base is the model that can be tuned.
const Base = "base-mini-2026"

// Server is a service. Its state is the test's to read with the methods.
type Server struct {
	t    testing.TB
	http *httptest.Server

	mu       sync.Mutex // guards the rest
	files    []*File
	jobs     []*Job
	faults   map[string][]Fault
	served   map[string]int
	ids      int
	auto     []string
	pageMax  int
	ascends  bool
	models   map[string]bool
	speech   Speech
	asked    []ChatRequest
	left     chan struct{} // gets one for each client that left while it was held
	revealed chan struct{} // closed and made anew with each request
}

// File is an uploaded file.
type File struct {
	ID, Name string
	Content  string
	At       int64
	Deleted  bool
}

// Job is a fine-tuning job.
type Job struct {
	ID, Status, Model, FineTuned string
	Training, Validation         string
	Suffix                       string
	Metadata                     map[string]string
	Method                       json.RawMessage
	Error                        *APIError
	Trained                      int64
	At                           int64
	events                       []event
}

type event struct {
	id, level, message string
	at                 int64
	data               json.RawMessage
}

// New starts a server that ends with the test. Its root is URL.
func New(t testing.TB) *Server {
	s := &Server{
		t: t, faults: map[string][]Fault{}, served: map[string]int{}, pageMax: 100, models: map[string]bool{},
		left: make(chan struct{}, 16), revealed: make(chan struct{}),
	}
	mux := http.NewServeMux()
	for route, handle := range map[string]func(w http.ResponseWriter, r *http.Request) *APIError{
		Upload: s.upload, ListFiles: s.listFiles, DeleteFile: s.deleteFile,
		CreateJob: s.createJob, ListJobs: s.listJobs, GetJob: s.getJob, ListEvents: s.listEvents, CancelJob: s.cancelJob,
		DeleteModel: s.deleteModel, Chat: s.chat,
	} {
		method, path, _ := strings.Cut(route, " ")
		mux.HandleFunc(method+" /v1"+path, func(w http.ResponseWriter, r *http.Request) { s.serve(route, handle, w, r) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.broken("no such route: %s %s", r.Method, r.URL)
		answer(w, http.StatusNotFound, (&APIError{Status: 404, Message: "Invalid URL", Type: invalidRequest}).body())
	})
	s.http = httptest.NewServer(mux)
	t.Cleanup(s.http.Close)
	return s
}

// The routes.
const (
	Upload      = "POST /files"
	ListFiles   = "GET /files"
	DeleteFile  = "DELETE /files/{id}"
	CreateJob   = "POST /fine_tuning/jobs"
	ListJobs    = "GET /fine_tuning/jobs"
	GetJob      = "GET /fine_tuning/jobs/{id}"
	ListEvents  = "GET /fine_tuning/jobs/{id}/events"
	CancelJob   = "POST /fine_tuning/jobs/{id}/cancel"
	DeleteModel = "DELETE /models/{id}"
	Chat        = "POST /chat/completions"
)

// URL is the root of the API.
func (s *Server) URL() string { return s.http.URL + "/v1" }

// Address is where the server listens, for a proxy in front of it.
func (s *Server) Address() string { return s.http.Listener.Addr().String() }

// serve checks what all requests have in common and lets faults happen.
func (s *Server) serve(route string, handle func(http.ResponseWriter, *http.Request) *APIError, w http.ResponseWriter,
	r *http.Request) {
	f := s.begin(route)
	if r.Header.Get("Authorization") != "Bearer "+Key {
		answer(w, http.StatusUnauthorized, (&APIError{
			Message: "Incorrect API key provided: " + r.Header.Get("Authorization"), Type: invalidRequest, Code: "invalid_api_key",
		}).body())
		return
	}
	switch {
	case f.Cut:
		_, _ = r.Body.Read(make([]byte, 4096))
		panic(http.ErrAbortHandler)
	case f.Hold != nil:
		// Or nobody would notice that the client leaves.
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-f.Hold:
		case <-r.Context().Done():
			s.left <- struct{}{}
		}
		panic(http.ErrAbortHandler)
	case f.Garbage:
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html>Wait a moment"))
		return
	case f.Status != 0:
		if f.RetryAfter != "" {
			w.Header().Set("Retry-After", f.RetryAfter)
		}
		if f.Plain {
			http.Error(w, "<html>Bad Gateway</html>", f.Status)
			return
		}
		answer(w, f.Status, (&APIError{Message: f.Message, Type: "scripted", Code: f.Code}).body())
		return
	}
	if wrong := s.checkHeaders(route, r); wrong != "" {
		s.broken("%s: %s", route, wrong)
	}
	if f.Pause != nil {
		select {
		case <-f.Pause:
		case <-s.t.Context().Done():
		}
	}
	if f.Lose {
		if err := handle(discard{http.Header{}}, r); err != nil {
			s.broken("%s: %s", route, err.Message)
		}
		panic(http.ErrAbortHandler)
	}
	if err := handle(w, r); err != nil {
		if !err.fair {
			s.broken("%s: %s", route, err.Message)
		}
		answer(w, err.Status, err.body())
	}
}

func (s *Server) checkHeaders(route string, r *http.Request) string {
	media := r.Header.Get("Content-Type")
	switch {
	case r.Header.Get("X-Stainless-Retry-Count") != "0":
		return "it was tried again by the client itself"
	case route == Upload && !strings.HasPrefix(media, "multipart/form-data; boundary="):
		return "the media type is " + media
	case (route == CreateJob || route == Chat) && media != "application/json":
		return "the media type is " + media
	case r.Method == http.MethodGet && r.ContentLength > 0:
		return "a GET with a body"
	}
	return ""
}

// begin counts the request and takes the fault that waits for it.
func (s *Server) begin(route string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.served[route]++
	close(s.revealed)
	s.revealed = make(chan struct{})
	waiting := s.faults[route]
	if len(waiting) == 0 {
		return Fault{}
	}
	s.faults[route] = waiting[1:]
	return waiting[0]
}

// broken tells the test that a request was not what the API allows.
func (s *Server) broken(format string, args ...any) { s.t.Errorf("tuningtest: "+format, args...) }

func (s *Server) newID(prefix string) string {
	s.ids++
	return fmt.Sprintf("%s-%04d", prefix, s.ids)
}

// Fault is what happens to one request.
type Fault struct {
	Status     int // answered without doing anything
	RetryAfter string
	Code       string
	Message    string
	Plain      bool            // with a body that is no JSON
	Garbage    bool            // 200 with a page of some gateway
	Cut        bool            // the connection is cut while the request is read
	Hold       <-chan struct{} // nothing happens until it is closed or the client leaves; it is not served then
	Pause      <-chan struct{} // served once it is closed
	Lose       bool            // the request is done, and the connection cut before the answer
}

// Fail lets faults happen to the next requests of a route, one each.
func (s *Server) Fail(route string, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[route] = append(s.faults[route], faults...)
}

// Left tells of each client that left while its request was held.
func (s *Server) Left() <-chan struct{} { return s.left }

// Served is how many requests of a route came.
func (s *Server) Served(route string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.served[route]
}

// Await waits until n requests of a route have come.
func (s *Server) Await(route string, n int, within time.Duration) bool {
	deadline := time.After(within)
	for {
		s.mu.Lock()
		enough, news := s.served[route] >= n, s.revealed
		s.mu.Unlock()
		if enough {
			return true
		}
		select {
		case <-news:
		case <-deadline:
			return false
		}
	}
}

// Pages makes pages of at most n items; ascending has events listed with the oldest first.
func (s *Server) Pages(n int, ascending bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pageMax, s.ascends = n, ascending
}

// Files are copies of the files, deleted ones too.
func (s *Server) Files() []File {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []File
	for _, f := range s.files {
		all = append(all, *f)
	}
	return all
}

// Jobs are copies of the jobs.
func (s *Server) Jobs() []Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Job
	for _, j := range s.jobs {
		all = append(all, *j)
	}
	return all
}

// discard is a ResponseWriter whose answer is lost.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

const invalidRequest = "invalid_request_error"

// APIError is an error as the API answers it.
type APIError struct {
	Status  int    `json:"-"`
	Message string `json:"message"`
	Type    string `json:"type"`
	Param   string `json:"param"`
	Code    string `json:"code"`
	fair    bool   // a mistake that the client can't know of
}

func (e *APIError) body() any { return map[string]any{"error": e} }

func refuse(format string, args ...any) *APIError {
	return &APIError{Status: http.StatusBadRequest, Type: invalidRequest, Message: fmt.Sprintf(format, args...)}
}

func missing(what string) *APIError {
	return &APIError{Status: http.StatusNotFound, Type: invalidRequest, Message: "No such " + what, fair: true}
}

func answer(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}

// page cuts a list as its parameters say, which may be those in allowed only.
func page[T any](s *Server, r *http.Request, items []T, id func(T) string, shown func(T) any, allowed ...string) (any, *APIError) {
	query := r.URL.Query()
	for name, values := range query {
		if !slices.Contains(allowed, name) || len(values) != 1 {
			return nil, refuse("unknown or repeated parameter %s", name)
		}
	}
	most := s.pageMax
	if text := query.Get("limit"); text != "" {
		n := 0
		if _, err := fmt.Sscanf(text, "%d", &n); err != nil || n < 1 || n > 10000 {
			return nil, refuse("limit %q", text)
		}
		most = min(most, n)
	}
	if after := query.Get("after"); after != "" {
		at := slices.IndexFunc(items, func(item T) bool { return id(item) == after })
		if at < 0 {
			return nil, refuse("no item %q to go on after", after)
		}
		items = items[at+1:]
	}
	more := len(items) > most
	if more {
		items = items[:most]
	}
	data := []any{}
	for _, item := range items {
		data = append(data, shown(item))
	}
	return map[string]any{"object": "list", "data": data, "has_more": more}, nil
}
