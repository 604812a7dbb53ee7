package devstack

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
)

const (
	portTries = 50
	portSpan  = 12_000 // how far below the ephemeral range we look: wide enough that concurrent test runs rarely meet
)

// freePort finds a loopback port that nobody listens on. It lies below the range from which the kernel takes the ports
// of outgoing connections: a server that a test has stopped must find its port still free, and a client that keeps
// dialling a stopped server must not be able to connect to itself.
func freePort() (int, error) {
	low := ephemeralLow()
	for range portTries {
		port := low - 1 - rand.IntN(portSpan)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func ephemeralLow() int {
	const usual = 32768
	var low, high int
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return usual
	}
	if _, err := fmt.Sscan(string(text), &low, &high); err != nil || low < portSpan+1025 {
		return usual
	}
	return low
}
