package plans

import (
	"testing"

	"rohrpost/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }
