package chaos

import (
	"fmt"
	"io"
	"net"
	"sync"
)

// front is the one address of whichever server is in charge, as a load balancer is in production.
type front struct {
	listener net.Listener
	serving  sync.WaitGroup

	mu     sync.Mutex // guards the rest
	server string
	conns  map[net.Conn]struct{}
}

func newFront(server string) (*front, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("front: %w", err)
	}
	f := &front{listener: l, server: server, conns: map[net.Conn]struct{}{}}
	f.serving.Go(f.serve)
	return f, nil
}

func (f *front) address() string { return f.listener.Addr().String() }

// turn sends new connections to another server, and closes those that are there.
func (f *front) turn(server string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.server = server
	for conn := range f.conns {
		conn.Close() //nolint:errcheck // both ends learn it
	}
}

func (f *front) serve() {
	for {
		client, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		server, err := net.Dial("tcp", f.server)
		if err != nil {
			f.mu.Unlock()
			client.Close() //nolint:errcheck // as a balancer does that has nobody behind it
			continue
		}
		f.conns[client], f.conns[server] = struct{}{}, struct{}{}
		f.mu.Unlock()
		f.serving.Go(func() { f.pass(client, server) })
		f.serving.Go(func() { f.pass(server, client) })
	}
}

// pass copies one way until either end is closed, and closes both.
func (f *front) pass(from, to net.Conn) {
	_, _ = io.Copy(to, from) // an end is an end
	from.Close()             //nolint:errcheck // perhaps for the second time
	to.Close()               //nolint:errcheck // perhaps for the second time
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.conns, from)
}

func (f *front) close() {
	f.listener.Close() //nolint:errcheck // nobody can be told
	f.turn("")
	f.serving.Wait()
}
