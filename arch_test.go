package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The layers, the lowest first. A package imports from lower layers only.
const (
	leaf       = iota // the standard library and nothing else
	sight             // spans, for all above
	foundation        // PostgreSQL, settings, addresses, storage
	live              // event streams
	engine            // durable jobs
	kinds             // what can be asked
	house             // the rules; capabilities may import one another
	door              // decode, call, encode; doors don't know one another
	shell             // wires and runs
	entrance          // main.go

	// Beside the layers: private servers, for the shell and for tests, and what gives them to tests alone. Both import
	// from the foundation and below.
	stand
	testkit
)

// places says where each package belongs. A new package is added here, in the lowest layer that everyone who needs it
// may import.
var places = map[string]int{
	"rohrpost": entrance,

	"rohrpost/internal/cli":          shell,
	"rohrpost/internal/cli/admin":    shell,
	"rohrpost/internal/cli/terminal": shell,
	"rohrpost/internal/bench":        shell,
	"rohrpost/internal/bench/trial":  stand,
	"rohrpost/internal/bench/usage":  stand,
	"rohrpost/internal/chaos":        shell,
	"rohrpost/internal/acceptance":   shell,
	"rohrpost/internal/formation":    shell,

	"rohrpost/api":       door,
	"rohrpost/api/edge":  door,
	"rohrpost/worker":    door,
	"rohrpost/scheduler": door,

	"rohrpost/dashboards":          house,
	"rohrpost/dashboards/boards":   house,
	"rohrpost/internal/accounts":   house,
	"rohrpost/internal/ai":         house,
	"rohrpost/internal/audit":      house,
	"rohrpost/internal/clamav":     house,
	"rohrpost/internal/cleanup":    house,
	"rohrpost/internal/deadletter": house,
	"rohrpost/internal/files":      house,
	"rohrpost/internal/mail":       house,
	"rohrpost/internal/operations": house,
	"rohrpost/internal/scaling":    house,
	"rohrpost/internal/schedule":   house,
	"rohrpost/internal/thumbnail":  house,
	"rohrpost/internal/datasets":   house,
	"rohrpost/internal/redact":     house,
	"rohrpost/internal/backup":     house,
	"rohrpost/internal/reports":    house,
	"rohrpost/internal/openai":     house,
	"rohrpost/internal/tuning":     house,

	"rohrpost/tasks":           kinds,
	"rohrpost/internal/queue":  engine,
	"rohrpost/internal/stream": live,

	"rohrpost/db":                foundation,
	"rohrpost/internal/blob":     foundation,
	"rohrpost/internal/config":   foundation,
	"rohrpost/internal/redisurl": foundation,

	"rohrpost/internal/tracing":       sight,
	"rohrpost/internal/tracing/otlp":  foundation,
	"rohrpost/internal/queue/express": foundation,

	"rohrpost/internal/batch": leaf,
	"rohrpost/internal/fault": leaf,
	"rohrpost/internal/pause": leaf,
	"rohrpost/internal/spawn": leaf,

	"rohrpost/internal/devstack":            stand,
	"rohrpost/internal/devstack/tinygguf":   stand,
	"rohrpost/internal/devstack/stacktest":  testkit,
	"rohrpost/db/dbtest":                    testkit,
	"rohrpost/db/plans":                     testkit,
	"rohrpost/internal/blob/blobtest":       testkit,
	"rohrpost/internal/stream/streamtest":   testkit,
	"rohrpost/internal/tracing/tracetest":   testkit,
	"rohrpost/internal/clamav/clamtest":     testkit,
	"rohrpost/internal/thumbnail/imagetest": testkit,
	"rohrpost/internal/tuning/tuningtest":   testkit,
}

type edge struct {
	from, to string
	test     bool // the import stands in a test file
}

// misplaced says what is wrong with an import, "" if nothing is.
func misplaced(e edge) string {
	from, known := places[e.from]
	if !known {
		return fmt.Sprintf("%s has no place yet: add it to places in arch_test.go", e.from)
	}
	if !ours(e.to) {
		if from == leaf && !e.test && !standard(e.to) {
			return fmt.Sprintf("%s imports %s: it may use the standard library only", e.from, e.to)
		}
		return ""
	}
	to, known := places[e.to]
	if !known {
		return fmt.Sprintf("%s has no place yet: add it to places in arch_test.go", e.to)
	}
	if e.from == e.to || allowed(from, to, e) {
		return ""
	}
	return fmt.Sprintf("%s imports %s: imports point down only", e.from, e.to)
}

func allowed(from, to int, e edge) bool {
	switch {
	case to == testkit:
		return e.test || from == testkit
	case to == stand:
		return e.test || from == shell || from == stand || from == testkit
	case from == stand || from == testkit:
		return to <= foundation
	case from == to:
		return from == house || from == shell || family(e.from) == family(e.to)
	}
	return to < from
}

// family is the top folder of a door: what lies below it belongs to it.
func family(path string) string {
	parts := strings.SplitN(path, "/", 3)
	if len(parts) < 2 || parts[1] == "internal" {
		return path
	}
	return parts[1]
}

func ours(path string) bool { return path == "rohrpost" || strings.HasPrefix(path, "rohrpost/") }

func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	edges, packages := listed(t)
	told := map[string]bool{"": true}
	for _, e := range edges {
		if wrong := misplaced(e); !told[wrong] {
			t.Error(wrong)
			told[wrong] = true
		}
	}
	for path := range places {
		if !slices.Contains(packages, path) {
			t.Errorf("%s has a place in arch_test.go, but is gone", path)
		}
	}
}

func TestAPlantedImportIsFound(t *testing.T) {
	t.Parallel()
	for _, e := range []edge{
		{from: "rohrpost/internal/files", to: "rohrpost/api"},
		{from: "rohrpost/internal/files", to: "rohrpost/api", test: true},
		{from: "rohrpost/api", to: "rohrpost/worker"},
		{from: "rohrpost/api/edge", to: "rohrpost/scheduler"},
		{from: "rohrpost/worker", to: "rohrpost/internal/cli"},
		{from: "rohrpost/internal/queue", to: "rohrpost/tasks"},
		{from: "rohrpost/internal/stream", to: "rohrpost/internal/queue"},
		{from: "rohrpost/db", to: "rohrpost/internal/stream"},
		{from: "rohrpost/db", to: "rohrpost/internal/redisurl"},
		{from: "rohrpost/internal/fault", to: "rohrpost/db"},
		{from: "rohrpost/internal/fault", to: "github.com/google/uuid"},
		{from: "rohrpost/internal/files", to: "rohrpost/internal/devstack"},
		{from: "rohrpost/internal/cli", to: "rohrpost/internal/devstack/stacktest"},
		{from: "rohrpost/internal/devstack", to: "rohrpost/internal/queue"},
		{from: "rohrpost/internal/brandnew", to: "fmt"},
		{from: "rohrpost/api", to: "rohrpost/internal/brandnew"},
	} {
		require.NotEmpty(t, misplaced(e), "%+v", e)
	}
	for _, e := range []edge{
		{from: "rohrpost", to: "rohrpost/internal/cli"},
		{from: "rohrpost/internal/cli", to: "rohrpost/worker"},
		{from: "rohrpost/internal/cli", to: "rohrpost/internal/devstack"},
		{from: "rohrpost/api", to: "rohrpost/api/edge"},
		{from: "rohrpost/api", to: "rohrpost/internal/files"},
		{from: "rohrpost/internal/files", to: "rohrpost/internal/thumbnail"},
		{from: "rohrpost/internal/files", to: "rohrpost/db/dbtest", test: true},
		{from: "rohrpost/internal/fault", to: "github.com/stretchr/testify/require", test: true},
		{from: "rohrpost/db/dbtest", to: "rohrpost/internal/devstack/stacktest"},
		{from: "rohrpost/tasks", to: "rohrpost/internal/queue"},
	} {
		require.Empty(t, misplaced(e), "%+v", e)
	}
}

// listed asks the go command for every import of every package of the module.
func listed(t *testing.T) (edges []edge, packages []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	out, err := cmd.Output()
	require.NoError(t, err)
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return edges, packages
		}
		require.NoError(t, err)
		packages = append(packages, p.ImportPath)
		for _, to := range p.Imports {
			edges = append(edges, edge{from: p.ImportPath, to: to})
		}
		for _, to := range slices.Concat(p.TestImports, p.XTestImports) {
			edges = append(edges, edge{from: p.ImportPath, to: to, test: true})
		}
	}
}
