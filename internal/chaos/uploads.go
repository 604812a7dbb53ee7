package chaos

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/pause"
)

const (
	uploadEvery    = 300 * time.Millisecond
	requestTimeout = 10 * time.Second
	mostAnswer     = 1 << 20 // bytes of an answer that are read
	registration   = `{"email":"chaos@example.org","name":"Chaos","password":"correct horse battery"}`
)

// upload is a file that an api has taken: it answered 202.
type upload struct {
	file, job uuid.UUID
	sum       [sha256.Size]byte
}

// visitor uploads files, at one api after the other.
type visitor struct {
	client *http.Client
	apis   []*node
	token  string

	taken   []upload // read once run has returned
	refused int      // requests without a 202, whatever the reason
}

func newVisitor(apis []*node) *visitor {
	return &visitor{client: &http.Client{Transport: &http.Transport{}, Timeout: requestTimeout}, apis: apis}
}

// run uploads until ctx ends.
func (v *visitor) run(ctx context.Context) {
	defer v.client.CloseIdleConnections()
	for n := 0; pause.For(ctx, uploadEvery) == nil; n++ {
		at := "http://" + v.apis[n%len(v.apis)].process.Address()
		if v.token == "" && v.login(ctx, at) != nil {
			v.refused++
			continue
		}
		body := fmt.Appendf(nil, "The file number %d of a run that breaks things.\n", n)
		taken, status, err := v.upload(ctx, at, body)
		switch {
		case err == nil && status == http.StatusAccepted:
			v.taken = append(v.taken, taken)
			continue
		case status == http.StatusUnauthorized:
			v.token = "" // after 15 minutes
		}
		v.refused++
	}
}

func (v *visitor) login(ctx context.Context, at string) error {
	// The second time somebody is registered already, and that is an answer, too.
	if _, _, err := v.post(ctx, at+"/api/auth/register", "application/json", []byte(registration)); err != nil {
		return err
	}
	answer, status, err := v.post(ctx, at+"/api/auth/login", "application/json",
		[]byte(`{"email":"chaos@example.org","password":"correct horse battery"}`))
	if err != nil {
		return err
	}
	var tokens struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal(answer, &tokens); err != nil || tokens.Access == "" {
		return fmt.Errorf("log in: status %d", status)
	}
	v.token = tokens.Access
	return nil
}

func (v *visitor) upload(ctx context.Context, at string, content []byte) (upload, int, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "chaos.txt")
	if err != nil {
		return upload{}, 0, err
	}
	_, err = part.Write(content)
	if err := errors.Join(err, form.Close()); err != nil {
		return upload{}, 0, err
	}
	answer, status, err := v.post(ctx, at+"/api/files", form.FormDataContentType(), body.Bytes())
	if err != nil || status != http.StatusAccepted {
		return upload{}, status, err
	}
	var accepted struct {
		ID    uuid.UUID `json:"id"`
		JobID uuid.UUID `json:"job_id"`
	}
	if err := json.Unmarshal(answer, &accepted); err != nil {
		return upload{}, status, fmt.Errorf("answer to an upload: %w", err)
	}
	return upload{file: accepted.ID, job: accepted.JobID, sum: sha256.Sum256(content)}, status, nil
}

func (v *visitor) post(ctx context.Context, url, mediaType string, body []byte) ([]byte, int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Content-Type", mediaType)
	if v.token != "" {
		req.Header.Set("Authorization", "Bearer "+v.token)
	}
	res, err := v.client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close() //nolint:errcheck // only read
	answer, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	return answer, res.StatusCode, err
}
