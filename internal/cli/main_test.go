package cli

import (
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"rohrpost/internal/devstack/stacktest"
)

// argsEnv makes the test binary a rohrpost with these arguments, for tests that need it as a process of its own.
const argsEnv = "ROHRPOST_TEST_ARGS"

func TestMain(m *testing.M) {
	if os.Getenv(slowEnv) != "" { // first: it inherits the other
		os.Exit(slowWorker())
	}
	if args, ok := os.LookupEnv(argsEnv); ok {
		os.Exit(Main(strings.Fields(args), os.Stdout, os.Stderr))
	}
	stacktest.Main(m,
		// Both are fasthttp's own and sleep: one for ever, the other for some seconds after its server.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}
