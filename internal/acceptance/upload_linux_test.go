package acceptance

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/api"
)

const (
	gib = 1 << 30
	// uploadMost is what an upload may add to the memory of the api, whatever its size, in KiB.
	uploadMost = 32 << 10
)

func TestAGigabyteIsUploadedInLittleMemory(t *testing.T) {
	t.Parallel()
	p := open(t, settings{"FILES_MAX_BYTES": "2147483648"})
	site := p.api() // and no worker: it is to be received, not scanned
	u := p.visit(t, site)
	u.uploaded("small.bin", []byte("small")) // what the first upload brings along is not the large one's

	before := site.memory("RssAnon")
	site.forgetPeak()
	peak := site.memory("VmHWM")
	began := time.Now()
	a, err := u.stream(t.Context(), "large.bin", gib, nil)
	require.NoError(t, err)
	var up api.UploadAccepted
	a.want(http.StatusAccepted).into(&up)
	took := time.Since(began)
	grown := site.memory("VmHWM") - peak
	t.Logf("1 GiB in %.1f s (%.0f MiB/s): the peak of the api's memory rose by %.1f MiB (RssAnon before %d, after %d KiB)",
		took.Seconds(), 1024/took.Seconds(), float64(grown)/1024, before, site.memory("RssAnon"))
	require.Less(t, grown, uploadMost)
	f := u.file(up.ID)
	require.EqualValues(t, gib, f.Size)
	u.delete("/api/files/" + up.ID.String()).want(http.StatusNoContent)
}
