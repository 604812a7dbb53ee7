// Package edge is what every request passes before a handler sees it, and every answer on its way out: the connection
// with its time limits, the request's id and log line, the login, the body that is read as it comes.
//
// It takes Fiber's values apart, so that nothing of a request outlives it: whatever it hands on is a copy.
package edge
