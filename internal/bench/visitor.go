package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/google/uuid"
)

// visitor is a user of the site who is logged in.
type visitor struct {
	site  *site
	id    uuid.UUID
	token string
}

const password = "a long one for the bench, never used elsewhere" //nolint:gosec // of users on private servers that go away

// visit registers the n-th user and logs in.
func (s *site) visit(ctx context.Context, n int) (*visitor, error) {
	v := &visitor{site: s}
	account := map[string]string{
		"email": fmt.Sprintf("user%d@bench.invalid", n), "name": fmt.Sprintf("User %d", n), "password": password,
	}
	if err := v.call(ctx, http.MethodPost, "/api/auth/register", account, nil); err != nil {
		return nil, err
	}
	delete(account, "name")
	var tokens struct {
		AccessToken string `json:"access_token"`
	}
	if err := v.call(ctx, http.MethodPost, "/api/auth/login", account, &tokens); err != nil {
		return nil, err
	}
	v.token = tokens.AccessToken
	var me struct {
		ID uuid.UUID `json:"id"`
	}
	if err := v.call(ctx, http.MethodGet, "/api/me", nil, &me); err != nil {
		return nil, err
	}
	v.id = me.ID
	return v, nil
}

// call sends body as JSON, unless it is nil, and reads the answer into answer, unless that is nil.
func (v *visitor) call(ctx context.Context, method, path string, body, answer any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if body == nil {
		raw = nil
	}
	return v.send(ctx, method, path, "application/json", raw, answer)
}

// send is call with a body as it is. Any status but a success is an error.
func (v *visitor) send(ctx context.Context, method, path, mediaType string, body []byte, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+v.site.api.Address()+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", mediaType)
	if v.token != "" {
		req.Header.Set("Authorization", "Bearer "+v.token)
	}
	res, err := v.site.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // only read
	said, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, said)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(said, answer); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}
