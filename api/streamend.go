package api

import (
	"errors"
	"net"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"rohrpost/internal/fault"
	"rohrpost/internal/stream"
)

// Why an event stream has ended: values of a label.
const (
	endOver      = "over"       // of what it was about
	endGone      = "gone"       // the client hung up
	endSlow      = "slow"       // cut off: the client took too long
	endStopped   = "stopped"    // this process is being shut down
	endLoggedOut = "logged_out" // the login has ended
	endDeleted   = "deleted"    // what it was about
	endFailed    = "failed"
)

func newStreamEnds(reg prometheus.Registerer) *prometheus.CounterVec {
	ends := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rohrpost_stream_ended_total",
		Help: "Event streams that have ended, by cause: over, gone, slow, stopped, logged_out, deleted, failed.",
	}, []string{"cause"})
	for _, cause := range []string{endOver, endGone, endSlow, endStopped, endLoggedOut, endDeleted, endFailed} {
		ends.WithLabelValues(cause) // a rate needs the 0 before the 1
	}
	if reg != nil {
		reg.MustRegister(ends)
	}
	return ends
}

// whyEnded sorts what an event stream ended with.
func whyEnded(err error) string {
	var connection *net.OpError
	switch {
	case err == nil:
		return endOver
	case errors.Is(err, stream.ErrSlow), errors.Is(err, os.ErrDeadlineExceeded):
		return endSlow
	case errors.Is(err, stream.ErrStopped):
		return endStopped
	case errors.Is(err, errLoggedOut):
		return endLoggedOut
	case fault.CodeOf(err) == fault.NotFound:
		return endDeleted
	case errors.As(err, &connection):
		return endGone
	}
	return endFailed
}
