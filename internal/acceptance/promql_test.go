package acceptance

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// expression is PromQL that a panel, an alert or a recorded figure stands on.
type expression struct {
	where, text string
}

// panels are the queries of all dashboards as a Prometheus takes them: Grafana would put a time in.
func panels(t testing.TB) (all []expression) {
	t.Helper()
	paths, err := filepath.Glob("../../dashboards/grafana/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		var board struct {
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		require.NoError(t, json.Unmarshal(raw, &board))
		for _, panel := range board.Panels {
			for _, target := range panel.Targets {
				text := strings.ReplaceAll(target.Expr, "$__rate_interval", "30s")
				all = append(all, expression{filepath.Base(path) + ": " + panel.Title, text})
			}
		}
	}
	return all
}

// rules are the expressions of a file with rules, and the names that it records.
func rules(t testing.TB, raw []byte) (all []expression, recorded []string) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Record, Expr string }
		}
	}
	require.NoError(t, yaml.Unmarshal(raw, &file))
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			all = append(all, expression{rule.Alert + rule.Record, rule.Expr})
			if rule.Record != "" {
				recorded = append(recorded, rule.Record)
			}
		}
	}
	return all, recorded
}

// exported are the series that there are: their labels by name, and the values of these.
type exported map[string]map[string]map[string]bool

// ofScraper are the labels that Prometheus gives each series.
var ofScraper = []string{"job", "instance"}

var (
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? `)
	labelPair  = regexp.MustCompile(`([a-zA-Z_]+)="((?:[^"\\]|\\.)*)"`)
	// docRow is a row of docs/metrics.md, whose last column names values that a label may have.
	docRow   = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|([^|]*)\\|(.*)\\|$")
	docValue = regexp.MustCompile("`([a-z_]+)`")
)

func (e exported) add(name string) map[string]map[string]bool {
	if e[name] == nil {
		e[name] = map[string]map[string]bool{}
	}
	return e[name]
}

// read takes in what a process shows.
func (e exported) read(page string) {
	for line := range strings.Lines(page) {
		sample := sampleLine.FindStringSubmatch(line)
		if sample == nil {
			continue
		}
		series := e.add(sample[1])
		for _, pair := range labelPair.FindAllStringSubmatch(sample[2], -1) {
			if series[pair[1]] == nil {
				series[pair[1]] = map[string]bool{}
			}
			series[pair[1]][pair[2]] = true
		}
	}
}

// heed takes in the values that the page of the metrics names, and all queues: not each of them came up here.
func (e exported) heed(page string) {
	for _, series := range e {
		if series["queue"] != nil {
			maps.Copy(series["queue"], e["rohrpost_queue_slots"]["queue"])
		}
	}
	for _, row := range docRow.FindAllStringSubmatch(page, -1) {
		for _, value := range docValue.FindAllStringSubmatch(row[3], -1) {
			for _, values := range e[row[1]] {
				values[value[1]] = true
			}
		}
	}
}

// wrong says what an expression names that nobody exports, "" if nothing.
func (e exported) wrong(text string) string {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return err.Error()
	}
	var found []string
	known := map[string]bool{} // the labels of all that is selected
	for _, name := range ofScraper {
		known[name] = true
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			found = append(found, e.selected(selector, known)...)
		}
		return nil
	})
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		for _, label := range grouped(node) {
			if !known[label] {
				found = append(found, "nothing in it has a label "+label)
			}
		}
		return nil
	})
	return strings.Join(found, "; ")
}

// selected checks a selector and adds its labels to those that are known.
func (e exported) selected(selector *parser.VectorSelector, known map[string]bool) (found []string) {
	series := e[selector.Name]
	if series == nil {
		return []string{selector.Name + " is exported by nobody"}
	}
	for label := range series {
		known[label] = true
	}
	for _, m := range selector.LabelMatchers {
		if m.Name == model.MetricNameLabel || slices.Contains(ofScraper, m.Name) {
			continue
		}
		values, ok := series[m.Name]
		if !ok {
			found = append(found, fmt.Sprintf("%s has no label %s", selector.Name, m.Name))
			continue
		}
		for _, value := range alternatives(m) {
			if !values[value] {
				found = append(found, fmt.Sprintf("%s of %s is never %q: %v", m.Name, selector.Name, value, slices.Sorted(maps.Keys(values))))
			}
		}
	}
	return found
}

// alternatives are the values that a matcher spells out.
func alternatives(m *labels.Matcher) []string {
	if m.Type == labels.MatchEqual || m.Type == labels.MatchNotEqual {
		return []string{m.Value}
	}
	if strings.ContainsAny(m.Value, `.*+?[](){}^$\`) {
		return nil // a pattern, not a list
	}
	return strings.Split(m.Value, "|")
}

// grouped are the labels that an aggregation or a join names.
func grouped(node parser.Node) []string {
	switch node := node.(type) {
	case *parser.AggregateExpr:
		return node.Grouping
	case *parser.BinaryExpr:
		if node.VectorMatching != nil {
			return slices.Concat(node.VectorMatching.MatchingLabels, node.VectorMatching.Include)
		}
	}
	return nil
}
