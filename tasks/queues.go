// Package tasks lists what can be asked of a worker: one file for each kind of job, with its name, arguments, queue and
// bounds. It holds no handler and does no I/O. A kind's doc starts with what triggers it.
package tasks

// The queues. A worker serves some or all of them, each with a weight.
const (
	Critical    = "critical"
	Files       = "files"
	AI          = "ai"
	Mail        = "mail"
	Reports     = "reports"
	Maintenance = "maintenance"
)

// DefaultWeights is how a worker that serves all queues shares its slots when all of them have work waiting.
func DefaultWeights() map[string]int {
	return map[string]int{Critical: 8, Files: 4, AI: 4, Mail: 2, Reports: 1, Maintenance: 1}
}

// QueueNames are all queues, the most urgent first.
func QueueNames() []string { return []string{Critical, Files, AI, Mail, Reports, Maintenance} }
