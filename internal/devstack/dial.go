package devstack

import (
	"context"
	"net"
	"time"
)

// dial connects for one short exchange that is cut off when ctx ends. It returns how to end it.
func dial(ctx context.Context, address string) (conn net.Conn, end func(), err error) {
	var d net.Dialer
	conn, err = d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() {
		conn.SetDeadline(time.Now()) //nolint:errcheck // it fails on a closed connection only
	})
	return conn, func() {
		stop()
		conn.Close() //nolint:errcheck // the exchange is over
	}, nil
}
