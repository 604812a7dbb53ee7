package chaos

import (
	"testing"

	"go.uber.org/goleak"

	"rohrpost/db/dbtest"
)

func TestMain(m *testing.M) {
	const proxy = "github.com/Shopify/toxiproxy/v2"
	dbtest.Main(m,
		// A proxy that is stopped closes its connections, and doesn't wait for those who copy.
		goleak.IgnoreAnyFunction(proxy+".(*ToxicLink).read"), goleak.IgnoreAnyFunction(proxy+".(*ToxicLink).write"),
		goleak.IgnoreAnyFunction(proxy+"/toxics.(*ToxicStub).Run"),
	)
}
