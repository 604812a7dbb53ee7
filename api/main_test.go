package api_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"rohrpost/db/dbtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) {
	flag.Parse()
	// fasthttp keeps the Date header's text fresh on a goroutine that never ends, one for the process.
	// Its pool of workers has one that sleeps for 10 s at a time before it looks whether the pool was stopped.
	dbtest.Main(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}
