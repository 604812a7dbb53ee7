package api_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/fault"
)

// contract is openapi.yaml, and a router over it.
var contract = sync.OnceValues(func() (*openapi3.T, error) {
	return openapi3.NewLoader().LoadFromFile("openapi.yaml")
})

var contractRouter = sync.OnceValues(func() (routers.Router, error) {
	doc, err := contract()
	if err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
})

// obeysContract checks an answer against the contract, where the address is in it.
func obeysContract(req *http.Request, a *answer) error {
	router, err := contractRouter()
	if err != nil {
		return err
	}
	req = req.Clone(context.Background())
	req.URL.Host, req.URL.Scheme, req.Host = "", "", ""
	route, params, err := router.FindRoute(req)
	if err != nil {
		return nil //nolint:nilerr // not in the contract, so no promise
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, Route: route, PathParams: params},
		Status:                 a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: !isJSON(a.header.Get("Content-Type"))},
	}
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		return fmt.Errorf("%s %s broke the contract with %d %s: %w", req.Method, req.URL.Path, a.status, a.body, err)
	}
	return nil
}

// isJSON tells what is one JSON value.
func isJSON(media string) bool {
	return strings.Contains(media, "json") && !strings.Contains(media, "jsonl")
}

func TestTheContractIsValid(t *testing.T) {
	t.Parallel()
	doc, err := contract()
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
}

func TestEveryRouteIsInTheContractAndTheOtherWayRound(t *testing.T) {
	t.Parallel()
	doc, err := contract()
	require.NoError(t, err)
	var promised []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			promised = append(promised, method+" "+path)
		}
	}
	// The pages for admins are for people, not for clients.
	promised = append(promised, "GET /admin/login", "POST /admin/login", "POST /admin/logout")

	param := regexp.MustCompile(`:(\w+)`)
	var served []string
	for _, route := range newSite(t).server.Routes() {
		served = append(served, param.ReplaceAllString(route, "{$1}"))
	}
	slices.Sort(promised)
	slices.Sort(served)
	require.Equal(t, promised, served)
}

func TestErrorCodesAreAContract(t *testing.T) {
	t.Parallel()
	var lines []string
	for code, class := range fault.Codes() {
		lines = append(lines, fmt.Sprintf("%s\t%d\t%s\n", code, class.Status, class.Title))
	}
	slices.Sort(lines)
	golden(t, "testdata/codes.golden", strings.Join(lines, ""))
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run with -update to write it")
	require.Equal(t, string(want), got, "this is a contract with clients; -update if the change is meant")
}

func TestTheContractIsServed(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("openapi.yaml")
	require.NoError(t, err)
	require.Equal(t, string(want), string(newSite(t).send(request{path: "/openapi.yaml"}).want(http.StatusOK).body))
}
