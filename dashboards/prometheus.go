package dashboards

import "embed"

// rules are the alerts and what they read.
//
//go:embed prometheus/alerts.yml prometheus/objectives.yml
var rules embed.FS

// Rules are the rules for Prometheus, by the name of their file: alerts, and the objectives that these read.
func Rules() map[string][]byte {
	all := map[string][]byte{}
	for _, name := range []string{"alerts.yml", "objectives.yml"} {
		text, _ := rules.ReadFile("prometheus/" + name) // embedded
		all[name] = text
	}
	return all
}
