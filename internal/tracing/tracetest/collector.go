// Package tracetest gives tests a collector that takes spans by OTLP, as the one of an operator does.
package tracetest

import (
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	proto "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	pb "google.golang.org/protobuf/proto"
)

// Span is one that came.
type Span struct {
	Service    string
	Trace      string // in hexadecimal, as are all ids
	ID         string
	Parent     string // "" for the first one of a trace
	Name       string
	Kind       string // SERVER, CLIENT, PRODUCER, CONSUMER, INTERNAL
	Failed     bool
	Attributes map[string]string
	Links      []string // ids of spans
	Events     []string
	Raw        string // all of it, to look for what must not be in it
}

// Collector takes spans over HTTP and gRPC.
type Collector struct {
	collector.UnimplementedTraceServiceServer
	URL  string // of the HTTP side
	GRPC string // of the other one

	mu    sync.Mutex // guards spans
	spans []Span
}

// New starts a collector that ends with the test.
func New(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{}
	server := httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(server.Close)
	c.URL = server.URL
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other := grpc.NewServer()
	collector.RegisterTraceServiceServer(other, c)
	served := make(chan error, 1)
	go func() { served <- other.Serve(listener) }()
	t.Cleanup(func() {
		other.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	c.GRPC = "http://" + listener.Addr().String()
	return c
}

func (c *Collector) take(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	var in collector.ExportTraceServiceRequest
	if err == nil {
		err = pb.Unmarshal(raw, &in)
	}
	if err != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, "no spans", http.StatusBadRequest)
		return
	}
	_, _ = c.Export(r.Context(), &in) // takes everything
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// Export implements the service of OTLP.
func (c *Collector) Export(_ context.Context, in *collector.ExportTraceServiceRequest) (
	*collector.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range in.GetResourceSpans() {
		service := attributes(resource.GetResource().GetAttributes())["service.name"]
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.spans = append(c.spans, read(service, span))
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// Spans are those of a trace that came so far, all of them for "".
func (c *Collector) Spans(trace string) []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []Span
	for _, span := range c.spans {
		if trace == "" || span.Trace == trace {
			found = append(found, span)
		}
	}
	return found
}

func read(service string, s *proto.Span) Span {
	out := Span{
		Service: service, Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()),
		Parent: hex.EncodeToString(s.GetParentSpanId()), Name: s.GetName(),
		Kind:   strings.TrimPrefix(s.GetKind().String(), "SPAN_KIND_"),
		Failed: s.GetStatus().GetCode() == proto.Status_STATUS_CODE_ERROR, Attributes: attributes(s.GetAttributes()),
		Raw: protojson.Format(s),
	}
	for _, link := range s.GetLinks() {
		out.Links = append(out.Links, hex.EncodeToString(link.GetSpanId()))
	}
	for _, event := range s.GetEvents() {
		out.Events = append(out.Events, event.GetName())
	}
	return out
}

// attributes are texts and numbers as they are, and other values as protobuf writes them.
func attributes(list []*common.KeyValue) map[string]string {
	out := map[string]string{}
	for _, kv := range list {
		switch value := kv.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			out[kv.GetKey()] = value.StringValue
		case *common.AnyValue_IntValue:
			out[kv.GetKey()] = strconv.FormatInt(value.IntValue, 10)
		default:
			out[kv.GetKey()] = protojson.Format(kv.GetValue())
		}
	}
	return out
}
