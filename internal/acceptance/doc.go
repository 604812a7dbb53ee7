// Package acceptance proves what Rohrpost promises, from outside: its tests build the program once, run api, worker and
// scheduler as processes of their own on real servers, and talk to them over HTTP as a client does. What they break,
// they break as an operator or a bad day would: kill -9, SIGTERM, FLUSHALL, a server stopped and started again.
//
// The rules behind each promise have tests of their own, in the package that keeps it. Here it counts that the parts
// keep it together.
package acceptance
