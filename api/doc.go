// Package api is the HTTP door: it decodes a request, calls one capability, and encodes what it says. The contract is
// openapi.yaml, written by hand; the interface of the server and the types of its bodies are generated from it. Errors
// go out as problem documents by their code (problem.go).
//
// Three things are not as usual, for reasons. Uploads are read part by part from the connection, so their size doesn't
// matter to memory (upload.go). Event streams take the connection from fasthttp and write it themselves, so that an idle
// one costs a goroutine and little more, and a client that doesn't read is cut off (sse.go). And nothing of a request is
// kept after its handler has returned, since Fiber uses it again: what is kept is copied.
package api

//go:generate go tool -modfile=../build/tools/go.mod oapi-codegen -config oapi-codegen.yaml openapi.yaml
