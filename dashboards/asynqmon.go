// Package dashboards holds what operators look at: Asynqmon for the queues, and the files for Prometheus and Grafana.
package dashboards

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"

	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"
)

// Queues shows what Asynq holds in Redis: read-only, since every decision about a job is PostgreSQL's. It has no login
// of its own; mount it behind one.
type Queues struct {
	handler http.Handler
	// Policy is the Content-Security-Policy under which its pages work: its own scripts, nothing from elsewhere. The
	// fonts that it wants from a public host are left out; the browser takes its own.
	Policy string
}

// shared lets Asynqmon use a client that is somebody else's to close.
type shared struct{ rdb redis.UniversalClient }

// MakeRedisClient hands out the client.
func (s shared) MakeRedisClient() any { return s.rdb }

var inlineScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)

// Asynqmon makes the pages, to be mounted at root, such as /admin/queues.
func Asynqmon(root string, rdb redis.UniversalClient) (*Queues, error) {
	q := &Queues{handler: asynqmon.New(asynqmon.Options{RootPath: root, RedisConnOpt: shared{rdb}, ReadOnly: true})}
	page := httptest.NewRecorder()
	q.ServeHTTP(page, httptest.NewRequest(http.MethodGet, root, nil))
	scripts := inlineScript.FindAllStringSubmatch(page.Body.String(), -1)
	if page.Code != http.StatusOK || len(scripts) == 0 {
		return nil, fmt.Errorf("asynqmon's index has status %d and %d inline scripts", page.Code, len(scripts))
	}
	var hashes strings.Builder
	for _, script := range scripts {
		sum := sha256.Sum256([]byte(script[1]))
		fmt.Fprintf(&hashes, " 'sha256-%s'", base64.StdEncoding.EncodeToString(sum[:]))
	}
	// Its styles are made by its scripts as they run, so they have neither a file nor a hash.
	q.Policy = "default-src 'none'; script-src 'self'" + hashes.String() + "; style-src 'self' 'unsafe-inline'; " +
		"img-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; " +
		"frame-ancestors 'none'"
	return q, nil
}

// ServeHTTP answers reads and refuses the rest.
func (q *Queues) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "The queues can only be looked at here.", http.StatusMethodNotAllowed)
		return
	}
	q.handler.ServeHTTP(w, r)
}
